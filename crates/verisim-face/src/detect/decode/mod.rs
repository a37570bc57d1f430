//! From the outputs of a detector's network to faces in pixels of its input; no photograph is known here.

mod grid;
mod prior;
mod retinaface;
mod scrfd;
#[cfg(test)]
mod tests;
mod ultra_light;
mod yunet;

pub(super) use self::grid::Canvas;
pub(super) use self::ultra_light::Boxes;
use crate::FoundFace;
use crate::onnx::Output;

/// How the outputs of a network are read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Decoder {
    /// See [`yunet::decode`].
    YuNet {
        /// Pixels from one cell to the next, one for each of its grids.
        strides: Vec<usize>,
    },
    /// See [`scrfd::decode`].
    Scrfd {
        /// Pixels from one cell to the next, one for each of its grids.
        strides: Vec<usize>,
        /// Faces that each cell may find.
        anchors: usize,
    },
    /// See [`ultra_light::decode`].
    UltraLight {
        /// Its grids: pixels from one cell to the next, and sides of the boxes of a cell.
        grids: Vec<(usize, Vec<f32>)>,
        /// What its boxes are.
        boxes: Boxes,
    },
    /// See [`retinaface::decode`].
    RetinaFace {
        /// Its grids: pixels from one cell to the next, and sides of the boxes of a cell.
        grids: Vec<(usize, Vec<f32>)>,
    },
}

/// Outputs of a network that are not those of the detector that its card says it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// One is missing, or not as long as the input demands.
    #[error(
        "the model has no output of {n_rows} rows of {width} numbers for {what}, but its card says \
         that it is a {decoder} detector; look at decoder, strides and anchors in the card"
    )]
    Missing {
        /// What it would hold.
        what: &'static str,
        /// Name of the decoder.
        decoder: &'static str,
        /// Rows that the input demands.
        n_rows: usize,
        /// Numbers in a row.
        width: usize,
    },
}

impl Decoder {
    /// Faces with a score of at least `min_score`, in pixels of the network's input.
    ///
    /// What is not finite, or has no area, is no face. Faces come in the order of the outputs, and
    /// the same one usually many times.
    pub(super) fn decode(
        &self,
        outputs: &[Output],
        canvas: Canvas,
        min_score: f32,
    ) -> Result<Vec<FoundFace>, OutputError> {
        match self {
            Self::YuNet { strides } => yunet::decode(outputs, canvas, strides, min_score),
            Self::Scrfd { strides, anchors } => {
                scrfd::decode(outputs, canvas, strides, *anchors, min_score)
            }
            Self::UltraLight { grids, boxes } => {
                ultra_light::decode(outputs, canvas, grids, *boxes, min_score)
            }
            Self::RetinaFace { grids } => retinaface::decode(outputs, canvas, grids, min_score),
        }
    }
}

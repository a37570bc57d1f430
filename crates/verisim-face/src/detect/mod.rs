//! Finding faces in photographs; it knows neither whose they are, nor what becomes of them.
//!
//! ```text
//! photograph -> passes -> input of the network -> outputs -> faces of a pass -> faces
//!                plan        input                  onnx       decode            merge
//! ```
//!
//! A network finds faces of a certain range of sizes: YuNet, for example, from 16 to 512 pixels. A photograph
//! is therefore looked at as a whole, small enough that a face that fills it is found, and then
//! as closely as small faces need, in tiles where it is large.

mod card;
#[cfg(test)]
mod card_tests;
mod decode;
mod input;
mod merge;
mod plan;
#[cfg(test)]
mod tests;

use std::path::Path;

use rayon::prelude::*;
use verisim_core::ModelDigest;

pub use self::card::{
    DecoderKind, DetectorCard, DetectorInput, DetectorTask, InputSize, Padding, Resize,
};
pub use self::decode::OutputError;
use self::decode::{Canvas, Decoder};
use self::merge::{Find, merge};
pub use self::plan::Search;
use self::plan::{Pass, Reach, plan};
use crate::model::{self, ModelError};
pub use crate::onnx::Output;
use crate::onnx::{self, Network, RunError};
use crate::{FoundFace, Picture};

/// Longer side, in pixels, of the smallest faces that are looked for if nothing else is asked for.
pub const SMALLEST_FACE: f32 = 16.0;

/// Finds faces in photographs.
pub trait Detector: Send + Sync {
    /// The faces of a photograph, the surest first; none is an answer, too.
    ///
    /// Places are in pixels of the photograph.
    ///
    /// # Errors
    ///
    /// Fails if the detector fails on it.
    fn detect(&self, photograph: &Picture) -> Result<Vec<FoundFace>, DetectError>;
}

/// A detector that failed on a photograph.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The network failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its outputs are not those of its card's decoder.
    #[error(transparent)]
    Outputs(#[from] OutputError),
}

/// A detector in an ONNX file, read as its card says.
pub struct OnnxDetector {
    digest: ModelDigest,
    card: DetectorCard,
    decoder: Decoder,
    network: Box<dyn Network>,
    search: Search,
    min_score: f32,
}

impl OnnxDetector {
    /// Loads a detector.
    ///
    /// Its card is, in this order: the one at `card`; `model.toml` beside `model.onnx`; the one in the
    /// file's metadata; the one that this program knows for these bytes.
    ///
    /// # Errors
    ///
    /// Fails if the model or its card cannot be read, or if they do not belong together.
    pub fn load(path: &Path, card: Option<&Path>) -> Result<Self, ModelError> {
        let (digest, card, network) = model::load_detector(path, card)?;
        Ok(Self::new(digest, card, network))
    }

    fn new(digest: ModelDigest, card: DetectorCard, network: Box<dyn Network>) -> Self {
        let (decoder, min_score) = (card.decoder(), card.score_threshold);
        let search = Search::FacesFrom(SMALLEST_FACE);
        Self { digest, card, decoder, network, search, min_score }
    }

    /// Searches more thoroughly, or less; all faces of [`SMALLEST_FACE`] pixels or more by default.
    #[must_use]
    pub fn with_search(mut self, search: Search) -> Self {
        self.search = search;
        self
    }

    /// Finds faces of this score or more, in `[0, 1]`, instead of what the card suggests.
    #[must_use]
    pub fn with_min_score(mut self, min_score: f32) -> Self {
        self.min_score = min_score;
        self
    }

    /// Card of the model.
    pub fn card(&self) -> &DetectorCard {
        &self.card
    }

    /// SHA-256 of the model file.
    pub fn digest(&self) -> ModelDigest {
        self.digest
    }

    /// Faces of many photographs, in their order, on all cores.
    pub fn detect_all(&self, photographs: &[Picture]) -> Vec<Result<Vec<FoundFace>, DetectError>> {
        onnx::on_threads(|| photographs.par_iter().map(|it| self.detect(it)).collect())
    }

    /// What one pass finds.
    fn look(&self, photograph: &Picture, pass: &Pass) -> Result<Vec<Find>, DetectError> {
        let seen = input::see(photograph, pass, &self.card.input);
        let Canvas { width, height } = seen.canvas;
        let size = [self.card.input.channels.count(), height, width];
        let outputs = self.network.outputs(&seen.values, size)?;
        let faces = self.decoder.decode(&outputs, seen.canvas, self.min_score)?;
        let faces = faces.iter().map(|face| seen.to_photograph(face));
        let whole = faces.filter(|face| pass.trusted.holds(&face.area));
        Ok(whole.map(|face| Find { face, level: pass.level }).collect())
    }
}

/// The faces in the outputs of a network that was run elsewhere, on another device say, the surest first.
///
/// `width` and `height` are those of its input in pixels, in which the places of the faces are, too. Whatever the
/// outputs hold, faces have areas, and numbers that are finite.
///
/// # Errors
///
/// Fails if the outputs are not those of the card's decoder.
pub fn faces_in(
    outputs: &[Output],
    card: &DetectorCard,
    [width, height]: [usize; 2],
) -> Result<Vec<FoundFace>, OutputError> {
    let canvas = Canvas { width, height };
    let faces = card.decoder().decode(outputs, canvas, card.score_threshold)?;
    let finds = faces.into_iter().map(|face| Find { face, level: 0 });
    Ok(merge(finds.collect(), card.overlap_threshold))
}

impl Detector for OnnxDetector {
    fn detect(&self, photograph: &Picture) -> Result<Vec<FoundFace>, DetectError> {
        let size = Canvas { width: photograph.width(), height: photograph.height() };
        let fixed = match self.card.input.size {
            InputSize::Fixed([width, height]) => Some(Canvas { width, height }),
            InputSize::MultipleOf(_) => None,
        };
        let reach = Reach { fixed, faces: self.card.face_sizes };
        let passes = plan(size, reach, self.search);
        let look = || passes.par_iter().map(|pass| self.look(photograph, pass));
        let finds: Vec<Vec<Find>> = onnx::on_threads(|| look().collect::<Result<_, _>>())?;
        let mut faces = merge(finds.concat(), self.card.overlap_threshold);
        if let Search::FacesFrom(size) = self.search {
            faces.retain(|face| face.area.width.max(face.area.height) >= size);
        }
        Ok(faces)
    }
}

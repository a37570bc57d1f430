//! Outputs of the Ultra-Light face detectors (RFB and slim, 320 and 640); it knows no photograph.
//!
//! <https://github.com/Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB>

use super::OutputError;
use super::grid::{self, Canvas};
use super::prior::{n_priors, priors};
use crate::FoundFace;
use crate::onnx::Output;

/// What the boxes of a file are; the authors publish both kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boxes {
    /// Offsets from priors ("without postprocessing").
    Offsets,
    /// Left, top, right and bottom edge in shares of the input, worked out inside the network.
    Corners,
}

/// Faces that the two outputs hold, one a prior at most; this detector finds no landmarks.
///
/// The outputs are told by their form: two scores a prior (no face, face; they add up to 1), four
/// numbers of a box. Priors are cut to the input, as in the authors' training.
pub(super) fn decode(
    outputs: &[Output],
    canvas: Canvas,
    grids: &[(usize, Vec<f32>)],
    boxes: Boxes,
    min_score: f32,
) -> Result<Vec<FoundFace>, OutputError> {
    let n_rows = n_priors(canvas, grids);
    let of_form = |what, width| {
        let missing = OutputError::Missing { what, decoder: "Ultra-Light", n_rows, width };
        grid::find(outputs, missing, |_| true)
    };
    let scores = of_form("scores", 2)?.as_chunks::<2>().0;
    let areas = of_form("boxes", 4)?.as_chunks::<4>().0;
    let (width, height) = (canvas.width as f32, canvas.height as f32);
    let rows = priors(canvas, grids).zip(scores).zip(areas);
    let faces = rows.filter(|((_, [_, score]), _)| *score >= min_score);
    let faces = faces.filter_map(|((prior, [_, score]), area)| {
        let area = match boxes {
            Boxes::Offsets => prior.cut_to(canvas).moved(*area),
            Boxes::Corners => {
                let [left, top, right, bottom] = *area;
                grid::between(left * width, top * height, right * width, bottom * height)
            }
        };
        grid::face(area, None, *score)
    });
    Ok(faces.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Area;
    use crate::detect::decode::tests::{assert_never_panics, output};

    const CANVAS: Canvas = Canvas { width: 16, height: 8 };

    fn grids() -> Vec<(usize, Vec<f32>)> {
        vec![(8, vec![6.0, 12.0])]
    }

    /// Two cells with two priors each; the second prior of the second cell finds a face.
    fn outputs() -> Vec<Output> {
        let mut boxes = [0.0; 16];
        boxes[12..].copy_from_slice(&[-5.0, 5.0, 5.0 * 0.5f32.ln(), 0.0]);
        let scores = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.25, 0.75];
        vec![output("scores", 2, &scores), output("boxes", 4, &boxes)]
    }

    fn decoded(outputs: &[Output]) -> Result<Vec<FoundFace>, OutputError> {
        decode(outputs, CANVAS, &grids(), Boxes::Offsets, 0.5)
    }

    #[test]
    fn a_prior_worked_by_hand() {
        let [face] = decoded(&outputs()).unwrap()[..] else { unreachable!("one face") };
        assert_eq!((face.score, face.landmarks), (0.75, None));
        // The prior, 12 x 12 around (12, 4), is cut to 12 x 8. Its center moves by (-6, 4), and
        // its width is halved.
        let expected = Area { x: 3.0, y: 4.0, width: 6.0, height: 8.0 };
        assert!(face.area.overlap(&expected) > 0.999_999, "{:?}", face.area);
    }

    #[test]
    fn corners_are_shares_of_the_input() {
        let mut outputs = outputs();
        outputs[1].values[12..].copy_from_slice(&[0.25, 0.5, 0.75, 1.0]);
        let faces = decode(&outputs, CANVAS, &grids(), Boxes::Corners, 0.5).unwrap();
        assert_eq!(faces[0].area, Area { x: 4.0, y: 4.0, width: 8.0, height: 4.0 });
    }

    #[test]
    fn priors_of_the_published_networks_are_as_many_as_their_outputs() {
        let strides = [8, 16, 32, 64];
        let sides = [&[10.0, 16.0, 24.0][..], &[32.0, 48.0], &[64.0, 96.0], &[128.0, 192.0, 256.0]];
        let grids: Vec<_> = strides.into_iter().zip(sides.map(<[f32]>::to_vec)).collect();
        assert_eq!(n_priors(Canvas { width: 320, height: 240 }, &grids), 4420);
        assert_eq!(n_priors(Canvas { width: 640, height: 480 }, &grids), 17640);
    }

    #[test]
    fn no_output_makes_it_panic() {
        assert_never_panics(&outputs(), decoded);
    }
}

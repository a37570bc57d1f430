//! Outputs of RetinaFace; it knows no photograph.
//!
//! Deng et al., *RetinaFace: Single-stage Dense Face Localisation in the Wild*, CVPR 2020,
//! <https://arxiv.org/abs/1905.00641>; the form of the outputs is that of
//! <https://github.com/biubug6/Pytorch_Retinaface>.

use super::OutputError;
use super::grid::{self, Canvas};
use super::prior::{n_priors, priors};
use crate::FoundFace;
use crate::onnx::Output;

/// Faces that the outputs hold, one a prior at most.
///
/// The outputs are told by their form: two scores a prior (no face, face; they add up to 1), four
/// offsets of a box, ten of landmarks if the network finds any.
pub(super) fn decode(
    outputs: &[Output],
    canvas: Canvas,
    grids: &[(usize, Vec<f32>)],
    min_score: f32,
) -> Result<Vec<FoundFace>, OutputError> {
    let n_rows = n_priors(canvas, grids);
    let of_form = |what, width| {
        let missing = OutputError::Missing { what, decoder: "RetinaFace", n_rows, width };
        grid::find(outputs, missing, |_| true)
    };
    let scores = of_form("scores", 2)?.as_chunks::<2>().0;
    let boxes = of_form("boxes", 4)?.as_chunks::<4>().0;
    let has_landmarks = outputs.iter().any(|output| output.width == 10);
    let points = if has_landmarks { of_form("landmarks", 10)? } else { &[] };
    let points = points.as_chunks::<10>().0;
    let rows = priors(canvas, grids).zip(scores).zip(boxes).enumerate();
    let faces = rows.filter(|(_, ((_, [_, score]), _))| *score >= min_score);
    let faces = faces.filter_map(|(index, ((prior, [_, score]), offsets))| {
        let landmarks = points.get(index).map(|it| prior.landmarks(it));
        grid::face(prior.moved(*offsets), landmarks, *score)
    });
    Ok(faces.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Area;
    use crate::detect::decode::tests::{assert_never_panics, output};

    const CANVAS: Canvas = Canvas { width: 16, height: 8 };

    /// Two cells with two priors each; the second prior of the second cell finds a face.
    fn outputs() -> Vec<Output> {
        let mut boxes = [0.0; 16];
        boxes[12..].copy_from_slice(&[5.0, -2.5, 5.0 * 2.0f32.ln(), 0.0]);
        let mut points = [0.0; 40];
        points[30..].copy_from_slice(&[-5.0, -5.0, 5.0, -5.0, 0.0, 0.0, -5.0, 5.0, 5.0, 5.0]);
        let scores = [0.9, 0.1, 0.9, 0.1, 0.9, 0.1, 0.25, 0.75];
        vec![
            output("landmarks", 10, &points),
            output("confidence", 2, &scores),
            output("bbox", 4, &boxes),
        ]
    }

    fn decoded(outputs: &[Output]) -> Result<Vec<FoundFace>, OutputError> {
        decode(outputs, CANVAS, &[(8, vec![8.0, 16.0])], 0.5)
    }

    #[test]
    fn a_prior_worked_by_hand() {
        let [face] = decoded(&outputs()).unwrap()[..] else { unreachable!("one face") };
        assert_eq!(face.score, 0.75);
        // The prior is 16 x 16 around (12, 4): its center moves by (8, -4), its width doubles.
        let expected = Area { x: 4.0, y: -8.0, width: 32.0, height: 16.0 };
        assert!(face.area.overlap(&expected) > 0.999_999, "{:?}", face.area);
        let points = face.landmarks.unwrap().points.map(|point| (point.x, point.y));
        let expected = [(4.0, -4.0), (20.0, -4.0), (12.0, 4.0), (4.0, 12.0), (20.0, 12.0)];
        assert_eq!(points, expected);
    }

    #[test]
    fn landmarks_of_another_length_are_an_error() {
        let mut outputs = outputs();
        outputs[0].values.truncate(30);
        let missing =
            OutputError::Missing { what: "landmarks", decoder: "RetinaFace", n_rows: 4, width: 10 };
        assert_eq!(decoded(&outputs).unwrap_err(), missing);
    }

    #[test]
    fn no_output_makes_it_panic() {
        assert_never_panics(&outputs(), decoded);
    }
}

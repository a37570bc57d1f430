//! Outputs of SCRFD; it knows no photograph.
//!
//! Guo et al., *Sample and Computation Redistribution for Efficient Face Detection*, ICLR 2022,
//! <https://arxiv.org/abs/2105.04714>; the form of the outputs is that of
//! <https://github.com/deepinsight/insightface/tree/master/detection/scrfd>.

use super::OutputError;
use super::grid::{self, Canvas};
use crate::FoundFace;
use crate::onnx::Output;

/// Faces that the outputs hold, one an anchor at most; landmarks if the network finds any.
///
/// Files of this detector name their outputs by numbers that differ from export to export, so
/// that they are told by their form: a grid of `n` anchors has `n` scores, `n` boxes of four
/// numbers and, in the variants that find landmarks, `n` rows of ten. All anchors of a cell lie at
/// its corner `(x, y)`; with `s` the stride of the grid,
///
/// ```text
/// box      = (x, y) + s * (-b_0, -b_1)  to  (x, y) + s * (b_2, b_3)
/// landmark = (x, y) + s * (k_2i, k_2i+1)
/// ```
pub(super) fn decode(
    outputs: &[Output],
    canvas: Canvas,
    strides: &[usize],
    anchors: usize,
    min_score: f32,
) -> Result<Vec<FoundFace>, OutputError> {
    let has_landmarks = outputs.iter().any(|output| output.width == 10);
    let mut faces = Vec::new();
    for &stride in strides {
        let n_rows = canvas.n_cells(stride) * anchors;
        let of_form = |what, width| {
            let missing = OutputError::Missing { what, decoder: "SCRFD", n_rows, width };
            grid::find(outputs, missing, |_| true)
        };
        let scores = of_form("scores", 1)?;
        let boxes = of_form("boxes", 4)?.as_chunks::<4>().0;
        let points = if has_landmarks { of_form("landmarks", 10)? } else { &[] };
        let points = points.as_chunks::<10>().0;
        let s = stride as f32;
        let corners = canvas.cells(stride).flat_map(|cell| (0..anchors).map(move |_| cell));
        for (index, cell) in corners.enumerate() {
            let score = scores[index];
            if score >= min_score {
                let [left, top, right, bottom] = boxes[index].map(|distance| s * distance);
                let area =
                    grid::between(cell.x - left, cell.y - top, cell.x + right, cell.y + bottom);
                let landmarks = points.get(index).map(|it| grid::landmarks(it, cell, [s, s]));
                faces.extend(grid::face(area, landmarks, score));
            }
        }
    }
    Ok(faces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Area;
    use crate::detect::decode::tests::{assert_never_panics, output};

    const CANVAS: Canvas = Canvas { width: 16, height: 8 };

    /// Two cells with two anchors each; the second anchor of the second cell finds a face.
    fn outputs() -> Vec<Output> {
        let mut boxes = [0.0; 16];
        boxes[12..].copy_from_slice(&[0.5, 1.0, 2.0, 3.0]);
        let mut points = [0.0; 40];
        points[30..].copy_from_slice(&[0.5, 1.0, 1.5, 1.0, 1.0, 1.5, 0.5, 2.0, 1.5, 2.0]);
        // Out of order, and under names that mean nothing.
        vec![
            output("471", 10, &points),
            output("448", 1, &[0.1, 0.2, 0.1, 0.75]),
            output("451", 4, &boxes),
        ]
    }

    fn decoded(outputs: &[Output]) -> Result<Vec<FoundFace>, OutputError> {
        decode(outputs, CANVAS, &[8], 2, 0.5)
    }

    #[test]
    fn an_anchor_worked_by_hand() {
        let [face] = decoded(&outputs()).unwrap()[..] else { unreachable!("one face") };
        assert_eq!(face.score, 0.75);
        // From (8 - 4, 0 - 8) to (8 + 16, 0 + 24).
        assert_eq!(face.area, Area { x: 4.0, y: -8.0, width: 20.0, height: 32.0 });
        let points = face.landmarks.unwrap().points.map(|point| (point.x, point.y));
        let expected = [(12.0, 8.0), (20.0, 8.0), (16.0, 12.0), (12.0, 16.0), (20.0, 16.0)];
        assert_eq!(points, expected);
    }

    #[test]
    fn without_landmarks_a_face_has_none() {
        let [face] = decoded(&outputs()[1..]).unwrap()[..] else { unreachable!("one face") };
        assert!(face.landmarks.is_none());
    }

    #[test]
    fn grids_are_told_by_their_length() {
        // A second grid with one cell and two anchors.
        let mut both = outputs();
        both.insert(0, output("500", 1, &[0.25, 0.9]));
        both.insert(0, output("501", 4, &[0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5]));
        both.insert(0, output("502", 10, &[0.0; 20]));
        let faces = decode(&both, CANVAS, &[8, 16], 2, 0.5).unwrap();
        let scores: Vec<f32> = faces.iter().map(|face| face.score).collect();
        assert_eq!(scores, [0.75, 0.9]);
        assert_eq!(faces[1].area, Area { x: 0.0, y: 0.0, width: 8.0, height: 8.0 });
    }

    #[test]
    fn a_card_with_other_anchors_is_found_out() {
        let error = decode(&outputs(), CANVAS, &[8], 1, 0.5).unwrap_err();
        let missing =
            OutputError::Missing { what: "scores", decoder: "SCRFD", n_rows: 2, width: 1 };
        assert_eq!(error, missing);
    }

    #[test]
    fn no_output_makes_it_panic() {
        assert_never_panics(&outputs(), decoded);
    }
}

//! Outputs of YuNet; it knows no photograph.
//!
//! Wu, Peng, Yu: *YuNet: A Tiny Millisecond-level Face Detector*, Machine Intelligence Research 2023,
//! <https://doi.org/10.1007/s11633-023-1423-y>; the form of the outputs is that of
//! <https://github.com/ShiqiYu/libfacedetection.train>.

use super::OutputError;
use super::grid::{self, Canvas};
use crate::onnx::Output;
use crate::{FoundFace, Point};

/// Faces that the outputs `cls_8`, `obj_8`, `bbox_8`, `kps_8` and so on hold, one a cell at most.
///
/// With `(x, y)` the corner of a cell and `s` the stride of its grid,
///
/// ```text
/// score    = sqrt(cls * obj)                 both cut to [0, 1]
/// center   = (x, y) + s * (bbox_0, bbox_1)
/// size     = s * exp(bbox_2, bbox_3)
/// landmark = (x, y) + s * (kps_2k, kps_2k+1)
/// ```
pub(super) fn decode(
    outputs: &[Output],
    canvas: Canvas,
    strides: &[usize],
    min_score: f32,
) -> Result<Vec<FoundFace>, OutputError> {
    let mut faces = Vec::new();
    for &stride in strides {
        let n_rows = canvas.n_cells(stride);
        let named = |prefix: &str, what, width| {
            let missing = OutputError::Missing { what, decoder: "YuNet", n_rows, width };
            let name = format!("{prefix}_{stride}");
            grid::find(outputs, missing, |output| output.name == name)
        };
        let classes = named("cls", "the class", 1)?;
        let objects = named("obj", "the object", 1)?;
        let boxes = named("bbox", "boxes", 4)?.as_chunks::<4>().0;
        let points = named("kps", "landmarks", 10)?.as_chunks::<10>().0;
        let s = stride as f32;
        for (index, cell) in canvas.cells(stride).enumerate() {
            // `clamp` keeps what is not a number, and no comparison holds for it.
            let score = (classes[index].clamp(0.0, 1.0) * objects[index].clamp(0.0, 1.0)).sqrt();
            if score >= min_score {
                let [dx, dy, width, height] = boxes[index];
                let center = Point { x: cell.x + s * dx, y: cell.y + s * dy };
                let area = grid::around(center, s * width.exp(), s * height.exp());
                let landmarks = grid::landmarks(&points[index], cell, [s, s]);
                faces.extend(grid::face(area, Some(landmarks), score));
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

    /// Two cells of one grid; the second one finds a face.
    fn outputs() -> Vec<Output> {
        let none = [0.0; 10];
        let points = [0.5, 1.0, 1.5, 1.0, 1.0, 1.5, 0.5, 2.0, 1.5, 2.0];
        vec![
            output("cls_8", 1, &[0.1, 0.5]),
            output("obj_8", 1, &[0.1, 0.5]),
            output("bbox_8", 4, &[0.0, 0.0, 0.0, 0.0, 0.25, 0.5, 2.0f32.ln(), 4.0f32.ln()]),
            output("kps_8", 10, &[none, points].concat()),
        ]
    }

    fn decoded(outputs: &[Output]) -> Result<Vec<FoundFace>, OutputError> {
        decode(outputs, CANVAS, &[8], 0.3)
    }

    #[test]
    fn a_cell_worked_by_hand() {
        let [face] = decoded(&outputs()).unwrap()[..] else { unreachable!("one face") };
        assert_eq!(face.score, 0.5); // sqrt(0.5 * 0.5)
        // The center lies at (8 + 2, 0 + 4), the size is 16 x 32.
        let expected = Area { x: 2.0, y: -12.0, width: 16.0, height: 32.0 };
        assert!(face.area.overlap(&expected) > 0.999_999, "{:?}", face.area);
        let points = face.landmarks.unwrap().points.map(|point| (point.x, point.y));
        let expected = [(12.0, 8.0), (20.0, 8.0), (16.0, 12.0), (12.0, 16.0), (20.0, 16.0)];
        assert_eq!(points, expected);
    }

    #[test]
    fn scores_beyond_their_range_are_cut() {
        let mut outputs = outputs();
        outputs[0].values[1] = 7.0;
        assert_eq!(decoded(&outputs).unwrap()[0].score, 0.5f32.sqrt());
        outputs[1].values[1] = -7.0;
        assert!(decoded(&outputs).unwrap().is_empty());
    }

    #[test]
    fn a_missing_output_is_named() {
        let mut short = outputs();
        short[2].values.pop();
        let missing = OutputError::Missing { what: "boxes", decoder: "YuNet", n_rows: 2, width: 4 };
        assert_eq!(decoded(&short).unwrap_err(), missing);
        assert!(decode(&outputs(), CANVAS, &[8, 16], 0.3).is_err());
    }

    #[test]
    fn no_output_makes_it_panic() {
        assert_never_panics(&outputs(), decoded);
    }
}

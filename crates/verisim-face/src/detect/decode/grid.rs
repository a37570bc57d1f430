//! What all decoders share: the cells of a grid over the input, outputs by their form, what is a face.

use super::OutputError;
use crate::onnx::Output;
use crate::{Area, FoundFace, Landmarks, Point};

/// Size of a network's input, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canvas {
    /// From left to right.
    pub(crate) width: usize,
    /// From top to bottom.
    pub(crate) height: usize,
}

impl Canvas {
    /// Cells of a grid with this many pixels from one to the next; the last ones may reach beyond the edge.
    pub(super) fn n_cells(self, stride: usize) -> usize {
        self.width.div_ceil(stride) * self.height.div_ceil(stride)
    }

    /// Upper left corners of the cells of a grid, row after row.
    pub(super) fn cells(self, stride: usize) -> impl Iterator<Item = Point> {
        let (n_columns, n_rows) = (self.width.div_ceil(stride), self.height.div_ceil(stride));
        let at = move |cell: usize| (cell * stride) as f32;
        (0..n_rows).flat_map(move |row| {
            (0..n_columns).map(move |column| Point { x: at(column), y: at(row) })
        })
    }
}

/// The output of this form that `is_right` picks.
pub(super) fn find(
    outputs: &[Output],
    missing: OutputError,
    is_right: impl Fn(&Output) -> bool,
) -> Result<&[f32], OutputError> {
    let OutputError::Missing { n_rows, width, .. } = missing;
    let of_form = |it: &&Output| it.width == width && it.values.len() == n_rows * width;
    let found = outputs.iter().find(|it| of_form(it) && is_right(it));
    found.map(|output| output.values.as_slice()).ok_or(missing)
}

/// The box between two corners.
pub(super) fn between(left: f32, top: f32, right: f32, bottom: f32) -> Area {
    Area { x: left, y: top, width: right - left, height: bottom - top }
}

/// The box of this size around a point.
pub(super) fn around(center: Point, width: f32, height: f32) -> Area {
    Area { x: center.x - width / 2.0, y: center.y - height / 2.0, width, height }
}

/// Five points from ten numbers, x before y: each lies `step` times its numbers away from `origin`.
pub(super) fn landmarks(numbers: &[f32; 10], origin: Point, step: [f32; 2]) -> Landmarks {
    let points = std::array::from_fn(|index| Point {
        x: origin.x + step[0] * numbers[2 * index],
        y: origin.y + step[1] * numbers[2 * index + 1],
    });
    Landmarks { points }
}

/// A face, if the numbers of a network make one: all finite, and with an area.
pub(super) fn face(area: Area, landmarks: Option<Landmarks>, score: f32) -> Option<FoundFace> {
    let Area { x, y, width, height } = area;
    let points = landmarks.iter().flat_map(|it| it.points);
    // Corners, since the sum of two finite numbers need not be finite.
    let numbers = [x, y, x + width, y + height, score, area.size()];
    let is_finite = numbers.into_iter().chain(points.flat_map(|it| [it.x, it.y]));
    let is_face = width > 0.0 && height > 0.0 && is_finite.into_iter().all(f32::is_finite);
    is_face.then_some(FoundFace { area, landmarks, score: score.clamp(0.0, 1.0) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_go_row_after_row_and_cover_the_input() {
        let canvas = Canvas { width: 20, height: 9 };
        let corners: Vec<(f32, f32)> = canvas.cells(8).map(|it| (it.x, it.y)).collect();
        let expected = [(0.0, 0.0), (8.0, 0.0), (16.0, 0.0), (0.0, 8.0), (8.0, 8.0), (16.0, 8.0)];
        assert_eq!(corners, expected);
        assert_eq!(canvas.n_cells(8), corners.len());
    }

    #[test]
    fn what_is_not_finite_or_has_no_area_is_no_face() {
        let area = between(1.0, 2.0, 5.0, 8.0);
        let found = face(area, None, 0.5).map(|face| face.area);
        assert_eq!(found, Some(Area { x: 1.0, y: 2.0, width: 4.0, height: 6.0 }));
        assert!(face(between(5.0, 2.0, 1.0, 8.0), None, 0.5).is_none());
        assert!(face(between(1.0, 2.0, 1.0, 8.0), None, 0.5).is_none());
        assert!(face(between(1.0, f32::NAN, 5.0, 8.0), None, 0.5).is_none());
        assert!(face(between(1.0, 2.0, f32::INFINITY, 8.0), None, 0.5).is_none());
        assert!(face(between(f32::MIN, 2.0, f32::MAX, 8.0), None, 0.5).is_none());
        assert!(face(area, None, f32::NAN).is_none());
        let mut points = Landmarks { points: [Point { x: 0.0, y: 0.0 }; 5] };
        assert!(face(area, Some(points), 0.5).is_some());
        points.points[4].y = f32::NEG_INFINITY;
        assert!(face(area, Some(points), 0.5).is_none());
    }
}

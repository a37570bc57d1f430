//! Boxes that a network corrects, as in the single-shot detectors (SSD); it knows no outputs.

use super::grid::{self, Canvas};
use crate::{Area, Landmarks, Point};

/// Share of a prior's size that one unit of an offset moves a center.
const CENTER_VARIANCE: f32 = 0.1;
/// One unit of an offset changes a size by this power of e.
const SIZE_VARIANCE: f32 = 0.2;

/// A box that a network corrects, in pixels of its input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    center: Point,
    size: [f32; 2],
}

/// Number of priors over an input.
pub(super) fn n_priors(canvas: Canvas, grids: &[(usize, Vec<f32>)]) -> usize {
    grids.iter().map(|(stride, sides)| canvas.n_cells(*stride) * sides.len()).sum()
}

/// Squares around the middle of each cell, grid after grid, cell after cell, side after side.
pub(super) fn priors(canvas: Canvas, grids: &[(usize, Vec<f32>)]) -> impl Iterator<Item = Prior> {
    grids.iter().flat_map(move |(stride, sides)| {
        let half = *stride as f32 / 2.0;
        canvas.cells(*stride).flat_map(move |cell| {
            let center = Point { x: cell.x + half, y: cell.y + half };
            sides.iter().map(move |side| Prior { center, size: [*side, *side] })
        })
    })
}

impl Prior {
    /// The prior with its center and size cut to the input, as some networks were trained.
    pub(super) fn cut_to(self, canvas: Canvas) -> Self {
        let (width, height) = (canvas.width as f32, canvas.height as f32);
        let center = Point { x: self.center.x.min(width), y: self.center.y.min(height) };
        Self { center, size: [self.size[0].min(width), self.size[1].min(height)] }
    }

    /// The box that the offsets of a network make of it.
    ///
    /// ```text
    /// center = prior's center + 0.1 * (o_0, o_1) * prior's size
    /// size   = prior's size * exp(0.2 * (o_2, o_3))
    /// ```
    pub(super) fn moved(self, [dx, dy, width, height]: [f32; 4]) -> Area {
        let step = self.size.map(|side| side * CENTER_VARIANCE);
        let center = Point { x: self.center.x + step[0] * dx, y: self.center.y + step[1] * dy };
        let [width, height] = [width, height].map(|it| (it * SIZE_VARIANCE).exp());
        grid::around(center, self.size[0] * width, self.size[1] * height)
    }

    /// The landmarks that ten offsets make of its center.
    pub(super) fn landmarks(self, offsets: &[f32; 10]) -> Landmarks {
        grid::landmarks(offsets, self.center, self.size.map(|side| side * CENTER_VARIANCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas { width: 20, height: 8 };

    #[test]
    fn priors_stand_around_the_middle_of_their_cells() {
        let grids = [(8, vec![10.0, 16.0]), (16, vec![32.0])];
        let found: Vec<Prior> = priors(CANVAS, &grids).collect();
        assert_eq!(found.len(), n_priors(CANVAS, &grids));
        let simple: Vec<(f32, f32, f32)> =
            found.iter().map(|it| (it.center.x, it.center.y, it.size[0])).collect();
        let expected = [
            (4.0, 4.0, 10.0),
            (4.0, 4.0, 16.0),
            (12.0, 4.0, 10.0),
            (12.0, 4.0, 16.0),
            (20.0, 4.0, 10.0),
            (20.0, 4.0, 16.0),
            (8.0, 8.0, 32.0),
            (24.0, 8.0, 32.0),
        ];
        assert_eq!(simple, expected);
        let cut = found[7].cut_to(CANVAS);
        assert_eq!(cut, Prior { center: Point { x: 20.0, y: 8.0 }, size: [20.0, 8.0] });
    }

    #[test]
    fn a_prior_without_offsets_stays_where_it_is() {
        let prior = Prior { center: Point { x: 10.0, y: 20.0 }, size: [8.0, 16.0] };
        let expected = Area { x: 6.0, y: 12.0, width: 8.0, height: 16.0 };
        assert_eq!(prior.moved([0.0; 4]), expected);
        // One size to the right, half a size up, twice as wide: exp(0.2 * 5 ln 2) = 2.
        let moved = prior.moved([10.0, -5.0, 5.0 * 2.0f32.ln(), 0.0]);
        let expected = Area { x: 10.0, y: 4.0, width: 16.0, height: 16.0 };
        assert!(moved.overlap(&expected) > 0.999_999, "{moved:?}");
        let point = prior.landmarks(&[1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]).points[0];
        assert!((point.x - 10.8).abs() < 1e-5 && (point.y - 21.6).abs() < 1e-5, "{point:?}");
    }
}

//! Resamples pictures through maps of the plane, with black around them; it knows no faces.
//!
//! Pixel centers lie at whole numbers, as in `OpenCV`. A new pixel is the bilinear mean of the four around its
//! place in the source, and everything outside of the source is black. The result is within one gray level of
//! `warpAffine` of `OpenCV` 5 with `INTER_LINEAR` and a constant border of 0, which computes places exactly.
//! `OpenCV` up to version 4 rounds them to 1/32 pixel, which changes 6 % of the values of chips of LFW, by up to
//! 4 gray levels (`reference/align_agreement.py`); that is the price of its speed, not a convention, and is not
//! copied.
//!
//! Four pixels are too few where a picture shrinks to less than half: what lies between them would be lost, and
//! fine patterns would turn into coarse ones that are not there. Such a source is first reduced by the whole
//! factor `k` just below the shrinkage, each pixel the mean of `k x k`, and the rest, less than two, is left
//! to the four.

use std::borrow::Cow;
use std::ops::Range;

use crate::Picture;

/// Places are rounded to one part of this many of a pixel, which is below an eighth of a gray level.
const STEPS: u32 = 1 << STEP_BITS;
const STEP_BITS: u32 = 11;
/// Half of the sum of the weights of four pixels, which is `STEPS * STEPS`.
const HALF: u32 = 1 << (2 * STEP_BITS - 1);
/// So far beyond an edge all is black, and all places are alike.
const BEYOND: f64 = 2.0;

/// An affine map of the plane: `x' = x[0] x + x[1] y + x[2]`, `y' = y[0] x + y[1] y + y[2]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Affine {
    pub(crate) x: [f64; 3],
    pub(crate) y: [f64; 3],
}

impl Affine {
    pub(crate) fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        let along = |row: &[f64; 3]| row[0] * x + row[1] * y + row[2];
        [along(&self.x), along(&self.y)]
    }

    /// How much longer lengths become: the root of the growth of areas.
    pub(crate) fn scale(&self) -> f64 {
        (self.x[0] * self.y[1] - self.x[1] * self.y[0]).abs().sqrt()
    }
}

/// A picture of `width` x `height` pixels, each of them from the place that `to_source` names.
///
/// # Panics
///
/// Panics if a side is 0.
pub(crate) fn warp(source: &Picture, to_source: &Affine, width: usize, height: usize) -> Picture {
    let [right, bottom] = [width, height].map(|side| side as f64 - 1.0);
    let corners = [[0.0, 0.0], [right, 0.0], [0.0, bottom], [right, bottom]];
    let source = Source::new(source, to_source.scale(), corners.map(|it| to_source.apply(it)));
    let mut pixels = Vec::with_capacity(3 * width * height);
    for row in 0..height {
        for column in 0..width {
            pixels.extend(source.at(to_source.apply([column as f64, row as f64])));
        }
    }
    Picture::new(width, height, pixels)
}

/// A picture that is read between its pixels, reduced as far as a reader needs.
pub(crate) struct Source<'a> {
    picture: Cow<'a, Picture>,
    /// Pixels of the whole picture along a side of one of `picture`.
    factor: usize,
    /// Column and row of the first pixel of `picture`, in its own pixels from the edge of the whole.
    start: [usize; 2],
}

impl<'a> Source<'a> {
    /// Makes `picture` ready for a reader whose pixels are `shrinkage` apart, and who stays between `corners`.
    pub(crate) fn new(
        picture: &'a Picture,
        shrinkage: f64,
        corners: impl IntoIterator<Item = [f64; 2]>,
    ) -> Self {
        // More would be a single pixel; a shrinkage that is no number becomes 0, and then 1.
        let factor = (shrinkage as usize).clamp(1, picture.width().max(picture.height()));
        if factor == 1 {
            return Self { picture: Cow::Borrowed(picture), factor, start: [0, 0] };
        }
        let mut low = [f64::INFINITY; 2];
        let mut high = [f64::NEG_INFINITY; 2];
        for place in corners {
            for axis in 0..2 {
                low[axis] = low[axis].min(place[axis]);
                high[axis] = high[axis].max(place[axis]);
            }
        }
        let [columns, rows] = [picture.width(), picture.height()].map(|side| side.div_ceil(factor));
        // One more on each side for the four pixels around the outermost place; a cast to an integer saturates.
        let part = |axis: usize, n: usize| {
            let first = (low[axis] / factor as f64 - 1.0) as usize;
            let last = (high[axis] / factor as f64 + 2.0) as usize;
            let first = first.min(n - 1);
            first..last.clamp(first, n - 1) + 1
        };
        let (columns, rows) = (part(0, columns), part(1, rows));
        let start = [columns.start, rows.start];
        Self { picture: Cow::Owned(reduce(picture, factor, columns, rows)), factor, start }
    }

    /// The color at a place of the whole picture.
    pub(crate) fn at(&self, place: [f64; 2]) -> [u8; 3] {
        if self.factor == 1 {
            return between(&self.picture, place);
        }
        let factor = self.factor as f64;
        let middle = 0.5 * (factor - 1.0);
        let [x, y] = [0, 1].map(|axis| (place[axis] - middle) / factor - self.start[axis] as f64);
        between(&self.picture, [x, y])
    }
}

/// The bilinear mean of the four pixels around a place; those that do not exist are black.
fn between(picture: &Picture, [x, y]: [f64; 2]) -> [u8; 3] {
    let (width, height) = (picture.width(), picture.height());
    let (column, right) = split(x, width);
    let (row, below) = split(y, height);
    let weights = [
        (STEPS - right) * (STEPS - below),
        right * (STEPS - below),
        (STEPS - right) * below,
        right * below,
    ];
    let pixels = picture.as_rgb();
    let four = match (column, row) {
        (Some(column), Some(row)) if column + 1 < width && row + 1 < height => {
            let start = 3 * (row * width + column);
            let next = start + 3 * width;
            [start, start + 3, next, next + 3].map(|start| of_three(&pixels[start..start + 3]))
        }
        _ => {
            // The place lies at the edge: the pixel before the first one is `None`.
            let next = |index: Option<usize>| Some(index.map_or(0, |index| index + 1));
            let pixel = |column: Option<usize>, row: Option<usize>| match (column, row) {
                (Some(column), Some(row)) if column < width && row < height => {
                    picture.pixel(column, row).map(u32::from)
                }
                _ => [0; 3],
            };
            [
                pixel(column, row),
                pixel(next(column), row),
                pixel(column, next(row)),
                pixel(next(column), next(row)),
            ]
        }
    };
    [0, 1, 2].map(|channel| {
        let sum: u32 =
            four.iter().zip(weights).map(|(pixel, weight)| pixel[channel] * weight).sum();
        ((sum + HALF) >> (2 * STEP_BITS)) as u8
    })
}

fn of_three(values: &[u8]) -> [u32; 3] {
    [values[0], values[1], values[2]].map(u32::from)
}

/// The pixel before a place on a side of `length` pixels, none if that would be before the first one, and how
/// many of [`STEPS`] the place lies behind it.
///
/// Places farther out, and those that are no number, are as the black just outside.
fn split(place: f64, length: usize) -> (Option<usize>, u32) {
    let inside = place.clamp(-BEYOND, length as f64 + BEYOND) + BEYOND;
    let steps = (inside * f64::from(STEPS) + 0.5) as usize;
    let index = steps / STEPS as usize;
    let pixel = index.checked_sub(BEYOND as usize);
    // Before -1 the pixel behind is missing, too, so that the weight of the first one must be 0.
    let share = if index + 1 < BEYOND as usize { 0 } else { steps % STEPS as usize };
    (pixel, share as u32)
}

/// The means of blocks of `factor` x `factor` pixels; what a block lacks at the edges is black.
fn reduce(picture: &Picture, factor: usize, columns: Range<usize>, rows: Range<usize>) -> Picture {
    let (width, height) = (columns.len(), rows.len());
    let area = (factor * factor) as u64;
    let left = columns.start * factor;
    let right = (columns.end * factor).min(picture.width());
    let mut pixels = Vec::with_capacity(3 * width * height);
    let mut sums = vec![0u64; 3 * width];
    for row in rows {
        sums.fill(0);
        for line in row * factor..((row + 1) * factor).min(picture.height()) {
            let start = 3 * (line * picture.width() + left);
            let line = &picture.as_rgb()[start..start + 3 * (right - left)];
            for (sum, block) in sums.chunks_exact_mut(3).zip(line.chunks(3 * factor)) {
                for pixel in block.chunks_exact(3) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u64::from(*value);
                    }
                }
            }
        }
        pixels.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
    }
    Picture::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDENTITY: Affine = Affine { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, 0.0] };

    fn noise(width: usize, height: usize) -> Picture {
        let value = |index: usize| ((index * 7_919 + index * index * 31) % 256) as u8;
        Picture::new(width, height, (0..3 * width * height).map(value).collect())
    }

    #[test]
    fn nothing_changes_where_nothing_moves() {
        let picture = noise(9, 6);
        assert_eq!(warp(&picture, &IDENTITY, 9, 6), picture);
    }

    #[test]
    fn half_a_pixel_is_the_mean_of_two_and_outside_is_black() {
        let picture = Picture::new(2, 1, vec![100, 0, 200, 50, 10, 100]);
        let at = |x, y| Source::new(&picture, 1.0, []).at([x, y]);
        assert_eq!(at(0.5, 0.0), [75, 5, 150]);
        assert_eq!(at(-0.5, 0.0), [50, 0, 100]);
        assert_eq!(at(1.5, 0.5), [13, 3, 25]);
        for outside in
            [[-1.0, 0.0], [-1.5, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, -1.25], [1e300, 0.0]]
        {
            assert_eq!(at(outside[0], outside[1]), [0; 3], "{outside:?}");
        }
        assert_eq!(at(f64::NAN, 0.0), [0; 3]);
    }

    #[test]
    fn a_picture_that_shrinks_keeps_its_mean() {
        // Stripes of one pixel: four pixels alone would see only black ones.
        let stripes = (0..120 * 90).flat_map(|index| [if index % 6 == 0 { 240 } else { 0 }; 3]);
        let stripes = Picture::new(120, 90, stripes.collect());
        let map = Affine { x: [6.0, 0.0, 2.5], y: [0.0, 6.0, 2.5] };
        let small = warp(&stripes, &map, 20, 15);
        assert!(small.as_rgb().iter().all(|value| *value == 40), "{:?}", &small.as_rgb()[..30]);
    }

    #[test]
    fn a_part_of_a_large_picture_is_the_same_as_from_all_of_it() {
        let picture = noise(97, 83);
        // Every place of the part lies on a pixel of the reduced picture.
        let map = Affine { x: [3.0, 0.0, 31.0], y: [0.0, 3.0, 40.0] };
        let whole = reduce(&picture, 3, 0..33, 0..28);
        let part = warp(&picture, &map, 8, 9);
        for y in 0..9 {
            for x in 0..8 {
                assert_eq!(part.pixel(x, y), whole.pixel(x + 10, y + 13), "{x}, {y}");
            }
        }
    }

    #[test]
    fn maps_that_make_no_sense_give_black() {
        let picture = Picture::new(5, 4, vec![255; 60]);
        for value in [f64::NAN, f64::INFINITY, 1e300, -1e300] {
            let map = Affine { x: [value, 0.0, value], y: [0.0, value, value] };
            let black = warp(&picture, &map, 3, 3);
            assert!(black.as_rgb().iter().all(|value| *value == 0), "{value}");
        }
        let far = Affine { x: [9.0, 0.0, 1e6], y: [0.0, 9.0, -1e6] };
        assert!(warp(&picture, &far, 3, 3).as_rgb().iter().all(|value| *value == 0));
    }
}

//! From a photograph and the landmarks of a face to a chip; it does not know who found them.
//!
//! A chip is the face as the models were trained to see it: turned upright, and moved and scaled so that five
//! landmarks lie, as nearly as a similarity transform can bring them, where a template wants them.

use crate::warp::{Affine, warp};
use crate::{Area, Landmarks, Picture, Point};

/// Where the five landmarks lie in a chip of [`ARCFACE_SIDE`], as ArcFace's authors publish it; pixel
/// centers lie at whole numbers. The order is that of [`Landmarks`].
///
/// Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition*, CVPR 2019; the figures are
/// those of their program.
pub(crate) const ARCFACE: [[f32; 2]; 5] = [
    [38.2946, 51.6963],
    [73.5318, 51.5014],
    [56.0252, 71.7366],
    [41.5493, 92.3655],
    [70.7299, 92.2041],
];
/// Side of the chip that [`ARCFACE`] is for, in pixels.
pub(crate) const ARCFACE_SIDE: f32 = 112.0;
/// Landmarks closer together, root mean square in pixels, show no face.
const MIN_SPREAD: f64 = 0.5;
/// A face in any pose fits the template's shape better than this; the template's mirror image fits with 0.23.
const MIN_LIKENESS: f64 = 0.4;

/// Where landmarks belong in a chip of some size.
///
/// Only ArcFace's is a convention. FaceNet cut a detector's box with a margin, DeepFace cut a box around six
/// landmarks and turned it in space, DeepID2 cut many parts of its own; their templates were never published.
/// For their sizes we take ArcFace's template at the scale at which its square just covers the chip's longer
/// side, and cut what the shorter side lacks evenly. So a chip of any size shows the same part of the head, as
/// if the chip of 112 x 112 had been resized and cut, but with the pixels of the photograph.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Template {
    width: usize,
    height: usize,
    points: [[f64; 2]; 5],
}

/// Why a face cannot be aligned.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AlignError {
    /// A coordinate is infinite or no number.
    #[error("the landmarks of a face are not all numbers; its detector failed on it")]
    NotFinite,
    /// All landmarks lie on one spot.
    #[error(
        "the landmarks of a face lie {spread:.2} pixels around their center, but an alignment needs at \
         least {MIN_SPREAD}; use a larger picture of the face"
    )]
    TooClose {
        /// Root mean square distance from their center, in pixels.
        spread: f64,
    },
    /// They are not arranged as in a face.
    #[error(
        "the landmarks of a face are not arranged as in a face (likeness {likeness:.2}, expected at least \
         {MIN_LIKENESS}): are left and right exchanged?"
    )]
    NoFace {
        /// Part of their arrangement that is the template's, in `[0, 1]`.
        likeness: f64,
    },
    /// A box has no area.
    #[error("the box of a face is {width} x {height} pixels, but must have an area")]
    EmptyBox {
        /// Width in pixels.
        width: f32,
        /// Height in pixels.
        height: f32,
    },
}

impl Template {
    /// Width and height for ArcFace and nearly all models after it.
    pub const ARCFACE: [usize; 2] = [112, 112];
    /// Width and height for FaceNet (Schroff et al. 2015, in the common reimplementations).
    pub const FACENET: [usize; 2] = [160, 160];
    /// Width and height for DeepFace (Taigman et al. 2014).
    pub const DEEPFACE: [usize; 2] = [152, 152];
    /// Width and height for DeepID2 (Sun et al. 2014), which is higher than wide.
    pub const DEEPID2: [usize; 2] = [47, 55];

    /// The template for chips of a width and height in pixels.
    ///
    /// # Panics
    ///
    /// Panics if a side is 0.
    pub fn new([width, height]: [usize; 2]) -> Self {
        assert!(width > 0 && height > 0, "a chip has at least one pixel");
        let side = f64::from(ARCFACE_SIDE);
        let scale = width.max(height) as f64 / side;
        // Both pictures have the same middle; a pixel reaches half a pixel around its center.
        let place = |value: f32, length: usize| {
            (f64::from(value) + 0.5 - side / 2.0) * scale + length as f64 / 2.0 - 0.5
        };
        let points = ARCFACE.map(|[x, y]| [place(x, width), place(y, height)]);
        Self { width, height, points }
    }

    /// Width and height of the chip in pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.width, self.height]
    }

    /// Where the landmarks belong.
    pub fn landmarks(&self) -> Landmarks {
        Landmarks { points: self.points.map(|[x, y]| Point { x: x as f32, y: y as f32 }) }
    }
}

/// A similarity transform of the plane: `x' = a x - b y + dx`, `y' = b x + a y + dy`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Similarity {
    /// Scale times cosine of the turn.
    pub a: f64,
    /// Scale times sine of the turn, clockwise in a picture.
    pub b: f64,
    /// Shift along x, in pixels.
    pub dx: f64,
    /// Shift along y, in pixels.
    pub dy: f64,
}

impl Similarity {
    /// The transform that brings the landmarks of a photograph to a template with the least sum of squared
    /// distances.
    ///
    /// With `p` and `q` the landmarks and their places in the template, both less their means,
    ///
    /// ```text
    /// a = Σ (p · q) / Σ |p|²        b = Σ (p × q) / Σ |p|²
    /// ```
    ///
    /// which is the solution of Umeyama, *Least-Squares Estimation of Transformation Parameters Between Two
    /// Point Patterns*, PAMI 1991, in the plane, where its singular values need no computing.
    ///
    /// # Errors
    ///
    /// Fails if a landmark is no number, if all lie on one spot, or if they are not arranged as in a face.
    pub fn fit(landmarks: &Landmarks, template: &Template) -> Result<Self, AlignError> {
        let from = landmarks.points.map(|Point { x, y }| [f64::from(x), f64::from(y)]);
        if !from.as_flattened().iter().all(|value| value.is_finite()) {
            return Err(AlignError::NotFinite);
        }
        let (from_center, to_center) = (center(&from), center(&template.points));
        let (mut along, mut across, mut spread, mut target) = (0.0, 0.0, 0.0, 0.0);
        for (p, q) in from.iter().zip(&template.points) {
            let p = [p[0] - from_center[0], p[1] - from_center[1]];
            let q = [q[0] - to_center[0], q[1] - to_center[1]];
            along += p[0] * q[0] + p[1] * q[1];
            across += p[0] * q[1] - p[1] * q[0];
            spread += p[0] * p[0] + p[1] * p[1];
            target += q[0] * q[0] + q[1] * q[1];
        }
        let distance = (spread / 5.0).sqrt();
        if distance < MIN_SPREAD {
            return Err(AlignError::TooClose { spread: distance });
        }
        let likeness = along.hypot(across) / (spread * target).sqrt();
        if likeness < MIN_LIKENESS {
            return Err(AlignError::NoFace { likeness });
        }
        let turned = Self { a: along / spread, b: across / spread, dx: 0.0, dy: 0.0 };
        let [x, y] = turned.apply(from_center);
        Ok(Self { dx: to_center[0] - x, dy: to_center[1] - y, ..turned })
    }

    /// The transform that brings a box, widened by `margin` of its sides, to a chip, as for [`box_chip`].
    pub(crate) fn of_box(
        area: &Area,
        margin: f32,
        [width, height]: [usize; 2],
    ) -> Result<Self, AlignError> {
        let (box_width, box_height) = (area.width * (1.0 + margin), area.height * (1.0 + margin));
        let is_finite = [area.x, area.y, box_width, box_height].iter().all(|it| it.is_finite());
        if !is_finite || box_width <= 0.0 || box_height <= 0.0 {
            return Err(AlignError::EmptyBox { width: box_width, height: box_height });
        }
        let across = width as f64 / f64::from(box_width);
        let a = across.min(height as f64 / f64::from(box_height));
        let center = area.center();
        // Boxes begin at edges of pixels, whose centers lie half a pixel behind them.
        let shift =
            |center: f32, side: usize| (side as f64 - 1.0) / 2.0 - a * (f64::from(center) - 0.5);
        Ok(Self { a, b: 0.0, dx: shift(center.x, width), dy: shift(center.y, height) })
    }

    /// Where a place moves.
    pub fn apply(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [self.a * x - self.b * y + self.dx, self.b * x + self.a * y + self.dy]
    }

    /// The transform that undoes this one; a scale of 0 has none, and gives no numbers.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let square = self.a * self.a + self.b * self.b;
        let turned = Self { a: self.a / square, b: -self.b / square, dx: 0.0, dy: 0.0 };
        let [x, y] = turned.apply([self.dx, self.dy]);
        Self { dx: -x, dy: -y, ..turned }
    }

    /// How much longer lengths become.
    pub fn scale(&self) -> f64 {
        self.a.hypot(self.b)
    }

    fn map(&self) -> Affine {
        Affine { x: [self.a, -self.b, self.dx], y: [self.b, self.a, self.dy] }
    }
}

fn center(points: &[[f64; 2]; 5]) -> [f64; 2] {
    let sum = points.iter().fold([0.0, 0.0], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
    [sum[0] / 5.0, sum[1] / 5.0]
}

/// The chip of a face, by its landmarks; what lies outside of the photograph is black.
///
/// # Errors
///
/// Fails as [`Similarity::fit`] does.
pub fn chip(
    photograph: &Picture,
    landmarks: &Landmarks,
    template: &Template,
) -> Result<Picture, AlignError> {
    let to_chip = Similarity::fit(landmarks, template)?;
    Ok(warp(photograph, &to_chip.inverse().map(), template.width, template.height))
}

/// The chip of a face whose landmarks nobody knows: its box, widened by `margin` of its sides, at `width` x
/// `height` pixels; what lies outside of the photograph is black.
///
/// Nothing is turned or distorted: the side that is too short for the chip is widened further. A margin of 0.2
/// adds a tenth on each side; below 0 the box shrinks.
///
/// # Errors
///
/// Fails if the box, or what the margin leaves of it, has no area, or is no box of numbers.
///
/// # Panics
///
/// Panics if `width` or `height` is 0.
pub fn box_chip(
    photograph: &Picture,
    area: &Area,
    margin: f32,
    [width, height]: [usize; 2],
) -> Result<Picture, AlignError> {
    assert!(width > 0 && height > 0, "a chip has at least one pixel");
    let to_chip = Similarity::of_box(area, margin, [width, height])?;
    Ok(warp(photograph, &to_chip.inverse().map(), width, height))
}

#[cfg(test)]
mod tests;

//! Where points in space fall in a picture, and how a chip is aligned; it does not know what is drawn.

use super::vector::Vec3;
pub(super) use crate::align::{ARCFACE as TEMPLATE, ARCFACE_SIDE as TEMPLATE_SIDE};

/// Keeps the division finite for landmarks that all coincide.
const MIN_SPREAD: f32 = 1e-12;

/// A similarity transform of the plane: `x' = a x - b y + dx`, `y' = b x + a y + dy`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Similarity {
    pub(super) a: f32,
    pub(super) b: f32,
    pub(super) dx: f32,
    pub(super) dy: f32,
}

impl Similarity {
    pub(super) fn apply(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [self.a * x - self.b * y + self.dx, self.b * x + self.a * y + self.dy]
    }

    /// How much longer lengths become.
    pub(super) fn scale(&self) -> f32 {
        (self.a * self.a + self.b * self.b).sqrt()
    }

    /// The transform that moves `from` to `to` with the least sum of squared errors.
    pub(super) fn fit(from: &[[f32; 2]; 5], to: &[[f32; 2]; 5]) -> Self {
        let (from_center, to_center) = (center(from), center(to));
        let (mut along, mut across, mut spread) = (0.0, 0.0, MIN_SPREAD);
        for (p, q) in from.iter().zip(to) {
            let p = [p[0] - from_center[0], p[1] - from_center[1]];
            let q = [q[0] - to_center[0], q[1] - to_center[1]];
            along += p[0] * q[0] + p[1] * q[1];
            across += p[0] * q[1] - p[1] * q[0];
            spread += p[0] * p[0] + p[1] * p[1];
        }
        let turned = Self { a: along / spread, b: across / spread, dx: 0.0, dy: 0.0 };
        let moved = turned.apply(from_center);
        Self { dx: to_center[0] - moved[0], dy: to_center[1] - moved[1], ..turned }
    }
}

/// A pinhole camera on the axis of `z`, followed by a similarity transform to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Camera {
    /// Distance to the origin in centimeters.
    pub(super) distance: f32,
    /// From centimeters at the origin's distance, `y` down, to pixels.
    pub(super) to_pixels: Similarity,
}

impl Camera {
    /// Column and row, in pixels from the outer corner of the top left pixel.
    pub(super) fn project(&self, point: Vec3) -> [f32; 2] {
        self.to_pixels.apply(self.flat(point))
    }

    /// Where `point` falls in the plane of the origin, in centimeters, `y` down.
    pub(super) fn flat(&self, point: Vec3) -> [f32; 2] {
        let nearness = self.distance / (self.distance - point.z);
        [point.x * nearness, -point.y * nearness]
    }

    /// Direction from `point` to the camera.
    pub(super) fn direction_from(&self, point: Vec3) -> Vec3 {
        (Vec3::new(0.0, 0.0, self.distance) - point).normalized()
    }
}

/// The mean of five points.
pub(super) fn center(points: &[[f32; 2]; 5]) -> [f32; 2] {
    let sum = points.iter().fold([0.0, 0.0], |sum, point| [sum[0] + point[0], sum[1] + point[1]]);
    [sum[0] / 5.0, sum[1] / 5.0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fit_undoes_a_similarity() {
        let moved = Similarity { a: 0.3, b: -0.2, dx: 5.0, dy: -7.0 };
        let seen = TEMPLATE.map(|point| moved.apply(point));
        let fitted = Similarity::fit(&seen, &TEMPLATE);
        for (point, expected) in seen.iter().zip(TEMPLATE) {
            let [x, y] = fitted.apply(*point);
            assert!((x - expected[0]).abs() < 1e-3 && (y - expected[1]).abs() < 1e-3);
        }
        assert!((fitted.scale() * moved.scale() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn what_is_nearer_looks_larger_and_up_is_a_smaller_row() {
        let to_pixels = Similarity { a: 2.0, b: 0.0, dx: 50.0, dy: 50.0 };
        let camera = Camera { distance: 80.0, to_pixels };
        let far = camera.project(Vec3::new(3.0, 3.0, 0.0));
        let near = camera.project(Vec3::new(3.0, 3.0, 10.0));
        assert_eq!(far, [56.0, 44.0]);
        assert!(near[0] > far[0] && near[1] < far[1]);
    }
}

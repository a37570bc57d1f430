//! One visible point of a head, as its painter sees it.

use super::vector::Vec3;

/// A visible point.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spot {
    /// Place on the head at rest, in centimeters.
    pub(super) rest: Vec3,
    /// Normal in the frame of the camera.
    pub(super) normal: Vec3,
    /// Direction to the camera, in its frame.
    pub(super) view: Vec3,
    /// The material's own coordinates.
    pub(super) along: f32,
    pub(super) across: f32,
    /// Share of the sky that it sees, 0 to 1.
    pub(super) openness: f32,
    /// Share of the main light that arrives, 0 to 1.
    pub(super) lit: f32,
    /// Width of a pixel at the point, in centimeters.
    pub(super) pixel: f32,
}

impl Spot {
    /// How much of the pixel lies inside an edge that is `inside` centimeters away.
    pub(super) fn cover(&self, inside: f32) -> f32 {
        (0.5 + inside / self.pixel.max(1e-3)).clamp(0.0, 1.0)
    }

    /// The same with an edge that is blurred over `softness` centimeters.
    pub(super) fn soft_cover(&self, inside: f32, softness: f32) -> f32 {
        (0.5 + inside / self.pixel.max(softness)).clamp(0.0, 1.0)
    }
}

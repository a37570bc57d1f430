//! Points, directions and rotations in space; it does not know about heads or cameras.

use std::ops::{Add, AddAssign, Mul, Neg, Sub};

use super::curve::sin_cos;

/// Keeps the division finite for a vector of zeros.
const MIN_LENGTH: f32 = 1e-12;

/// A point or direction: `x` to the right of the picture, `y` up, `z` towards the viewer.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Vec3 {
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) z: f32,
}

impl Vec3 {
    pub(super) const ZERO: Self = Self::new(0.0, 0.0, 0.0);

    pub(super) const fn new(x: f32, y: f32, z: f32) -> Self {
        Self { x, y, z }
    }

    pub(super) fn dot(self, other: Self) -> f32 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(super) fn cross(self, other: Self) -> Self {
        Self::new(
            self.y * other.z - self.z * other.y,
            self.z * other.x - self.x * other.z,
            self.x * other.y - self.y * other.x,
        )
    }

    pub(super) fn length(self) -> f32 {
        self.dot(self).sqrt()
    }

    /// The direction of this vector; zero stays zero.
    pub(super) fn normalized(self) -> Self {
        self * (1.0 / self.length().max(MIN_LENGTH))
    }

    /// The point at `share` of the way to `other`.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        self + (other - self) * share
    }

    /// With `x` negated: the same place on the other half of the face.
    pub(super) fn mirrored(self) -> Self {
        Self::new(-self.x, self.y, self.z)
    }
}

impl Add for Vec3 {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::new(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl AddAssign for Vec3 {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Vec3 {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::new(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Mul<f32> for Vec3 {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self::new(self.x * factor, self.y * factor, self.z * factor)
    }
}

impl Neg for Vec3 {
    type Output = Self;
    fn neg(self) -> Self {
        self * -1.0
    }
}

/// A rotation of a head.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rotation {
    rows: [Vec3; 3],
}

impl Rotation {
    /// Turns by `yaw` (towards the right of the picture), then `pitch` (up), then `roll` (clockwise in
    /// the picture), in degrees.
    pub(super) fn from_degrees(yaw: f32, pitch: f32, roll: f32) -> Self {
        let (sin_yaw, cos_yaw) = sin_cos(yaw.to_radians());
        let (sin_pitch, cos_pitch) = sin_cos(pitch.to_radians());
        let (sin_roll, cos_roll) = sin_cos(roll.to_radians());
        // Columns of yaw after pitch: a head that is turned nods about its own axis.
        let right = Vec3::new(cos_yaw, 0.0, -sin_yaw);
        let up = Vec3::new(-sin_yaw * sin_pitch, cos_pitch, -cos_yaw * sin_pitch);
        let front = Vec3::new(sin_yaw * cos_pitch, sin_pitch, cos_yaw * cos_pitch);
        let rolled = |v: Vec3| {
            Vec3::new(v.x * cos_roll + v.y * sin_roll, v.y * cos_roll - v.x * sin_roll, v.z)
        };
        let (right, up, front) = (rolled(right), rolled(up), rolled(front));
        Self {
            rows: [
                Vec3::new(right.x, up.x, front.x),
                Vec3::new(right.y, up.y, front.y),
                Vec3::new(right.z, up.z, front.z),
            ],
        }
    }

    pub(super) fn apply(&self, v: Vec3) -> Vec3 {
        Vec3::new(self.rows[0].dot(v), self.rows[1].dot(v), self.rows[2].dot(v))
    }

    /// Undoes [`Self::apply`].
    pub(super) fn undo(&self, v: Vec3) -> Vec3 {
        self.rows[0] * v.x + self.rows[1] * v.y + self.rows[2] * v.z
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: Vec3 = Vec3::new(0.0, 0.0, 1.0);
    const UP: Vec3 = Vec3::new(0.0, 1.0, 0.0);

    #[test]
    fn angles_turn_the_way_they_say() {
        assert!(Rotation::from_degrees(30.0, 0.0, 0.0).apply(FRONT).x > 0.49);
        assert!(Rotation::from_degrees(0.0, 30.0, 0.0).apply(FRONT).y > 0.49);
        assert!(Rotation::from_degrees(0.0, 0.0, 30.0).apply(UP).x > 0.49);
        assert!(Rotation::from_degrees(30.0, 30.0, 0.0).apply(FRONT).x > 0.42);
    }

    #[test]
    fn a_rotation_keeps_lengths_and_can_be_undone() {
        let rotation = Rotation::from_degrees(-40.0, 15.0, 70.0);
        let v = Vec3::new(1.0, -2.0, 3.0);
        assert!((rotation.apply(v).length() - v.length()).abs() < 1e-5);
        assert!((rotation.undo(rotation.apply(v)) - v).length() < 1e-5);
    }
}

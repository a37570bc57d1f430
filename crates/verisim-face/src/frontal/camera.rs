//! Where points of the generic head fall in a photograph; it does not know how that is drawn.

use super::head::Head;
use crate::align::{AlignError, Similarity, Template};
use crate::synth::Pose;
use crate::{Landmarks, Point};

/// Below this part of the largest pivot, equations say nothing new.
const MIN_PIVOT: f64 = 1e-9;

/// An affine camera: column and row are linear in `x`, `y`, `z` of the generic head, in centimeters, and 1.
///
/// It sees no perspective, which a face at arm's length has a little of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    pub(super) column: [f64; 4],
    pub(super) row: [f64; 4],
}

/// Why no camera fits.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CameraError {
    /// The landmarks are not those of a face.
    #[error(transparent)]
    Landmarks(#[from] AlignError),
    /// Too few landmarks have a weight, or all of them lie in one plane.
    #[error(
        "the landmarks with a weight do not decide how the head is turned: at least five must be seen"
    )]
    Undecided,
}

impl Camera {
    /// The camera that brings the landmarks of the generic head nearest to those of a face, by least squares.
    ///
    /// Eight values are fitted to ten, so that most of what a face has of its own, such as a long nose, is taken
    /// for a turn.
    ///
    /// # Errors
    ///
    /// Fails if the landmarks are not those of a face.
    pub fn from_landmarks(landmarks: &Landmarks) -> Result<Self, CameraError> {
        Similarity::fit(landmarks, &Template::new(Template::ARCFACE))?;
        Self::fit(&Head::generic().landmarks, &landmarks.points, &[1.0; 5])
    }

    /// The same from the usual 68 landmarks (iBUG, 300-W: jaw, brows, nose, eyes, lips), each with a weight of
    /// at least 0; the unseen ones of a turned face, such as the farther half of the jaw, are best left at 0.
    ///
    /// # Errors
    ///
    /// Fails if a number is not finite, or if too few landmarks have a weight.
    pub fn from_68_landmarks(
        landmarks: &[Point; 68],
        weights: &[f32; 68],
    ) -> Result<Self, CameraError> {
        Self::fit(&Head::generic().landmarks_68, landmarks, weights)
    }

    fn fit<const N: usize>(
        points: &[[f64; 3]; N],
        places: &[Point; N],
        weights: &[f32; N],
    ) -> Result<Self, CameraError> {
        // Normal equations: four unknowns, and the sums for columns and for rows beside them.
        let mut equations = [[0.0; 6]; 4];
        for ((&[x, y, z], place), weight) in points.iter().zip(places).zip(weights) {
            let (known, weight) = ([x, y, z, 1.0], f64::from(weight.max(0.0)));
            if !place.x.is_finite() || !place.y.is_finite() || !weight.is_finite() {
                return Err(AlignError::NotFinite.into());
            }
            let seen = [f64::from(place.x), f64::from(place.y)];
            for (equation, factor) in equations.iter_mut().zip(known) {
                let sums = known.iter().chain(&seen);
                for (sum, value) in equation.iter_mut().zip(sums) {
                    *sum += weight * factor * value;
                }
            }
        }
        let [column, row] = solve(equations).ok_or(CameraError::Undecided)?;
        Ok(Self { column, row })
    }

    /// Column and row of a point.
    pub(super) fn place(&self, [x, y, z]: [f64; 3]) -> [f64; 2] {
        let at = |row: &[f64; 4]| row[0] * x + row[1] * y + row[2] * z + row[3];
        [at(&self.column), at(&self.row)]
    }

    /// Pixels of a centimeter, as the mean of both axes.
    pub(super) fn scale(&self) -> f64 {
        self.rotation().0
    }

    /// Direction of the viewer from the head, of length 1.
    pub(super) fn view(&self) -> [f64; 3] {
        self.rotation().1[2]
    }

    /// How the head is turned in the photograph: the rotation nearest to the camera's.
    pub fn pose(&self) -> Pose {
        let [right, up, front] = self.rotation().1;
        let degrees = |radians: f64| radians.to_degrees() as f32;
        Pose {
            yaw: degrees(-front[0].clamp(-1.0, 1.0).asin()),
            pitch: degrees((-front[1]).atan2(front[2])),
            roll: degrees((-up[0]).atan2(right[0])),
        }
    }

    /// Scale, and rows of the rotation: to the right of the picture, up, and to the viewer.
    ///
    /// With `M` the two rows of the camera, the nearest rows that are of one length and at right angles are
    /// those of `(M Mᵀ)^(-1/2) M`, their polar decomposition.
    fn rotation(&self) -> (f64, [[f64; 3]; 3]) {
        let right = [self.column[0], self.column[1], self.column[2]];
        let up = [-self.row[0], -self.row[1], -self.row[2]];
        let (a, b, c) = (dot(right, right), dot(right, up), dot(up, up));
        let root = (a * c - b * b).max(0.0).sqrt();
        let trace = (a + c + 2.0 * root).sqrt();
        // The square root of a matrix of two rows, and its inverse.
        let (p, q, r) = ((a + root) / trace, b / trace, (c + root) / trace);
        let inverse = 1.0 / (p * r - q * q);
        let of = |s: f64, t: f64| -> [f64; 3] {
            [0, 1, 2].map(|axis| inverse * (s * right[axis] + t * up[axis]))
        };
        let (unit_right, unit_up) = (of(r, -q), of(-q, p));
        (0.5 * (p + r), [unit_right, unit_up, cross(unit_right, unit_up)])
    }
}

pub(super) fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

fn cross(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

/// Solves four equations for two right sides by elimination; none if they do not decide.
fn solve(mut equations: [[f64; 6]; 4]) -> Option<[[f64; 4]; 2]> {
    let largest = (0..4).map(|index| equations[index][index].abs()).fold(0.0, f64::max);
    for pivot in 0..4 {
        let best = (pivot..4)
            .max_by(|&a, &b| equations[a][pivot].abs().total_cmp(&equations[b][pivot].abs()))?;
        equations.swap(pivot, best);
        let value = equations[pivot][pivot];
        if value.is_nan() || value.abs() <= MIN_PIVOT * largest {
            return None;
        }
        equations[pivot] = equations[pivot].map(|it| it / value);
        for other in (0..4).filter(|other| *other != pivot) {
            let (factor, known) = (equations[other][pivot], equations[pivot]);
            for (value, known) in equations[other].iter_mut().zip(known) {
                *value -= factor * known;
            }
        }
    }
    Some([4, 5].map(|side| equations.map(|equation| equation[side])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a head in a pose shows a camera of 5 pixels a centimeter.
    fn seen<const N: usize>(points: &[[f64; 3]; N], yaw: f64, pitch: f64, roll: f64) -> [Point; N] {
        let [(sy, cy), (sp, cp), (sr, cr)] = [yaw, pitch, roll].map(|it| it.to_radians().sin_cos());
        points.map(|[x, y, z]| {
            let (y, z) = (cp * y + sp * z, cp * z - sp * y);
            let x = cy * x + sy * z;
            let (x, y) = (cr * x + sr * y, cr * y - sr * x);
            Point { x: (80.0 + 5.0 * x) as f32, y: (60.0 - 5.0 * y) as f32 }
        })
    }

    #[test]
    fn the_pose_of_the_generic_head_is_found() {
        let head = Head::generic();
        for (yaw, pitch, roll) in [
            (0.0, 0.0, 0.0),
            (30.0, 0.0, 0.0),
            (-45.0, 10.0, 5.0),
            (20.0, -20.0, -40.0),
            (0.0, 5.0, 170.0),
        ] {
            let five = Landmarks { points: seen(&head.landmarks, yaw, pitch, roll) };
            let camera = Camera::from_landmarks(&five).unwrap();
            let many = seen(&head.landmarks_68, yaw, pitch, roll);
            let other = Camera::from_68_landmarks(&many, &[1.0; 68]).unwrap();
            for camera in [camera, other] {
                let pose = camera.pose();
                let found = [pose.yaw, pose.pitch, pose.roll].map(f64::from);
                let off = [found[0] - yaw, found[1] - pitch, found[2] - roll];
                assert!(off.iter().all(|off| off.abs() < 0.01), "{yaw} {pitch} {roll}: {off:?}");
                assert!((camera.scale() - 5.0).abs() < 1e-3);
            }
        }
    }

    #[test]
    fn a_landmark_without_weight_may_be_anywhere() {
        let head = Head::generic();
        let mut points = seen(&head.landmarks_68, 25.0, 0.0, 0.0);
        let mut weights = [1.0; 68];
        for index in 0..17 {
            points[index] = Point { x: 1e6, y: -1e6 };
            weights[index] = 0.0;
        }
        let pose = Camera::from_68_landmarks(&points, &weights).unwrap().pose();
        assert!((pose.yaw - 25.0).abs() < 0.01, "{pose:?}");
    }

    #[test]
    fn what_decides_nothing_is_refused() {
        let points = seen(&Head::generic().landmarks_68, 0.0, 0.0, 0.0);
        assert_eq!(Camera::from_68_landmarks(&points, &[0.0; 68]), Err(CameraError::Undecided));
        let mut three = [0.0; 68];
        three[30..33].fill(1.0);
        assert_eq!(Camera::from_68_landmarks(&points, &three), Err(CameraError::Undecided));
        let mut wrong = points;
        wrong[5].x = f32::NAN;
        let refused = Camera::from_68_landmarks(&wrong, &[1.0; 68]);
        assert_eq!(refused, Err(AlignError::NotFinite.into()));
        let same = Landmarks { points: [Point { x: 3.0, y: 3.0 }; 5] };
        assert!(matches!(Camera::from_landmarks(&same), Err(CameraError::Landmarks(_))));
    }
}

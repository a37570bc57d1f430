//! How good a picture of a face is for recognition; it does not know whose it is, nor any model.
//!
//! One value from 0 to 100, and words that say what is wrong. Both follow components of ISO/IEC 29794-5:2025
//! (OFIQ) that can be computed from pixels and five landmarks; the value is our own product of them, not the
//! standard's unified quality score, and is no probability. With clamping to `[0, 1]` everywhere,
//!
//! ```text
//! value     = 100 · size · pose · sharpness · light · inside · detection
//! size      = (eye distance − 10) / 25             eye distance in pixels; 35 are those of a chip
//! pose      = cos²(yaw) · cos²(pitch)              as OFIQ; roll is undone by alignment
//! sharpness = (0.85 − blur) / 0.3                  blur effect of the chip, 0.55 or less in sharp pictures
//! light     = (1 − dark) · (1 − bright)            shares of the face with values ≤ 25 and ≥ 247, as OFIQ
//! inside    = share of the face that lies in the photograph
//! detection = score of the detector
//! ```
//!
//! *Blur effect*: how little the differences of neighboring pixels shrink if the picture is blurred once more
//! (Crete et al., *The Blur Effect: Perception and Estimation with a New No-Reference Perceptual Blur Metric*,
//! SPIE 2007), which does not depend on contrast. On 807 photographs of LFW it is 0.40 to 0.57 for nine of ten
//! faces, and 0.68 to 0.79 where their chips were blurred by 2 pixels.

use crate::align::{Similarity, Template, box_chip, chip};
use crate::chip::{Channels, to_channels};
use crate::frontal::{Camera, CameraError};
use crate::synth::Pose;
use crate::{FoundFace, Picture, Point};

/// Distance of the eyes as a part of the width of a detector's box: the median over LFW with `YuNet`.
const EYES_OF_BOX: f32 = 0.46;
/// Eye distances of quality 0 and of quality 1, in pixels.
const EYE_DISTANCES: [f32; 2] = [10.0, 35.0];
/// Blur effects of quality 0 and of quality 1.
const BLURS: [f32; 2] = [0.85, 0.55];
/// Values of at most the first are dark, of at least the second bright.
const DARK_BRIGHT: [u8; 2] = [25, 247];
/// Pixels whose mean blurs a chip once more, along a row or column.
const BLUR_LENGTH: usize = 9;
/// Side of the chip that is measured, and of the border that is not.
const SIDE: usize = 112;
const BORDER: usize = 16;
/// Center and half axes of the face in it, brows to chin.
const FACE: [[f64; 2]; 2] = [[55.5, 68.0], [36.0, 46.0]];

/// What was measured of a face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Distance of the eyes in the photograph, in pixels; from the box where there are no landmarks.
    pub eye_distance: f32,
    /// Direction of the head, if there are landmarks; by five of them, within some 10 degrees.
    pub pose: Option<Pose>,
    /// Blur effect, from 0, sharp, to 1.
    pub blur: f32,
    /// Share of the face that is nearly black.
    pub dark: f32,
    /// Share of the face that is nearly white.
    pub bright: f32,
    /// Share of the face that lies in the photograph.
    pub inside: f32,
    /// Score of the detector, in `[0, 1]`.
    pub detection: f32,
}

/// What is too bad to be used without a warning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QualityLimits {
    /// Least distance of the eyes in pixels; by default 18, half of what a chip shows.
    pub min_eye_distance: f32,
    /// Largest yaw to either side in degrees; 45 by default.
    pub max_yaw: f32,
    /// Largest pitch up or down in degrees; 35 by default, as five landmarks tell it badly.
    pub max_pitch: f32,
    /// Largest blur effect; 0.75 by default.
    pub max_blur: f32,
    /// Largest share of nearly black pixels; 0.4 by default.
    pub max_dark: f32,
    /// Largest share of nearly white pixels; 0.25 by default.
    pub max_bright: f32,
    /// Least share of the face in the photograph; 0.8 by default.
    pub min_inside: f32,
    /// Least score of the detector; 0.6 by default.
    pub min_detection: f32,
}

impl Default for QualityLimits {
    fn default() -> Self {
        Self {
            min_eye_distance: 18.0,
            max_yaw: 45.0,
            max_pitch: 35.0,
            max_blur: 0.75,
            max_dark: 0.4,
            max_bright: 0.25,
            min_inside: 0.8,
            min_detection: 0.6,
        }
    }
}

/// What is wrong with a picture of a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum QualityReason {
    /// The eyes are too close together in the photograph.
    FaceTooSmall,
    /// The head is turned too far.
    ExtremePose,
    /// It is out of focus, moved, or enlarged.
    Blurred,
    /// Too much of the face is black.
    TooDark,
    /// Too much of the face is white.
    TooBright,
    /// Too much of the face lies outside of the photograph.
    FaceCutOff,
    /// The detector is not sure that it is a face.
    LowDetectionScore,
}

impl QualityReason {
    /// A word for reports that does not change between versions.
    pub fn word(self) -> &'static str {
        match self {
            Self::FaceTooSmall => "face_too_small",
            Self::ExtremePose => "extreme_pose",
            Self::Blurred => "blurred",
            Self::TooDark => "too_dark",
            Self::TooBright => "too_bright",
            Self::FaceCutOff => "face_cut_off",
            Self::LowDetectionScore => "low_detection_score",
        }
    }
}

impl Measures {
    /// Measures a face in its photograph.
    ///
    /// # Errors
    ///
    /// Fails if the landmarks are not those of a face, or if there are none and the box has no area.
    pub fn of(photograph: &Picture, face: &FoundFace) -> Result<Self, CameraError> {
        let (aligned, to_chip, eye_distance, pose) = if let Some(landmarks) = &face.landmarks {
            let template = Template::new([SIDE, SIDE]);
            let aligned = chip(photograph, landmarks, &template)?;
            let to_chip = Similarity::fit(landmarks, &template)?;
            let [Point { x, y }, right, ..] = landmarks.points;
            let pose = Camera::from_landmarks(landmarks)?.pose();
            (aligned, to_chip, (right.x - x).hypot(right.y - y), Some(pose))
        } else {
            let aligned = box_chip(photograph, &face.area, 0.0, [SIDE, SIDE])?;
            let to_chip = Similarity::of_box(&face.area, 0.0, [SIDE, SIDE])?;
            (aligned, to_chip, EYES_OF_BOX * face.area.width, None)
        };
        let to_photograph = to_chip.inverse();
        let gray = to_channels(&aligned, Channels::Gray);
        let (mut n_face, mut n_inside, mut n_dark, mut n_bright) = (0.0, 0.0, 0.0, 0.0);
        let [right, bottom] =
            [photograph.width(), photograph.height()].map(|side| side as f64 - 1.0);
        for (index, value) in gray.iter().enumerate() {
            let place = [(index % SIDE) as f64, (index / SIDE) as f64];
            let [across, down] = [0, 1].map(|axis| (place[axis] - FACE[0][axis]) / FACE[1][axis]);
            if across * across + down * down > 1.0 {
                continue;
            }
            n_face += 1.0;
            let [x, y] = to_photograph.apply(place);
            // What lies outside is black in the chip, but not in the face.
            if !(0.0..=right).contains(&x) || !(0.0..=bottom).contains(&y) {
                continue;
            }
            n_inside += 1.0;
            n_dark += f32::from(u8::from(*value <= DARK_BRIGHT[0]));
            n_bright += f32::from(u8::from(*value >= DARK_BRIGHT[1]));
        }
        let share = |n: f32| if n_inside > 0.0 { n / n_inside } else { 0.0 };
        Ok(Self {
            eye_distance,
            pose,
            blur: blur_effect(&gray),
            dark: share(n_dark),
            bright: share(n_bright),
            inside: n_inside / n_face,
            detection: face.score,
        })
    }

    /// The value from 0 to 100; what is not a number counts as bad as can be.
    pub fn value(&self) -> u8 {
        let turned = self.pose.map_or(1.0, |Pose { yaw, pitch, .. }| {
            let square = |degrees: f32| degrees.to_radians().cos().max(0.0).powi(2);
            square(yaw) * square(pitch)
        });
        let components = [
            between(EYE_DISTANCES, self.eye_distance),
            turned,
            between(BLURS, self.blur),
            1.0 - self.dark,
            1.0 - self.bright,
            self.inside,
            self.detection,
        ];
        let share = |value: f32| if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) };
        let product: f32 = components.into_iter().map(share).product();
        (100.0 * product).round() as u8
    }

    /// What is worse than the limits, in the order of [`QualityReason`]; what is not a number is.
    pub fn reasons(&self, limits: &QualityLimits) -> Vec<QualityReason> {
        let at_least = |value: f32, limit: f32| value >= limit;
        let at_most = |value: f32, limit: f32| value <= limit;
        let is_frontal = self.pose.is_none_or(|Pose { yaw, pitch, .. }| {
            at_most(yaw.abs(), limits.max_yaw) && at_most(pitch.abs(), limits.max_pitch)
        });
        let checks = [
            (at_least(self.eye_distance, limits.min_eye_distance), QualityReason::FaceTooSmall),
            (is_frontal, QualityReason::ExtremePose),
            (at_most(self.blur, limits.max_blur), QualityReason::Blurred),
            (at_most(self.dark, limits.max_dark), QualityReason::TooDark),
            (at_most(self.bright, limits.max_bright), QualityReason::TooBright),
            (at_least(self.inside, limits.min_inside), QualityReason::FaceCutOff),
            (at_least(self.detection, limits.min_detection), QualityReason::LowDetectionScore),
        ];
        checks.into_iter().filter_map(|(is_good, reason)| (!is_good).then_some(reason)).collect()
    }
}

/// From 0 at the first value to 1 at the second, and beyond.
fn between([bad, good]: [f32; 2], value: f32) -> f32 {
    (value - bad) / (good - bad)
}

/// The blur effect of a gray chip: the worse one of rows and columns; 1 for a chip that is all of one color.
fn blur_effect(gray: &[u8]) -> f32 {
    let along = |across: usize, down: usize| {
        let at = |x: usize, y: usize| f32::from(gray[x * across + y * down]);
        let (mut sharp, mut lost) = (0.0, 0.0);
        for y in BORDER..SIDE - BORDER {
            for x in BORDER + 1..SIDE - BORDER {
                let step = (at(x, y) - at(x - 1, y)).abs();
                // Means of neighboring windows differ by what enters and what leaves.
                let half = BLUR_LENGTH / 2;
                let blurred = (at(x + half, y) - at(x - 1 - half, y)).abs() / BLUR_LENGTH as f32;
                sharp += step;
                lost += (step - blurred).max(0.0);
            }
        }
        if sharp > 0.0 { (sharp - lost) / sharp } else { 1.0 }
    };
    along(1, SIDE).max(along(SIDE, 1))
}

#[cfg(test)]
mod tests;

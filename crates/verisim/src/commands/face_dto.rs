//! A face that was found, for programs; it holds places and no pixels.

use serde::Serialize;
use verisim_face::FoundFace;
use verisim_face::quality::{Measures, QualityLimits, QualityReason};

/// Where a face is in its photograph.
#[derive(Debug, Serialize)]
pub(crate) struct FaceDto {
    /// Left edge, upper edge, width and height in pixels.
    #[serde(rename = "box")]
    area: [f32; 4],
    /// How sure the detector is, in `[0, 1]`; it is no similarity.
    detector_score: f32,
    /// Whether it was aligned by its landmarks, and not by its box alone.
    aligned: bool,
    /// How good the picture of it is, from 0 to 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    /// What is wrong with it, if anything.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<&'static str>,
}

impl FaceDto {
    /// A face, and what was measured of it.
    pub(crate) fn new(face: &FoundFace, measures: Option<&Measures>) -> Self {
        let FoundFace { area, landmarks, score } = face;
        Self {
            area: [area.x, area.y, area.width, area.height],
            detector_score: *score,
            aligned: landmarks.is_some(),
            quality: measures.map(Measures::value),
            reasons: measures.map(words).unwrap_or_default(),
        }
    }
}

/// What is wrong with a picture of a face, in words that do not change between versions.
pub(crate) fn words(measures: &Measures) -> Vec<&'static str> {
    let reasons = measures.reasons(&QualityLimits::default());
    reasons.into_iter().map(QualityReason::word).collect()
}

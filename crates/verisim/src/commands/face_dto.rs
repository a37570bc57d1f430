//! A face that was found, for programs; it holds places and no pixels.

use serde::Serialize;
use verisim_face::FoundFace;

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
}

impl From<FoundFace> for FaceDto {
    fn from(FoundFace { area, landmarks, score }: FoundFace) -> Self {
        Self {
            area: [area.x, area.y, area.width, area.height],
            detector_score: score,
            aligned: landmarks.is_some(),
        }
    }
}

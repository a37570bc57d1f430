//! Any distance as a similarity, and any similarity as a distance, for losses that are made for one of them.

use crate::metric::distance::Distance;

/// The similarity itself, or `1 - d`; its slope is `-distance.sign()`.
pub(super) fn similarity(distance: Distance, value: f64) -> f64 {
    if distance.is_similarity() { value } else { 1.0 - value }
}

/// The distance itself, or `1 - s`; its slope is `distance.sign()`.
pub(super) fn gap(distance: Distance, value: f64) -> f64 {
    if distance.is_similarity() { 1.0 - value } else { value }
}

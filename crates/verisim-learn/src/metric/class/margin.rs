//! Margins on the angle between a feature and its center, and the slopes that go with them.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// Squared sine below which a feature lies on a center, or opposite: no direction leads away.
pub(super) const MIN_SINE_SQUARED: f64 = 1e-12;

/// Which gradient goes through a margin on the angle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MarginGradient {
    /// The derivative: `sin(θ + m) / sin θ`.
    #[default]
    Exact,
    /// 1, as InsightFace's trainer does it, which adds the margin without telling the gradient.
    StraightThrough,
}

/// `cos(θ + m)` and its change with `cos θ`, through the sum formula, so that no `acos` is needed.
///
/// Past `θ = π - m` it is `cos θ - m sin m`, which keeps falling.
pub(super) fn with_margin(cosine: f64, margin: f64) -> (f64, f64) {
    if is_past_turn(cosine, margin) {
        return (cosine - margin * margin.sin(), 1.0);
    }
    let (sin_m, cos_m) = margin.sin_cos();
    let sine = sine_of(cosine);
    let slope = if sine > 0.0 { cos_m + cosine * sin_m / sine } else { cos_m };
    (cosine * cos_m - sine * sin_m, slope)
}

/// Whether `θ + m` is past a half turn, where its cosine would rise again.
pub(super) fn is_past_turn(cosine: f64, margin: f64) -> bool {
    cosine < (PI - margin).cos()
}

/// `sin θ`, or 0 where it is too small to divide by.
pub(super) fn sine_of(cosine: f64) -> f64 {
    let squared = (1.0 - cosine) * (1.0 + cosine);
    if squared > MIN_SINE_SQUARED { squared.sqrt() } else { 0.0 }
}

/// `cos φ` where `φ` is up to a half turn, and a curve that keeps falling beyond: `(-1)^k cos φ - 2k`, with
/// `k` the number of half turns. With it, the sign.
pub(super) fn unrolled(angle: f64) -> (f64, f64) {
    let half_turns = (angle / PI).floor().max(0.0);
    let sign = if half_turns % 2.0 == 0.0 { 1.0 } else { -1.0 };
    (sign * angle.cos() - 2.0 * half_turns, sign)
}

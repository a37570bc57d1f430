//! ArcFace: softmax over identities, with a margin added to the angle of the true one.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::{Deserialize, Serialize};

use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Keeps the slope of the sine finite where a feature lies on a center.
const MIN_SINE_SQUARED: f64 = 1e-12;

/// Additive angular margin loss.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity,
/// the loss of one sample is
///
/// ```text
/// L = -log( exp(s cos(θ_y + m)) / (exp(s cos(θ_y + m)) + Σ_{j≠y} exp(s cos θ_j)) )
/// ```
///
/// Where `θ_y > π - m`, `cos(θ_y + m)` would rise again; `cos θ_y - m sin m` takes its place, as in
/// the authors' code.
///
/// Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition*, CVPR 2019,
/// <https://arxiv.org/abs/1801.07698>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArcFaceLoss {
    /// Margin `m`, in radians, in `[0, pi/2)`; 0.5 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Which gradient goes through the margin.
    #[serde(default)]
    pub gradient: MarginGradient,
}

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

fn paper_margin() -> f64 {
    0.5
}

fn paper_scale() -> f64 {
    64.0
}

impl ClassLoss for ArcFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        require("margin", self.margin, in_range, "in [0, pi/2), in radians")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        cross_entropy(scene, self.scale, |_, cosine| {
            let (logit, slope) = with_margin(cosine, self.margin);
            let slope = match self.gradient {
                MarginGradient::Exact => slope,
                MarginGradient::StraightThrough => 1.0,
            };
            Target { logit: self.scale * logit, slope: self.scale * slope }
        })
    }
}

/// `cos(θ + m)` and its change with `cos θ`, through the sum formula, so that no `acos` is needed.
fn with_margin(cosine: f64, margin: f64) -> (f64, f64) {
    let (sin_m, cos_m) = margin.sin_cos();
    if cosine < (PI - margin).cos() {
        return (cosine - margin * sin_m, 1.0);
    }
    let sine_squared = 1.0 - cosine * cosine;
    let sine = sine_squared.max(MIN_SINE_SQUARED).sqrt();
    let slope = if sine_squared > MIN_SINE_SQUARED { cos_m + cosine * sin_m / sine } else { cos_m };
    (cosine * cos_m - sine * sin_m, slope)
}

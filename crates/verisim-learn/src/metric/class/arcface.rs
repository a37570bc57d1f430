//! ArcFace: softmax over identities, with a margin added to the angle of the true one.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::margin::{MarginGradient, with_margin};
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

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
            let (with_margin, slope) = with_margin(cosine, self.margin);
            let slope = match self.gradient {
                MarginGradient::Exact => slope,
                MarginGradient::StraightThrough => 1.0,
            };
            Target::new(self.scale, (with_margin, slope))
        })
        .into()
    }
}

//! CosFace: softmax over identities, with a margin taken from the cosine of the true one.

use serde::{Deserialize, Serialize};

use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Large margin cosine loss, also known as AM-Softmax.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity,
///
/// ```text
/// L = -log( exp(s (cos θ_y - m)) / (exp(s (cos θ_y - m)) + Σ_{j≠y} exp(s cos θ_j)) )
/// ```
///
/// Wang et al., *CosFace: Large Margin Cosine Loss for Deep Face Recognition*, CVPR 2018,
/// <https://arxiv.org/abs/1801.09414>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CosFaceLoss {
    /// Margin `m`, in `[0, 2)`; 0.35 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_margin() -> f64 {
    0.35
}

fn paper_scale() -> f64 {
    64.0
}

impl ClassLoss for CosFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, (0.0..2.0).contains(&self.margin), "in [0, 2)")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let target = |_, cosine| Target::new(self.scale, (cosine - self.margin, 1.0));
        cross_entropy(scene, self.scale, target).into()
    }
}

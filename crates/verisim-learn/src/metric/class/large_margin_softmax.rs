//! L-Softmax: a linear classifier without bias, with the angle of the true identity multiplied.

use serde::{Deserialize, Serialize};

use super::multiple;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Large margin softmax loss.
///
/// With `θ_j` the angle between a feature `x` and the center `c_j` of identity `j`, and `y` the true
/// identity,
///
/// ```text
/// L = -log( exp(s |x| |c_y| ψ(θ_y)) / (exp(s |x| |c_y| ψ(θ_y)) + Σ_{j≠y} exp(s |x| |c_j| cos θ_j)) )
/// ψ(θ) = (-1)^k cos mθ - 2k    for θ in [kπ/m, (k+1)π/m]
/// ```
///
/// Liu et al., *Large-Margin Softmax Loss for Convolutional Neural Networks*, ICML 2016,
/// <https://arxiv.org/abs/1612.02295>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargeMarginSoftmaxLoss {
    /// By how much the angle is multiplied, `m`, 1 or more; up to 4 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: u32,
    /// Scale `s` of the logits beside the lengths, above 0; 1 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_margin() -> u32 {
    4
}

fn paper_scale() -> f64 {
    1.0
}

impl ClassLoss for LargeMarginSoftmaxLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", f64::from(self.margin), self.margin >= 1, "1 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn needs_norms(&self) -> bool {
        true
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        multiple::evaluate(scene, self.margin, self.scale, true)
    }
}

//! SphereFace: softmax over identities on a sphere, with the angle of the true one multiplied.

use serde::{Deserialize, Serialize};

use super::multiple;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Angular softmax (A-Softmax) loss.
///
/// With `θ_j` the angle between a feature `x` and the center of identity `j`, and `y` the true identity,
///
/// ```text
/// L = -log( exp(s |x| ψ(θ_y)) / (exp(s |x| ψ(θ_y)) + Σ_{j≠y} exp(s |x| cos θ_j)) )
/// ψ(θ) = (-1)^k cos mθ - 2k    for θ in [kπ/m, (k+1)π/m]
/// ```
///
/// The authors blend `ψ` with the cosine at first, and less and less; that is not done here.
///
/// Liu et al., *SphereFace: Deep Hypersphere Embedding for Face Recognition*, CVPR 2017,
/// <https://arxiv.org/abs/1704.08063>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SphereFaceLoss {
    /// By how much the angle is multiplied, `m`, 1 or more; 4 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: u32,
    /// Scale `s` of the logits beside the length of the feature, above 0; 1 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_margin() -> u32 {
    4
}

fn paper_scale() -> f64 {
    1.0
}

impl ClassLoss for SphereFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", f64::from(self.margin), self.margin >= 1, "1 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn needs_norms(&self) -> bool {
        true
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        multiple::evaluate(scene, self.margin, self.scale, false)
    }
}

//! Softmax over the cosines of all identities, with a temperature and no margin.

use serde::{Deserialize, Serialize};

use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Normalized softmax loss, also known as NormFace.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity,
///
/// ```text
/// L = -log( exp(cos θ_y / t) / Σ_j exp(cos θ_j / t) )
/// ```
///
/// Zhai and Wu, *Classification is a Strong Baseline for Deep Metric Learning*, BMVC 2019,
/// <https://arxiv.org/abs/1811.12649>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalizedSoftmaxLoss {
    /// Temperature `t`, above 0; 0.05 in the paper.
    #[serde(default = "paper_temperature")]
    pub temperature: f64,
}

fn paper_temperature() -> f64 {
    0.05
}

impl ClassLoss for NormalizedSoftmaxLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("temperature", self.temperature, self.temperature > 0.0, "above 0")
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let scale = 1.0 / self.temperature;
        cross_entropy(scene, scale, |_, cosine| Target::new(scale, (cosine, 1.0))).into()
    }
}

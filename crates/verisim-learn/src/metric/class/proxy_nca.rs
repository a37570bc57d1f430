//! Proxy-NCA: the neighbor of a feature is drawn among the centers of all identities.

use serde::{Deserialize, Serialize};

use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Neighborhood component analysis with one center, or proxy, for each identity.
///
/// With `d_j` the Euclidean distance between a feature and the center of identity `j`, both of length 1,
///
/// ```text
/// L = -log( exp(-s d_y²) / Σ_j exp(-s d_j²) )
/// ```
///
/// The own identity `y` is in the sum, as in ProxyNCA++ and in pytorch-metric-learning; the first paper
/// leaves it out. pytorch-metric-learning leaves out, too, samples whose share underflows to 0; here they
/// count, and pull.
///
/// Movshovitz-Attias et al., *No Fuss Distance Metric Learning using Proxies*, ICCV 2017,
/// <https://arxiv.org/abs/1703.07464>; Teh et al., *ProxyNCA++*, ECCV 2020,
/// <https://arxiv.org/abs/2004.01113>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyNcaLoss {
    /// Scale `s` of the squared distances, above 0; 1 in the first paper, 9 in ProxyNCA++.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_scale() -> f64 {
    1.0
}

impl ClassLoss for ProxyNcaLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        // d² = 2 - 2 cos θ, and the 2 is common to all logits.
        let scale = 2.0 * self.scale;
        cross_entropy(scene, scale, |_, cosine| Target::new(scale, (cosine, 1.0))).into()
    }
}

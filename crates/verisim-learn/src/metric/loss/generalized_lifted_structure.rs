//! Generalized lifted structure loss: all mated references of an anchor at once against all others.

use serde::{Deserialize, Serialize};

use super::row::{by_row, relations};
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Lifted structure loss, generalized to all mated references of an anchor.
///
/// With `d` the distance of an anchor and a reference, the loss of one anchor is
///
/// ```text
/// ( log Σ_mated exp(d - m_mated) + log Σ_non-mated exp(m - d) )₊
/// ```
///
/// and `L` is the mean over all anchors. A sum without terms leaves its logarithm out, as in
/// pytorch-metric-learning: an anchor without mated pairs is still pushed away from the others. With a
/// similarity `s` the exponents are `m_mated - s` and `s - m`. A pair that was mined twice counts once.
///
/// Hermans et al., *In Defense of the Triplet Loss for Person Re-Identification*, 2017, page 4,
/// <https://arxiv.org/abs/1703.07737>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GeneralizedLiftedStructureLoss {
    /// `m_mated`, any number; 0 in the paper.
    #[serde(default)]
    pub mated_margin: f64,
    /// Margin `m`, any number; 1 is pytorch-metric-learning's, the paper tries several.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl TupleLoss for GeneralizedLiftedStructureLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let Self { mated_margin, margin } = *self;
        let sign = scene.distance.sign();
        by_row(scene, &relations(scene), |row| {
            let [mated, non_mated] = row.log_sums(
                None,
                move |value| sign * (value - mated_margin),
                move |value| sign * (margin - value),
            );
            let excess = mated.value_or(0.0) + non_mated.value_or(0.0);
            let slope = if excess > 0.0 { sign } else { 0.0 };
            row.scale(slope * mated.share, -slope * non_mated.share);
            excess.max(0.0)
        })
    }
}

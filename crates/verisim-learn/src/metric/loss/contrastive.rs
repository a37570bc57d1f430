//! Contrastive loss with a margin: mated pairs together, non-mated pairs apart.

use serde::{Deserialize, Serialize};

use super::pair_term::{PairLoss, Terms};
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Contrastive loss over pairs.
///
/// With `d` the distance of a pair,
///
/// ```text
/// L = mean⁺ (d - m_mated)₊ over mated pairs + mean⁺ (m - d)₊ over non-mated pairs
/// ```
///
/// where `mean⁺` is taken over the pairs that still have a loss. Distances are not squared. With a
/// similarity `s` the terms are `(m_mated - s)₊` and `(s - m)₊`; margins of 1 and 0 suit it.
///
/// Hadsell et al., *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006,
/// <https://doi.org/10.1109/CVPR.2006.100>, with squares; this form is that of pytorch-metric-learning.
/// [`SquaredContrastiveLoss`](super::SquaredContrastiveLoss) has the squares.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveLoss {
    /// Distance within which a mated pair is left alone, any number; 0, pytorch-metric-learning's, leaves
    /// none alone.
    #[serde(default)]
    pub mated_margin: f64,
    /// Distance beyond which a non-mated pair is left alone, any number; 1 is pytorch-metric-learning's.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl TupleLoss for ContrastiveLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let distance = scene.distance;
        let sign = distance.sign();
        let pairs = scene.pairs();
        let mut terms = Terms::new(scene);
        terms.add(&pairs.mated, |value| {
            PairLoss::hinge(distance.margin(value, self.mated_margin), sign)
        });
        terms.add(&pairs.non_mated, |value| {
            PairLoss::hinge(distance.margin(self.margin, value), -sign)
        });
        terms.slope()
    }
}

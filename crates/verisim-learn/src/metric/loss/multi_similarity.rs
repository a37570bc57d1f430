//! Multi-similarity loss: each pair counts by how it compares with the other pairs of its anchor.

use serde::{Deserialize, Serialize};

use super::row::{by_row, relations};
use crate::metric::distance::Distance;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Multi-similarity loss.
///
/// With `s` the cosine of an anchor and a reference, the loss of one anchor is
///
/// ```text
/// 1/α log(1 + Σ_mated exp(-α (s - λ))) + 1/β log(1 + Σ_non-mated exp(β (s - λ)))
/// ```
///
/// and `L` is the mean over all anchors, with mated or non-mated pairs or without. With a distance `d`,
/// `λ - d` takes the place of `s - λ`. A pair that was mined twice counts once.
///
/// Wang et al., *Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning*, CVPR 2019,
/// <https://arxiv.org/abs/1904.06627>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiSimilarityLoss {
    /// Scale `α` of mated pairs, above 0; 2 in the paper.
    #[serde(default = "paper_alpha")]
    pub alpha: f64,
    /// Scale `β` of non-mated pairs, above 0; 50 in the paper.
    #[serde(default = "paper_beta")]
    pub beta: f64,
    /// Similarity `λ` above which a mated pair, or below which a non-mated pair, counts little; 0.5 is
    /// that of pytorch-metric-learning and of the authors' code, where the paper has 1.
    #[serde(default = "half")]
    pub base: f64,
}

fn paper_alpha() -> f64 {
    2.0
}

fn paper_beta() -> f64 {
    50.0
}

fn half() -> f64 {
    0.5
}

impl TupleLoss for MultiSimilarityLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("alpha", self.alpha, self.alpha > 0.0, "above 0")?;
        require("beta", self.beta, self.beta > 0.0, "above 0")?;
        require("base", self.base, true, "a number")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let Self { alpha, beta, base } = *self;
        let sign = scene.distance.sign();
        by_row(scene, &relations(scene), |row| {
            let [mated, non_mated] = row.log_sums(
                Some(0.0),
                move |value| alpha * sign * (value - base),
                move |value| beta * sign * (base - value),
            );
            row.scale(sign * mated.share, -sign * non_mated.share);
            mated.value / alpha + non_mated.value / beta
        })
    }
}

//! Pairs that are hard beside the hardest pair of the other kind.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, farthest, nearest, pairs_by_anchor};
use crate::metric::distance::Distance;
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Chooses the pairs of an anchor that are not in order with all pairs of the other kind, by a margin.
///
/// ```text
/// mated      if s(a, p) - ε < max s(a, n)
/// non-mated  if s(a, n) + ε > min s(a, p)
/// ```
///
/// With a distance it is the other way round. An anchor without mated or without non-mated references
/// has no pair. The pairs of an anchor come in ascending order of their similarity (or distance), as in
/// pytorch-metric-learning; ties by position. Cosine similarity, unless another distance is asked for.
///
/// Wang et al., *Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning*, CVPR 2019,
/// <https://arxiv.org/abs/1904.06627>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiSimilarityMiner {
    /// Margin `ε`, any number; 0.1 in the paper.
    #[serde(default = "paper_epsilon")]
    pub epsilon: f64,
}

fn paper_epsilon() -> f64 {
    0.1
}

impl Mine for MultiSimilarityMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("epsilon", self.epsilon, true, "a number")
    }

    fn distance(&self) -> Option<Distance> {
        Some(Distance::Cosine)
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let sign = scene.distance.sign();
        let in_order = |mut chosen: Vec<(usize, f64)>| {
            chosen.sort_by(|one, other| (sign * one.1).total_cmp(&(sign * other.1)));
            chosen.into_iter().map(|(index, _)| index).collect()
        };
        Tuples::Pairs(pairs_by_anchor(farness.n_anchors(), |anchor| {
            let hardest_mated = farthest(farness.mated(anchor));
            let hardest_other = nearest(farness.non_mated(anchor));
            let Some(((_, far), (_, near))) = hardest_mated.zip(hardest_other) else {
                return [Vec::new(), Vec::new()];
            };
            let mated = farness.mated(anchor).filter(|it| it.1 + self.epsilon > near);
            let non_mated = farness.non_mated(anchor).filter(|it| it.1 - self.epsilon < far);
            [in_order(mated.collect()), in_order(non_mated.collect())]
        }))
    }
}

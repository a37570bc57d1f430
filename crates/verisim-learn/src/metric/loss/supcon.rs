//! Supervised contrastive loss: a softmax over all other samples, in which every mated one is right.

use serde::{Deserialize, Serialize};

use super::row::{by_row, relations};
use crate::metric::distance::Distance;
use crate::metric::relevance::{Relation, Relations};
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Supervised contrastive loss.
///
/// With `s` the cosine of an anchor and a reference, the loss of one anchor is
///
/// ```text
/// -mean_mated log( exp(s / t) / Σ exp(s / t) )      the sum: mated and non-mated, without itself
/// ```
///
/// and `L` is the mean over the anchors that have one; without mated pairs there is none. This is the
/// form with the mean outside of the logarithm (`L_out`), which the paper prefers. With a distance `d`,
/// `-d` takes the place of `s`. A pair that was mined twice counts once. A batch without any non-mated
/// pair has a loss of 0, as in pytorch-metric-learning: there is nothing to contrast.
///
/// Khosla et al., *Supervised Contrastive Learning*, `NeurIPS` 2020, <https://arxiv.org/abs/2004.11362>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupConLoss {
    /// Temperature `t`, above 0; 0.1 in the paper.
    #[serde(default = "paper_temperature")]
    pub temperature: f64,
}

fn paper_temperature() -> f64 {
    0.1
}

impl TupleLoss for SupConLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("temperature", self.temperature, self.temperature > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let relations = relations(scene);
        if !has_non_mated(&relations) {
            return Slope::default();
        }
        let factor = -scene.distance.sign() / self.temperature;
        by_row(scene, &relations, |row| {
            let logit = move |value: f64| value * factor;
            let [mated, non_mated] = row.log_sums(None, logit, logit);
            if mated.share == 0.0 {
                row.scale(0.0, 0.0);
                return 0.0;
            }
            let max = mated.value.max(non_mated.value);
            let [to_mated, to_others] = [mated, non_mated].map(|sum| (sum.value - max).exp());
            let total = to_mated + to_others;
            let log_sum = max + total.ln();
            row.scale(
                factor * mated.share * to_mated / total,
                factor * non_mated.share * to_others / total,
            );
            let is_mated = |relation: &Relation| *relation == Relation::Mated;
            let n_mated = row.relations.iter().filter(|it| is_mated(it)).count() as f64;
            let mut loss = 0.0;
            for ((slope, &value), relation) in
                row.slopes.iter_mut().zip(row.values).zip(row.relations)
            {
                if is_mated(relation) {
                    *slope -= factor / n_mated;
                    loss += log_sum - logit(value);
                }
            }
            (loss / n_mated).max(0.0)
        })
    }
}

fn has_non_mated(relations: &Relations) -> bool {
    (0..relations.n_anchors()).any(|anchor| relations.non_mated(anchor).next().is_some())
}

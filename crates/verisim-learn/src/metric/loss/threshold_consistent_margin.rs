//! Threshold-consistent margin loss: one threshold should suit all identities.

use serde::{Deserialize, Serialize};

use super::pair_term::PairLoss;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Threshold-consistent margin loss.
///
/// With `s` the cosine of a pair,
///
/// ```text
/// L = λ_mated mean (m_mated - s) over mated pairs with s <= m_mated
///   + λ mean (s - m) over non-mated pairs with s >= m
/// ```
///
/// where a mean without pairs is 0. With a distance `d` the terms are `d - m_mated` where that is not
/// below 0, and `m - d`. The means are part of the loss: a reduction that was asked for is not used.
///
/// It is meant to be added to another loss. Pairs are those of the batch with its references, where
/// pytorch-metric-learning, which does not look at references here, takes rows of the batch by the
/// positions of references.
///
/// Zhang et al., *Threshold-Consistent Margin Loss for Open-World Deep Metric Learning*, ICLR 2024,
/// <https://arxiv.org/abs/2307.04047>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdConsistentMarginLoss {
    /// Weight `λ_mated` of mated pairs, 0 or more; 1 is pytorch-metric-learning's.
    #[serde(default = "one")]
    pub mated_weight: f64,
    /// Weight `λ` of non-mated pairs, 0 or more; 1 is pytorch-metric-learning's.
    #[serde(default = "one")]
    pub non_mated_weight: f64,
    /// Similarity `m_mated` above which a mated pair is left alone, any number; 0.9 in the paper.
    #[serde(default = "paper_mated_margin")]
    pub mated_margin: f64,
    /// Similarity `m` below which a non-mated pair is left alone, any number; 0.5 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

fn paper_mated_margin() -> f64 {
    0.9
}

fn paper_margin() -> f64 {
    0.5
}

impl TupleLoss for ThresholdConsistentMarginLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_weight", self.mated_weight, self.mated_weight >= 0.0, "0 or more")?;
        let weight = self.non_mated_weight;
        require("non_mated_weight", weight, weight >= 0.0, "0 or more")?;
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let distance = scene.distance;
        let pairs = scene.pairs();
        let mut values = Matrix::zeros(scene.values().shape());
        let mut slope = Slope { n_active: Some(0), ..Slope::default() };
        let mut add = |pairs: &[[usize; 2]], weight: f64, loss: &dyn Fn(f64) -> PairLoss| {
            let counted: Vec<_> = pairs
                .iter()
                .map(|&pair| (pair, loss(scene.values()[pair.into()])))
                .filter(|(_, pair)| pair.loss >= 0.0)
                .collect();
            let share = weight / counted.len().max(1) as f64;
            for &(pair, PairLoss { loss, slope: pull }) in &counted {
                slope.value += share * loss;
                values[pair.into()] += share * pull;
            }
            slope.n_active = slope.n_active.map(|n| n + counted.len());
        };
        let sign = distance.sign();
        add(&pairs.mated, self.mated_weight, &|value| PairLoss {
            loss: distance.margin(value, self.mated_margin),
            slope: sign,
        });
        add(&pairs.non_mated, self.non_mated_weight, &|value| PairLoss {
            loss: distance.margin(self.margin, value),
            slope: -sign,
        });
        Slope { values: Some(values), ..slope }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    #[test]
    fn a_pair_on_its_margin_counts_in_the_mean() {
        // Cosines: 1 and 0 of mated pairs at a margin of 1, where the former adds nothing but a pair.
        let rows = Matrix::new(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0], [3, 2]);
        let loss = ThresholdConsistentMarginLoss {
            mated_weight: 3.0,
            non_mated_weight: 1.0,
            mated_margin: 1.0,
            margin: 0.5,
        };
        assert_eq!(within(&loss, &rows, &[0, 0, 0]).value, 3.0 * 2.0 / 3.0);
    }
}

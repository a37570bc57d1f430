//! Lifted structure loss: each mated pair against all non-mated pairs of both its samples.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::neighbors::{Neighbors, log_sum_exp, reversed};
use super::pair_term::PairLoss;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Lifted structure loss.
///
/// With `d` a distance, the loss of one mated pair `(a, b)` is
///
/// ```text
/// ½ ( log( Σ exp(m - d(a, k)) + Σ exp(m - d(b, l)) ) + d(a, b) - m_mated )₊²
/// ```
///
/// over the non-mated samples `k` of `a` and `l` of `b`, and `L` is the mean over all mated pairs. Where
/// the batch is compared with references, `b` is one, and `l` are samples of the batch. Without any `k`
/// and `l` the logarithm is left out, as in pytorch-metric-learning. With a similarity `s` the exponents
/// are `s - m`, and `m_mated - s` takes the place of `d - m_mated`. A pair that was mined twice counts
/// twice.
///
/// Song et al., *Deep Metric Learning via Lifted Structured Feature Embedding*, CVPR 2016,
/// <https://arxiv.org/abs/1511.06452>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiftedStructureLoss {
    /// `m_mated`, any number; 0 in the paper.
    #[serde(default)]
    pub mated_margin: f64,
    /// Margin `m`, any number; 1 in the paper.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl TupleLoss for LiftedStructureLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let distance = scene.distance;
        let values = scene.values();
        let Neighbors { mated, non_mated } = Neighbors::of(scene);
        let term =
            |anchor: usize, other: usize| distance.margin(self.margin, values[(anchor, other)]);
        let of_anchors: Vec<f64> = non_mated
            .par_iter()
            .enumerate()
            .map(|(anchor, others)| log_sum_exp(others.iter().map(|&other| term(anchor, other))))
            .collect();
        // For a batch against itself, what opposes `b` is in its own row.
        let opponents = (!scene.is_within()).then(|| reversed(&non_mated, values.n_columns()));
        let of_references: Option<Vec<f64>> = opponents.as_ref().map(|opponents| {
            let sum = |(other, anchors): (usize, &Vec<usize>)| {
                log_sum_exp(anchors.iter().map(|&anchor| term(anchor, other)))
            };
            opponents.par_iter().enumerate().map(sum).collect()
        });
        let sums = [&of_anchors, of_references.as_ref().unwrap_or(&of_anchors)];

        let pairs: Vec<[usize; 2]> = mated
            .iter()
            .enumerate()
            .flat_map(|(anchor, others)| others.iter().map(move |&other| [anchor, other]))
            .collect();
        let of_pairs: Vec<(PairLoss, [f64; 2])> = pairs
            .iter()
            .map(|&[a, b]| {
                let (log_sum, shares) = log_add([sums[0][a], sums[1][b]]);
                let pull = distance.margin(values[(a, b)], self.mated_margin);
                let excess = (log_sum + pull).max(0.0);
                (PairLoss { loss: 0.5 * excess * excess, slope: excess }, shares)
            })
            .collect();
        let losses: Vec<f64> = of_pairs.iter().map(|(pair, _)| pair.loss).collect();
        let anchors: Vec<usize> = pairs.iter().map(|&[anchor, _]| anchor).collect();
        let reduced = scene.reduce(&losses, &anchors);

        let mut slopes = Matrix::zeros(values.shape());
        let mut pulls = sums.map(|sums| vec![0.0; sums.len()]);
        for ((&[a, b], (pair, shares)), weight) in pairs.iter().zip(&of_pairs).zip(&reduced.weights)
        {
            let pull = pair.slope * weight;
            slopes[(a, b)] += distance.sign() * pull;
            pulls[0][a] += pull * shares[0];
            pulls[1][b] += pull * shares[1];
        }
        if scene.is_within() {
            let [own, others] = &mut pulls;
            own.iter_mut().zip(others.iter_mut()).for_each(|(own, other)| {
                *own += std::mem::take(other);
            });
        }
        slopes.par_rows_mut().enumerate().for_each(|(anchor, slopes)| {
            for &other in &non_mated[anchor] {
                let term = distance.margin(self.margin, values[(anchor, other)]);
                let share = |side: usize, at: usize| match pulls[side][at] {
                    0.0 => 0.0,
                    pull => pull * (term - sums[side][at]).exp(),
                };
                slopes[other] -= distance.sign() * (share(0, anchor) + share(1, other));
            }
        });
        let n_active = Some(reduced.n_active);
        Slope { value: reduced.value, values: Some(slopes), n_active, ..Slope::default() }
    }
}

/// `log(exp(x) + exp(y))` and the shares of both in it; 0 where both are of nothing.
fn log_add(terms: [f64; 2]) -> (f64, [f64; 2]) {
    let max = terms[0].max(terms[1]);
    if max == f64::NEG_INFINITY {
        return (0.0, [0.0; 2]);
    }
    let shares = terms.map(|term| (term - max).exp());
    let total = shares[0] + shares[1];
    (max + total.ln(), shares.map(|share| share / total))
}

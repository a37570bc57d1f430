//! N-pairs loss: of one pair an identity, each anchor tells its mate among the mates of the others.

use serde::{Deserialize, Serialize};

use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relation;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Multi-class N-pairs loss.
///
/// With one mated pair `(a_i, p_i)` of each identity and `s` the similarity (a distance takes part with
/// its sign turned),
///
/// ```text
/// L = mean -log( exp(s(a_i, p_i)) / Σ_j exp(s(a_i, p_j)) ) + λ / 4 (mean |a_i|² + mean |p_i|²)
/// ```
///
/// The pair of an identity is the first in order of anchor, then of reference, or the first that a miner
/// chose: the order of the batch matters, and all others of the identity play no part. Where relations
/// are not those of labels, a pair is taken if it is non-mated with all that were taken before.
///
/// Similarities are products of embeddings of any length, as in the paper, unless another distance is
/// asked for; pytorch-metric-learning takes cosines, with which the loss of 6 identities cannot fall
/// below 0.92.
///
/// Sohn, *Improved Deep Metric Learning with Multi-class N-pair Loss Objective*, NIPS 2016,
/// <https://papers.nips.cc/paper/6200>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NPairsLoss {
    /// Weight `λ` of the squared lengths, 0 or more; 0.002 in TensorFlow's `npairs_loss`, whose form this
    /// is. It keeps products from growing by length alone; cosines need none.
    #[serde(default = "usual_weight")]
    pub l2_weight: f64,
}

fn usual_weight() -> f64 {
    0.002
}

impl TupleLoss for NPairsLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("l2_weight", self.l2_weight, self.l2_weight >= 0.0, "0 or more")
    }

    fn distance(&self) -> Distance {
        Distance::Dot
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let pairs = one_of_each(scene);
        let values = scene.values();
        let factor = -scene.distance.sign();
        let anchors: Vec<usize> = pairs.iter().map(|&[anchor, _]| anchor).collect();
        let logit = |anchor: usize, mated: usize| factor * values[(anchor, mated)];
        // log Σ exp of each row.
        let totals: Vec<f64> = anchors
            .iter()
            .map(|&anchor| {
                let logits = || pairs.iter().map(|&[_, mated]| logit(anchor, mated));
                let max = logits().fold(f64::NEG_INFINITY, f64::max);
                max + logits().map(|logit| (logit - max).exp()).sum::<f64>().ln()
            })
            .collect();
        let losses: Vec<f64> = pairs
            .iter()
            .zip(&totals)
            .map(|(&[anchor, mated], total)| (total - logit(anchor, mated)).max(0.0))
            .collect();
        let reduced = scene.reduce(&losses, &anchors);
        let mut to_values = Matrix::zeros(values.shape());
        for ((&[anchor, own], total), weight) in pairs.iter().zip(&totals).zip(&reduced.weights) {
            for &[_, mated] in &pairs {
                let share = (logit(anchor, mated) - total).exp();
                to_values[(anchor, mated)] += factor * weight * share;
            }
            to_values[(anchor, own)] -= factor * weight;
        }
        let mut slope = Slope {
            value: reduced.value,
            values: Some(to_values),
            n_active: Some(reduced.n_active),
            ..Slope::default()
        };
        if self.l2_weight > 0.0 && !pairs.is_empty() {
            self.add_lengths(scene, &pairs, &mut slope);
        }
        slope
    }
}

impl NPairsLoss {
    fn add_lengths(&self, scene: &Scene<'_>, pairs: &[[usize; 2]], slope: &mut Slope) {
        let share = self.l2_weight / (4.0 * pairs.len() as f64);
        let add = |rows: &Matrix, side: usize, to: &mut Matrix| {
            let mut sum = 0.0;
            for pair in pairs {
                let row = rows.row(pair[side]);
                sum += row.iter().map(|value| value * value).sum::<f64>();
                for (to, value) in to.row_mut(pair[side]).iter_mut().zip(row) {
                    *to += 2.0 * share * value;
                }
            }
            share * sum
        };
        let mut embeddings = Matrix::zeros(scene.batch.embeddings.shape());
        slope.value += add(scene.batch.embeddings, 0, &mut embeddings);
        if let Some(rows) = scene.batch.references {
            let mut references = Matrix::zeros(rows.shape());
            slope.value += add(rows, 1, &mut references);
            slope.references = Some(references);
        } else {
            slope.value += add(scene.batch.embeddings, 1, &mut embeddings);
        }
        slope.embeddings = Some(embeddings);
    }
}

/// The first mated pair of each identity.
fn one_of_each(scene: &Scene<'_>) -> Vec<[usize; 2]> {
    let relations = scene.batch.relations;
    let is_apart = |anchor: usize, mated: usize| relations.at(anchor, mated) == Relation::NonMated;
    let mut taken: Vec<[usize; 2]> = Vec::new();
    for [anchor, mated] in scene.pairs().mated {
        let is_new =
            taken.iter().all(|&[other, mate]| is_apart(anchor, mate) && is_apart(other, mated));
        if is_new {
            taken.push([anchor, mated]);
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::{clustered, within};

    #[test]
    fn the_first_pair_of_each_identity_is_all_that_matters() {
        let labels = [0, 1, 0, 1, 0, 2];
        let rows = clustered(&labels, 4, 0.6, 5);
        let found = within(&NPairsLoss { l2_weight: 0.002 }, &rows, &labels);
        let moved: Vec<bool> =
            found.embeddings.rows().map(|row| row.iter().any(|value| *value != 0.0)).collect();
        assert_eq!(moved, [true, true, true, true, false, false]);
    }

    #[test]
    fn lengths_are_weighed_as_in_tensorflow() {
        let rows = Matrix::new(vec![3.0, 4.0, 1.0, 0.0], [2, 2]);
        // One identity is always told: only lengths are left, 0.4 / 4 * (25 + 1).
        let found = within(&NPairsLoss { l2_weight: 0.4 }, &rows, &[5, 5]);
        assert!((found.value - 2.6).abs() < 1e-12, "{}", found.value);
    }
}

//! Angular loss: the angle at a non-mated sample of the triangle with a mated pair is kept small.

use std::f64::consts::{FRAC_PI_2, PI};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relations;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Angular loss.
///
/// With all embeddings of unit length, the loss of a mated pair of an anchor `a` and a reference `p` is
///
/// ```text
/// L = log( 1 + Σ_n exp( 4 tan²α (a + p)·n - 2 (1 + tan²α) a·p ) )
/// ```
///
/// over all non-mated references `n` of the anchor; 0 if there are none. A miner chooses the pairs, not
/// the `n`. The distance in use is not asked: the loss is made of cosines.
///
/// Wang et al., *Deep Metric Learning with Angular Loss*, ICCV 2017, <https://arxiv.org/abs/1708.01682>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AngularLoss {
    /// Angle `α`, in radians, in `(0, pi/2)`; 40 degrees in pytorch-metric-learning.
    #[serde(default = "forty_degrees")]
    pub alpha: f64,
    /// `"pml"` leaves `n` at the length that the network gave it, so that a long embedding is pushed
    /// away harder than a short one at the same angle, and is made shorter.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn forty_degrees() -> f64 {
    40.0 * PI / 180.0
}

/// What all threads look at.
struct View<'a> {
    squared_tangent: f64,
    relations: &'a Relations,
    /// Mated pairs.
    pairs: &'a [[usize; 2]],
    /// Cosines of embeddings and references.
    cosines: &'a Matrix,
    /// Cosines of references among themselves.
    between: &'a Matrix,
    /// Length of each reference as a non-mated one.
    lengths: &'a [f64],
}

impl TupleLoss for AngularLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let is_valid = self.alpha > 0.0 && self.alpha < FRAC_PI_2;
        require("alpha", self.alpha, is_valid, "in (0, pi/2)")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let pairs = scene.pairs();
        if pairs.mated.is_empty() || pairs.non_mated.is_empty() {
            return Slope { n_active: Some(0), ..Slope::default() };
        }
        let references = scene.references();
        let compared = Distance::Cosine.compare(scene.batch.embeddings, scene.batch.references);
        let among = (!scene.is_within()).then(|| Distance::Cosine.compare(references, None));
        let norms: Vec<f64> = references.rows().map(norm).collect();
        let ones = vec![1.0; norms.len()];
        let view = View {
            squared_tangent: self.alpha.tan().powi(2),
            relations: scene.batch.relations,
            pairs: &pairs.mated,
            cosines: &compared.values,
            between: among.as_ref().map_or(&compared.values, |among| &among.values),
            lengths: if self.compat == Some(Compat::Pml) { &norms } else { &ones },
        };
        let losses: Vec<f64> = view.pairs.par_iter().map(|&pair| view.loss(pair)).collect();
        let anchors: Vec<usize> = view.pairs.iter().map(|&[anchor, _]| anchor).collect();
        let reduced = scene.reduce(&losses, &anchors);
        let mut pulls = [0, 1].map(|side| view.pulls(side, &losses, &reduced.weights));
        let to_lengths = view.slopes_of_lengths(&pulls);
        for pulls in &mut pulls {
            pulls.par_rows_mut().for_each(|row| {
                row.iter_mut().zip(view.lengths).for_each(|(pull, length)| *pull *= length);
            });
        }
        let [mut to_cosines, to_between] = pulls;
        for ((&[anchor, mated], &loss), weight) in
            view.pairs.iter().zip(&losses).zip(&reduced.weights)
        {
            // The shares of all non-mated references: 1 less that of the 1 in the logarithm.
            let shares = -(-loss).exp_m1();
            to_cosines[(anchor, mated)] -= weight * 2.0 * (1.0 + view.squared_tangent) * shares;
        }
        let (mut embeddings, mut to_references) = compared.backward(&to_cosines);
        let target = to_references.as_mut().unwrap_or(&mut embeddings);
        target.add(&among.as_ref().unwrap_or(&compared).backward(&to_between).0);
        if self.compat == Some(Compat::Pml) {
            for (index, (slope, norm)) in to_lengths.iter().zip(&norms).enumerate() {
                let share = if *norm > 0.0 { slope / norm } else { 0.0 };
                for (to, value) in target.row_mut(index).iter_mut().zip(references.row(index)) {
                    *to += share * value;
                }
            }
        }
        Slope {
            value: reduced.value,
            embeddings: Some(embeddings),
            references: to_references,
            n_active: Some(reduced.n_active),
            ..Slope::default()
        }
    }
}

impl View<'_> {
    /// The exponent of a non-mated reference.
    fn exponent(&self, [anchor, mated]: [usize; 2], other: usize) -> f64 {
        let along = self.cosines[(anchor, other)] + self.between[(mated, other)];
        4.0 * self.squared_tangent * along * self.lengths[other]
            - 2.0 * (1.0 + self.squared_tangent) * self.cosines[(anchor, mated)]
    }

    fn loss(&self, pair: [usize; 2]) -> f64 {
        let exponents =
            || self.relations.non_mated(pair[0]).map(|other| self.exponent(pair, other));
        let max = exponents().fold(0.0, f64::max);
        let sum: f64 = exponents().map(|exponent| (exponent - max).exp()).sum();
        // Small sums beside 1 keep their digits.
        if max == 0.0 { sum.ln_1p() } else { max + (sum + (-max).exp()).ln() }
    }

    /// How the loss changes with the product of each non-mated reference, less its length, with the
    /// anchors (side 0), or with the mated references (side 1).
    fn pulls(&self, side: usize, losses: &[f64], weights: &[f64]) -> Matrix {
        let shape = if side == 0 { self.cosines.shape() } else { self.between.shape() };
        let mut groups = vec![Vec::new(); shape[0]];
        for (index, pair) in self.pairs.iter().enumerate() {
            groups[pair[side]].push(index);
        }
        let mut pulls = Matrix::zeros(shape);
        pulls.par_rows_mut().zip(&groups).for_each(|(row, group)| {
            for &index in group {
                let pair = self.pairs[index];
                for other in self.relations.non_mated(pair[0]) {
                    let share = (self.exponent(pair, other) - losses[index]).exp();
                    row[other] += 4.0 * self.squared_tangent * weights[index] * share;
                }
            }
        });
        pulls
    }

    /// How the loss changes with the length of each reference.
    fn slopes_of_lengths(&self, [by_anchor, by_mated]: &[Matrix; 2]) -> Vec<f64> {
        let mut slopes = vec![0.0; self.lengths.len()];
        for (pulls, cosines) in [(by_anchor, self.cosines), (by_mated, self.between)] {
            for (pulls, cosines) in pulls.rows().zip(cosines.rows()) {
                for ((slope, pull), cosine) in slopes.iter_mut().zip(pulls).zip(cosines) {
                    *slope += pull * cosine;
                }
            }
        }
        slopes
    }
}

fn norm(row: &[f64]) -> f64 {
    row.iter().map(|value| value * value).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    #[test]
    fn the_length_of_a_non_mated_embedding_does_not_matter_but_in_the_reference() {
        // The paper's bound is on an angle, which a length cannot change.
        let labels = [0, 0, 1, 1];
        let rows = Matrix::new(vec![1.0, 0.0, 0.9, 0.3, 0.5, 0.8, 0.4, 0.9], [4, 2]);
        let mut longer = rows.clone();
        longer.row_mut(3).iter_mut().for_each(|value| *value *= 3.0);
        let value = |rows, compat| within(&AngularLoss { alpha: 0.7, compat }, rows, &labels).value;
        assert!((value(&rows, None) - value(&longer, None)).abs() < 1e-12);
        let pml = Some(Compat::Pml);
        assert!((value(&rows, pml) - value(&longer, pml)).abs() > 0.1);
    }
}

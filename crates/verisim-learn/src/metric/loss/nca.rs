//! Neighborhood components analysis: the chance that a neighbor drawn at random is a mated one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Loss of neighborhood components analysis.
///
/// With `d` the distance (a similarity takes part with its sign turned), the loss of an anchor is
///
/// ```text
/// L = -log( Σ_{mated j} exp(-s d_j) / Σ_{all j} exp(-s d_j) )
/// ```
///
/// over all references but the sample itself; the mean over the anchors that have a mated one. A miner
/// weighs anchors: each by how often it takes part in the chosen tuples (as an anchor only, if there are
/// references), divided by the largest such count.
///
/// Goldberger et al., *Neighbourhood Components Analysis*, NIPS 2004,
/// <https://www.cs.toronto.edu/~hinton/absps/nca.pdf>; the logarithm is that of
/// pytorch-metric-learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NcaLoss {
    /// Scale `s` of the distances, above 0; 1 in the paper.
    #[serde(default = "one")]
    pub scale: f64,
    /// `"pml"` leaves out anchors whose chance is too small for a number (far ones, that is), and takes a
    /// miner that chose nothing for one that chose everything.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn one() -> f64 {
    1.0
}

/// `log Σ exp` of all logits of an anchor, and of those of its mated references.
struct Totals {
    all: f64,
    mated: f64,
}

impl TupleLoss for NcaLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::SQUARED
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let (values, relations) = (scene.values(), scene.batch.relations);
        let factor = -self.scale * scene.distance.sign();
        let is_pml = self.compat == Some(Compat::Pml);
        let totals: Vec<Option<Totals>> = (0..relations.n_anchors())
            .into_par_iter()
            .map(|anchor| {
                let logit = |reference: usize| factor * values[(anchor, reference)];
                let mated = log_sum_exp(|| relations.mated(anchor).map(logit));
                let others = log_sum_exp(|| relations.non_mated(anchor).map(logit));
                let all = log_sum_exp(|| [mated, others].into_iter());
                let is_lost = is_pml && (mated - all).exp() == 0.0;
                (mated > f64::NEG_INFINITY && !is_lost).then_some(Totals { all, mated })
            })
            .collect();
        let shares = shares(scene, is_pml);
        let anchors: Vec<usize> = (0..totals.len()).filter(|&it| totals[it].is_some()).collect();
        let losses: Vec<f64> = anchors
            .iter()
            .filter_map(|&anchor| {
                let totals = totals[anchor].as_ref()?;
                Some(shares[anchor] * (totals.all - totals.mated).max(0.0))
            })
            .collect();
        let reduced = scene.reduce(&losses, &anchors);
        let mut weights = vec![0.0; totals.len()];
        for (&anchor, weight) in anchors.iter().zip(&reduced.weights) {
            weights[anchor] = factor * weight * shares[anchor];
        }
        let mut to_values = Matrix::zeros(values.shape());
        to_values.par_rows_mut().enumerate().for_each(|(anchor, to)| {
            let Some(totals) = &totals[anchor] else { return };
            let logit = |reference: usize| factor * values[(anchor, reference)];
            for mated in relations.mated(anchor) {
                let all = (logit(mated) - totals.all).exp();
                to[mated] += weights[anchor] * (all - (logit(mated) - totals.mated).exp());
            }
            for other in relations.non_mated(anchor) {
                to[other] += weights[anchor] * (logit(other) - totals.all).exp();
            }
        });
        Slope {
            value: reduced.value,
            values: Some(to_values),
            n_active: Some(reduced.n_active),
            ..Slope::default()
        }
    }
}

/// How much each anchor weighs, by how often it was mined.
fn shares(scene: &Scene<'_>, is_pml: bool) -> Vec<f64> {
    let n = scene.batch.embeddings.n_rows();
    let Some(tuples) = &scene.tuples else { return vec![1.0; n] };
    let mut counts = vec![0usize; n];
    let mut count = |tuple: &[usize]| {
        let taking_part = if scene.is_within() { tuple } else { &tuple[..1] };
        for &index in taking_part {
            counts[index] += 1;
        }
    };
    match tuples {
        Tuples::Triplets(triplets) => triplets.iter().for_each(|it| count(it)),
        Tuples::Pairs(pairs) => pairs.mated.iter().chain(&pairs.non_mated).for_each(|it| count(it)),
    }
    let max = counts.iter().copied().max().unwrap_or(0);
    if max == 0 && is_pml {
        return vec![1.0; n];
    }
    counts.into_iter().map(|count| count as f64 / max.max(1) as f64).collect()
}

fn log_sum_exp<I: Iterator<Item = f64>>(logits: impl Fn() -> I) -> f64 {
    let max = logits().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + logits().map(|logit| (logit - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;
    use crate::metric::relevance::Relations;
    use crate::metric::scene::{Batch, scene};
    use crate::metric::tuples::Pairs;

    #[test]
    fn a_far_mate_is_still_pulled_at() {
        // Its chance is exp(-1600): 0 as a number, for which the reference forgets the anchor.
        let rows = Matrix::new(vec![1.0, 0.0, -1.0, 0.0, 1.0, 1e-3], [3, 2]);
        let run = |compat| within(&NcaLoss { scale: 400.0, compat }, &rows, &[0, 0, 1]);
        assert!((run(None).value - 800.0).abs() < 1.0, "{}", run(None).value);
        assert!(run(Some(Compat::Pml)).value < 1.0);
    }

    #[test]
    fn nothing_mined_is_no_loss() {
        let rows = Matrix::new(vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8], [3, 2]);
        let relations = Relations::within(&[0, 0, 1]);
        let batch =
            Batch { embeddings: &rows, references: None, relations: &relations, labels: None };
        let mut scene = scene(batch, Distance::SQUARED, &Reducer::Mean);
        scene.tuples = Some(Tuples::Pairs(Pairs::default()));
        assert_eq!(NcaLoss { scale: 1.0, compat: None }.evaluate(&scene).value, 0.0);
        // The reference takes it for everything.
        let pml = NcaLoss { scale: 1.0, compat: Some(Compat::Pml) };
        let value = pml.evaluate(&scene).value;
        scene.tuples = None;
        assert_eq!(value, pml.evaluate(&scene).value);
        assert!(value > 0.0);
    }
}

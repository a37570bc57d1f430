//! `NT-Xent`, or `InfoNCE`: a softmax in which each mated reference competes with the non-mated ones.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::neighbors::{Neighbors, log_sum_exp};
use super::row::softplus;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Normalized temperature-scaled cross-entropy.
///
/// With `s` the cosine of a pair, the loss of one mated pair is
///
/// ```text
/// -log( exp(s / t) / (exp(s / t) + Σ exp(s' / t)) )    over the non-mated pairs s' of its anchor
/// ```
///
/// and `L` is the mean over all mated pairs. Other mated references of the anchor are not in the sum,
/// which is what tells this loss from [`SupConLoss`](super::SupConLoss). With a distance `d`, `-d` takes
/// the place of `s`. A pair that was mined twice counts twice.
///
/// Computed from the logarithm of the sum, it is right at every temperature.
///
/// Chen et al., *A Simple Framework for Contrastive Learning of Visual Representations*, ICML 2020,
/// <https://arxiv.org/abs/2002.05709>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NtxentLoss {
    /// Temperature `t`, above 0; 0.07, pytorch-metric-learning's, comes from
    /// <https://arxiv.org/abs/1911.05722>.
    #[serde(default = "usual_temperature")]
    pub temperature: f64,
    /// Whose floor is added to the probability inside of the logarithm, if any.
    #[serde(default)]
    pub compat: Option<NtxentCompat>,
}

/// Whose floor is added to the probability.
///
/// It keeps the logarithm finite, but at low temperatures it also caps the loss and lets the gradient of
/// the pairs that need it most vanish.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NtxentCompat {
    /// That of pytorch-metric-learning in single precision, as it trains: losses end at 87.3.
    Pml,
    /// That of pytorch-metric-learning in double precision: losses end at 708.4.
    PmlDouble,
}

fn usual_temperature() -> f64 {
    0.07
}

impl NtxentLoss {
    /// Loss of a mated pair, and its slope, by how far the non-mated ones are ahead of it.
    fn of_lead(&self, lead: f64) -> (f64, f64) {
        let (loss, slope) = softplus(lead);
        let floor = match self.compat {
            None => return (loss, slope),
            Some(NtxentCompat::Pml) => f64::from(f32::MIN_POSITIVE),
            Some(NtxentCompat::PmlDouble) => f64::MIN_POSITIVE,
        };
        let probability = (-loss).exp();
        let floored = probability + floor;
        (-floored.ln(), slope * probability / floored)
    }
}

impl TupleLoss for NtxentLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("temperature", self.temperature, self.temperature > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let factor = -scene.distance.sign() / self.temperature;
        let Neighbors { mated, non_mated } = Neighbors::of(scene);
        let values = scene.values();
        let of_anchors: Vec<(f64, Vec<(f64, f64)>)> = (0..mated.len())
            .into_par_iter()
            .map(|anchor| {
                if mated[anchor].is_empty() {
                    return (f64::NEG_INFINITY, Vec::new());
                }
                let logits = values.row(anchor);
                let others = non_mated[anchor].iter().map(|&other| factor * logits[other]);
                let log_sum = log_sum_exp(others);
                let leads = mated[anchor].iter().map(|&other| log_sum - factor * logits[other]);
                (log_sum, leads.map(|lead| self.of_lead(lead)).collect())
            })
            .collect();
        let losses: Vec<f64> =
            of_anchors.iter().flat_map(|(_, pairs)| pairs).map(|(loss, _)| *loss).collect();
        let anchors: Vec<usize> = mated
            .iter()
            .enumerate()
            .flat_map(|(anchor, it)| it.iter().map(move |_| anchor))
            .collect();
        let reduced = scene.reduce(&losses, &anchors);
        let mut weights = reduced.weights.as_slice();
        let of_anchors: Vec<_> = of_anchors
            .into_iter()
            .map(|(log_sum, pairs)| {
                let (own, rest) = weights.split_at(pairs.len());
                weights = rest;
                let pulls: Vec<f64> =
                    pairs.iter().zip(own).map(|((_, slope), weight)| slope * weight).collect();
                (log_sum, pulls)
            })
            .collect();
        let mut slopes = Matrix::zeros(values.shape());
        slopes.par_rows_mut().zip(&of_anchors).enumerate().for_each(
            |(anchor, (slopes, (log_sum, pulls)))| {
                let logits = values.row(anchor);
                let total = factor * pulls.iter().sum::<f64>();
                if total != 0.0 {
                    for &other in &non_mated[anchor] {
                        slopes[other] += total * (factor * logits[other] - log_sum).exp();
                    }
                }
                for (&other, pull) in mated[anchor].iter().zip(pulls) {
                    slopes[other] -= factor * pull;
                }
            },
        );
        Slope { value: reduced.value, values: Some(slopes), ..Slope::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    /// A mated pair at a right angle, with a non-mated sample on top of the first of the two.
    fn hard(temperature: f64, compat: Option<NtxentCompat>) -> (f64, f64) {
        let rows = Matrix::new(vec![1.0, 0.0, 0.0, 1.0, 1.0, 0.0], [3, 2]);
        let found = within(&NtxentLoss { temperature, compat }, &rows, &[0, 0, 1]);
        (found.value, found.embeddings.row(0)[1])
    }

    #[test]
    fn the_loss_of_the_reference_ends_where_its_floor_begins_and_ours_does_not() {
        // Anchor 0 is behind by 1 / t, anchor 1 is on a par: the exact mean is (1 / t + log 2) / 2.
        let exact = f64::midpoint(1000.0, std::f64::consts::LN_2);
        let (value, gradient) = hard(0.001, None);
        assert!((value - exact).abs() < 1e-9, "{value}");
        assert!((gradient + 750.0).abs() < 1e-9, "{gradient}");
        let (floored, vanished) = hard(0.001, Some(NtxentCompat::Pml));
        let cap = -f64::from(f32::MIN_POSITIVE).ln();
        assert!((floored - f64::midpoint(cap, std::f64::consts::LN_2)).abs() < 1e-9, "{floored}");
        // What is left is the pull of anchor 1, which has less to learn.
        assert!((vanished + 250.0).abs() < 1e-9, "{vanished}");
        let (floored, _) = hard(0.001, Some(NtxentCompat::PmlDouble));
        assert!((floored - f64::midpoint(708.396, 0.693)).abs() < 1e-2, "{floored}");
    }

    #[test]
    fn the_floor_changes_nothing_where_losses_are_small() {
        assert_eq!(hard(0.5, None), hard(0.5, Some(NtxentCompat::PmlDouble)));
    }
}

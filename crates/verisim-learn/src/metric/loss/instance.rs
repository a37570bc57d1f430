//! The instance loss: every sample as a class of its own, or of its identity's, within the batch.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Instance loss.
///
/// A softmax over the references of an anchor, in which those that belong to it share the target
/// equally: with `G` these, and `A` all that are mated or non-mated,
///
/// ```text
/// L = log Σ_{j∈A} exp(γ s_j) - 1/|G| Σ_{j∈G} γ s_j
/// ```
///
/// averaged over anchors. In a batch against itself the anchor is one of `G`: with one sample an
/// identity, every sample is a class of its own, as in the paper. Against references, of a second
/// view or another network, an anchor without a mated one is left out.
///
/// Zheng et al., *Dual-Path Convolutional Image-Text Embeddings with Instance Loss*, TOMM 2020,
/// <https://arxiv.org/abs/1711.05535>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstanceLoss {
    /// Scale `γ` of the similarities, above 0; 64 in pytorch-metric-learning.
    #[serde(default = "library_gamma")]
    pub gamma: f64,
    /// `pml`: the target is the sample whose position in the batch is the rank of the label among the
    /// labels, whoever that is; it changes with the order of the batch. Needs labels.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn library_gamma() -> f64 {
    64.0
}

impl TupleLoss for InstanceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("gamma", self.gamma, self.gamma > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let identities = self.compat.and_then(|Compat::Pml| identities(scene));
        let mut values = Matrix::zeros(scene.values().shape());
        let losses: Vec<Option<f64>> = values
            .par_rows_mut()
            .enumerate()
            .map(|(anchor, row)| {
                let (targets, all) = match &identities {
                    Some(identities) => ranked_target(scene, anchor, identities),
                    None => own_targets(scene, anchor),
                };
                (!targets.is_empty()).then(|| self.loss(scene, anchor, &targets, &all, row))
            })
            .collect();
        let counted = || losses.iter().enumerate().filter_map(|(i, loss)| Some((i, (*loss)?)));
        let anchors: Vec<usize> = counted().map(|(anchor, _)| anchor).collect();
        let losses: Vec<f64> = counted().map(|(_, loss)| loss).collect();
        let reduced = scene.reduce(&losses, &anchors);
        for (&anchor, weight) in anchors.iter().zip(&reduced.weights) {
            values.row_mut(anchor).iter_mut().for_each(|slope| *slope *= weight);
        }
        Slope { value: reduced.value, values: Some(values), ..Slope::default() }
    }
}

impl InstanceLoss {
    fn loss(
        &self,
        scene: &Scene<'_>,
        anchor: usize,
        targets: &[usize],
        all: &[usize],
        row: &mut [f64],
    ) -> f64 {
        let found = scene.values().row(anchor);
        // Distances count against, similarities for a reference.
        let scale = -scene.distance.sign() * self.gamma;
        let logit = |index: usize| scale * found[index];
        let largest = all.iter().map(|&index| logit(index)).fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = all.iter().map(|&index| (logit(index) - largest).exp()).sum();
        for &index in all {
            row[index] += scale * (logit(index) - largest).exp() / sum;
        }
        let share = 1.0 / targets.len() as f64;
        let mut below = 0.0;
        for &index in targets {
            row[index] -= scale * share;
            below += share * (largest - logit(index));
        }
        below + sum.ln()
    }
}

/// Who belongs to an anchor, and who is compared with it.
fn own_targets(scene: &Scene<'_>, anchor: usize) -> (Vec<usize>, Vec<usize>) {
    let relations = scene.batch.relations;
    let mut targets: Vec<usize> = relations.mated(anchor).collect();
    if scene.is_within() {
        targets.push(anchor);
    }
    let all = targets.iter().copied().chain(relations.non_mated(anchor)).collect();
    (targets, all)
}

/// The labels of a batch, each once, in order.
fn identities(scene: &Scene<'_>) -> Option<Vec<u64>> {
    let mut identities = scene.batch.labels?.to_vec();
    identities.sort_unstable();
    identities.dedup();
    Some(identities)
}

fn ranked_target(scene: &Scene<'_>, anchor: usize, identities: &[u64]) -> (Vec<usize>, Vec<usize>) {
    let m = scene.references().n_rows();
    let label = scene.batch.labels.map(|labels| labels[anchor]);
    let rank = label.and_then(|label| identities.binary_search(&label).ok());
    (rank.filter(|&rank| rank < m).into_iter().collect(), (0..m).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::{clustered, within};

    #[test]
    fn the_order_of_a_batch_does_not_matter_which_it_does_for_pml() {
        let [one, other] = [[0, 0, 1, 1], [1, 0, 1, 0]];
        let rows = clustered(&one, 3, 0.3, 5);
        let order = [2, 0, 3, 1];
        let turned =
            Matrix::new(order.iter().flat_map(|&it| rows.row(it)).copied().collect(), [4, 3]);
        let differs = |compat| {
            let loss = InstanceLoss { gamma: 4.0, compat };
            (within(&loss, &rows, &one).value - within(&loss, &turned, &other).value).abs()
        };
        assert!(differs(None) < 1e-12);
        assert!(differs(Some(Compat::Pml)) > 0.1);
    }

    #[test]
    fn a_lone_sample_of_each_identity_is_a_class_of_its_own() {
        let rows = Matrix::new(vec![1.0, 0.0, 0.0, 1.0], [2, 2]);
        let loss = InstanceLoss { gamma: 2.0, compat: None };
        let expected = (1.0 + (-2f64).exp()).ln();
        assert!((within(&loss, &rows, &[3, 8]).value - expected).abs() < 1e-12);
    }
}

//! `SmoothAP`: one minus an average precision whose ranks are counted by sigmoids.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::chosen;
use super::rank::{Ranking, add_slope, precede};
use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Smooth average precision.
///
/// With `P` the references that are mated with an anchor, `N` those that are not, `s` their
/// similarities, and `σ` the sigmoid,
///
/// ```text
/// R_p(S) = 1 + Σ_{j∈S, j≠p} σ((s_j - s_p) / t)
/// L = 1 - 1/|P| Σ_{p∈P} R_p(P) / R_p(P ∪ N)
/// ```
///
/// averaged over anchors. In a batch against itself the anchor is one of `P`, as in the authors' code;
/// against references, an anchor without a mated one is left out. Identities may have any number of
/// samples, in any order. A miner weights the anchors by how often it chose them. Time is
/// `O(n |P| m)`, memory `O(n m)`.
///
/// Brown et al., *Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval*, ECCV 2020,
/// <https://arxiv.org/abs/2007.12163>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmoothApLoss {
    /// Temperature `t` of the sigmoid, above 0; 0.01 in the paper.
    #[serde(default = "paper_temperature")]
    pub temperature: f64,
    /// `pml`: whoever lies in the same block of the batch is mated, whatever the labels say; blocks are
    /// as long as there are identities, which is right only for a batch of `k` identities, sorted, with
    /// `k` samples each. Needs labels.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn paper_temperature() -> f64 {
    0.01
}

impl TupleLoss for SmoothApLoss {
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
        let weights = chosen::weights(scene);
        let block = self.compat.and_then(|Compat::Pml| block_size(scene));
        let mut values = Matrix::zeros(scene.values().shape());
        let losses: Vec<Option<f64>> = values
            .par_rows_mut()
            .enumerate()
            .map(|(anchor, row)| {
                let ranking = match block {
                    Some(size) => in_block(scene, anchor, size),
                    None => Ranking::of(scene, anchor),
                };
                (!ranking.mated.is_empty()).then(|| self.loss(scene, anchor, &ranking, row))
            })
            .collect();
        let counted = || losses.iter().enumerate().filter_map(|(i, loss)| Some((i, (*loss)?)));
        let anchors: Vec<usize> = counted().map(|(anchor, _)| anchor).collect();
        let losses: Vec<f64> = counted().map(|(anchor, loss)| loss * weights[anchor]).collect();
        let reduced = scene.reduce(&losses, &anchors);
        for (&anchor, weight) in anchors.iter().zip(&reduced.weights) {
            let weight = weight * weights[anchor];
            values.row_mut(anchor).iter_mut().for_each(|slope| *slope *= weight);
        }
        Slope { value: reduced.value, values: Some(values), ..Slope::default() }
    }
}

impl SmoothApLoss {
    fn loss(&self, scene: &Scene<'_>, anchor: usize, ranking: &Ranking, row: &mut [f64]) -> f64 {
        let Ranking { mated, non_mated } = ranking;
        let n = mated.len() as f64;
        let mut precision = 0.0;
        for (index, &of) in mated.iter().enumerate() {
            let mut before = precede(scene, anchor, of, mated, self.temperature);
            before[index] = 0.0;
            let others = precede(scene, anchor, of, non_mated, self.temperature);
            let rank = 1.0 + before.iter().sum::<f64>();
            let n_others: f64 = others.iter().sum();
            let all = rank + n_others;
            precision += rank / all / n;
            // The loss is 1 - R / (R + O).
            let factor = 1.0 / (all * all * n * self.temperature);
            add_slope(scene, of, mated, &before, -n_others * factor, row);
            add_slope(scene, of, non_mated, &others, rank * factor, row);
        }
        1.0 - precision
    }
}

fn block_size(scene: &Scene<'_>) -> Option<usize> {
    let labels = scene.batch.labels?;
    let mut identities = labels.to_vec();
    identities.sort_unstable();
    identities.dedup();
    // What should be the number of identities is the number of samples of each, there.
    let n_blocks = (labels.len() / identities.len().max(1)).max(1);
    Some((labels.len() / n_blocks).max(1))
}

fn in_block(scene: &Scene<'_>, anchor: usize, size: usize) -> Ranking {
    let references = 0..scene.references().n_rows();
    let (mated, non_mated) = references.partition(|reference| reference / size == anchor / size);
    Ranking { mated, non_mated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    /// Two identities, perfectly apart, in whatever order: there is nothing to rank better.
    #[test]
    fn a_perfect_ranking_is_0_in_any_batch_which_it_is_not_for_pml() {
        let value = |compat, labels: &[u64]| {
            let corners = [[1.0, 0.0], [0.0, 1.0]];
            let rows = labels.iter().flat_map(|&label| corners[label as usize]).collect();
            let loss = SmoothApLoss { temperature: 0.01, compat };
            within(&loss, &Matrix::new(rows, [labels.len(), 2]), labels).value
        };
        let pml = Some(Compat::Pml);
        for labels in [&[0, 0, 1, 1][..], &[0, 1, 0, 1], &[0, 0, 0, 1, 1, 1], &[0, 1, 1, 1, 0]] {
            assert!(value(None, labels) < 1e-9, "{labels:?}");
        }
        // Two identities of two samples, one after the other: only there it agrees.
        assert!(value(pml, &[0, 0, 1, 1]) < 1e-9);
        assert!(value(pml, &[0, 1, 0, 1]) > 0.1);
        assert!(value(pml, &[0, 0, 0, 1, 1, 1]) > 0.1);
    }
}

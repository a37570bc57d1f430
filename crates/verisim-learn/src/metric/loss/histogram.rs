//! The histogram loss: how probable it is that a non-mated pair is as similar as a mated one.

use serde::{Deserialize, Serialize};

use super::bins::{Bins, Place};
use super::closeness::similarity;
use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Histogram loss.
///
/// The similarities of mated and of non-mated pairs are shared out linearly among the nodes of two
/// histograms over `[-1, 1]`, `h⁺` and `h⁻`, each with a sum of 1:
///
/// ```text
/// L = Σ_r h⁻_r Σ_{q≤r} h⁺_q
/// ```
///
/// 0 if there are no mated or no non-mated pairs. The loss is one number for the whole batch: a
/// reduction has no part in it. It is made for cosines; values beyond the ends count at them, and a
/// distance `d` is taken as the similarity `1 - d`. In a batch against itself a pair counts once,
/// however often a miner chose it.
///
/// Ustinova and Lempitsky, *Learning Deep Embeddings with Histogram Loss*, NIPS 2016,
/// <https://arxiv.org/abs/1611.00822>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistogramLoss {
    /// Width of a bin, in `[1e-6, 2]`; 0.02, that is 100 bins, in pytorch-metric-learning.
    #[serde(default = "library_width")]
    pub bin_width: f64,
    /// `pml`: only the pairs of anchors that have both mated and non-mated ones; two samples that are
    /// the only ones of their identities are not compared.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn library_width() -> f64 {
    0.02
}

impl TupleLoss for HistogramLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (1e-6..=2.0).contains(&self.bin_width);
        require("bin_width", self.bin_width, in_range, "in [1e-6, 2]")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        // A width that divides 2 does so up to rounding.
        let n_bins = (2.0 / self.bin_width - 1e-9).ceil().max(1.0) as usize;
        let bins = Bins { low: -1.0, width: self.bin_width, n_bins };
        let [mated, non_mated] = self.pairs(scene);
        let mut values = Matrix::zeros(scene.values().shape());
        if mated.is_empty() || non_mated.is_empty() {
            return Slope { values: Some(values), ..Slope::default() };
        }
        let place = |&pair: &(usize, usize)| -> Place {
            bins.place(similarity(scene.distance, scene.values()[pair]))
        };
        let density = |pairs: &[(usize, usize)]| -> Vec<f64> {
            let mut counts = vec![0.0; bins.n_nodes()];
            for pair in pairs {
                place(pair).add_to(&mut counts);
            }
            counts.iter().map(|count| count / pairs.len() as f64).collect()
        };
        let (of_mated, of_others) = (density(&mated), density(&non_mated));
        // Mated pairs up to each node, and non-mated pairs from each node on.
        let (mut below, mut above) = (of_mated.clone(), of_others.clone());
        for node in 1..below.len() {
            below[node] += below[node - 1];
        }
        for node in (0..above.len() - 1).rev() {
            above[node] += above[node + 1];
        }
        let value = of_others.iter().zip(&below).map(|(others, below)| others * below).sum();
        for (pairs, nodes) in [(&mated, &above), (&non_mated, &below)] {
            let factor = -scene.distance.sign() / pairs.len() as f64;
            for pair in pairs {
                values[*pair] += factor * place(pair).slope_of(nodes);
            }
        }
        Slope { value, values: Some(values), ..Slope::default() }
    }
}

impl HistogramLoss {
    /// Mated and non-mated pairs, each once.
    fn pairs(&self, scene: &Scene<'_>) -> [Vec<(usize, usize)>; 2] {
        let pairs = scene.pairs();
        let n = scene.batch.embeddings.n_rows();
        let [mut has_mated, mut has_others] = [vec![false; n], vec![false; n]];
        pairs.mated.iter().for_each(|&[anchor, _]| has_mated[anchor] = true);
        pairs.non_mated.iter().for_each(|&[anchor, _]| has_others[anchor] = true);
        let counts = |anchor: usize| {
            self.compat != Some(Compat::Pml) || (has_mated[anchor] && has_others[anchor])
        };
        [&pairs.mated, &pairs.non_mated].map(|pairs| {
            let mut seen = vec![false; n * scene.references().n_rows()];
            let mut once = Vec::new();
            for &[anchor, reference] in pairs {
                let pair = if scene.is_within() {
                    (anchor.min(reference), anchor.max(reference))
                } else {
                    (anchor, reference)
                };
                let seen = &mut seen[pair.0 * scene.references().n_rows() + pair.1];
                if counts(anchor) && !*seen {
                    *seen = true;
                    once.push(pair);
                }
            }
            once
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    #[test]
    fn two_lone_samples_are_a_pair_which_they_are_not_for_pml() {
        // Cosines of 1 for the mated pair, of 0 and -1 to the others, of 0 between the others.
        let rows = Matrix::new(vec![1.0, 0.0, 1.0, 0.0, 0.0, 1.0, -1.0, 0.0], [4, 2]);
        let loss = |compat| {
            let loss = HistogramLoss { bin_width: 2.0, compat };
            within(&loss, &rows, &[0, 0, 1, 2]).value
        };
        // Non-mated: 0, 0, -1, -1 and 0; what lies at node 1 of two is (s + 1) / 2.
        assert!((loss(None) - 1.5 / 5.0).abs() < 1e-12);
        assert!((loss(Some(Compat::Pml)) - 1.0 / 4.0).abs() < 1e-12);
    }
}

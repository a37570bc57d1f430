//! The ranked list loss: mated samples within a sphere around each anchor, non-mated ones out of a larger one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::closeness::gap;
use crate::metric::compat::Compat;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// What pytorch-metric-learning adds to the weight of every pair, in or out.
const PML_EPSILON: f64 = 1e-5;

/// Ranked list loss.
///
/// With `P` the mated references of an anchor farther than `α - m`, and `N` the non-mated ones nearer
/// than `α`,
///
/// ```text
/// L_P = Σ_P w_j (d_j - (α - m)) / Σ_P w_j,   w_j = exp(T_P (d_j - (α - m)))
/// L_N = Σ_N w_j (α - d_j) / Σ_N w_j,         w_j = exp(T_N (α - d_j))
/// L = (1 - λ) L_P + λ L_N
/// ```
///
/// averaged over all anchors; a part without pairs is 0. The gradient goes through the weights. Made
/// for distances; a similarity `s` is taken as the distance `1 - s`.
///
/// Wang et al., *Ranked List Loss for Deep Metric Learning*, CVPR 2019, <https://arxiv.org/abs/1903.03238>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RankedListLoss {
    /// Margin `m` between the spheres, 0 or more; 0.4 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Radius `α` within which there should be no non-mated reference; `1 + m / 2` if none, as in
    /// pytorch-metric-learning, which is the paper's 1.2 for its margin.
    #[serde(default)]
    pub alpha: Option<f64>,
    /// Temperature `T_P` of mated pairs, 0 or more; 0, in the paper's simpler form, weights them alike.
    #[serde(default)]
    pub mated_temperature: f64,
    /// Temperature `T_N` of non-mated pairs, 0 or more; 10 in the paper.
    #[serde(default = "paper_temperature")]
    pub non_mated_temperature: f64,
    /// Weight `λ` of non-mated pairs, in `[0, 1]`; 0.5 in the paper's simpler form.
    #[serde(default = "paper_imbalance")]
    pub imbalance: f64,
    /// `pml`: 1e-5 is added to each of a row's weights in the denominators, pulling or not, and a
    /// distance of exactly 0 does not pull.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn paper_margin() -> f64 {
    0.4
}

fn paper_temperature() -> f64 {
    10.0
}

fn paper_imbalance() -> f64 {
    0.5
}

impl TupleLoss for RankedListLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, self.margin >= 0.0, "0 or more")?;
        require("alpha", self.alpha(), true, "a number")?;
        let [mated, others] = [self.mated_temperature, self.non_mated_temperature];
        require("mated_temperature", mated, mated >= 0.0, "0 or more")?;
        require("non_mated_temperature", others, others >= 0.0, "0 or more")?;
        require("imbalance", self.imbalance, (0.0..=1.0).contains(&self.imbalance), "in [0, 1]")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let mut values = Matrix::zeros(scene.values().shape());
        let losses: Vec<f64> = values
            .par_rows_mut()
            .enumerate()
            .map(|(anchor, row)| self.loss(scene, anchor, row))
            .collect();
        let anchors: Vec<usize> = (0..losses.len()).collect();
        let reduced = scene.reduce(&losses, &anchors);
        for (&anchor, weight) in anchors.iter().zip(&reduced.weights) {
            values.row_mut(anchor).iter_mut().for_each(|slope| *slope *= weight);
        }
        let n_active = values.data().iter().filter(|slope| **slope != 0.0).count();
        Slope {
            value: reduced.value,
            values: Some(values),
            n_active: Some(n_active),
            ..Slope::default()
        }
    }
}

impl RankedListLoss {
    fn alpha(&self) -> f64 {
        self.alpha.unwrap_or(1.0 + self.margin / 2.0)
    }

    fn loss(&self, scene: &Scene<'_>, anchor: usize, row: &mut [f64]) -> f64 {
        let (relations, found) = (scene.batch.relations, scene.values().row(anchor));
        let (alpha, sign) = (self.alpha(), scene.distance.sign());
        let gap = |index: usize| gap(scene.distance, found[index]);
        let counts = |index: &usize| self.compat.is_none() || gap(*index) > 0.0;
        let excess = |index: usize| (index, gap(index) - (alpha - self.margin));
        let lack = |index: usize| (index, alpha - gap(index));
        let mated = relations.mated(anchor).filter(counts).map(excess);
        let others = relations.non_mated(anchor).filter(counts).map(lack);
        let [of_mated, of_others] = [1.0 - self.imbalance, self.imbalance];
        self.weighted_mean(mated, self.mated_temperature, sign * of_mated, row) * of_mated
            + self.weighted_mean(others, self.non_mated_temperature, -sign * of_others, row)
                * of_others
    }

    /// The mean of what is above 0, weighted by `exp(temperature * x)`; adds `factor` times its slope.
    fn weighted_mean(
        &self,
        terms: impl Iterator<Item = (usize, f64)>,
        temperature: f64,
        factor: f64,
        row: &mut [f64],
    ) -> f64 {
        let terms: Vec<(usize, f64)> = terms.filter(|(_, term)| *term > 0.0).collect();
        let largest = terms.iter().map(|(_, term)| *term).fold(0.0, f64::max);
        let weight = |term: f64| (temperature * (term - largest)).exp();
        let mut total: f64 = terms.iter().map(|(_, term)| weight(*term)).sum();
        if self.compat == Some(Compat::Pml) {
            total += PML_EPSILON * row.len() as f64 * (-temperature * largest).exp();
        }
        if terms.is_empty() {
            return 0.0;
        }
        let mean = terms.iter().map(|(_, term)| weight(*term) * term).sum::<f64>() / total;
        for &(index, term) in &terms {
            let share = weight(term) / total;
            row[index] += factor * share * (1.0 + temperature * (term - mean));
        }
        mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;

    /// The only mated pair is at distance √2, beyond a radius of 1; the non-mated ones at √2 and 2 are
    /// beyond 1.2.
    #[test]
    fn one_pair_pulls_by_its_excess_which_pml_dilutes_by_the_size_of_the_batch() {
        let rows = Matrix::new(vec![1.0, 0.0, 0.0, 1.0, -1.0, 0.0], [3, 2]);
        let loss = |compat| {
            let loss = RankedListLoss {
                margin: 0.2,
                alpha: Some(1.2),
                mated_temperature: 0.0,
                non_mated_temperature: 0.0,
                imbalance: 0.0,
                compat,
            };
            within(&loss, &rows, &[0, 0, 1]).value
        };
        let expected = (2f64.sqrt() - 1.0) * 2.0 / 3.0;
        assert!((loss(None) - expected).abs() < 1e-12);
        assert!((loss(Some(Compat::Pml)) - expected / (1.0 + 3e-5)).abs() < 1e-12);
    }
}

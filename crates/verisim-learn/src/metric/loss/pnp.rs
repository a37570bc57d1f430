//! PNP: the number of non-mated references that come before each mated one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::rank::{Ranking, add_slope, precede};
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Penalizing negatives before positives.
///
/// With `R_p` the number of non-mated references that come before the mated reference `p` of an anchor,
///
/// ```text
/// R_p = Σ_{j non-mated} σ((s_j - s_p) / t)
/// L = 1/|P| Σ_{p∈P} f(R_p)
/// ```
///
/// averaged over anchors, where the variant says what `f` is. In a batch against itself the anchor is
/// one of its own mates `P`, as in the authors' code; against references, an anchor without a mated
/// one is left out.
///
/// Li et al., *Rethinking the Optimization of Average Precision: Only Penalizing Negative Instances
/// before Positive Ones is Enough*, AAAI 2022, <https://arxiv.org/abs/2102.04640>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PnpLoss {
    /// What is made of a number of references; `o` in pytorch-metric-learning.
    #[serde(default)]
    pub variant: PnpVariant,
    /// Steepness `b` of the variant `ib`, above 0; 2 in pytorch-metric-learning.
    #[serde(default = "library_b")]
    pub b: f64,
    /// Exponent `α` of the variant `dq`, above 0; 1 in pytorch-metric-learning.
    #[serde(default = "library_alpha")]
    pub alpha: f64,
    /// Temperature `t` of the sigmoid, above 0; 0.01 in pytorch-metric-learning.
    #[serde(default = "library_anneal")]
    pub anneal: f64,
}

/// What is made of the number `R` of non-mated references before a mated one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PnpVariant {
    /// `R`: every one counts alike.
    #[default]
    O,
    /// `(1 + R) log(1 + R)`: the more there are, the more each counts, without a bound.
    Iu,
    /// `(b R - log(1 + b R)) / b²`: as `iu`, but with a bound.
    Ib,
    /// `log(1 + R)`: the more there are, the less each counts, slowly.
    Ds,
    /// `1 - 1 / (1 + R)^α`: as `ds`, quickly.
    Dq,
}

fn library_b() -> f64 {
    2.0
}

fn library_alpha() -> f64 {
    1.0
}

fn library_anneal() -> f64 {
    0.01
}

impl TupleLoss for PnpLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("b", self.b, self.b > 0.0, "above 0")?;
        require("alpha", self.alpha, self.alpha > 0.0, "above 0")?;
        require("anneal", self.anneal, self.anneal > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let mut values = Matrix::zeros(scene.values().shape());
        let losses: Vec<Option<f64>> = values
            .par_rows_mut()
            .enumerate()
            .map(|(anchor, row)| {
                let ranking = Ranking::of(scene, anchor);
                (!ranking.mated.is_empty()).then(|| self.loss(scene, anchor, &ranking, row))
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

impl PnpLoss {
    fn loss(&self, scene: &Scene<'_>, anchor: usize, ranking: &Ranking, row: &mut [f64]) -> f64 {
        let n = ranking.mated.len() as f64;
        let mut loss = 0.0;
        for &of in &ranking.mated {
            let before = precede(scene, anchor, of, &ranking.non_mated, self.anneal);
            let (penalty, slope) = self.penalty(before.iter().sum());
            loss += penalty / n;
            add_slope(scene, of, &ranking.non_mated, &before, slope / (n * self.anneal), row);
        }
        loss
    }

    /// The penalty of a number of references, and its slope.
    fn penalty(&self, count: f64) -> (f64, f64) {
        match self.variant {
            PnpVariant::O => (count, 1.0),
            PnpVariant::Iu => ((1.0 + count) * count.ln_1p(), 1.0 + count.ln_1p()),
            PnpVariant::Ib => {
                let scaled = self.b * count;
                ((scaled - scaled.ln_1p()) / (self.b * self.b), count / (1.0 + scaled))
            }
            PnpVariant::Ds => (count.ln_1p(), 1.0 / (1.0 + count)),
            PnpVariant::Dq => {
                let kept = (1.0 + count).powf(-self.alpha);
                (1.0 - kept, self.alpha * kept / (1.0 + count))
            }
        }
    }
}

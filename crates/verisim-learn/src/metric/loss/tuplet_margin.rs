//! The tuplet margin loss: every mated pair against all non-mated pairs of its anchor, with slack on the
//! angle.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::closeness::similarity;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Keeps the slope of the angle finite where two embeddings coincide.
const MIN_SINE_SQUARED: f64 = 1e-12;

/// Tuplet margin loss.
///
/// With `θ` the angle of an anchor and a reference, the loss of a mated pair `(a, p)` is
///
/// ```text
/// L = log(1 + Σ_n exp(s (cos θ_an - cos(θ_ap - m))))
/// ```
///
/// over the non-mated references `n` of the anchor; 0 if there are none. The margin is a slack: mated
/// pairs nearer than `m` are pushed to it rather than on top of each other, so that the loss does not
/// fit the samples that are easiest by accident. A pair that a miner chose several times counts as
/// often. Made for cosines; a distance `d` is taken as the cosine `1 - d`, and a mated pair beyond -1
/// does not pull.
///
/// Yu and Tao, *Deep Metric Learning with Tuplet Margin Loss*, ICCV 2019,
/// <https://openaccess.thecvf.com/content_ICCV_2019/html/Yu_Deep_Metric_Learning_With_Tuplet_Margin_Loss_ICCV_2019_paper.html>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TupletMarginLoss {
    /// Slack `m`, in radians, in `[0, pi/2)`; 0.1, about the 5.73 degrees of pytorch-metric-learning.
    #[serde(default = "library_margin")]
    pub margin: f64,
    /// Scale `s`, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn library_margin() -> f64 {
    0.1
}

fn paper_scale() -> f64 {
    64.0
}

impl TupleLoss for TupletMarginLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        require("margin", self.margin, in_range, "in [0, pi/2), in radians")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let pairs = scene.pairs();
        let cosine = |anchor: usize, reference: usize| {
            similarity(scene.distance, scene.values()[(anchor, reference)])
        };
        let mut others = vec![Vec::new(); scene.batch.embeddings.n_rows()];
        pairs.non_mated.iter().for_each(|&[anchor, other]| others[anchor].push(other));
        // Log of the sum over the non-mated pairs of each anchor.
        let crowds: Vec<f64> = others
            .iter()
            .enumerate()
            .map(|(anchor, others)| {
                let logit = |&other: &usize| self.scale * cosine(anchor, other);
                let largest = others.iter().map(logit).fold(f64::NEG_INFINITY, f64::max);
                let sum: f64 = others.iter().map(|other| (logit(other) - largest).exp()).sum();
                if others.is_empty() { f64::NEG_INFINITY } else { largest + sum.ln() }
            })
            .collect();
        let slacks: Vec<(f64, f64)> =
            pairs.mated.iter().map(|&[anchor, mated]| self.slack(cosine(anchor, mated))).collect();
        let anchors: Vec<usize> = pairs.mated.iter().map(|&[anchor, _]| anchor).collect();
        let behind = |index: usize| crowds[anchors[index]] - self.scale * slacks[index].0;
        let losses: Vec<f64> = (0..anchors.len()).map(|index| softplus(behind(index))).collect();
        let reduced = scene.reduce(&losses, &anchors);
        let sign = -scene.distance.sign();
        let mut values = Matrix::zeros(scene.values().shape());
        let mut pulls = vec![0.0; others.len()];
        for (index, (&[anchor, mated], weight)) in
            pairs.mated.iter().zip(&reduced.weights).enumerate()
        {
            let pull = weight * self.scale / (1.0 + (-behind(index)).exp());
            values[(anchor, mated)] -= sign * pull * slacks[index].1;
            pulls[anchor] += pull;
        }
        for (anchor, others) in others.iter().enumerate() {
            for &other in others {
                let share = (self.scale * cosine(anchor, other) - crowds[anchor]).exp();
                values[(anchor, other)] += sign * pulls[anchor] * share;
            }
        }
        Slope { value: reduced.value, values: Some(values), ..Slope::default() }
    }
}

impl TupletMarginLoss {
    /// `cos(θ - m)`, and its change with `cos θ`.
    fn slack(&self, cosine: f64) -> (f64, f64) {
        let (inside, cosine) = (cosine.abs() <= 1.0, cosine.clamp(-1.0, 1.0));
        let sine = (1.0 - cosine * cosine).max(0.0).sqrt();
        let (sine_m, cosine_m) = self.margin.sin_cos();
        // sin(θ - m) / sin θ, which has no limit where the angle has no direction.
        let slope = cosine_m - sine_m * cosine / sine.max(MIN_SINE_SQUARED.sqrt());
        (cosine * cosine_m + sine * sine_m, if inside { slope } else { 0.0 })
    }
}

/// `log(1 + exp x)`, without overflow.
fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

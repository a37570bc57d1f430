//! Intra-pair variance loss: mated pairs should be about equally alike, and so should the non-mated.

use serde::{Deserialize, Serialize};

use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Intra-pair variance loss.
///
/// With `s` the cosine of a pair, and `s̄` the mean of its kind,
///
/// ```text
/// L = mean ((1 - ε_mated) s̄ - s)₊² over mated pairs + mean (s - (1 + ε) s̄)₊² over non-mated pairs
/// ```
///
/// Only mated pairs that are less alike than their mean, and non-mated pairs that are more alike, have a
/// loss. The means move, too: the gradient goes through them. With a distance `d` the terms are
/// `(d - (1 + ε_mated) d̄)₊²` and `((1 - ε) d̄ - d)₊²`. It evens pairs out and tells none apart: the paper
/// adds it to a tuplet margin loss.
///
/// Yu and Tao, *Deep Metric Learning with Tuplet Margin Loss*, ICCV 2019,
/// <https://doi.org/10.1109/ICCV.2019.00659>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IntraPairVarianceLoss {
    /// `ε_mated`, the share of the mean that a mated pair may stay behind, in `[0, 1)`; 0.01 in the paper.
    #[serde(default = "paper_slack")]
    pub mated_slack: f64,
    /// `ε`, the share of the mean that a non-mated pair may be ahead, in `[0, 1)`; 0.01 in the paper.
    #[serde(default = "paper_slack")]
    pub slack: f64,
}

fn paper_slack() -> f64 {
    0.01
}

impl TupleLoss for IntraPairVarianceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = |slack| (0.0..1.0).contains(&slack);
        require("mated_slack", self.mated_slack, in_range(self.mated_slack), "in [0, 1)")?;
        require("slack", self.slack, in_range(self.slack), "in [0, 1)")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let sign = scene.distance.sign();
        let pairs = scene.pairs();
        let values = Some(Matrix::zeros(scene.values().shape()));
        let mut slope = Slope { values, n_active: Some(0), ..Slope::default() };
        add_kind(scene, &pairs.mated, sign, self.mated_slack, &mut slope);
        add_kind(scene, &pairs.non_mated, -sign, self.slack, &mut slope);
        slope
    }
}

/// Adds the losses of pairs whose value exceeds the mean, or falls short of it if `sign` is -1.
fn add_kind(scene: &Scene<'_>, pairs: &[[usize; 2]], sign: f64, slack: f64, slope: &mut Slope) {
    let values: Vec<f64> = pairs.iter().map(|&pair| scene.values()[pair.into()]).collect();
    let n = values.len().max(1) as f64;
    let bound = 1.0 + sign * slack;
    let mean = values.iter().sum::<f64>() / n;
    let excesses: Vec<f64> =
        values.iter().map(|value| (sign * (value - bound * mean)).max(0.0)).collect();
    let losses: Vec<f64> = excesses.iter().map(|excess| excess * excess).collect();
    let anchors: Vec<usize> = pairs.iter().map(|&[anchor, _]| anchor).collect();
    let reduced = scene.reduce(&losses, &anchors);
    slope.value += reduced.value;
    slope.n_active = slope.n_active.map(|n_active| n_active + reduced.n_active);
    let pulls: Vec<f64> = excesses
        .iter()
        .zip(&reduced.weights)
        .map(|(excess, weight)| sign * 2.0 * excess * weight)
        .collect();
    let through_mean = bound * pulls.iter().sum::<f64>() / n;
    if let Some(slopes) = &mut slope.values {
        for (&pair, pull) in pairs.iter().zip(&pulls) {
            slopes[pair.into()] += pull - through_mean;
        }
    }
}

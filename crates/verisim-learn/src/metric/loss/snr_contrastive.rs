//! Contrastive loss on signal-to-noise ratios.

use serde::{Deserialize, Serialize};

use super::contrastive::ContrastiveLoss;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Contrastive loss on the ratio of noise to signal, and a pull of each embedding's mean to zero.
///
/// With `d(a, b) = var(a - b) / var(a)`, of embeddings of unit length by default, and `x_k` the
/// components of an embedding as it is,
///
/// ```text
/// L = mean⁺ (d - m_mated)₊ over mated pairs + mean⁺ (m - d)₊ over non-mated pairs
///   + λ mean |Σ_k x_k| over the embeddings of the batch
/// ```
///
/// where `mean⁺` is taken over the pairs that still have a loss. The distance is not symmetric: the
/// anchor is the signal. The last term makes variances those of the theory, whose signals have a mean of
/// zero; reductions and references do not concern it.
///
/// Yuan et al., *Signal-to-Noise Ratio: A Robust Distance Metric for Deep Metric Learning*, CVPR 2019,
/// <https://arxiv.org/abs/1904.02616>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnrContrastiveLoss {
    /// Ratio within which a mated pair is left alone, any number; 0 is pytorch-metric-learning's.
    #[serde(default)]
    pub mated_margin: f64,
    /// Ratio beyond which a non-mated pair is left alone, any number; 1 is pytorch-metric-learning's.
    #[serde(default = "one")]
    pub margin: f64,
    /// Weight `λ` of the pull to a mean of zero, 0 or more; 0, pytorch-metric-learning's, has none.
    #[serde(default)]
    pub zero_mean_weight: f64,
}

fn one() -> f64 {
    1.0
}

impl SnrContrastiveLoss {
    fn contrastive(&self) -> ContrastiveLoss {
        ContrastiveLoss { mated_margin: self.mated_margin, margin: self.margin }
    }
}

impl TupleLoss for SnrContrastiveLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        self.contrastive().check()?;
        let weight = self.zero_mean_weight;
        require("zero_mean_weight", weight, weight >= 0.0, "0 or more")
    }

    fn distance(&self) -> Distance {
        Distance::Snr { normalize: true }
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let slope = self.contrastive().evaluate(scene);
        if self.zero_mean_weight == 0.0 {
            return slope;
        }
        let embeddings = scene.batch.embeddings;
        let weight = self.zero_mean_weight / embeddings.n_rows().max(1) as f64;
        let sums: Vec<f64> = embeddings.rows().map(|row| row.iter().sum()).collect();
        let pull = |sum: f64| if sum == 0.0 { 0.0 } else { weight * sum.signum() };
        Slope {
            value: slope.value + weight * sums.iter().map(|sum| sum.abs()).sum::<f64>(),
            embeddings: Some(Matrix::from_fn(embeddings.shape(), |row, _| pull(sums[row]))),
            ..slope
        }
    }
}

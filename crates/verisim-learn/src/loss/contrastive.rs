//! Contrastive loss with a margin: mated pairs together, non-mated pairs apart.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{InvalidLoss, LossValue};
use crate::distance::euclidean;

/// Configuration of [`ContrastiveLoss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveConfig {
    /// Distance within which a mated pair is left alone, in `[0, 2]`.
    #[serde(default)]
    pub mated_margin: f64,
    /// Distance beyond which a non-mated pair is left alone, in `(0, 2]`.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl ContrastiveConfig {
    /// Creates the loss.
    ///
    /// # Errors
    ///
    /// Fails if a margin is out of range.
    pub fn init(&self) -> Result<ContrastiveLoss, InvalidLoss> {
        let mated = self.mated_margin;
        InvalidLoss::check("mated_margin", mated, (0.0..=2.0).contains(&mated), "in [0, 2]")?;
        let in_range = self.margin > 0.0 && self.margin <= 2.0;
        InvalidLoss::check("margin", self.margin, in_range, "above 0 and at most 2")?;
        Ok(ContrastiveLoss { mated_margin: mated, margin: self.margin })
    }
}

/// Contrastive loss over all pairs of a batch.
///
/// With `d` the Euclidean distance between features of unit length,
///
/// ```text
/// L = mean⁺ (d - m_mated)₊ over mated pairs + mean⁺ (m - d)₊ over non-mated pairs
/// ```
///
/// where `mean⁺` is taken over the pairs that still have a loss. Distances are not squared.
///
/// Hadsell et al., *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006; this form is
/// that of pytorch-metric-learning.
#[derive(Module, Debug)]
pub struct ContrastiveLoss {
    mated_margin: f64,
    margin: f64,
}

impl ContrastiveLoss {
    /// Loss of a batch.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`, of any length
    /// - labels: `batch` of them
    pub fn forward(&self, features: Tensor<2>, labels: &[u64]) -> LossValue {
        let device = features.device();
        let distance = euclidean(features);
        let mated = pairs(labels, |i, j| i != j && labels[i] == labels[j], &device);
        let non_mated = pairs(labels, |i, j| labels[i] != labels[j], &device);
        let pull = (distance.clone() - self.mated_margin).clamp_min(0.0) * mated;
        let push = (-distance + self.margin).clamp_min(0.0) * non_mated;
        let (pull, n_pulling) = mean_of_active(pull);
        let (push, n_pushing) = mean_of_active(push);
        LossValue { loss: pull + push, n_active: Some(n_pulling + n_pushing) }
    }
}

/// One where `is_pair`, else zero: `[batch, batch]`.
fn pairs(labels: &[u64], is_pair: impl Fn(usize, usize) -> bool, device: &Device) -> Tensor<2> {
    let n = labels.len();
    let mask: Vec<f32> =
        (0..n * n).map(|index| f32::from(u8::from(is_pair(index / n, index % n)))).collect();
    Tensor::from_data(TensorData::new(mask, [n, n]), device)
}

/// Mean over the losses above 0, and their number.
fn mean_of_active(losses: Tensor<2>) -> (Tensor<1>, usize) {
    let n_active = losses.clone().greater_scalar(0.0).int().sum().into_scalar::<i64>();
    let n_active = usize::try_from(n_active).unwrap_or(0);
    (losses.sum() / n_active.max(1) as f64, n_active)
}

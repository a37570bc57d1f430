//! Losses that shape embeddings, one file each, and the choice among them by recipe.
//!
//! | loss | formula | paper | defaults from |
//! |---|---|---|---|
//! | [`ArcFaceLoss`] | `-log softmax(s cos(θ_y + m))` | Deng et al. 2019 | the paper: m 0.5, s 64 |
//! | [`SoftmaxLoss`] | `-log softmax(W x + b)` | the classifier that the others must beat | |
//! | [`ContrastiveLoss`] | `mean d_mated + mean (m - d_non-mated)₊` | Hadsell et al. 2006 | pytorch-metric-learning: m 1 |
//! | [`TripletLoss`] | `mean (d_ap - d_an + m)₊` | Schroff et al. 2015 | the paper: m 0.2, squared distances |

mod arcface;
mod contrastive;
mod softmax;
#[cfg(test)]
mod tests;
mod triplet;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

pub use self::arcface::{ArcFaceConfig, ArcFaceLoss};
pub use self::contrastive::{ContrastiveConfig, ContrastiveLoss};
pub use self::softmax::{SoftmaxConfig, SoftmaxLoss};
pub use self::triplet::{Mining, TripletConfig, TripletLoss};
use crate::backbone::WeightSource;

/// A loss's parameter that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{parameter} is {found}, but must be {expected}")]
pub struct InvalidLoss {
    parameter: &'static str,
    found: f64,
    expected: &'static str,
}

impl InvalidLoss {
    /// Accepts a finite value of at least `min` and below `below`.
    pub(crate) fn check(
        parameter: &'static str,
        found: f64,
        is_valid: bool,
        expected: &'static str,
    ) -> Result<(), Self> {
        let is_valid = is_valid && found.is_finite();
        if is_valid { Ok(()) } else { Err(Self { parameter, found, expected }) }
    }
}

/// Which loss, and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LossConfig {
    /// Additive angular margin.
    ArcFace(ArcFaceConfig),
    /// Cross-entropy of a linear classifier.
    Softmax(SoftmaxConfig),
    /// Pairs: mated together, non-mated apart.
    Contrastive(ContrastiveConfig),
    /// Triplets: the positive nearer than the negative.
    Triplet(TripletConfig),
}

impl LossConfig {
    /// Creates the loss for `n_identities` identities and features of `embedding_dim` components.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range.
    pub fn init(
        &self,
        n_identities: usize,
        embedding_dim: usize,
        weights: &mut WeightSource,
    ) -> Result<Loss, InvalidLoss> {
        let sizes = [embedding_dim, n_identities];
        Ok(match self {
            Self::ArcFace(config) => Loss::ArcFace(config.init(sizes, weights)?),
            Self::Softmax(config) => Loss::Softmax(config.init(sizes, weights)),
            Self::Contrastive(config) => Loss::Contrastive(config.init()?),
            Self::Triplet(config) => Loss::Triplet(config.init()?),
        })
    }

    /// Whether the loss compares the samples of a batch with each other, so that every batch needs
    /// several images of an identity.
    pub fn needs_mated_pairs(&self) -> bool {
        matches!(self, Self::Contrastive(_) | Self::Triplet(_))
    }
}

/// One of the losses, with its parameters.
#[derive(Module, Debug)]
pub enum Loss {
    /// Additive angular margin.
    ArcFace(ArcFaceLoss),
    /// Cross-entropy of a linear classifier.
    Softmax(SoftmaxLoss),
    /// Pairs: mated together, non-mated apart.
    Contrastive(ContrastiveLoss),
    /// Triplets: the positive nearer than the negative.
    Triplet(TripletLoss),
}

/// What a loss found in a batch.
#[derive(Clone, Debug)]
pub struct LossValue {
    /// The mean loss: `[1]`, at least 0.
    pub loss: Tensor<1>,
    /// Pairs or triplets that still pull, of a loss that has them.
    pub n_active: Option<usize>,
}

impl Loss {
    /// Loss of a batch.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`, of any length
    /// - labels: `batch` of them; below `n_identities` for a loss that classifies
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row.
    pub fn forward(&self, features: Tensor<2>, labels: &[u64]) -> LossValue {
        assert_eq!(features.dims()[0], labels.len(), "not one label for each row of features");
        match self {
            Self::ArcFace(loss) => LossValue::of_samples(loss.forward(features, labels)),
            Self::Softmax(loss) => LossValue::of_samples(loss.forward(features, labels)),
            Self::Contrastive(loss) => loss.forward(features, labels),
            Self::Triplet(loss) => loss.forward(features, labels),
        }
    }
}

impl LossValue {
    fn of_samples(loss: Tensor<1>) -> Self {
        Self { loss, n_active: None }
    }

    /// A loss of 0 that is still a function of the features, so that it has a gradient: zero.
    fn nothing(features: Tensor<2>) -> Self {
        Self { loss: (features * 0.0).sum(), n_active: Some(0) }
    }
}

/// Labels as a column of class indices: `[batch, 1]`.
fn class_indices(labels: &[u64], n_identities: usize, device: &Device) -> Tensor<2, Int> {
    let indices: Vec<i64> = labels
        .iter()
        .map(|&label| {
            assert!(label < n_identities as u64, "label {label} of {n_identities} identities");
            label.cast_signed()
        })
        .collect();
    let n = indices.len();
    Tensor::from_data(TensorData::new(indices, [n, 1]), device)
}

/// Mean cross-entropy of rows of logits.
fn cross_entropy(logits: Tensor<2>, classes: Tensor<2, Int>) -> Tensor<1> {
    let log_probability = burn::tensor::activation::log_softmax(logits, 1).gather(1, classes);
    -log_probability.mean()
}

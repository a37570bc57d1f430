//! Softmax cross-entropy of a linear classifier: the naive way, which the others must beat.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::{class_indices, cross_entropy};
use crate::backbone::WeightSource;

/// Configuration of [`SoftmaxLoss`]: it has no parameter.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxConfig {}

impl SoftmaxConfig {
    /// Creates the loss with random weights, for `[embedding_dim, n_identities]`.
    pub fn init(
        &self,
        [embedding_dim, n_identities]: [usize; 2],
        weights: &mut WeightSource,
    ) -> SoftmaxLoss {
        let deviation = (1.0 / embedding_dim as f32).sqrt();
        SoftmaxLoss {
            weight: weights.normal([embedding_dim, n_identities], deviation),
            bias: weights.constant([n_identities], 0.0),
        }
    }
}

/// Cross-entropy of a linear classifier over the training identities.
///
/// ```text
/// L = -log softmax(W x + b)_y
/// ```
///
/// It makes identities separable by planes, not clustered: nothing pulls the features of one identity
/// together beyond what separates them, and their length is free.
#[derive(Module, Debug)]
pub struct SoftmaxLoss {
    pub(super) weight: Param<Tensor<2>>, // [embedding_dim, n_identities]
    pub(super) bias: Param<Tensor<1>>,   // [n_identities]
}

impl SoftmaxLoss {
    /// Mean loss of a batch.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`
    /// - labels: `batch` of them, below `n_identities`
    /// - output: `[1]`
    ///
    /// # Panics
    ///
    /// Panics if a label is not below `n_identities`.
    pub fn forward(&self, features: Tensor<2>, labels: &[u64]) -> Tensor<1> {
        let classes = class_indices(labels, self.weight.dims()[1], &features.device());
        let logits = features.matmul(self.weight.val()) + self.bias.val().unsqueeze();
        cross_entropy(logits, classes)
    }
}

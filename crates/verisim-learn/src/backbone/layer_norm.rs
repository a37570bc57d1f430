//! Normalization of each token by its own mean and variance; it knows no batch and remembers nothing.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::layer::host;
use super::weights::WeightSource;
use crate::export::graph::{Graph, Value};
use crate::ops;

/// PyTorch's default of what is added to a variance.
const EPSILON: f32 = 1e-5;

/// Layer normalization, 2016, <https://arxiv.org/abs/1607.06450>.
#[derive(Module, Debug)]
pub(super) struct LayerNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl LayerNorm {
    pub(super) fn new(width: usize, weights: &mut WeightSource) -> Self {
        Self { gamma: weights.constant([width], 1.0), beta: weights.constant([width], 0.0) }
    }

    /// # Shapes
    ///
    /// - tokens and output: `[n_tokens, width]`
    ///
    /// Statistics are of single precision, whatever the tokens are.
    pub(super) fn forward(&self, tokens: Tensor<2>) -> Tensor<2> {
        let like = tokens.clone();
        let tokens = ops::in_single(tokens);
        let centered = tokens.clone() - tokens.mean_dim(1);
        let variance = centered.clone().square().mean_dim(1);
        let normalized = centered / (variance + EPSILON).sqrt();
        let output = normalized * self.gamma.val().unsqueeze() + self.beta.val().unsqueeze();
        ops::as_precise_as(&like, output)
    }

    pub(super) fn export(&self, graph: &mut Graph, tokens: Value) -> Value {
        graph.layer_norm(tokens, [host(self.gamma.val()), host(self.beta.val())], EPSILON)
    }
}

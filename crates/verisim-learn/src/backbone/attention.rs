//! Attention of the tokens of one picture to one another; it does not know where they come from.
//!
//! Vaswani et al., *Attention Is All You Need*, 2017, <https://arxiv.org/abs/1706.03762>.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::layer::Linear;
use super::weights::WeightSource;
use crate::export::graph::{Graph, Value};

/// Several heads side by side, each looking at its share of the components.
#[derive(Module, Debug)]
pub(super) struct Attention {
    /// Queries, keys and values, one after the other.
    qkv: Linear,
    projection: Linear,
    heads: usize,
}

impl Attention {
    pub(super) fn new(
        width: usize,
        heads: usize,
        deviation: f32,
        weights: &mut WeightSource,
    ) -> Self {
        Self {
            qkv: Linear::without_bias([width, 3 * width], deviation, weights),
            projection: Linear::without_bias([width; 2], deviation, weights).with_bias(weights),
            heads,
        }
    }

    /// # Shapes
    ///
    /// - tokens and output: `[batch * n_tokens, width]`
    pub(super) fn forward(&self, tokens: Tensor<2>, n_tokens: usize) -> Tensor<2> {
        let [n_rows, width] = tokens.dims();
        let (batch, heads, share) = (n_rows / n_tokens, self.heads, width / self.heads);
        let parts = self.qkv.forward(tokens).reshape([batch, n_tokens, 3, heads, share]);
        let parts = parts.permute([2, 0, 3, 1, 4]);
        let [queries, keys, values]: [Tensor<4>; 3] = [0, 1, 2].map(|index| {
            parts.clone().narrow(0, index, 1).reshape([batch, heads, n_tokens, share])
        });
        let scores = queries.matmul(keys.transpose()) * self.sharpness(width);
        let mixed = softmax(scores, 3).matmul(values); // [batch, heads, n_tokens, share]
        self.projection.forward(mixed.permute([0, 2, 1, 3]).reshape([n_rows, width]))
    }

    pub(super) fn export(
        &self,
        graph: &mut Graph,
        tokens: Value,
        [n_tokens, width]: [usize; 2],
    ) -> Value {
        let shape = [None, Some(n_tokens), Some(self.heads), Some(width / self.heads)];
        let mut part = |index: usize, order: [usize; 4]| {
            let columns = index * width..(index + 1) * width;
            let part = self.qkv.export_columns(columns, graph, tokens);
            let part = graph.reshape(part, &shape);
            graph.transpose(part, &order)
        };
        let queries = part(0, [0, 2, 1, 3]);
        let keys = part(1, [0, 2, 3, 1]);
        let values = part(2, [0, 2, 1, 3]);
        let scores = graph.matmul(queries, keys);
        let scores = graph.multiply_by(scores, self.sharpness(width));
        let shares = graph.softmax(scores, 3);
        let mixed = graph.matmul(shares, values);
        let mixed = graph.transpose(mixed, &[0, 2, 1, 3]);
        let mixed = graph.reshape(mixed, &[None, Some(width)]);
        self.projection.export(graph, mixed)
    }

    /// What scores are multiplied by, so that their variance does not grow with the components.
    fn sharpness(&self, width: usize) -> f32 {
        1.0 / ((width / self.heads) as f32).sqrt()
    }
}

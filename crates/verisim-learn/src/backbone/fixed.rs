//! Convolutions that do not learn; they know what they compute, not what for.

use burn::tensor::{Tensor, TensorData};

use crate::export::graph::{ConvNode, Graph, Value};
use crate::ops;

/// A convolution that does not learn.
pub(super) struct Fixed {
    pub(super) weight: Vec<f32>,
    /// `[c_out, c_in / groups, k_height, k_width]`.
    pub(super) shape: [usize; 4],
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) is_depthwise: bool,
}

impl Fixed {
    /// Means of squares of pixels, which do not overlap.
    pub(super) fn shrink(channels: usize, side: usize) -> Self {
        Self::depthwise(channels, &vec![1.0 / side as f32; side], side, 0)
    }

    /// The mean of an odd number of pixels around each, with zeros around the picture.
    pub(super) fn mean(channels: usize, side: usize) -> Self {
        Self::depthwise(channels, &vec![1.0 / side as f32; side], 1, side / 2)
    }

    /// The same window for every channel: the product of `line` down and across.
    pub(super) fn depthwise(channels: usize, line: &[f32], stride: usize, padding: usize) -> Self {
        let window: Vec<f32> =
            line.iter().flat_map(|down| line.iter().map(move |across| down * across)).collect();
        let weight = window.repeat(channels);
        let shape = [channels, 1, line.len(), line.len()];
        Self { weight, shape, stride, padding, is_depthwise: true }
    }

    pub(super) fn forward(self, input: Tensor<4>) -> Tensor<4> {
        let weight = TensorData::new(self.weight, self.shape);
        let weight = Tensor::from_data(weight, &input.device());
        let conv = if self.is_depthwise { ops::depthwise_conv2d } else { ops::conv2d };
        conv(input, weight, self.stride, [self.padding; 2])
    }

    /// Writes the convolution, with the same bias for every channel.
    pub(super) fn export(self, bias: f32, graph: &mut Graph, input: Value) -> Value {
        let Self { weight, shape, stride, padding, is_depthwise } = self;
        let groups = if is_depthwise { shape[0] } else { 1 };
        let (bias, padding) = (vec![bias; shape[0]], [padding; 2]);
        graph.conv(input, ConvNode { weight, shape, bias, stride, padding, groups })
    }
}

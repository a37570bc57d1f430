//! A locally connected layer: a convolution whose weights differ from place to place.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::layer::host;
use super::weights::WeightSource;
use crate::export::graph::{Graph, Value};
use crate::ops;

/// Sizes of a [`Local`].
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalSpec {
    /// Channels of the input and of the output.
    pub(super) channels: [usize; 2],
    /// Height and width of the input.
    pub(super) size: [usize; 2],
    /// Side of the window.
    pub(super) side: usize,
    /// Step between windows.
    pub(super) stride: usize,
}

impl LocalSpec {
    /// Height and width of the output; the window fits into the input.
    pub(super) fn out_size(&self) -> [usize; 2] {
        self.size.map(|side| (side - self.side) / self.stride + 1)
    }
}

/// A window of weights, and a bias, for every place and channel; what is negative is cut off.
///
/// On aligned faces a place always shows the same part of a face, and gets a filter of its own for it.
#[derive(Module, Debug)]
pub(super) struct Local {
    weight: Param<Tensor<3>>, // [places, side * side * c_in, c_out]
    bias: Param<Tensor<3>>,   // [c_out, h_out, w_out]
    size: [usize; 2],
    side: usize,
    stride: usize,
}

impl Local {
    /// Weights of He et al. (2015), by the size of the window.
    pub(super) fn new(spec: LocalSpec, weights: &mut WeightSource) -> Self {
        let [c_in, c_out] = spec.channels;
        let [height, width] = spec.out_size();
        let n_inputs = spec.side * spec.side * c_in;
        let deviation = (2.0 / n_inputs as f32).sqrt();
        Self {
            weight: weights.normal([height * width, n_inputs, c_out], deviation),
            bias: weights.constant([c_out, height, width], 0.0),
            size: spec.size,
            side: spec.side,
            stride: spec.stride,
        }
    }

    /// # Shapes
    ///
    /// - maps: `[batch, c_in, height, width]`
    /// - output: `[batch, c_out, h_out, w_out]`
    pub(super) fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let output = ops::local(maps, self.weight.val(), [self.side; 2], self.stride);
        let bias = ops::as_precise_as(&output, self.bias.val());
        relu(output + bias.unsqueeze())
    }

    /// Writes the layer as a product for every place; ONNX has no operator for it.
    pub(super) fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let [n_places, n_inputs, c_out] = self.weight.dims();
        let c_in = n_inputs / (self.side * self.side);
        let [height, width] = self.size;
        let flat = graph.reshape(maps, &[None, Some(c_in), Some(height * width)]);
        let windows = graph.gather(flat, 2, &self.pixels(), [n_places, self.side * self.side]);
        // [batch, c_in, places, pixels of a window]
        let windows = graph.transpose(windows, &[2, 0, 3, 1]);
        let rows = graph.reshape(windows, &[Some(n_places), None, Some(n_inputs)]);
        let weight = host(self.weight.val());
        let product = graph.matmul_by(rows, weight, &[n_places, n_inputs, c_out]);
        let turned = graph.transpose(product, &[1, 2, 0]);
        let [_, out_height, out_width] = self.bias.dims();
        let output = graph.reshape(turned, &[None, Some(c_out), Some(out_height), Some(out_width)]);
        let output =
            graph.add_constant(output, host(self.bias.val()), &[c_out, out_height, out_width]);
        graph.relu(output)
    }

    /// The pixels under the window of every place, as positions in a map.
    fn pixels(&self) -> Vec<usize> {
        let [_, out_height, out_width] = self.bias.dims();
        let [_, width] = self.size;
        let grid = |height, width| {
            (0..height).flat_map(move |y: usize| (0..width).map(move |x: usize| (y, x)))
        };
        grid(out_height, out_width)
            .flat_map(|(y, x)| {
                let (top, left) = (y * self.stride, x * self.stride);
                grid(self.side, self.side).map(move |(y, x)| (top + y) * width + left + x)
            })
            .collect()
    }
}

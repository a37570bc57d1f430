//! The layers that face networks are made of, each able to run and to write itself as ONNX.

use std::ops::Range;

use burn::module::{Module, Param, RunningState};
use burn::tensor::Tensor;

use super::weights::WeightSource;
use crate::export::graph::{ConvNode, Graph, Value};
use crate::ops;

/// PyTorch's default of what is added to a variance.
const EPSILON: f64 = 1e-5;
/// Weight of a batch in the running statistics; PyTorch's default.
const MOMENTUM: f64 = 0.1;
/// First slope of a PReLU; PyTorch's default.
const SLOPE: f32 = 0.25;

/// Sizes of a [`Conv`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConvSpec {
    /// Channels of the input and of the output.
    pub(crate) channels: [usize; 2],
    /// Height and width of the window.
    pub(crate) kernel: [usize; 2],
    /// Step between windows.
    pub(crate) stride: usize,
    /// Zeros above and below, left and right.
    pub(crate) padding: [usize; 2],
    /// Parts that channels are dealt out to, each convolved on its own.
    pub(crate) groups: usize,
}

impl ConvSpec {
    /// A window of 3 x 3 that keeps the size at stride 1.
    pub(crate) fn three(c_in: usize, c_out: usize, stride: usize) -> Self {
        let channels = [c_in, c_out];
        Self { channels, kernel: [3, 3], stride, padding: [1, 1], groups: 1 }
    }

    /// A window of one pixel.
    pub(crate) fn point(c_in: usize, c_out: usize, stride: usize) -> Self {
        let channels = [c_in, c_out];
        Self { channels, kernel: [1, 1], stride, padding: [0, 0], groups: 1 }
    }

    /// One 3 x 3 window a channel.
    pub(crate) fn depthwise(channels: usize, stride: usize) -> Self {
        Self { groups: channels, ..Self::three(channels, channels, stride) }
    }

    /// One window a channel that covers the whole picture, leaving a single pixel.
    pub(crate) fn global_depthwise(channels: usize, size: [usize; 2]) -> Self {
        let groups = channels;
        let channels = [channels; 2];
        Self { channels, kernel: size, stride: 1, padding: [0, 0], groups }
    }
}

/// Convolution without bias.
#[derive(Module, Debug)]
pub(crate) struct Conv {
    weight: Param<Tensor<4>>, // [c_out, c_in / groups, k_height, k_width]
    stride: usize,
    padding: [usize; 2],
    groups: usize,
}

impl Conv {
    /// Weights of He et al. (2015), by the size of the output: the signal keeps its size backward.
    pub(crate) fn new(spec: ConvSpec, weights: &mut WeightSource) -> Self {
        let [c_in, c_out] = spec.channels;
        let [k_height, k_width] = spec.kernel;
        let fan = c_out / spec.groups * k_height * k_width;
        let deviation = (2.0 / fan as f32).sqrt();
        Self {
            weight: weights.normal([c_out, c_in / spec.groups, k_height, k_width], deviation),
            stride: spec.stride,
            padding: spec.padding,
            groups: spec.groups,
        }
    }

    /// Channels of the output.
    pub(crate) fn channels(&self) -> usize {
        self.weight.dims()[0]
    }

    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, stride, padding) = (self.weight.val(), self.stride, self.padding);
        match self.groups {
            1 => ops::conv2d(input, weight, stride, padding),
            groups => ops::grouped_conv2d(input, weight, groups, stride, padding),
        }
    }

    /// Writes the convolution with what follows it folded in.
    pub(crate) fn export(&self, affine: Affine, graph: &mut Graph, input: Value) -> Value {
        let shape = self.weight.dims();
        let mut weight = host(self.weight.val());
        for (window, scale) in
            weight.chunks_exact_mut(shape[1..].iter().product()).zip(&affine.scale)
        {
            for value in window {
                *value *= scale;
            }
        }
        let (stride, padding, groups) = (self.stride, self.padding, self.groups);
        let bias = affine.shift;
        graph.conv(input, ConvNode { weight, shape, bias, stride, padding, groups })
    }
}

/// Batch normalization: by the batch while training, by running statistics afterwards.
#[derive(Module, Debug)]
pub(crate) struct Norm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
    mean: RunningState<Tensor<1>>,
    variance: RunningState<Tensor<1>>,
    /// Added to a variance before its square root is taken.
    epsilon: f64,
}

/// A normalization by fixed statistics: `x * scale + shift`.
pub(crate) struct Affine {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

impl Affine {
    /// One that changes nothing.
    pub(crate) fn identity(channels: usize) -> Self {
        Self { scale: vec![1.0; channels], shift: vec![0.0; channels] }
    }
}

impl Norm {
    pub(crate) fn new(channels: usize, weights: &mut WeightSource) -> Self {
        Self::with_epsilon(channels, EPSILON, weights)
    }

    pub(crate) fn with_epsilon(channels: usize, epsilon: f64, weights: &mut WeightSource) -> Self {
        let device = weights.device().clone();
        Self {
            gamma: weights.constant([channels], 1.0),
            beta: weights.constant([channels], 0.0),
            mean: RunningState::new(Tensor::zeros([channels], &device)),
            variance: RunningState::new(Tensor::ones([channels], &device)),
            epsilon,
        }
    }

    /// # Shapes
    ///
    /// - input and output: `[batch, channels, ...]`
    ///
    /// Statistics are of single precision, whatever the input is.
    pub(crate) fn forward<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let precision = input.dtype();
        let input = ops::in_single(input);
        let is_training = input.device().is_autodiff();
        let output = if is_training { self.by_batch(input) } else { self.by_statistics(input) };
        if output.dtype() == precision { output } else { output.cast(precision) }
    }

    fn by_batch<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let n_values = input.shape().num_elements() / input.dims()[1];
        let batch = ops::batch_norm(input, self.gamma.val(), self.beta.val(), self.epsilon);
        // As in PyTorch, the running variance is the unbiased one; Burn's is not.
        let unbiased = n_values as f64 / (n_values as f64 - 1.0).max(1.0);
        follow(&self.mean, batch.mean);
        follow(&self.variance, batch.variance * unbiased);
        batch.output
    }

    fn by_statistics<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        let scale = self.gamma.val() / (self.variance.value_sync() + self.epsilon).sqrt();
        let shift = self.beta.val() - self.mean.value_sync() * scale.clone();
        let mut shape = [1; D];
        shape[1] = scale.dims()[0];
        input * scale.reshape(shape) + shift.reshape(shape)
    }

    /// The normalization as it is after training.
    pub(crate) fn affine(&self) -> Affine {
        let (gamma, beta) = (host(self.gamma.val()), host(self.beta.val()));
        let (mean, variance) = (host(self.mean.value_sync()), host(self.variance.value_sync()));
        let inverse = |variance: f32| (1.0 / (f64::from(variance) + self.epsilon).sqrt()) as f32;
        let scale: Vec<f32> =
            gamma.iter().zip(variance).map(|(gamma, variance)| gamma * inverse(variance)).collect();
        let centers = mean.iter().zip(&scale).map(|(mean, scale)| mean * scale);
        let shift = beta.iter().zip(centers).map(|(beta, center)| beta - center).collect();
        Affine { scale, shift }
    }

    /// Writes the normalization on its own, where there is no convolution before it to take it in.
    pub(crate) fn export(&self, graph: &mut Graph, input: Value) -> Value {
        graph.affine(input, self.affine())
    }
}

/// Moves what is remembered of batches a little toward that of this one.
pub(super) fn follow<const D: usize>(running: &RunningState<Tensor<D>>, batch: Tensor<D>) {
    let kept = running.value_sync() * (1.0 - MOMENTUM);
    running.update((kept + batch * MOMENTUM).detach());
}

/// Convolution and normalization, and a PReLU where one is asked for.
#[derive(Module, Debug)]
pub(crate) struct ConvNorm {
    conv: Conv,
    norm: Norm,
    slopes: Option<Param<Tensor<1>>>, // [channels]
}

impl ConvNorm {
    /// Without activation.
    pub(crate) fn linear(spec: ConvSpec, weights: &mut WeightSource) -> Self {
        let conv = Conv::new(spec, weights);
        Self { conv, norm: Norm::new(spec.channels[1], weights), slopes: None }
    }

    /// With a PReLU.
    pub(crate) fn activated(spec: ConvSpec, weights: &mut WeightSource) -> Self {
        let mut block = Self::linear(spec, weights);
        block.slopes = Some(weights.constant([spec.channels[1]], SLOPE));
        block
    }

    pub(crate) fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let output = self.norm.forward(self.conv.forward(input));
        match &self.slopes {
            Some(slopes) => ops::prelu(output, slopes.val()),
            None => output,
        }
    }

    /// Writes one convolution, and one PReLU if there is an activation.
    pub(crate) fn export(&self, graph: &mut Graph, input: Value) -> Value {
        let output = self.conv.export(self.norm.affine(), graph, input);
        match &self.slopes {
            Some(slopes) => graph.prelu(output, host(slopes.val())),
            None => output,
        }
    }
}

/// Fully connected layer whose output is normalized: what ends every network here.
#[derive(Module, Debug)]
pub(crate) struct LinearNorm {
    weight: Param<Tensor<2>>, // [inputs, outputs]
    norm: Norm,
}

impl LinearNorm {
    pub(crate) fn new(n_inputs: usize, n_outputs: usize, weights: &mut WeightSource) -> Self {
        Self::with_epsilon([n_inputs, n_outputs], EPSILON, weights)
    }

    pub(crate) fn with_epsilon(
        [n_inputs, n_outputs]: [usize; 2],
        epsilon: f64,
        weights: &mut WeightSource,
    ) -> Self {
        let deviation = (1.0 / n_inputs as f32).sqrt();
        Self {
            weight: weights.normal([n_inputs, n_outputs], deviation),
            norm: Norm::with_epsilon(n_outputs, epsilon, weights),
        }
    }

    /// Keeps the gammas at 1, which they are first, so that only the shift is learned.
    ///
    /// `InsightFace` does so at the end of its residual networks.
    pub(crate) fn with_fixed_gamma(mut self, is_fixed: bool) -> Self {
        if is_fixed {
            self.norm.gamma = self.norm.gamma.set_require_grad(false);
        }
        self
    }

    pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let weight = ops::as_precise_as(&input, self.weight.val());
        self.norm.forward(input.matmul(weight))
    }

    /// Writes one matrix product; `before` is a normalization of the input's `n` channels to fold in.
    pub(crate) fn export(&self, before: Option<&Norm>, graph: &mut Graph, input: Value) -> Value {
        let [n_inputs, n_outputs] = self.weight.dims();
        let mut weight = host(self.weight.val()); // [inputs, outputs]
        let mut bias = vec![0.0; n_outputs];
        if let Some(before) = before {
            let Affine { scale, shift } = before.affine();
            let per_channel = n_inputs / scale.len();
            for (input, row) in weight.chunks_exact_mut(n_outputs).enumerate() {
                let (scale, shift) = (scale[input / per_channel], shift[input / per_channel]);
                for (bias, weight) in bias.iter_mut().zip(row) {
                    *bias += *weight * shift;
                    *weight *= scale;
                }
            }
        }
        let Affine { scale, shift } = self.norm.affine();
        for row in weight.chunks_exact_mut(n_outputs) {
            row.iter_mut().zip(&scale).for_each(|(weight, scale)| *weight *= scale);
        }
        for ((bias, scale), shift) in bias.iter_mut().zip(&scale).zip(&shift) {
            *bias = *bias * scale + shift;
        }
        graph.linear(input, weight, [n_inputs, n_outputs], bias)
    }
}

/// Fully connected layer.
#[derive(Module, Debug)]
pub(crate) struct Linear {
    weight: Param<Tensor<2>>,       // [inputs, outputs]
    bias: Option<Param<Tensor<1>>>, // [outputs]
}

impl Linear {
    pub(crate) fn new(n_inputs: usize, n_outputs: usize, weights: &mut WeightSource) -> Self {
        let deviation = (1.0 / n_inputs as f32).sqrt();
        Self::without_bias([n_inputs, n_outputs], deviation, weights).with_bias(weights)
    }

    pub(crate) fn without_bias(
        sizes: [usize; 2],
        deviation: f32,
        weights: &mut WeightSource,
    ) -> Self {
        Self { weight: weights.normal(sizes, deviation), bias: None }
    }

    pub(crate) fn with_bias(mut self, weights: &mut WeightSource) -> Self {
        let [_, n_outputs] = self.weight.dims();
        self.bias = Some(weights.constant([n_outputs], 0.0));
        self
    }

    pub(crate) fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let weight = ops::as_precise_as(&input, self.weight.val());
        let output = input.matmul(weight);
        match &self.bias {
            Some(bias) => {
                let bias = ops::as_precise_as(&output, bias.val());
                output + bias.unsqueeze()
            }
            None => output,
        }
    }

    pub(crate) fn export(&self, graph: &mut Graph, input: Value) -> Value {
        self.export_columns(0..self.weight.dims()[1], graph, input)
    }

    /// Writes the part of the layer that makes these of its outputs.
    pub(crate) fn export_columns(
        &self,
        columns: Range<usize>,
        graph: &mut Graph,
        input: Value,
    ) -> Value {
        let [n_inputs, n_outputs] = self.weight.dims();
        let bias = match &self.bias {
            Some(bias) => host(bias.val()),
            None => vec![0.0; n_outputs],
        };
        let weight = host(self.weight.val());
        let rows = weight.chunks_exact(n_outputs).flat_map(|row| row[columns.clone()].to_vec());
        let shape = [n_inputs, columns.len()];
        graph.linear(input, rows.collect(), shape, bias[columns].to_vec())
    }
}

/// The values of a parameter.
pub(crate) fn host<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

//! Convolutions of Inception networks: what is negative is cut off, or they end a block.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::layer::{Affine, Conv, ConvSpec, Norm, host};
use super::weights::WeightSource;
use crate::export::graph::{Graph, Value};
use crate::ops;

/// A convolution, normalized or with a bias, of which negative values are cut off.
#[derive(Module, Debug)]
pub(super) struct RectifiedConv {
    conv: Conv,
    norm: Option<Norm>,
    bias: Option<Param<Tensor<1>>>, // [channels]
}

impl RectifiedConv {
    pub(super) fn normalized(spec: ConvSpec, epsilon: f64, weights: &mut WeightSource) -> Self {
        let conv = Conv::new(spec, weights);
        Self {
            conv,
            norm: Some(Norm::with_epsilon(spec.channels[1], epsilon, weights)),
            bias: None,
        }
    }

    pub(super) fn biased(spec: ConvSpec, weights: &mut WeightSource) -> Self {
        let conv = Conv::new(spec, weights);
        Self { conv, norm: None, bias: Some(weights.constant([spec.channels[1]], 0.0)) }
    }

    pub(super) fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let mut output = self.conv.forward(maps);
        if let Some(norm) = &self.norm {
            output = norm.forward(output);
        }
        if let Some(bias) = &self.bias {
            let bias = ops::as_precise_as(&output, bias.val());
            output = output + over_maps(bias);
        }
        relu(output)
    }

    pub(super) fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let mut affine = match &self.norm {
            Some(norm) => norm.affine(),
            None => Affine::identity(self.conv.channels()),
        };
        if let Some(bias) = &self.bias {
            affine.shift = host(bias.val());
        }
        let output = self.conv.export(affine, graph, maps);
        graph.relu(output)
    }
}

/// A convolution of single pixels with a bias, whose output is scaled.
#[derive(Module, Debug)]
pub(super) struct ScaledConv {
    conv: Conv,
    bias: Param<Tensor<1>>, // [channels]
    scale: f64,
}

impl ScaledConv {
    pub(super) fn new([c_in, c_out]: [usize; 2], scale: f64, weights: &mut WeightSource) -> Self {
        Self {
            conv: Conv::new(ConvSpec::point(c_in, c_out, 1), weights),
            bias: weights.constant([c_out], 0.0),
            scale,
        }
    }

    pub(super) fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let output = self.conv.forward(maps);
        let bias = ops::as_precise_as(&output, self.bias.val());
        (output + over_maps(bias)) * self.scale
    }

    pub(super) fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let scaled = |value: f32| (f64::from(value) * self.scale) as f32;
        let shift = host(self.bias.val()).into_iter().map(scaled).collect();
        let scale = vec![self.scale as f32; self.conv.channels()];
        self.conv.export(Affine { scale, shift }, graph, maps)
    }
}

/// One number a channel, for `[batch, channels, height, width]`.
fn over_maps(values: Tensor<1>) -> Tensor<4> {
    let channels = values.dims()[0];
    values.reshape([1, channels, 1, 1])
}

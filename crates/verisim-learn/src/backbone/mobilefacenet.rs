//! MobileFaceNet: depthwise convolutions and inverted bottlenecks, about a million parameters.
//!
//! Chen et al., *MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
//! Devices*, 2018, <https://arxiv.org/abs/1804.07573>, table 1.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::layer::{ConvNorm, ConvSpec, LinearNorm};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Inverted bottlenecks of the paper: channels inside, channels out, repetitions, stride.
const STAGES: [[usize; 4]; 5] =
    [[128, 64, 5, 2], [256, 128, 1, 2], [256, 128, 6, 1], [512, 128, 1, 2], [256, 128, 2, 1]];
/// Channels of the last feature map.
const LAST_CHANNELS: usize = 512;

/// Configuration of a [`MobileFaceNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileFaceNetConfig {
    /// Components of an embedding; 128 in the paper.
    #[serde(default = "paper_dim")]
    pub embedding_dim: usize,
}

fn paper_dim() -> usize {
    128
}

/// The network of the paper, for pictures of any size.
#[derive(Module, Debug)]
pub struct MobileFaceNet {
    stem: ConvNorm,
    depthwise: ConvNorm,
    blocks: Vec<Bottleneck>,
    last: ConvNorm,
    global: ConvNorm,
    head: LinearNorm,
}

impl MobileFaceNetConfig {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if `embedding_dim` is 0.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<MobileFaceNet, InvalidBackbone> {
        self.check()?;
        let stem = ConvNorm::activated(ConvSpec::three(input.channels, 64, 2), weights);
        let depthwise = ConvNorm::activated(ConvSpec::depthwise(64, 1), weights);
        let mut size = input.halved(2);
        let mut channels = 64;
        let mut blocks = Vec::new();
        for [inside, outside, repetitions, first_stride] in STAGES {
            for repetition in 0..repetitions {
                let stride = if repetition == 0 { first_stride } else { 1 };
                blocks.push(Bottleneck::new([channels, inside, outside], stride, weights));
                channels = outside;
                size = size.halved(stride);
            }
        }
        let global = ConvSpec::global_depthwise(LAST_CHANNELS, [size.height, size.width]);
        Ok(MobileFaceNet {
            stem,
            depthwise,
            blocks,
            last: ConvNorm::activated(ConvSpec::point(channels, LAST_CHANNELS, 1), weights),
            global: ConvNorm::linear(global, weights),
            head: LinearNorm::new(LAST_CHANNELS, self.embedding_dim, weights),
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        InvalidBackbone::check_embedding_dim(self.embedding_dim)
    }
}

impl MobileFaceNet {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.depthwise.forward(self.stem.forward(images));
        let maps = self.blocks.iter().fold(maps, |maps, block| block.forward(maps));
        let maps = self.global.forward(self.last.forward(maps)); // [batch, 512, 1, 1]
        self.head.forward(maps.flatten::<2>(1, 3))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.stem.export(graph, images);
        let maps = self.depthwise.export(graph, maps);
        let maps = self.blocks.iter().fold(maps, |maps, block| block.export(graph, maps));
        let maps = self.last.export(graph, maps);
        let maps = self.global.export(graph, maps);
        let flat = graph.flatten(maps);
        self.head.export(None, graph, flat)
    }
}

/// Wide in the middle: expand, convolve each channel, project.
#[derive(Module, Debug)]
struct Bottleneck {
    expand: ConvNorm,
    depthwise: ConvNorm,
    project: ConvNorm,
    has_shortcut: bool,
}

impl Bottleneck {
    fn new([c_in, inside, c_out]: [usize; 3], stride: usize, weights: &mut WeightSource) -> Self {
        Self {
            expand: ConvNorm::activated(ConvSpec::point(c_in, inside, 1), weights),
            depthwise: ConvNorm::activated(ConvSpec::depthwise(inside, stride), weights),
            project: ConvNorm::linear(ConvSpec::point(inside, c_out, 1), weights),
            has_shortcut: stride == 1 && c_in == c_out,
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let maps = self.depthwise.forward(self.expand.forward(input.clone()));
        let output = self.project.forward(maps);
        if self.has_shortcut { output + input } else { output }
    }

    fn export(&self, graph: &mut Graph, input: Value) -> Value {
        let maps = self.expand.export(graph, input);
        let maps = self.depthwise.export(graph, maps);
        let output = self.project.export(graph, maps);
        if self.has_shortcut { graph.add(output, input) } else { output }
    }
}

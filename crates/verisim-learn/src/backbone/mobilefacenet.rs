//! MobileFaceNet: depthwise convolutions and inverted bottlenecks, from a million parameters.
//!
//! Chen et al., *MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification on Mobile
//! Devices*, 2018, <https://arxiv.org/abs/1804.07573>, table 1. `InsightFace`'s `mbf` and `mbf_large` are the
//! same network with more channels between the bottlenecks, see
//! <https://github.com/deepinsight/insightface/blob/master/recognition/arcface_torch/backbones/mobilefacenet.py>.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::layer::{ConvNorm, ConvSpec, LinearNorm};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// The parts of the network that begin at stride 2: channels inside the first bottleneck, inside those
/// that follow, and out of each, before they are multiplied.
const STAGES: [[usize; 3]; 3] = [[128, 128, 64], [256, 256, 128], [512, 256, 128]];
/// Channels before the first of them, before they are multiplied.
const FIRST_CHANNELS: usize = 64;
/// Channels inside bottlenecks that follow the first convolution at once.
const EARLY_CHANNELS: usize = 128;
/// Channels of the last feature map.
const LAST_CHANNELS: usize = 512;

/// Beyond it channels would only run into the limits of memory.
const MAX_SCALE: usize = 64;

/// Configuration of a [`MobileFaceNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileFaceNetConfig {
    /// Components of an embedding; 128 in the paper, 512 in `InsightFace`.
    #[serde(default = "paper_dim")]
    pub embedding_dim: usize,
    /// What the channels between bottlenecks are multiplied by: 1 in the paper, 2 in `InsightFace`'s `mbf`,
    /// 4 in its `mbf_large`. Those inside bottlenecks stay.
    #[serde(default = "one")]
    pub scale: usize,
    /// Bottlenecks beside a shortcut, before and after each halving of the picture; `[1, 4, 6, 2]` in
    /// the paper and in `mbf`, `[2, 8, 12, 4]` in `mbf_large`.
    ///
    /// A first number of 1 means a convolution of groups instead, which are single channels in the
    /// paper.
    #[serde(default = "paper_blocks")]
    pub blocks: [usize; 4],
    /// Whether the last normalization only centers and scales to unit variance, and learns a shift
    /// alone.
    #[serde(default)]
    pub fixed_last_gamma: bool,
}

fn paper_dim() -> usize {
    128
}

fn one() -> usize {
    1
}

fn paper_blocks() -> [usize; 4] {
    [1, 4, 6, 2]
}

impl Default for MobileFaceNetConfig {
    /// The network of the paper.
    fn default() -> Self {
        Self {
            embedding_dim: paper_dim(),
            scale: one(),
            blocks: paper_blocks(),
            fixed_last_gamma: false,
        }
    }
}

/// The network, for pictures of any size.
#[derive(Module, Debug)]
pub struct MobileFaceNet {
    stem: ConvNorm,
    grouped: Option<ConvNorm>,
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
    /// Fails if a number is 0 that must not be.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<MobileFaceNet, InvalidBackbone> {
        self.check()?;
        let mut channels = FIRST_CHANNELS * self.scale;
        let stem = ConvNorm::activated(ConvSpec::three(input.channels, channels, 2), weights);
        let mut size = input.halved(2);
        let [n_early, n_following @ ..] = self.blocks;
        let grouped = (n_early == 1).then(|| {
            let spec = ConvSpec::three(channels, channels, 1);
            ConvNorm::activated(ConvSpec { groups: FIRST_CHANNELS, ..spec }, weights)
        });
        let n_early = if grouped.is_some() { 0 } else { n_early };
        let early = [channels, EARLY_CHANNELS, channels];
        let mut blocks: Vec<Bottleneck> =
            (0..n_early).map(|_| Bottleneck::new(early, 1, weights)).collect();
        for ([first, inside, outside], n_following) in STAGES.into_iter().zip(n_following) {
            let outside = outside * self.scale;
            blocks.push(Bottleneck::new([channels, first, outside], 2, weights));
            let following = [outside, inside, outside];
            blocks.extend((0..n_following).map(|_| Bottleneck::new(following, 1, weights)));
            channels = outside;
            size = size.halved(2);
        }
        let global = ConvSpec::global_depthwise(LAST_CHANNELS, [size.height, size.width]);
        Ok(MobileFaceNet {
            stem,
            grouped,
            blocks,
            last: ConvNorm::activated(ConvSpec::point(channels, LAST_CHANNELS, 1), weights),
            global: ConvNorm::linear(global, weights),
            head: LinearNorm::new(LAST_CHANNELS, self.embedding_dim, weights)
                .with_fixed_gamma(self.fixed_last_gamma),
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let is_multiple = (1..=MAX_SCALE).contains(&self.scale);
        let scale = self.scale.to_string();
        InvalidBackbone::unless(is_multiple, "scale", scale, "from 1 to 64")?;
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
        let maps = self.stem.forward(images);
        let maps = match &self.grouped {
            Some(grouped) => grouped.forward(maps),
            None => maps,
        };
        let maps = self.blocks.iter().fold(maps, |maps, block| block.forward(maps));
        let maps = self.global.forward(self.last.forward(maps)); // [batch, 512, 1, 1]
        self.head.forward(maps.flatten::<2>(1, 3))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let maps = self.stem.export(graph, images);
        let maps = match &self.grouped {
            Some(grouped) => grouped.export(graph, maps),
            None => maps,
        };
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

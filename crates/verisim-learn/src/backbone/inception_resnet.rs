//! Inception-ResNet-v1, the network behind the public weights of `FaceNet`.
//!
//! Szegedy et al., *Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning*,
//! 2016, <https://arxiv.org/abs/1602.07261>, with the sizes of David Sandberg's `facenet`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::dropout::Dropout;
use super::layer::{ConvSpec, LinearNorm};
use super::pool;
use super::rectified::{RectifiedConv, ScaledConv};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Added to a variance, as in `TensorFlow`.
const EPSILON: f64 = 1e-3;
/// Windows of these networks lie within the picture: below this side nothing is left of it.
const MIN_SIDE: usize = 75;
/// Convolutions before and after the picture is pooled: channels, side, stride, padding.
const STEM: [[usize; 4]; 6] =
    [[32, 3, 2, 0], [32, 3, 1, 0], [64, 3, 1, 1], [80, 1, 1, 0], [192, 3, 1, 0], [256, 3, 2, 0]];
/// How many of them come before.
const N_BEFORE_POOL: usize = 3;

/// A convolution of a branch: channels of its output, and the height and width of its window.
type Step = (usize, [usize; 2]);

const A: [&[Step]; 3] =
    [&[(32, [1, 1])], &[(32, [1, 1]), (32, [3, 3])], &[(32, [1, 1]), (32, [3, 3]), (32, [3, 3])]];
const REDUCTION_A: [&[Step]; 2] =
    [&[(384, [3, 3])], &[(192, [1, 1]), (192, [3, 3]), (256, [3, 3])]];
const B: [&[Step]; 2] = [&[(128, [1, 1])], &[(128, [1, 1]), (128, [1, 7]), (128, [7, 1])]];
const REDUCTION_B: [&[Step]; 3] = [
    &[(256, [1, 1]), (384, [3, 3])],
    &[(256, [1, 1]), (256, [3, 3])],
    &[(256, [1, 1]), (256, [3, 3]), (256, [3, 3])],
];
const C: [&[Step]; 2] = [&[(192, [1, 1])], &[(192, [1, 1]), (192, [1, 3]), (192, [3, 1])]];

/// Configuration of an [`InceptionResNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InceptionResNetConfig {
    /// Components of an embedding; 512 in the public weights of 2018, 128 before.
    #[serde(default = "public_dim")]
    pub embedding_dim: usize,
    /// Share of the averages that is dropped while training, in `[0, 1)`; 0.6 in `facenet`, which
    /// trained by softmax on a few thousand identities.
    #[serde(default)]
    pub dropout: f64,
}

fn public_dim() -> usize {
    512
}

impl InceptionResNetConfig {
    /// Creates the network for pictures of any size from 75 x 75 with as many channels as `input`; it
    /// was made for 160 x 160.
    ///
    /// # Errors
    ///
    /// Fails if the pictures are smaller, or if a parameter is out of range.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<InceptionResNet, InvalidBackbone> {
        self.check()?;
        let fits = input.width.min(input.height) >= MIN_SIDE;
        let expected = "75x75 or larger for this network";
        InvalidBackbone::unless(fits, "input", input.to_string(), expected)?;
        let mut channels = input.channels;
        let stem = STEM.map(|[c_out, side, stride, padding]| {
            let (kernel, padding) = ([side; 2], [padding; 2]);
            let spec = ConvSpec { channels: [channels, c_out], kernel, stride, padding, groups: 1 };
            channels = c_out;
            RectifiedConv::normalized(spec, EPSILON, weights)
        });
        let mut blocks = |branches: &[&[Step]], channels, n, scale, cuts_off| {
            let block = |_| Residual::new(branches, channels, scale, cuts_off, weights);
            (0..n).map(block).collect::<Vec<_>>()
        };
        let a = blocks(&A, 256, 5, 0.17, true);
        let b = blocks(&B, 896, 10, 0.10, true);
        let mut c = blocks(&C, 1792, 5, 0.20, true);
        c.extend(blocks(&C, 1792, 1, 1.0, false));
        Ok(InceptionResNet {
            stem: stem.into(),
            a,
            reduction_a: Reduction::new(&REDUCTION_A, 256, weights),
            b,
            reduction_b: Reduction::new(&REDUCTION_B, 896, weights),
            c,
            head: LinearNorm::with_epsilon([1792, self.embedding_dim], EPSILON, weights),
            dropout: self.dropout,
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        InvalidBackbone::check_embedding_dim(self.embedding_dim)?;
        InvalidBackbone::check_share("dropout", self.dropout)
    }
}

/// The network: a stem, three groups of residual blocks with reductions between, an average, a linear
/// layer.
#[derive(Module, Debug)]
pub struct InceptionResNet {
    stem: Vec<RectifiedConv>,
    a: Vec<Residual>,
    reduction_a: Reduction,
    b: Vec<Residual>,
    reduction_b: Reduction,
    c: Vec<Residual>,
    head: LinearNorm,
    dropout: f64,
}

impl InceptionResNet {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let (before, after) = self.stem.split_at(N_BEFORE_POOL);
        let maps = pool::max_pool_three(through(before, images), 2, 0);
        let blocks = |blocks: &[Residual], maps| {
            blocks.iter().fold(maps, |maps, block: &Residual| block.forward(maps))
        };
        let maps = blocks(&self.a, through(after, maps));
        let maps = blocks(&self.b, self.reduction_a.forward(maps));
        let maps = blocks(&self.c, self.reduction_b.forward(maps));
        let mean = maps.mean_dim(3).mean_dim(2).flatten::<2>(1, 3);
        self.head.forward(dropout.apply(mean, self.dropout))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let (before, after) = self.stem.split_at(N_BEFORE_POOL);
        let maps = export_through(before, graph, images);
        let maps = graph.max_pool_three(maps, 2, 0);
        let mut maps = export_through(after, graph, maps);
        for block in &self.a {
            maps = block.export(graph, maps);
        }
        maps = self.reduction_a.export(graph, maps);
        for block in &self.b {
            maps = block.export(graph, maps);
        }
        maps = self.reduction_b.export(graph, maps);
        for block in &self.c {
            maps = block.export(graph, maps);
        }
        let mean = graph.global_average(maps);
        let flat = graph.flatten(mean);
        self.head.export(None, graph, flat)
    }
}

/// Branches side by side, brought back to the channels of the input and added to it.
#[derive(Module, Debug)]
struct Residual {
    branches: Vec<Vec<RectifiedConv>>,
    up: ScaledConv,
    cuts_off: bool,
}

impl Residual {
    fn new(
        branches: &[&[Step]],
        channels: usize,
        scale: f64,
        cuts_off: bool,
        weights: &mut WeightSource,
    ) -> Self {
        let inside = branches.iter().filter_map(|steps| steps.last()).map(|step| step.0).sum();
        Self {
            branches: branches.iter().map(|steps| branch(steps, channels, 1, weights)).collect(),
            up: ScaledConv::new([inside, channels], scale, weights),
            cuts_off,
        }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let branches = self.branches.iter().map(|branch| through(branch, maps.clone())).collect();
        let output = self.up.forward(Tensor::cat(branches, 1)) + maps;
        if self.cuts_off { relu(output) } else { output }
    }

    fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let branches: Vec<Value> =
            self.branches.iter().map(|branch| export_through(branch, graph, maps)).collect();
        let together = graph.concat(&branches);
        let up = self.up.export(graph, together);
        let output = graph.add(up, maps);
        if self.cuts_off { graph.relu(output) } else { output }
    }
}

/// Branches side by side that end at stride 2, and the pooled input.
#[derive(Module, Debug)]
struct Reduction {
    branches: Vec<Vec<RectifiedConv>>,
}

impl Reduction {
    fn new(branches: &[&[Step]], channels: usize, weights: &mut WeightSource) -> Self {
        let branches = branches.iter().map(|steps| branch(steps, channels, 2, weights));
        Self { branches: branches.collect() }
    }

    fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let mut branches: Vec<_> =
            self.branches.iter().map(|branch| through(branch, maps.clone())).collect();
        branches.push(pool::max_pool_three(maps, 2, 0));
        Tensor::cat(branches, 1)
    }

    fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let mut branches: Vec<Value> =
            self.branches.iter().map(|branch| export_through(branch, graph, maps)).collect();
        branches.push(graph.max_pool_three(maps, 2, 0));
        graph.concat(&branches)
    }
}

/// Convolutions that keep the size, of which the last may have a stride, and then lies within.
fn branch(
    steps: &[Step],
    mut channels: usize,
    last_stride: usize,
    weights: &mut WeightSource,
) -> Vec<RectifiedConv> {
    let mut convs = Vec::new();
    for (index, &(c_out, kernel)) in steps.iter().enumerate() {
        let stride = if index + 1 == steps.len() { last_stride } else { 1 };
        let padding = if stride == 1 { kernel.map(|side| side / 2) } else { [0, 0] };
        let spec = ConvSpec { channels: [channels, c_out], kernel, stride, padding, groups: 1 };
        convs.push(RectifiedConv::normalized(spec, EPSILON, weights));
        channels = c_out;
    }
    convs
}

fn through(convs: &[RectifiedConv], maps: Tensor<4>) -> Tensor<4> {
    convs.iter().fold(maps, |maps, conv| conv.forward(maps))
}

fn export_through(convs: &[RectifiedConv], graph: &mut Graph, maps: Value) -> Value {
    convs.iter().fold(maps, |maps, conv| conv.export(graph, maps))
}

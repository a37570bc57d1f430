//! `FaceNet`: Inception modules with L2 pooling, and a linear layer.
//!
//! Schroff et al., *FaceNet: A Unified Embedding for Face Recognition and Clustering*, CVPR 2015,
//! <https://arxiv.org/abs/1503.03832>, table 2 (NN2); the small network for 96 x 96 is that of `OpenFace`.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::layer::{ConvSpec, Linear};
use super::pool;
use super::rectified::RectifiedConv;
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Channels of the first two convolutions, and of the third.
const STEM: [usize; 2] = [64, 192];
/// Added to a variance, as in `OpenFace`.
const EPSILON: f64 = 1e-5;

/// How a module pools.
#[derive(Clone, Copy)]
enum Pooling {
    Max,
    L2,
}

/// One row of a table: channels of the 1 x 1 branch, inside and out of the 3 x 3 and the 5 x 5 branch,
/// how it pools, to how many channels, and its stride. Without channels there is no such branch, or
/// what was pooled is passed on as it is.
struct Row(usize, [usize; 2], [usize; 2], Pooling, usize, usize);

/// Table 2 of the paper, below `inception (2)`.
const NN2: [Row; 10] = [
    Row(64, [96, 128], [16, 32], Pooling::Max, 32, 1),
    Row(64, [96, 128], [32, 64], Pooling::L2, 64, 1),
    Row(0, [128, 256], [32, 64], Pooling::Max, 0, 2),
    Row(256, [96, 192], [32, 64], Pooling::L2, 128, 1),
    Row(224, [112, 224], [32, 64], Pooling::L2, 128, 1),
    Row(192, [128, 256], [32, 64], Pooling::L2, 128, 1),
    Row(160, [144, 288], [32, 64], Pooling::L2, 128, 1),
    Row(0, [160, 256], [64, 128], Pooling::Max, 0, 2),
    Row(384, [192, 384], [48, 128], Pooling::L2, 128, 1),
    Row(384, [192, 384], [48, 128], Pooling::Max, 128, 1),
];

/// `nn4.small2` of `OpenFace`: three modules of five left out, the last two without 5 x 5.
const NN4_SMALL: [Row; 7] = [
    Row(64, [96, 128], [16, 32], Pooling::Max, 32, 1),
    Row(64, [96, 128], [32, 64], Pooling::L2, 64, 1),
    Row(0, [128, 256], [32, 64], Pooling::Max, 0, 2),
    Row(256, [96, 192], [32, 64], Pooling::L2, 128, 1),
    Row(0, [160, 256], [64, 128], Pooling::Max, 0, 2),
    Row(256, [96, 384], [0, 0], Pooling::L2, 96, 1),
    Row(256, [96, 384], [0, 0], Pooling::Max, 96, 1),
];

/// Which of `FaceNet`'s networks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InceptionTable {
    /// 7.5 million parameters; made for 224 x 224.
    Nn2,
    /// 3.7 million parameters; made for 96 x 96.
    Nn4Small,
}

/// What keeps the maps of an [`Inception`] in range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InceptionNorm {
    /// Batch normalization after every convolution, as all who built it again did.
    #[default]
    Batch,
    /// Local response normalization at the two places of the paper, and biases.
    Response,
}

/// Configuration of an [`Inception`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InceptionConfig {
    /// Which table.
    pub table: InceptionTable,
    /// What keeps its maps in range.
    #[serde(default)]
    pub norm: InceptionNorm,
    /// Components of an embedding; 128 in the paper.
    #[serde(default = "paper_dim")]
    pub embedding_dim: usize,
}

fn paper_dim() -> usize {
    128
}

impl InceptionTable {
    fn rows(self) -> &'static [Row] {
        match self {
            Self::Nn2 => &NN2,
            Self::Nn4Small => &NN4_SMALL,
        }
    }
}

impl InceptionConfig {
    /// Creates the network for pictures of any size with as many channels as `input`.
    ///
    /// # Errors
    ///
    /// Fails if `embedding_dim` is 0.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<Inception, InvalidBackbone> {
        self.check()?;
        let [narrow, wide] = STEM;
        let spec = |channels, side, stride| ConvSpec {
            channels,
            kernel: [side; 2],
            stride,
            padding: [side / 2; 2],
            groups: 1,
        };
        let mut unit = |channels: [usize; 2], side: usize, stride: usize| {
            let spec = spec(channels, side, stride);
            match self.norm {
                InceptionNorm::Batch => RectifiedConv::normalized(spec, EPSILON, weights),
                InceptionNorm::Response => RectifiedConv::biased(spec, weights),
            }
        };
        let stem = unit([input.channels, narrow], 7, 2);
        let second = [unit([narrow, narrow], 1, 1), unit([narrow, wide], 3, 1)];
        let mut channels = wide;
        let mut modules = Vec::new();
        for &Row(one, three, five, pooling, projected, stride) in self.table.rows() {
            let mut deep = |[inside, out]: [usize; 2], side| {
                let reduce = unit([channels, inside], 1, 1);
                [reduce, unit([inside, out], side, stride)]
            };
            let (three_branch, five_branch) =
                (deep(three, 3), (five[1] > 0).then(|| deep(five, 5)));
            modules.push(InceptionModule {
                three: three_branch,
                five: five_branch,
                projection: (projected > 0).then(|| unit([channels, projected], 1, 1)),
                one: (one > 0).then(|| unit([channels, one], 1, 1)),
                pools_by_l2: matches!(pooling, Pooling::L2),
                channels,
                stride,
            });
            let passed_on = if projected > 0 { projected } else { channels };
            channels = one + three[1] + five[1] + passed_on;
        }
        Ok(Inception {
            stem,
            second,
            modules,
            normalizes_response: self.norm == InceptionNorm::Response,
            head: Linear::new(channels, self.embedding_dim, weights),
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        InvalidBackbone::check_embedding_dim(self.embedding_dim)
    }
}

/// The network: three convolutions, Inception modules, an average over the picture, a linear layer.
#[derive(Module, Debug)]
pub struct Inception {
    stem: RectifiedConv,
    second: [RectifiedConv; 2],
    modules: Vec<InceptionModule>,
    normalizes_response: bool,
    head: Linear,
}

impl Inception {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let normalized = |maps| {
            if self.normalizes_response { pool::normalize_response(maps) } else { maps }
        };
        let maps = normalized(pool::max_pool_three(self.stem.forward(images), 2, 1));
        let maps = self.second.iter().fold(maps, |maps, conv| conv.forward(maps));
        let maps = pool::max_pool_three(normalized(maps), 2, 1);
        let maps = self.modules.iter().fold(maps, |maps, module| module.forward(&maps));
        self.head.forward(maps.mean_dim(3).mean_dim(2).flatten::<2>(1, 3))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let normalized = |graph: &mut Graph, maps, channels| {
            let is_wanted = self.normalizes_response;
            if is_wanted { pool::export_response(graph, maps, channels) } else { maps }
        };
        let maps = self.stem.export(graph, images);
        let maps = graph.max_pool_three(maps, 2, 1);
        let maps = normalized(graph, maps, STEM[0]);
        let maps = self.second.iter().fold(maps, |maps, conv| conv.export(graph, maps));
        let maps = normalized(graph, maps, STEM[1]);
        let maps = graph.max_pool_three(maps, 2, 1);
        let maps = self.modules.iter().fold(maps, |maps, module| module.export(graph, maps));
        let mean = graph.global_average(maps);
        let flat = graph.flatten(mean);
        self.head.export(graph, flat)
    }
}

/// Branches side by side, whose maps follow one another.
#[derive(Module, Debug)]
struct InceptionModule {
    three: [RectifiedConv; 2],
    five: Option<[RectifiedConv; 2]>,
    projection: Option<RectifiedConv>,
    one: Option<RectifiedConv>,
    pools_by_l2: bool,
    /// Channels of what comes in.
    channels: usize,
    stride: usize,
}

impl InceptionModule {
    fn forward(&self, maps: &Tensor<4>) -> Tensor<4> {
        let deep = |branch: &[RectifiedConv; 2]| branch[1].forward(branch[0].forward(maps.clone()));
        let pooled = if self.pools_by_l2 {
            pool::l2_pool_three(maps.clone())
        } else {
            pool::max_pool_three(maps.clone(), self.stride, 1)
        };
        let mut branches = vec![deep(&self.three)];
        branches.extend(self.five.as_ref().map(deep));
        branches.push(match &self.projection {
            Some(projection) => projection.forward(pooled),
            None => pooled,
        });
        branches.extend(self.one.as_ref().map(|one| one.forward(maps.clone())));
        Tensor::cat(branches, 1)
    }

    fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let deep = |graph: &mut Graph, branch: &[RectifiedConv; 2]| {
            let inside = branch[0].export(graph, maps);
            branch[1].export(graph, inside)
        };
        let mut branches = vec![deep(graph, &self.three)];
        branches.extend(self.five.as_ref().map(|five| deep(graph, five)));
        let pooled = if self.pools_by_l2 {
            pool::export_l2_pool_three(graph, maps, self.channels)
        } else {
            graph.max_pool_three(maps, self.stride, 1)
        };
        branches.push(match &self.projection {
            Some(projection) => projection.export(graph, pooled),
            None => pooled,
        });
        branches.extend(self.one.as_ref().map(|one| one.export(graph, maps)));
        graph.concat(&branches)
    }
}

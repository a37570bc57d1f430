//! Residual networks for faces, from a handful of layers to `IResNet`.

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::dropout::Dropout;
use super::layer::{ConvNorm, ConvSpec, LinearNorm, Norm};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Configuration of a [`ResNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Residual blocks of each stage; the first block of a stage halves the picture.
    pub depths: Vec<usize>,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// Step of the first convolution: 1 as in `IResNet`, 2 to halve the picture at once.
    #[serde(default = "one")]
    pub stem_stride: usize,
    /// Whether the first stage halves the picture, too, as in `IResNet`.
    #[serde(default = "yes")]
    pub first_stage_halves: bool,
    /// Whether every block begins with a normalization, as in `IResNet`.
    ///
    /// Such a normalization cannot be folded into a convolution at export, since the zeros around
    /// the picture come after it.
    #[serde(default)]
    pub leading_norm: bool,
    /// Components of an embedding.
    pub embedding_dim: usize,
    /// Share of the last feature map that is dropped while training, in `[0, 1)`.
    #[serde(default)]
    pub dropout: f64,
    /// Whether the last normalization only centers and scales to unit variance, and learns a shift
    /// alone, as in `InsightFace`.
    #[serde(default)]
    pub fixed_last_gamma: bool,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl ResNetConfig {
    /// `IResNet` of Duta et al. (2020) as ArcFace uses it; `[2, 2, 2, 2]` are 18 layers.
    pub fn iresnet(depths: [usize; 4]) -> Self {
        Self {
            depths: depths.to_vec(),
            widths: vec![64, 128, 256, 512],
            stem_stride: 1,
            first_stage_halves: true,
            leading_norm: true,
            embedding_dim: 512,
            dropout: 0.0,
            fixed_last_gamma: true,
        }
    }

    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a size is 0, if there is not one width for each depth, or if `dropout` is out of
    /// range.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<ResNet, InvalidBackbone> {
        self.check()?;
        let n_strides = |stage: usize| if stage == 0 && !self.first_stage_halves { 1 } else { 2 };
        let stem = ConvSpec::three(input.channels, self.widths[0], self.stem_stride);
        let stem = ConvNorm::activated(stem, weights);
        let mut size = input.halved(self.stem_stride);
        let mut channels = self.widths[0];
        let mut blocks = Vec::new();
        for (stage, (&depth, &width)) in self.depths.iter().zip(&self.widths).enumerate() {
            for block in 0..depth {
                let stride = if block == 0 { n_strides(stage) } else { 1 };
                blocks.push(Block::new([channels, width], stride, self.leading_norm, weights));
                channels = width;
                size = size.halved(stride);
            }
        }
        Ok(ResNet {
            stem,
            blocks,
            norm: Norm::new(channels, weights),
            head: LinearNorm::new(channels * size.height * size.width, self.embedding_dim, weights)
                .with_fixed_gamma(self.fixed_last_gamma),
            dropout: self.dropout,
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let check = InvalidBackbone::unless;
        let is_filled = !self.depths.is_empty() && !self.depths.contains(&0);
        let depths = format!("{:?}", self.depths);
        check(is_filled, "depths", depths, "one or more numbers above 0")?;
        let fit = self.widths.len() == self.depths.len() && !self.widths.contains(&0);
        let widths = format!("{:?}", self.widths);
        check(fit, "widths", widths, "as many numbers above 0 as there are depths")?;
        let is_step = (1..=2).contains(&self.stem_stride);
        check(is_step, "stem_stride", self.stem_stride.to_string(), "1 or 2")?;
        InvalidBackbone::check_embedding_dim(self.embedding_dim)?;
        InvalidBackbone::check_share("dropout", self.dropout)
    }
}

/// Residual network: a convolution, residual blocks, and a fully connected layer.
#[derive(Module, Debug)]
pub struct ResNet {
    stem: ConvNorm,
    blocks: Vec<Block>,
    norm: Norm,
    head: LinearNorm,
    dropout: f64,
}

impl ResNet {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let stem = self.stem.forward(images);
        let maps = self.blocks.iter().fold(stem, |maps, block| block.forward(maps));
        let flat = self.norm.forward(maps).flatten::<2>(1, 3);
        self.head.forward(dropout.apply(flat, self.dropout))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let stem = self.stem.export(graph, images);
        let maps = self.blocks.iter().fold(stem, |maps, block| block.export(graph, maps));
        let flat = graph.flatten(maps);
        self.head.export(Some(&self.norm), graph, flat)
    }
}

/// Two convolutions beside a shortcut.
#[derive(Module, Debug)]
struct Block {
    leading_norm: Option<Norm>,
    first: ConvNorm,
    second: ConvNorm,
    shortcut: Option<ConvNorm>,
}

impl Block {
    fn new(
        [c_in, c_out]: [usize; 2],
        stride: usize,
        leading_norm: bool,
        weights: &mut WeightSource,
    ) -> Self {
        let changes = stride != 1 || c_in != c_out;
        Self {
            leading_norm: leading_norm.then(|| Norm::new(c_in, weights)),
            first: ConvNorm::activated(ConvSpec::three(c_in, c_out, 1), weights),
            second: ConvNorm::linear(ConvSpec::three(c_out, c_out, stride), weights),
            shortcut: changes
                .then(|| ConvNorm::linear(ConvSpec::point(c_in, c_out, stride), weights)),
        }
    }

    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let normed = match &self.leading_norm {
            Some(norm) => norm.forward(input.clone()),
            None => input.clone(),
        };
        let output = self.second.forward(self.first.forward(normed));
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.forward(input),
            None => input,
        };
        output + shortcut
    }

    fn export(&self, graph: &mut Graph, input: Value) -> Value {
        let normed = match &self.leading_norm {
            Some(norm) => norm.export(graph, input),
            None => input,
        };
        let output = self.first.export(graph, normed);
        let output = self.second.export(graph, output);
        let shortcut = match &self.shortcut {
            Some(shortcut) => shortcut.export(graph, input),
            None => input,
        };
        graph.add(output, shortcut)
    }
}

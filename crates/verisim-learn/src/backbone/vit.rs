//! Vision transformer: patches of the picture as tokens that attend to one another.
//!
//! Dosovitskiy et al., *An Image is Worth 16x16 Words*, 2020, <https://arxiv.org/abs/2010.11929>, as
//! `InsightFace` has it for faces: small patches, no class token, all tokens into the last layers, see
//! <https://github.com/deepinsight/insightface/blob/master/recognition/arcface_torch/backbones/vit.py>.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::attention::Attention;
use super::dropout::Dropout;
use super::layer::{Affine, Conv, ConvSpec, Linear, LinearNorm, host};
use super::layer_norm::LayerNorm;
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};
use crate::ops;

/// Standard deviation of first weights, positions and the mask's token.
const DEVIATION: f32 = 0.02;
/// Added to a variance in the two last normalizations.
const LAST_EPSILON: f64 = 2e-5;
/// Where the activation stops to rise: that of `MobileNet`, `ReLU6`.
const CEILING: f32 = 6.0;

/// Configuration of a [`Vit`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VitConfig {
    /// Side of a patch in pixels; what is left at the right and below is not looked at.
    #[serde(default = "nine")]
    pub patch: usize,
    /// Components of a token: 256 in `vit_t`, 512 in `vit_s`.
    pub width: usize,
    /// Blocks; 12 in both.
    #[serde(default = "twelve")]
    pub depth: usize,
    /// Heads of each attention, a divisor of `width`; 8 in both.
    #[serde(default = "eight")]
    pub heads: usize,
    /// Components inside a block's two layers, as a multiple of `width`; 4 in both.
    #[serde(default = "four")]
    pub expansion: usize,
    /// Components of an embedding.
    #[serde(default = "insightface_dim")]
    pub embedding_dim: usize,
    /// Share of pictures that skip a part of the last block while training, in `[0, 1)`; blocks before it
    /// have less, the first none. 0.1 in `InsightFace`, 0.05 for its largest data.
    #[serde(default)]
    pub drop_path: f64,
    /// Share of patches that the blocks do not see while training, in `[0, 1)`; a learned token stands for
    /// each afterwards. 0.1 in `InsightFace`, 0 for its largest data.
    ///
    /// `InsightFace` masks a tenth whatever else above 0 it is told.
    #[serde(default)]
    pub masked: f64,
}

fn nine() -> usize {
    9
}

fn twelve() -> usize {
    12
}

fn eight() -> usize {
    8
}

fn four() -> usize {
    4
}

fn insightface_dim() -> usize {
    512
}

impl VitConfig {
    /// `vit_t` of `InsightFace`.
    pub fn tiny() -> Self {
        Self {
            patch: nine(),
            width: 256,
            depth: twelve(),
            heads: eight(),
            expansion: four(),
            embedding_dim: insightface_dim(),
            drop_path: 0.1,
            masked: 0.1,
        }
    }

    /// `vit_s` of `InsightFace`.
    pub fn small() -> Self {
        Self { width: 512, ..Self::tiny() }
    }

    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range, or if a picture is smaller than a patch.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<Vit, InvalidBackbone> {
        self.check()?;
        let n_tokens = (input.width / self.patch) * (input.height / self.patch);
        let found = format!("{} for pictures of {input}", self.patch);
        InvalidBackbone::unless(n_tokens > 0, "patch", found, "at most their width and height")?;
        let spec = ConvSpec {
            channels: [input.channels, self.width],
            kernel: [self.patch; 2],
            stride: self.patch,
            padding: [0, 0],
            groups: 1,
        };
        let patches = Conv::new(spec, weights);
        let last_block = (self.depth - 1).max(1) as f64;
        let share = |block: usize| self.drop_path * block as f64 / last_block;
        let blocks = (0..self.depth).map(|block| Block::new(self, share(block), weights)).collect();
        let hidden = [n_tokens * self.width, self.width];
        let head = [self.width, self.embedding_dim];
        Ok(Vit {
            patches,
            bias: weights.constant([self.width], 0.0),
            positions: weights.normal([n_tokens, self.width], DEVIATION),
            mask_token: weights.normal([1, self.width], DEVIATION),
            blocks,
            norm: LayerNorm::new(self.width, weights),
            hidden: LinearNorm::with_epsilon(hidden, LAST_EPSILON, weights),
            head: LinearNorm::with_epsilon(head, LAST_EPSILON, weights),
            masked: self.masked,
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let check = InvalidBackbone::unless;
        for (parameter, number) in [
            ("patch", self.patch),
            ("width", self.width),
            ("depth", self.depth),
            ("heads", self.heads),
            ("expansion", self.expansion),
        ] {
            check(number > 0, parameter, number.to_string(), "above 0")?;
        }
        let divides = self.width.is_multiple_of(self.heads);
        check(divides, "heads", self.heads.to_string(), "a divisor of width")?;
        InvalidBackbone::check_share("drop_path", self.drop_path)?;
        InvalidBackbone::check_share("masked", self.masked)?;
        InvalidBackbone::check_embedding_dim(self.embedding_dim)
    }
}

/// The network: patches as tokens, transformer blocks, two linear layers over all tokens.
#[derive(Module, Debug)]
pub struct Vit {
    patches: Conv,
    pub(super) bias: Param<Tensor<1>>,       // [width]
    pub(super) positions: Param<Tensor<2>>,  // [n_tokens, width]
    pub(super) mask_token: Param<Tensor<2>>, // [1, width]
    blocks: Vec<Block>,
    norm: LayerNorm,
    hidden: LinearNorm,
    head: LinearNorm,
    masked: f64,
}

impl Vit {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let batch = images.dims()[0];
        let [n_tokens, width] = self.positions.dims();
        let patches = self.patches.forward(images).reshape([batch, width, n_tokens]);
        let places = ops::as_precise_as(&patches, self.places());
        let tokens: Tensor<3> = patches.swap_dims(1, 2) + places.unsqueeze();
        let tokens = tokens.reshape([batch * n_tokens, width]);
        let seen = dropout.choose(batch, n_tokens, self.masked);
        let mut tokens = match &seen {
            Some(seen) => tokens.clone().select(0, ops::indices(seen, &tokens.device())),
            None => tokens,
        };
        let n_seen = tokens.dims()[0] / batch;
        for block in &self.blocks {
            tokens = block.forward(tokens, n_seen, dropout);
        }
        tokens = self.norm.forward(tokens);
        if let Some(seen) = seen {
            // The mask's token is the last of all: whoever was not seen takes it.
            let mut sources = vec![seen.len(); batch * n_tokens];
            for (source, token) in seen.into_iter().enumerate() {
                sources[token] = source;
            }
            let mask_token = ops::as_precise_as(&tokens, self.mask_token.val());
            tokens = Tensor::cat(vec![tokens, mask_token], 0);
            tokens = tokens.clone().select(0, ops::indices(&sources, &tokens.device()));
        }
        let hidden = self.hidden.forward(tokens.reshape([batch, n_tokens * width]));
        self.head.forward(hidden)
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let [n_tokens, width] = self.positions.dims();
        let patches = self.patches.export(Affine::identity(width), graph, images);
        let patches = graph.reshape(patches, &[None, Some(width), Some(n_tokens)]);
        let patches = graph.transpose(patches, &[0, 2, 1]);
        let tokens = graph.add_constant(patches, host(self.places()), &[1, n_tokens, width]);
        let mut tokens = graph.reshape(tokens, &[None, Some(width)]);
        for block in &self.blocks {
            tokens = block.export(graph, tokens, [n_tokens, width]);
        }
        tokens = self.norm.export(graph, tokens);
        let flat = graph.reshape(tokens, &[None, Some(n_tokens * width)]);
        let hidden = self.hidden.export(None, graph, flat);
        self.head.export(None, graph, hidden)
    }

    /// What is added to the patches: `[n_tokens, width]`.
    fn places(&self) -> Tensor<2> {
        self.positions.val() + self.bias.val().unsqueeze()
    }
}

/// Rows to take, where `like` lies.
/// Attention, then two layers for each token on its own, either added to what came in.
#[derive(Module, Debug)]
struct Block {
    attention_norm: LayerNorm,
    attention: Attention,
    mlp_norm: LayerNorm,
    widen: Linear,
    narrow: Linear,
    drop_path: f64,
}

impl Block {
    fn new(config: &VitConfig, drop_path: f64, weights: &mut WeightSource) -> Self {
        let (width, inside) = (config.width, config.width * config.expansion);
        let mut linear = |sizes| Linear::without_bias(sizes, DEVIATION, weights).with_bias(weights);
        let (widen, narrow) = (linear([width, inside]), linear([inside, width]));
        Self {
            attention_norm: LayerNorm::new(width, weights),
            attention: Attention::new(width, config.heads, DEVIATION, weights),
            mlp_norm: LayerNorm::new(width, weights),
            widen,
            narrow,
            drop_path,
        }
    }

    fn forward(&self, tokens: Tensor<2>, n_tokens: usize, dropout: &mut Dropout) -> Tensor<2> {
        let n_pictures = tokens.dims()[0] / n_tokens;
        let attended =
            self.attention.forward(self.attention_norm.forward(tokens.clone()), n_tokens);
        let tokens = tokens + dropout.skip(attended, n_pictures, self.drop_path);
        let inside = self.widen.forward(self.mlp_norm.forward(tokens.clone()));
        let output = self.narrow.forward(inside.clamp(0.0, CEILING));
        tokens + dropout.skip(output, n_pictures, self.drop_path)
    }

    fn export(&self, graph: &mut Graph, tokens: Value, sizes: [usize; 2]) -> Value {
        let normed = self.attention_norm.export(graph, tokens);
        let attended = self.attention.export(graph, normed, sizes);
        let tokens = graph.add(tokens, attended);
        let normed = self.mlp_norm.export(graph, tokens);
        let inside = self.widen.export(graph, normed);
        let inside = graph.clip(inside, [0.0, CEILING]);
        let output = self.narrow.export(graph, inside);
        graph.add(tokens, output)
    }
}

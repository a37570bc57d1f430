//! `DeepID2`: convolutions, one that shares weights in regions, one that shares none, and a layer over both.
//!
//! Sun, Chen, Wang and Tang, *Deep Learning Face Representation by Joint Identification-Verification*, NIPS
//! 2014, <https://arxiv.org/abs/1406.4773>. The features of many such networks, each for a patch of its own,
//! are joined there; the loss is a sum of kinds `softmax` and `squared-contrastive`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::layer::{ConvSpec, Linear};
use super::local::{Local, LocalSpec};
use super::pool;
use super::rectified::RectifiedConv;
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Configuration of a [`DeepId2`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeepId2Config {
    /// Channels of the four convolutional layers; 20, 40, 60 and 80 in the paper.
    #[serde(default = "paper_channels")]
    pub channels: [usize; 4],
    /// Sides of their windows; 4, 3, 3 and 2 in the paper.
    #[serde(default = "paper_windows")]
    pub windows: [usize; 4],
    /// Sides of the squares of places that share weights in the third and the fourth; 2 and 1, which
    /// shares none, in the paper.
    #[serde(default = "paper_regions")]
    pub regions: [usize; 2],
    /// Components of an embedding; 160 in the paper.
    #[serde(default = "paper_dim")]
    pub embedding_dim: usize,
}

fn paper_channels() -> [usize; 4] {
    [20, 40, 60, 80]
}

fn paper_windows() -> [usize; 4] {
    [4, 3, 3, 2]
}

fn paper_regions() -> [usize; 2] {
    [2, 1]
}

fn paper_dim() -> usize {
    160
}

impl DeepId2Config {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range, or if the windows do not fit into the pictures.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<DeepId2, InvalidBackbone> {
        self.check()?;
        let found = format!("{:?} for pictures of {input}", self.windows);
        let expected = "windows that fit into what the layers before them leave of the pictures";
        let sides = [input.height, input.width].map(|side| self.sides(side));
        let [Some(heights), Some(widths)] = sides else {
            return Err(InvalidBackbone { parameter: "windows", found, expected });
        };
        let [c1, c2, c3, c4] = self.channels;
        let [w1, w2, w3, w4] = self.windows;
        let mut conv = |channels, side| {
            let (stride, padding, groups) = (1, [0; 2], 1);
            let spec = ConvSpec { channels, kernel: [side; 2], stride, padding, groups };
            RectifiedConv::biased(spec, weights)
        };
        let convs = [conv([input.channels, c1], w1), conv([c1, c2], w2)];
        let [
            [pooled_height, pooled_third_height, out_height],
            [pooled_width, pooled_third_width, out_width],
        ] = [heights, widths];
        let mut local = |channels, size, side, region| {
            Local::new(LocalSpec { channels, size, side, stride: 1, region }, weights)
        };
        let [third, fourth] = self.regions;
        let pooled_third = [pooled_third_height, pooled_third_width];
        let locals = [
            local([c2, c3], [pooled_height, pooled_width], w3, third),
            local([c3, c4], pooled_third, w4, fourth),
        ];
        let n_inputs = c3 * pooled_third_height * pooled_third_width + c4 * out_height * out_width;
        let head = Linear::new(n_inputs, self.embedding_dim, weights);
        Ok(DeepId2 { convs, locals, head })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        for (parameter, numbers) in [("channels", self.channels), ("windows", self.windows)] {
            let found = format!("{numbers:?}");
            let are_positive = numbers.iter().all(|number| *number > 0);
            InvalidBackbone::unless(are_positive, parameter, found, "four numbers above 0")?;
        }
        let found = format!("{:?}", self.regions);
        let are_positive = self.regions.iter().all(|number| *number > 0);
        InvalidBackbone::unless(are_positive, "regions", found, "two numbers above 0")?;
        InvalidBackbone::check_embedding_dim(self.embedding_dim)
    }

    /// Sides of the maps that the third layer gets, that it leaves once pooled, and that the fourth leaves,
    /// of pictures of this side, if all windows fit.
    fn sides(&self, side: usize) -> Option<[usize; 3]> {
        let [w1, w2, w3, w4] = self.windows;
        let after = |side: usize, window| (side + 1).checked_sub(window).filter(|side| *side > 0);
        let pooled = |side| Some(side / 2).filter(|side| *side > 0);
        let second = pooled(after(pooled(after(side, w1)?)?, w2)?)?;
        let third = pooled(after(second, w3)?)?;
        Some([second, third, after(third, w4)?])
    }
}

/// The network up to the layer whose outputs are the features.
#[derive(Module, Debug)]
pub struct DeepId2 {
    convs: [RectifiedConv; 2],
    locals: [Local; 2],
    head: Linear,
}

impl DeepId2 {
    /// Features of a batch, of any length; none is negative.
    ///
    /// The last layer sees the third layer, pooled, and the fourth: features of two scales.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps =
            self.convs.iter().fold(images, |maps, conv| pool::max_pool_two(conv.forward(maps)));
        let [third, fourth] = &self.locals;
        let third = pool::max_pool_two(third.forward(maps));
        let fourth = fourth.forward(third.clone());
        let seen = Tensor::cat(vec![third.flatten::<2>(1, 3), fourth.flatten::<2>(1, 3)], 1);
        relu(self.head.forward(seen))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let mut maps = images;
        for conv in &self.convs {
            maps = conv.export(graph, maps);
            maps = graph.max_pool_two(maps);
        }
        let [third, fourth] = &self.locals;
        let third = third.export(graph, maps);
        let third = graph.max_pool_two(third);
        let fourth = fourth.export(graph, third);
        let seen = [third, fourth].map(|maps| graph.flatten(maps));
        let seen = graph.concat(&seen);
        let features = self.head.export(graph, seen);
        graph.relu(features)
    }
}

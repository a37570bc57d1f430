//! `DeepFace`: convolutions, locally connected layers, and one fully connected layer.
//!
//! Taigman et al., *DeepFace: Closing the Gap to Human-Level Performance in Face Verification*, CVPR
//! 2014, section 3, <https://doi.org/10.1109/CVPR.2014.220>. Their faces were turned to the front by a
//! 3D model first; any aligned chip will do here. The classifier F8 is a loss of kind `softmax`.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::dropout::Dropout;
use super::layer::{ConvSpec, Linear};
use super::local::{Local, LocalSpec};
use super::pool;
use super::rectified::RectifiedConv;
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{Graph, Value};

/// Steps between the windows of L4, L5 and L6.
const STRIDES: [usize; 3] = [1, 2, 1];

/// Configuration of a [`DeepFace`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeepFaceConfig {
    /// Channels of C1, C3, L4, L5 and L6; 32 and four times 16 in the paper.
    #[serde(default = "paper_channels")]
    pub channels: [usize; 5],
    /// Sides of their windows; 11, 9, 9, 7 and 5 in the paper.
    #[serde(default = "paper_windows")]
    pub windows: [usize; 5],
    /// Components of an embedding, outputs of F7; 4,096 in the paper.
    #[serde(default = "paper_dim")]
    pub embedding_dim: usize,
    /// Share of them that is dropped while training, in `[0, 1)`; the paper drops there alone.
    #[serde(default = "half")]
    pub dropout: f64,
}

fn paper_channels() -> [usize; 5] {
    [32, 16, 16, 16, 16]
}

fn paper_windows() -> [usize; 5] {
    [11, 9, 9, 7, 5]
}

fn paper_dim() -> usize {
    4096
}

fn half() -> f64 {
    0.5
}

impl DeepFaceConfig {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range, or if the windows do not fit into the pictures.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<DeepFace, InvalidBackbone> {
        self.check()?;
        let [c1, c3, c4, c5, c6] = self.channels;
        let [w1, w3, w4, w5, w6] = self.windows;
        let fits = |side| self.out_side(side).is_some();
        let found = format!("{:?} for pictures of {input}", self.windows);
        let expected = "windows that fit into what the layers before them leave of the pictures";
        let is_fitting = fits(input.width) && fits(input.height);
        InvalidBackbone::unless(is_fitting, "windows", found, expected)?;
        let mut conv = |channels, side| {
            let kernel = [side; 2];
            let (stride, padding, groups) = (1, [0; 2], 1);
            let spec = ConvSpec { channels, kernel, stride, padding, groups };
            RectifiedConv::biased(spec, weights)
        };
        let convs = [conv([input.channels, c1], w1), conv([c1, c3], w3)];
        let mut size =
            [input.height, input.width].map(|side| pool::rounded_up_side(side - w1 + 1) - w3 + 1);
        let mut c_in = c3;
        let locals = [(c4, w4), (c5, w5), (c6, w6)].into_iter().zip(STRIDES);
        let locals = locals.map(|((c_out, side), stride)| {
            let spec = LocalSpec { channels: [c_in, c_out], size, side, stride, region: 1 };
            (size, c_in) = (spec.out_size(), c_out);
            Local::new(spec, weights)
        });
        let locals = locals.collect();
        let n_inputs = c6 * size[0] * size[1];
        let head = Linear::new(n_inputs, self.embedding_dim, weights);
        Ok(DeepFace { convs, locals, head, dropout: self.dropout })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        for (parameter, numbers) in [("channels", self.channels), ("windows", self.windows)] {
            let found = format!("{numbers:?}");
            let are_positive = numbers.iter().all(|number| *number > 0);
            InvalidBackbone::unless(are_positive, parameter, found, "five numbers above 0")?;
        }
        InvalidBackbone::check_embedding_dim(self.embedding_dim)?;
        InvalidBackbone::check_share("dropout", self.dropout)
    }

    /// Side of the maps that L6 leaves of pictures of this side, if all windows fit.
    fn out_side(&self, side: usize) -> Option<usize> {
        let [w1, w3, w4, w5, w6] = self.windows;
        let after = |side: usize, window, stride| Some(side.checked_sub(window)? / stride + 1);
        let pooled = pool::rounded_up_side(after(side, w1, 1).filter(|side| *side >= 3)?);
        let [s4, s5, s6] = STRIDES;
        after(after(after(after(pooled, w3, 1)?, w4, s4)?, w5, s5)?, w6, s6)
    }
}

/// The network up to F7, whose outputs are the features.
#[derive(Module, Debug)]
pub struct DeepFace {
    convs: [RectifiedConv; 2],
    locals: Vec<Local>,
    head: Linear,
    dropout: f64,
}

impl DeepFace {
    /// Features of a batch, of any length; none is negative.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let [first, second] = &self.convs;
        let maps = second.forward(pool::max_pool_three_rounded_up(first.forward(images)));
        let maps = self.locals.iter().fold(maps, |maps, local| local.forward(maps));
        let features = relu(self.head.forward(maps.flatten::<2>(1, 3)));
        dropout.apply(features, self.dropout)
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let [first, second] = &self.convs;
        let maps = first.export(graph, images);
        let maps = graph.max_pool_three_rounded_up(maps);
        let maps = second.export(graph, maps);
        let maps = self.locals.iter().fold(maps, |maps, local| local.export(graph, maps));
        let flat = graph.flatten(maps);
        let features = self.head.export(graph, flat);
        graph.relu(features)
    }
}

//! Networks that turn pictures into features; they know no loss and no data.

mod align;
mod attention;
mod deepface;
mod deepid2;
mod dropout;
mod edges;
mod fixed;
mod gradients;
mod inception;
mod inception_resnet;
pub(crate) mod layer;
mod layer_norm;
mod local;
mod mobilefacenet;
mod pool;
#[cfg(test)]
pub(crate) mod pytorch_tests;
mod rectified;
mod resnet;
#[cfg(test)]
mod tests;
mod vit;
mod weights;

use std::fmt;

use burn::module::Module;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

pub use self::align::AlignConfig;
pub use self::deepface::{DeepFace, DeepFaceConfig};
pub use self::deepid2::{DeepId2, DeepId2Config};
pub use self::dropout::Dropout;
pub use self::gradients::{Gradients, GradientsConfig};
pub use self::inception::{Inception, InceptionConfig, InceptionNorm, InceptionTable};
pub use self::inception_resnet::{InceptionResNet, InceptionResNetConfig};
pub use self::mobilefacenet::{MobileFaceNet, MobileFaceNetConfig};
pub use self::resnet::{ResNet, ResNetConfig};
pub use self::vit::{Vit, VitConfig};
pub use self::weights::WeightSource;
use crate::export::graph::{Graph, Value};

/// Keeps the division finite for features of zero.
const MIN_SQUARED_NORM: f32 = 1e-24;

/// Size of the pictures that a network takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSize {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 3 for RGB, 1 for grey.
    pub channels: usize,
}

impl InputSize {
    /// The size that 3 x 3 windows with one zero around leave at this stride.
    pub(crate) fn halved(self, stride: usize) -> Self {
        let [width, height] = [self.width, self.height].map(|side| side.div_ceil(stride));
        Self { width, height, ..self }
    }

    /// Numbers of one picture.
    pub fn len(self) -> usize {
        self.width * self.height * self.channels
    }

    /// Whether a side is 0.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for InputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let color = if self.channels == 1 { "grey" } else { "RGB" };
        write!(f, "{}x{} {color}", self.width, self.height)
    }
}

/// A network's parameter that is out of range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{parameter} is {found}, but must be {expected}")]
pub struct InvalidBackbone {
    parameter: &'static str,
    found: String,
    expected: &'static str,
}

impl InvalidBackbone {
    /// Fails unless a condition holds.
    fn unless(
        is_valid: bool,
        parameter: &'static str,
        found: String,
        expected: &'static str,
    ) -> Result<(), Self> {
        if is_valid { Ok(()) } else { Err(Self { parameter, found, expected }) }
    }

    /// An embedding has components.
    fn check_embedding_dim(embedding_dim: usize) -> Result<(), Self> {
        Self::unless(embedding_dim > 0, "embedding_dim", embedding_dim.to_string(), "above 0")
    }

    /// Something is left of what a share is taken from.
    fn check_share(parameter: &'static str, share: f64) -> Result<(), Self> {
        Self::unless((0.0..1.0).contains(&share), parameter, share.to_string(), "in [0, 1)")
    }
}

/// Which network, and its sizes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum BackboneConfig {
    /// A residual network.
    ResNet(ResNetConfig),
    /// MobileFaceNet.
    MobileFaceNet(MobileFaceNetConfig),
    /// `FaceNet`'s Inception.
    Inception(InceptionConfig),
    /// Inception-ResNet-v1, whose public weights many use.
    #[serde(rename = "inception-resnet")]
    InceptionResNet(InceptionResNetConfig),
    /// A vision transformer.
    Vit(VitConfig),
    /// `DeepFace`, with locally connected layers.
    DeepFace(DeepFaceConfig),
    /// `DeepID2`, with weights shared in regions.
    DeepId2(DeepId2Config),
    /// Oriented gradients in cells, and one layer.
    Gradients(GradientsConfig),
}

impl BackboneConfig {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<Backbone, InvalidBackbone> {
        Ok(match self {
            Self::ResNet(config) => Backbone::ResNet(config.init(input, weights)?),
            Self::MobileFaceNet(config) => Backbone::MobileFaceNet(config.init(input, weights)?),
            Self::Inception(config) => Backbone::Inception(config.init(input, weights)?),
            Self::InceptionResNet(config) => {
                Backbone::InceptionResNet(config.init(input, weights)?)
            }
            Self::Vit(config) => Backbone::Vit(config.init(input, weights)?),
            Self::DeepFace(config) => Backbone::DeepFace(config.init(input, weights)?),
            Self::DeepId2(config) => Backbone::DeepId2(config.init(input, weights)?),
            Self::Gradients(config) => Backbone::Gradients(config.init(input, weights)?),
        })
    }

    /// Checks every parameter.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidBackbone> {
        match self {
            Self::ResNet(config) => config.check(),
            Self::MobileFaceNet(config) => config.check(),
            Self::Inception(config) => config.check(),
            Self::InceptionResNet(config) => config.check(),
            Self::Vit(config) => config.check(),
            Self::DeepFace(config) => config.check(),
            Self::DeepId2(config) => config.check(),
            Self::Gradients(config) => config.check(),
        }
    }

    /// Components of an embedding.
    pub fn embedding_dim(&self) -> usize {
        match self {
            Self::ResNet(config) => config.embedding_dim,
            Self::MobileFaceNet(config) => config.embedding_dim,
            Self::Inception(config) => config.embedding_dim,
            Self::InceptionResNet(config) => config.embedding_dim,
            Self::Vit(config) => config.embedding_dim,
            Self::DeepFace(config) => config.embedding_dim,
            Self::DeepId2(config) => config.embedding_dim,
            Self::Gradients(config) => config.embedding_dim,
        }
    }
}

/// One of the networks.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one network in a process, not a list of them"
)]
#[derive(Module, Debug)]
pub enum Backbone {
    /// A residual network.
    ResNet(ResNet),
    /// MobileFaceNet.
    MobileFaceNet(MobileFaceNet),
    /// `FaceNet`'s Inception.
    Inception(Inception),
    /// Inception-ResNet-v1.
    InceptionResNet(InceptionResNet),
    /// A vision transformer.
    Vit(Vit),
    /// `DeepFace`.
    DeepFace(DeepFace),
    /// `DeepID2`.
    DeepId2(DeepId2),
    /// Oriented gradients in cells, and one layer.
    Gradients(Gradients),
}

impl Backbone {
    /// Features of a batch, of any length; their direction is the embedding.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        match self {
            Self::ResNet(network) => network.forward(images, dropout),
            Self::MobileFaceNet(network) => network.forward(images),
            Self::Inception(network) => network.forward(images),
            Self::InceptionResNet(network) => network.forward(images, dropout),
            Self::Vit(network) => network.forward(images, dropout),
            Self::DeepFace(network) => network.forward(images, dropout),
            Self::DeepId2(network) => network.forward(images),
            Self::Gradients(network) => network.forward(&images, dropout),
        }
    }

    /// Embeddings of a batch: features of unit length.
    ///
    /// # Shapes
    ///
    /// As [`forward`](Self::forward).
    pub fn embed(&self, images: Tensor<4>) -> Tensor<2> {
        l2_normalize(self.forward(images, &mut Dropout::none()))
    }

    /// Writes the network as it is after training; the last value holds the embeddings.
    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let features = match self {
            Self::ResNet(network) => network.export(graph, images),
            Self::MobileFaceNet(network) => network.export(graph, images),
            Self::Inception(network) => network.export(graph, images),
            Self::InceptionResNet(network) => network.export(graph, images),
            Self::Vit(network) => network.export(graph, images),
            Self::DeepFace(network) => network.export(graph, images),
            Self::DeepId2(network) => network.export(graph, images),
            Self::Gradients(network) => network.export(graph, images),
        };
        graph.l2_normalize(features)
    }
}

/// Scales rows to unit length; a row of zeros stays one.
///
/// # Shapes
///
/// - rows and output: `[n, dim]`
pub(crate) fn l2_normalize(rows: Tensor<2>) -> Tensor<2> {
    let norm = rows.clone().square().sum_dim(1).clamp_min(MIN_SQUARED_NORM).sqrt();
    rows / norm
}

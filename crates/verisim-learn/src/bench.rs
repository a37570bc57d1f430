//! Training steps as they are timed, on data that do not matter.

use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor};

use crate::backbone::{
    Backbone, BackboneConfig, Dropout, InputSize, MobileFaceNetConfig, ResNetConfig, WeightSource,
};
use crate::loss::{Loss, LossConfig, LossState};
use crate::metric::InvalidLoss;
use crate::ops::in_single;
use crate::train::{Precision, UnsupportedPrecision};

/// Learning rate of the timed steps.
const LR: f64 = 0.01;

/// A network whose steps are timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimedNetwork {
    /// `IResNet` of 18 layers.
    IResNet18,
    /// `IResNet` of 50 layers.
    IResNet50,
    /// MobileFaceNet of the paper.
    MobileFaceNet,
}

impl TimedNetwork {
    fn config(self) -> BackboneConfig {
        match self {
            Self::IResNet18 => BackboneConfig::ResNet(ResNetConfig::iresnet([2, 2, 2, 2])),
            Self::IResNet50 => BackboneConfig::ResNet(ResNetConfig::iresnet([3, 4, 14, 3])),
            Self::MobileFaceNet => BackboneConfig::MobileFaceNet(MobileFaceNetConfig::default()),
        }
    }
}

/// Forward, backward and step of a network.
pub struct TrainingStep {
    model: Backbone,
    optimizer: ModuleOptimizer,
    precision: Precision,
    images: Tensor<4>,
    targets: Tensor<2>,
}

impl TrainingStep {
    /// A network on RGB pictures of 112 x 112, by SGD with momentum against random targets.
    ///
    /// # Errors
    ///
    /// Fails if the device does not compute in this precision.
    ///
    /// # Panics
    ///
    /// Panics if `batch` is 0.
    pub fn new(
        network: TimedNetwork,
        batch: usize,
        device: &Device,
        precision: Precision,
    ) -> Result<Self, UnsupportedPrecision> {
        precision.check(device)?;
        let device = device.clone().autodiff();
        let config = network.config();
        let embedding_dim = config.embedding_dim();
        let input = InputSize { width: 112, height: 112, channels: 3 };
        let mut weights = WeightSource::new(1, &device);
        let model = config.init(input, &mut weights);
        let model = model.unwrap_or_else(|_| unreachable!("the sizes of the paper are valid"));
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        Ok(Self {
            model,
            precision,
            optimizer: SgdConfig::new().with_momentum(Some(momentum)).init(),
            images: weights.normal([batch, 3, 112, 112], 1.0).val().detach(),
            targets: weights.normal([batch, embedding_dim], 1.0).val().detach(),
        })
    }

    /// Does one step, and returns the loss before it.
    pub fn run(&mut self) -> f32 {
        let images = self.precision.narrowed(self.images.clone());
        let features = in_single(self.model.forward(images, &mut Dropout::none()));
        let loss = (features - self.targets.clone()).square().mean();
        let value = loss.clone().into_scalar::<f32>();
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        self.model = self.optimizer.step(LR, self.model.clone(), gradients);
        value
    }
}

/// Forward and backward of a loss on the CPU, without a network.
pub struct LossStep {
    loss: Loss,
    features: Tensor<2>,
    labels: Vec<u64>,
    state: LossState,
    seed: u64,
}

impl LossStep {
    /// A loss for `n_identities` on random features with these labels.
    ///
    /// # Errors
    ///
    /// Fails if a parameter of the loss is out of range.
    pub fn new(
        config: &LossConfig,
        n_identities: usize,
        labels: Vec<u64>,
        dim: usize,
    ) -> Result<Self, InvalidLoss> {
        let device = Device::flex().autodiff();
        let mut weights = WeightSource::new(1, &device);
        let loss = config.init(n_identities, dim, &mut weights)?;
        let features = weights.normal([labels.len(), dim], 1.0).val().detach();
        Ok(Self { loss, features, labels, state: LossState::default(), seed: 0 })
    }

    /// Computes the value and every gradient, and returns the value.
    pub fn run(&mut self) -> f32 {
        let features = self.features.clone().require_grad();
        self.seed += 1;
        let found = self.loss.forward(features.clone(), &self.labels, &mut self.state, self.seed);
        let value = found.loss.clone().into_scalar::<f32>();
        let gradients = found.loss.backward();
        debug_assert!(features.grad(&gradients).is_some(), "the features get a gradient");
        value
    }
}

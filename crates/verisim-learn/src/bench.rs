//! Training steps as they are timed, on data that do not matter.

use burn::optim::momentum::MomentumConfig;
use burn::optim::{GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Device, Tensor};

use crate::backbone::{Backbone, BackboneConfig, Dropout, InputSize, ResNetConfig, WeightSource};

use crate::loss::{Loss, LossConfig, LossState};
use crate::metric::InvalidLoss;

/// Learning rate of the timed steps.
const LR: f64 = 0.01;

/// Forward, backward and step of a network on the CPU.
pub struct TrainingStep {
    model: Backbone,
    optimizer: ModuleOptimizer,
    images: Tensor<4>,
    targets: Tensor<2>,
}

impl TrainingStep {
    /// `IResNet`-18 on RGB pictures of 112 x 112, by SGD with momentum against random targets.
    ///
    /// # Panics
    ///
    /// Panics if `batch` is 0.
    pub fn iresnet18(batch: usize) -> Self {
        let device = Device::flex().autodiff();
        let config = ResNetConfig::iresnet([2, 2, 2, 2]);
        let embedding_dim = config.embedding_dim;
        let input = InputSize { width: 112, height: 112, channels: 3 };
        let mut weights = WeightSource::new(1, &device);
        let model = BackboneConfig::ResNet(config).init(input, &mut weights);
        let model = model.unwrap_or_else(|_| unreachable!("the sizes of the paper are valid"));
        let momentum = MomentumConfig::new().with_momentum(0.9).with_dampening(0.0);
        Self {
            model,
            optimizer: SgdConfig::new().with_momentum(Some(momentum)).init(),
            images: weights.normal([batch, 3, 112, 112], 1.0).val().detach(),
            targets: weights.normal([batch, embedding_dim], 1.0).val().detach(),
        }
    }

    /// Does one step, and returns the loss before it.
    pub fn run(&mut self) -> f32 {
        let features = self.model.forward(self.images.clone(), &mut Dropout::none());
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

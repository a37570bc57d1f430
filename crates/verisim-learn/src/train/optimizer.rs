//! Optimizers of recipes, and the length of the whole gradient.

use burn::module::{Module, ModuleVisitor, Param, ParamGroup};
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdaGradConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Which optimizer, and its parameters.
///
/// Weight decay is applied to weights of convolutions, linear layers and class centers, not to
/// normalizations, slopes, biases and the places of tokens, which it would only disturb.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum OptimizerConfig {
    /// Stochastic gradient descent.
    Sgd {
        /// Full learning rate.
        lr: f64,
        /// Share of the last step that is repeated, in `[0, 1)`.
        #[serde(default = "momentum")]
        momentum: f64,
        /// Pull of the weights towards 0.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Adam with decoupled weight decay.
    AdamW {
        /// Full learning rate.
        lr: f64,
        /// Pull of the weights towards 0.
        #[serde(default)]
        weight_decay: f64,
    },
    /// Steps divided by the root of the sum of all squared gradients so far; Duchi et al. 2011, as
    /// `FaceNet` was trained.
    AdaGrad {
        /// Full learning rate.
        lr: f64,
        /// Pull of the weights towards 0.
        #[serde(default)]
        weight_decay: f64,
    },
}

fn momentum() -> f64 {
    0.9
}

/// What keeps the division of `AdamW` finite: PyTorch's.
pub(super) const ADAMW_EPSILON: f32 = 1e-8;
/// What keeps the division of `AdaGrad` finite: Burn's.
pub(super) const ADAGRAD_EPSILON: f32 = 1e-5;

/// Parameters of these names are added or scale one channel: nothing is weighed by them.
const NOT_DECAYED: [&str; 6] = ["gamma", "beta", "slopes", "bias", "positions", "mask_token"];

impl OptimizerConfig {
    /// Full learning rate.
    pub fn lr(&self) -> f64 {
        match *self {
            Self::Sgd { lr, .. } | Self::AdamW { lr, .. } | Self::AdaGrad { lr, .. } => lr,
        }
    }

    /// What is wrong with it, if anything: parameter, value, expectation.
    pub(crate) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        let (Self::Sgd { lr, weight_decay, .. }
        | Self::AdamW { lr, weight_decay }
        | Self::AdaGrad { lr, weight_decay }) = *self;
        if !(lr > 0.0 && lr.is_finite()) {
            return Some(("optimizer.lr", lr.to_string(), "above 0"));
        }
        if !(0.0..f64::INFINITY).contains(&weight_decay) {
            return Some(("optimizer.weight_decay", weight_decay.to_string(), "0 or more"));
        }
        match *self {
            Self::Sgd { momentum, .. } if !(0.0..1.0).contains(&momentum) => {
                Some(("optimizer.momentum", momentum.to_string(), "in [0, 1)"))
            }
            _ => None,
        }
    }

    /// Creates the optimizer, without state.
    pub(crate) fn init(&self) -> ModuleOptimizer {
        let not_decayed = || ParamGroup::from_any_predicates(NOT_DECAYED.to_vec());
        match *self {
            Self::Sgd { momentum, weight_decay, .. } => {
                let momentum = (momentum > 0.0)
                    .then(|| MomentumConfig::new().with_momentum(momentum).with_dampening(0.0));
                let plain = SgdConfig::new().with_momentum(momentum);
                let decay = WeightDecayConfig::new(weight_decay as f32);
                let decayed = plain.clone().with_weight_decay(Some(decay));
                decayed.init().with_group(not_decayed(), plain.build(), None)
            }
            Self::AdamW { weight_decay, .. } => {
                let plain = AdamWConfig::new().with_epsilon(ADAMW_EPSILON).with_weight_decay(0.0);
                let decayed = plain.clone().with_weight_decay(weight_decay as f32);
                decayed.init().with_group(not_decayed(), plain.build(), None)
            }
            Self::AdaGrad { weight_decay, .. } => {
                let plain = AdaGradConfig::new().with_epsilon(ADAGRAD_EPSILON);
                let decay = WeightDecayConfig::new(weight_decay as f32);
                let decayed = plain.clone().with_weight_decay(Some(decay));
                decayed.init().with_group(not_decayed(), plain.build(), None)
            }
        }
    }
}

/// Square of the length of the gradient of all parameters together.
pub(crate) fn squared_norm<M: Module>(module: &M, gradients: &GradientsParams) -> f64 {
    struct SquaredNorm<'a> {
        gradients: &'a GradientsParams,
        sum: f64,
    }
    impl ModuleVisitor for SquaredNorm<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.get::<D>(param.id) {
                self.sum += f64::from(gradient.square().sum().into_scalar::<f32>());
            }
        }
    }
    let mut visitor = SquaredNorm { gradients, sum: 0.0 };
    module.visit(&mut visitor);
    visitor.sum
}

/// The gradient of all parameters, so many times as long.
pub(crate) fn scaled<M: Module>(
    module: &M,
    mut gradients: GradientsParams,
    factor: f64,
) -> GradientsParams {
    struct Scaler<'a> {
        gradients: &'a mut GradientsParams,
        factor: f64,
    }
    impl ModuleVisitor for Scaler<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.gradients.remove::<D>(param.id) {
                self.gradients.register(param.id, gradient * self.factor);
            }
        }
    }
    module.visit(&mut Scaler { gradients: &mut gradients, factor });
    gradients
}

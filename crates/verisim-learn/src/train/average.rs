//! A network of averaged weights, which follows the one that is trained; it does not know how that is.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::backbone::Backbone;

/// An exponential moving average of the weights.
///
/// Where a recipe asks for one, validation and the model are of the averaged weights; training itself
/// does not see them. After step `n`, counted from 0,
///
/// ```text
/// average = k average + (1 - k) weights,    k = min(decay, (1 + n) / (10 + n))
/// ```
///
/// so that the first steps, far from everything that follows, are soon forgotten. The running statistics
/// of batch normalization are averaged in the same way as the weights that they belong to.
///
/// Polyak and Juditsky, *Acceleration of Stochastic Approximation by Averaging*, 1992; the rise of `k` is
/// that of TensorFlow's `ExponentialMovingAverage`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmaConfig {
    /// Share of the average that a step keeps at most, in `[0, 1)`.
    pub decay: f64,
}

impl EmaConfig {
    /// What is wrong with it, if anything: parameter, value, expectation.
    pub(crate) fn problem(self) -> Option<(&'static str, String, &'static str)> {
        let in_range = (0.0..1.0).contains(&self.decay);
        (!in_range).then(|| ("ema.decay", self.decay.to_string(), "in [0, 1)"))
    }

    /// Share of the average that is kept after the step with this number.
    fn kept(self, step: usize) -> f64 {
        self.decay.min((1.0 + step as f64) / (10.0 + step as f64))
    }
}

/// The network of averaged weights, without derivatives.
pub(super) struct Average {
    config: EmaConfig,
    pub(super) network: Backbone,
}

impl Average {
    /// Begins at the weights of a network.
    pub(super) fn new(config: EmaConfig, network: &Backbone) -> Self {
        Self { config, network: network.valid() }
    }

    /// Moves toward the weights after the step with this number.
    pub(super) fn follow(&mut self, network: &Backbone, step: usize) {
        let mut weights = Weights::default();
        // Up to date: Burn keeps the last update of running statistics apart.
        network.valid().visit(&mut weights);
        let mut mean = Mean { weights, kept: self.config.kept(step) };
        self.network = self.network.clone().map(&mut mean);
    }
}

/// The weights of a network by their parameters, in the container that Burn has for gradients.
#[derive(Default)]
struct Weights(GradientsParams);

impl ModuleVisitor for Weights {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.register(param.id, param.val());
    }
}

struct Mean {
    weights: Weights,
    kept: f64,
}

impl ModuleMapper for Mean {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(weight) = self.weights.0.remove::<D>(param.id) else { return param };
        param.map(|mean| mean * self.kept + weight * (1.0 - self.kept))
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;
    use crate::backbone::{BackboneConfig, InputSize, ResNetConfig, WeightSource};
    use crate::train::tests::parameters;

    struct Times(f32);

    impl ModuleMapper for Times {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            param.map(|value| value * self.0)
        }
    }

    #[test]
    fn the_share_that_is_kept_rises_to_the_decay() {
        let config = EmaConfig { decay: 0.9995 };
        let table =
            [(0, 0.1), (1, 2.0 / 11.0), (90, 0.91), (17_000, 0.999_470_899), (18_000, 0.9995)];
        for (step, expected) in table {
            let found = config.kept(step);
            assert!((found - expected).abs() < 1e-9, "{found} after step {step}");
        }
        assert_eq!(EmaConfig { decay: 0.0 }.kept(5), 0.0);
    }

    #[test]
    fn weights_and_running_statistics_follow_alike() {
        let config = ResNetConfig { widths: vec![4], ..ResNetConfig::iresnet([1; 4]) };
        let config = BackboneConfig::ResNet(ResNetConfig { depths: vec![1], ..config });
        let input = InputSize { width: 16, height: 16, channels: 1 };
        let device = Device::flex().autodiff();
        let network = config.init(input, &mut WeightSource::new(1, &device)).unwrap();
        let mut average = Average::new(EmaConfig { decay: 0.15 }, &network);
        let threefold = network.valid().map(&mut Times(3.0));
        average.follow(&threefold, 0); // a tenth is kept: 2.8 times
        average.follow(&network, 1); // 0.15 is kept: 0.15 * 2.8 + 0.85 = 1.27 times
        for name in ["head.weight", "norm.gamma", "norm.variance"] {
            let first = parameters(&network, name);
            let found = parameters(&average.network, name);
            assert!(!first.is_empty() && first.iter().any(|it| *it != 0.0), "{name}");
            for (first, found) in first.iter().zip(&found) {
                assert!((1.27 * first - found).abs() < 1e-5, "{name}: {first} became {found}");
            }
        }
    }
}

//! Steps of a loss with many identities, as they are timed: no network, random features.

use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use crate::backbone::WeightSource;
use crate::loss::{Loss, LossConfig, LossState};
use crate::metric::InvalidLoss;
use crate::random::derive_seed;
use crate::train::OptimizerConfig;

/// Learning rate of the timed steps.
const LR: f64 = 0.1;

/// Forward, backward and step of the centers on the CPU, by SGD with momentum and weight decay.
pub struct CenterStep {
    loss: Loss,
    optimizer: ModuleOptimizer,
    of_rows: OptimizerConfig,
    features: Tensor<2>,
    n_identities: usize,
    state: LossState,
    n_steps: u64,
}

impl CenterStep {
    /// A loss over `n_identities`, for `batch` random features of `dim` components.
    ///
    /// # Errors
    ///
    /// Fails if a parameter of the loss is out of range.
    pub fn new(
        config: &LossConfig,
        n_identities: usize,
        dim: usize,
        batch: usize,
    ) -> Result<Self, InvalidLoss> {
        let device = Device::flex().autodiff();
        let mut weights = WeightSource::new(1, &device);
        let features = weights.normal([batch, dim], 1.0).val().detach();
        let mut loss = config.init(n_identities, dim, &mut weights)?;
        let of_rows = OptimizerConfig::Sgd { lr: LR, momentum: 0.9, weight_decay: 5e-4 };
        let remembered = of_rows.remembered(dim);
        loss.tables().into_iter().for_each(|table| table.remember(&remembered));
        let optimizer = of_rows.init();
        let (state, n_steps) = (LossState::default(), 0);
        Ok(Self { loss, optimizer, of_rows, features, n_identities, state, n_steps })
    }

    /// Does one step with identities drawn anew, and returns the loss before it.
    pub fn run(&mut self) -> f32 {
        self.n_steps += 1;
        let label = |index| derive_seed(self.n_steps, index) % self.n_identities as u64;
        let labels: Vec<u64> = (0..self.features.dims()[0] as u64).map(label).collect();
        let features = self.features.clone().require_grad();
        let found = self.loss.forward(features, &labels, &mut self.state, self.n_steps);
        let value = found.loss.clone().into_scalar::<f32>();
        let mut gradients = found.loss.backward();
        let touched = found.touched.into_iter();
        let rows: Vec<Vec<_>> = touched
            .map(|parts| parts.into_iter().map(|it| it.gradient(&mut gradients)).collect())
            .collect();
        let gradients = GradientsParams::from_grads(gradients, &self.loss);
        self.loss = self.optimizer.step(LR, self.loss.clone(), gradients);
        for (table, rows) in self.loss.tables().into_iter().zip(rows) {
            table.follow(rows, |tables, gradient| self.of_rows.move_rows(LR, tables, gradient));
        }
        value
    }
}

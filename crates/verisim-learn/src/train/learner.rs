//! What is optimized, and one step of it: gradients of a few batches, averaged, then the weights. It knows
//! neither chips nor schedules.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::average::Average;
use super::checkpoint::{Checkpoint, CheckpointError, Position, RunFolder, Snapshot};
use super::optimizer::{clip, gradient_norm};
use super::recipe::Recipe;
use crate::backbone::{Backbone, Dropout};
use crate::loss::{Loss, LossState};

/// What is optimized: the network, and the loss's own parameters.
#[derive(Module, Debug)]
pub(super) struct Model {
    pub(super) backbone: Backbone,
    pub(super) loss: Loss,
}

/// A model with everything that its steps change.
pub(super) struct Learner {
    pub(super) model: Model,
    optimizer: ModuleOptimizer,
    /// What the loss remembers.
    memory: LossState,
    /// See [`Recipe::clip_norm`].
    clip_norm: f64,
    average: Option<Average>,
    pending: Pending,
}

/// A batch for the network.
pub(super) struct Examples {
    /// `[n, channels, height, width]`
    pub(super) images: Tensor<4>,
    /// The class of each.
    pub(super) classes: Vec<u64>,
    pub(super) dropout_seed: u64,
    pub(super) loss_seed: u64,
}

/// What the batches of a step found so far.
#[derive(Default)]
struct Pending {
    gradients: GradientsAccumulator<Model>,
    loss: f64,
    n_active: Option<usize>,
}

/// What a step found.
pub(super) struct StepFigures {
    /// Mean loss of the batches.
    pub(super) loss: f64,
    /// Length of the mean gradient, before it was shortened.
    pub(super) gradient_norm: f64,
    /// Pairs or triplets that still pull, of all batches.
    pub(super) n_active: Option<usize>,
}

impl Learner {
    pub(super) fn new(model: Model, recipe: &Recipe) -> Self {
        let average = recipe.ema.map(|config| Average::new(config, &model.backbone));
        Self {
            model,
            optimizer: recipe.optimizer.init(),
            memory: LossState::default(),
            clip_norm: recipe.clip_norm,
            average,
            pending: Pending::default(),
        }
    }

    /// Takes a batch into the next step, of which it is this share, and returns its loss.
    ///
    /// Where the loss is not finite, nothing is taken.
    pub(super) fn add(&mut self, examples: Examples, share: f64) -> f64 {
        let Examples { images, classes, dropout_seed, loss_seed } = examples;
        let features = self.model.backbone.forward(images, &mut Dropout::from_seed(dropout_seed));
        let value = self.model.loss.forward(features, &classes, &mut self.memory, loss_seed);
        let loss = f64::from(value.loss.clone().into_scalar::<f32>());
        if !loss.is_finite() {
            return loss;
        }
        let gradients = (value.loss * share).backward();
        let gradients = GradientsParams::from_grads(gradients, &self.model);
        let Pending { gradients: sum, loss: mean, n_active } = &mut self.pending;
        sum.accumulate(&self.model, gradients);
        *mean += loss * share;
        *n_active = [*n_active, value.n_active].into_iter().flatten().reduce(|a, b| a + b);
        loss
    }

    /// The network that is validated and saved: of averaged weights, where the recipe asks for them.
    pub(super) fn network(&self) -> &Backbone {
        self.average.as_ref().map_or(&self.model.backbone, |average| &average.network)
    }

    /// Moves the weights by what was taken in; the steps of a run are counted from 0.
    pub(super) fn step(&mut self, number: usize, lr: f64) -> StepFigures {
        let Pending { mut gradients, loss, n_active } = std::mem::take(&mut self.pending);
        let gradients = gradients.grads();
        let gradient_norm = gradient_norm(&self.model, &gradients);
        let gradients = match self.clip_norm {
            0.0 => gradients,
            max_norm => clip(&self.model, gradients, gradient_norm, max_norm),
        };
        self.model = self.optimizer.step(lr, self.model.clone(), gradients);
        if let Some(average) = &mut self.average {
            average.follow(&self.model.backbone, number);
        }
        StepFigures { loss, gradient_norm, n_active }
    }

    /// Goes on from a checkpoint.
    pub(super) fn restore(
        mut self,
        checkpoint: Checkpoint,
        folder: &RunFolder,
    ) -> Result<Self, CheckpointError> {
        let average = self.average.as_mut();
        (self.model, self.optimizer, self.memory) =
            checkpoint.restore(self.model, self.optimizer, average, folder)?;
        Ok(self)
    }

    pub(super) fn save(
        &self,
        folder: &RunFolder,
        position: &Position,
        data_digest: &str,
    ) -> Result<(), CheckpointError> {
        folder.save(Snapshot {
            position,
            data_digest,
            model: self.synced(),
            optimizer: &self.optimizer,
            average: self.average.as_ref().map(|average| &average.network),
            loss: &self.memory,
        })
    }

    /// The model with its running statistics up to date: Burn keeps the last update of each apart.
    fn synced(&self) -> Model {
        let _ = self.model.valid();
        self.model.clone()
    }
}

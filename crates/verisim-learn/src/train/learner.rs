//! What is optimized, and one step of it: gradients of a few batches, averaged, then the weights. It knows
//! neither chips nor schedules.

use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};

use super::average::Average;
use super::checkpoint::{Checkpoint, CheckpointError, Position, RunFolder, Snapshot};
use super::optimizer::{OptimizerConfig, scaled, squared_norm};
use super::precision::{LossScale, Precision};
use super::recipe::Recipe;
use crate::backbone::{Backbone, Dropout};
use crate::loss::centers::RowGradient;
use crate::loss::{Loss, LossState};
use crate::ops::in_single;
use crate::random::derive_seed;

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
    /// The same for centers that move row by row.
    of_rows: OptimizerConfig,
    /// Where centers may lie.
    devices: Vec<Device>,
    /// What the loss remembers.
    memory: LossState,
    /// See [`Recipe::clip_norm`].
    clip_norm: f64,
    average: Option<Average>,
    precision: Precision,
    /// Where the precision needs one.
    pub(super) scale: Option<LossScale>,
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
    /// Of centers that move row by row: each table, each part.
    rows: Vec<Vec<RowGradient>>,
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
    /// Whether the gradient overflowed, so that no weight was moved.
    pub(super) is_skipped: bool,
}

impl Learner {
    pub(super) fn new(mut model: Model, recipe: &Recipe, device: &Device) -> Self {
        let remembered = recipe.optimizer.remembered(recipe.backbone.embedding_dim());
        model.loss.tables().into_iter().for_each(|table| table.remember(&remembered));
        let average = recipe.ema.map(|config| Average::new(config, &model.backbone));
        Self {
            model,
            optimizer: recipe.optimizer.init(),
            of_rows: recipe.optimizer.clone(),
            devices: vec![device.clone()],
            memory: LossState::default(),
            clip_norm: recipe.clip_norm,
            average,
            precision: recipe.precision,
            scale: recipe.precision.first_scale(),
            pending: Pending::default(),
        }
    }

    /// Takes a batch into the next step, of which it is this share, and returns its loss.
    ///
    /// Where the loss is not finite, nothing is taken.
    pub(super) fn add(&mut self, examples: Examples, share: f64) -> f64 {
        let Examples { images, classes, dropout_seed, loss_seed } = examples;
        let images = self.precision.narrowed(images);
        let (features, copies) = self.features(images, dropout_seed);
        let features = in_single(features);
        let value = self.model.loss.forward(features, &classes, &mut self.memory, loss_seed);
        let loss = f64::from(value.loss.clone().into_scalar::<f32>());
        if !loss.is_finite() {
            return loss;
        }
        let scale = self.scale.map_or(1.0, LossScale::factor);
        let mut gradients = (value.loss * (share * scale)).backward();
        let Pending { gradients: sum, rows, loss: mean, n_active } = &mut self.pending;
        for (index, touched) in value.touched.into_iter().enumerate() {
            let found = touched.into_iter().map(|it| it.gradient(&mut gradients));
            if let Some(before) = rows.get_mut(index) {
                let sums = std::mem::take(before).into_iter().zip(found);
                *before = sums.map(|(before, found)| before.plus(found)).collect();
            } else {
                rows.push(found.collect());
            }
        }
        for copy in copies {
            let of_copy = GradientsParams::from_module(&mut gradients, &copy);
            sum.accumulate(&self.model, of_copy.to_device(&self.devices[0], &copy));
        }
        sum.accumulate(&self.model, GradientsParams::from_grads(gradients, &self.model));
        *mean += loss * share;
        *n_active = [*n_active, value.n_active].into_iter().flatten().reduce(|a, b| a + b);
        loss
    }

    /// Shares each batch out to devices, and the parts of the centers; the first is where the model lies.
    pub(super) fn spread(&mut self, devices: &[Device]) {
        self.devices = devices.iter().map(|device| device.clone().autodiff()).collect();
        self.model.loss = self.model.loss.clone().split(&self.devices);
    }

    /// Features of a batch, each part of it through the network of its device, and the networks beside
    /// the one that is trained.
    ///
    /// All features meet on the first device, so that a loss sees the whole batch whatever it is shared
    /// out to. Running statistics are those of the first part.
    fn features(&self, images: Tensor<4>, seed: u64) -> (Tensor<2>, Vec<Backbone>) {
        let n = images.dims()[0];
        let n_parts = self.devices.len().min(n);
        if n_parts < 2 {
            let features = self.model.backbone.forward(images, &mut Dropout::from_seed(seed));
            return (features, Vec::new());
        }
        let (mut parts, mut copies) = (Vec::new(), Vec::new());
        for (index, device) in self.devices[..n_parts].iter().enumerate() {
            let (from, to) = (n * index / n_parts, n * (index + 1) / n_parts);
            let images = images.clone().narrow(0, from, to - from).to_device(device);
            if index == 0 {
                let dropout = &mut Dropout::from_seed(seed);
                parts.push(self.model.backbone.forward(images, dropout));
                continue;
            }
            // By way of `valid`, since a copy shares its running statistics, which would move.
            let copy = self.model.backbone.valid().train().fork(device);
            let dropout = &mut Dropout::from_seed(derive_seed(seed, index as u64));
            parts.push(copy.forward(images, dropout).to_device(&self.devices[0]));
            copies.push(copy);
        }
        (Tensor::cat(parts, 0), copies)
    }

    /// The network that is validated and saved: of averaged weights, where the recipe asks for them.
    pub(super) fn network(&self) -> &Backbone {
        self.average.as_ref().map_or(&self.model.backbone, |average| &average.network)
    }

    /// Moves the weights by what was taken in; the steps of a run are counted from 0.
    pub(super) fn step(&mut self, number: usize, lr: f64) -> StepFigures {
        let Pending { mut gradients, mut rows, loss, n_active } = std::mem::take(&mut self.pending);
        let mut gradients = gradients.grads();
        let of_rows: f64 = rows.iter().flatten().map(RowGradient::squared_norm).sum();
        let scale = self.scale.map_or(1.0, LossScale::factor);
        let gradient_norm = (squared_norm(&self.model, &gradients) + of_rows).sqrt() / scale;
        let is_finite = gradient_norm.is_finite();
        if let Some(scale) = &mut self.scale {
            scale.note(is_finite);
            if !is_finite {
                return StepFigures { loss, gradient_norm: 0.0, n_active, is_skipped: true };
            }
        }
        // A gradient that is not finite cannot be shortened: the guard speaks up about it.
        let is_long = self.clip_norm > 0.0 && gradient_norm > self.clip_norm && is_finite;
        let shortened = if is_long { self.clip_norm / gradient_norm } else { 1.0 };
        let factor = shortened / scale;
        if factor != 1.0 {
            gradients = scaled(&self.model, gradients, factor);
            let shorten = |it: RowGradient| it.scaled(factor);
            let all = rows.into_iter().map(|parts| parts.into_iter().map(shorten).collect());
            rows = all.collect();
        }
        self.model = self.optimizer.step(lr, self.model.clone(), gradients);
        let optimizer = &self.of_rows;
        for (table, gradients) in self.model.loss.tables().into_iter().zip(rows) {
            table.follow(gradients, |tables, gradient| optimizer.move_rows(lr, tables, gradient));
        }
        if let Some(average) = &mut self.average {
            average.follow(&self.model.backbone, number);
        }
        StepFigures { loss, gradient_norm, n_active, is_skipped: false }
    }

    /// Goes on from a checkpoint.
    pub(super) fn restore(
        mut self,
        checkpoint: Checkpoint,
        folder: &RunFolder,
    ) -> Result<Self, CheckpointError> {
        self.scale = checkpoint.loss_scale.or(self.scale);
        let Model { backbone, loss } = self.model;
        let model = Model { backbone, loss: loss.joined() };
        let average = self.average.as_mut();
        (self.model, self.optimizer, self.memory) =
            checkpoint.restore(model, self.optimizer, average, folder)?;
        self.model.loss = self.model.loss.split(&self.devices);
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
            loss_scale: self.scale,
        })
    }

    /// The model with its running statistics up to date, since Burn keeps the last update of each apart,
    /// and with its centers together.
    fn synced(&self) -> Model {
        let _ = self.model.valid();
        let Model { backbone, loss } = self.model.clone();
        Model { backbone, loss: loss.joined() }
    }
}

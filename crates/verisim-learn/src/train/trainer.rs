//! The training loop: batches in, steps out, a look at unseen identities after every epoch.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use verisim_core::measure::Comparison;
use verisim_core::{Embedding, Head};

use super::checkpoint::{Checkpoint, CheckpointError, Position, RunFolder};
use super::error::TrainError;
use super::guard::{self, Guard, Warning};
use super::head::{self, HeadConfig, TrainedHead};
use super::learner::{Examples, Learner, Model};
use super::metrics::{EpochRecord, Record, StepRecord};
use super::movement::relative_change;
use super::recipe::Recipe;
use super::spread::SpreadRecord;
use super::validation::{ValidationFigures, compare_all, embed_chips, measure};
use crate::backbone::{Backbone, WeightSource};
use crate::data::batch::{Batch, BatchPlan, read_ahead};
use crate::data::{ChipSource, Split, UnreadableChip, chips_of};
use crate::pretrained;
use crate::random::derive_seed;
use crate::sampler::parents_of;

/// Streams of random numbers that a run draws from, all derived from the recipe's seed.
#[derive(Clone, Copy)]
enum Stream {
    Split,
    Weights,
    Batches,
    Augment,
    Dropout,
    Loss,
    Head,
}

/// A training run that is about to start, or to go on.
pub struct Trainer {
    recipe: Recipe,
    source: Arc<dyn ChipSource>,
    device: Device,
    split: Split,
    /// Positions of the training chips in the source, and the class of each.
    chips: Vec<usize>,
    classes: Vec<u64>,
    learner: Learner,
    position: Position,
}

/// A network after training, and what it makes of unseen identities.
pub struct Trained {
    /// The network.
    pub backbone: Backbone,
    /// Figures of the validation identities.
    pub validation: Option<ValidationFigures>,
    /// The comparisons behind them, by the labels of the source; none without validation identities.
    pub comparisons: Vec<Comparison>,
    /// What was learned over distances of embeddings, if the recipe asks for it.
    pub head: Option<TrainedHead>,
}

/// Is told how training goes.
pub trait Observer {
    /// A step is done; an epoch has `n_steps` of them.
    fn on_step(&mut self, record: &StepRecord, n_steps: usize);
    /// An epoch is done.
    fn on_epoch(&mut self, record: &EpochRecord);
    /// Something is going wrong.
    fn on_warning(&mut self, warning: &Warning);
    /// The network was looked at before its first step, or after its last.
    fn on_spread(&mut self, _record: &SpreadRecord) {}
}

impl Trainer {
    /// Prepares a run from the beginning.
    ///
    /// # Errors
    ///
    /// Fails if the recipe is out of range, does not fit the chips, or names unusable weights.
    pub fn new(
        recipe: Recipe,
        source: Arc<dyn ChipSource>,
        device: &Device,
    ) -> Result<Self, TrainError> {
        recipe.check()?;
        let sizes = [source.size(), recipe.input.size()];
        if sizes[0] != sizes[1] {
            let [found, expected] = sizes.map(|size| size.to_string());
            return Err(TrainError::WrongSize { found, expected });
        }
        recipe.precision.check(device)?;
        let device = device.clone().autodiff();
        let seed = |stream: Stream| derive_seed(recipe.seed, stream as u64);
        let split = Split::new(source.labels(), &recipe.split, seed(Stream::Split))?;
        let class_of: BTreeMap<u64, u64> = split.train.iter().copied().zip(0..).collect();
        let (chips, classes): (Vec<usize>, Vec<u64>) = (0..)
            .zip(source.labels())
            .filter_map(|(chip, label)| Some((chip, *class_of.get(label)?)))
            .unzip();
        let mut weights = WeightSource::new(seed(Stream::Weights), &device);
        let mut backbone = recipe.backbone.init(recipe.input.size(), &mut weights)?;
        if let Some(path) = &recipe.weights {
            backbone = pretrained::load(backbone, &recipe.backbone, path)?;
        }
        let dim = recipe.backbone.embedding_dim();
        let model =
            Model { backbone, loss: recipe.loss.init(split.train.len(), dim, &mut weights)? };
        let learner = Learner::new(model, &recipe, &device);
        let position = Position::default();
        Ok(Self { recipe, source, device, split, chips, classes, learner, position })
    }

    /// Goes on from a checkpoint.
    ///
    /// # Errors
    ///
    /// Fails if the data are not those of the checkpoint, or if it does not fit the network.
    pub fn resume(
        mut self,
        checkpoint: Checkpoint,
        folder: &RunFolder,
    ) -> Result<Self, TrainError> {
        let found = self.source.digest();
        if found != checkpoint.data_digest {
            let expected = checkpoint.data_digest;
            return Err(TrainError::OtherData { found, expected });
        }
        self.position = checkpoint.position.clone();
        self.learner = self.learner.restore(checkpoint, folder)?;
        Ok(self)
    }

    /// Shares each batch out to devices, the first of which is the one that this was made for.
    ///
    /// The network is copied to the others for every batch, and their gradients are added on the first;
    /// the loss sees the whole batch. Normalizations see the part of their device.
    #[must_use]
    pub fn with_devices(mut self, devices: &[Device]) -> Self {
        self.learner.spread(devices);
        self
    }

    /// Which identities are trained on, and which are not.
    pub fn split(&self) -> &Split {
        &self.split
    }

    /// The network as it is now: of averaged weights, where the recipe asks for them.
    pub fn backbone(&self) -> &Backbone {
        self.learner.network()
    }

    /// Positions of the training chips in the source.
    pub fn chips(&self) -> &[usize] {
        &self.chips
    }

    /// Number of training chips.
    pub fn n_chips(&self) -> usize {
        self.chips.len()
    }

    /// Number of parameters of the network.
    pub fn n_parameters(&self) -> usize {
        self.learner.model.backbone.num_params()
    }

    /// Trains to the end of the recipe.
    ///
    /// With a folder, every step and epoch is written to its `metrics.jsonl`, and checkpoints as the
    /// recipe says.
    ///
    /// # Errors
    ///
    /// Fails if the loss is not finite, if a chip cannot be read, or if the folder cannot be written.
    pub fn run(
        mut self,
        folder: Option<&RunFolder>,
        observer: &mut dyn Observer,
    ) -> Result<Trained, TrainError> {
        self.warn_about_data(observer);
        // The digest goes through every pixel, so it is taken only where it is written down.
        let data_digest = folder.map(|_| self.source.digest()).unwrap_or_default();
        if let Some(folder) = folder {
            folder.rewind(&self.position)?;
        }
        if self.position.step == 0 {
            self.note_spread(folder, observer)?;
        }
        let mut guard = Guard::default();
        while self.position.epoch < self.recipe.epochs {
            let before = self.learner.model.backbone.clone();
            let mean_loss = self.run_epoch(folder, &data_digest, &mut guard, observer)?;
            guard::check_movement(relative_change(&before, &self.learner.model.backbone))
                .inspect(|warning| observer.on_warning(warning));
            let validation = self.validate()?;
            validation
                .as_ref()
                .and_then(|figures| guard::check_spread(figures.mean_non_mated))
                .inspect(|warning| observer.on_warning(warning));
            let record = EpochRecord { epoch: self.position.epoch, mean_loss, validation };
            observer.on_epoch(&record);
            let (epoch, step) = (self.position.epoch + 1, self.position.step);
            self.position = Position { epoch, step, ..Position::default() };
            if let Some(folder) = folder {
                folder.append(&Record::Epoch(record))?;
                self.save(folder, &data_digest)?;
            }
        }
        self.note_spread(folder, observer)?;
        self.finish()
    }

    /// Takes the network as it is now, trains its head, and looks at the validation identities.
    ///
    /// # Errors
    ///
    /// Fails if a chip cannot be read, an embedding has no direction, or a head finds no pairs.
    pub fn finish(self) -> Result<Trained, TrainError> {
        let (embeddings, labels) = self.unseen()?;
        let comparisons = compare_all(&embeddings, &labels, Embedding::similarity);
        let validation = measure(&embeddings, &labels, &comparisons);
        let head = self.recipe.head.as_ref().map(|config| self.train_head(config)).transpose()?;
        let head = head.map(|head| {
            let comparisons = compare_all(&embeddings, &labels, |a, b| head.log_odds(a, b));
            TrainedHead { head, comparisons }
        });
        let backbone = self.learner.network().clone();
        Ok(Trained { backbone, validation, comparisons, head })
    }

    fn train_head(&self, config: &HeadConfig) -> Result<Head, TrainError> {
        let (backbone, source) = (self.learner.network(), self.source.as_ref());
        let embed = |chips: &[usize]| embed_chips(backbone, source, chips, &self.device);
        head::train(config, &self.chips, &self.classes, embed, self.seed(Stream::Head))
    }

    /// Goes through the batches of an epoch, and returns their mean loss.
    fn run_epoch(
        &mut self,
        folder: Option<&RunFolder>,
        data_digest: &str,
        guard: &mut Guard,
        observer: &mut dyn Observer,
    ) -> Result<f64, TrainError> {
        let plans = self.plans();
        let (n_batches, of_step) = (plans.len(), self.recipe.accumulate);
        let n_steps = n_batches.div_ceil(of_step);
        let n_done = self.position.step_in_epoch * of_step;
        let remaining = plans.into_iter().skip(n_done).collect();
        let batches = read_ahead(Arc::clone(&self.source), self.recipe.augment.clone(), remaining);
        while self.position.step_in_epoch < n_steps {
            let n = of_step.min(n_batches - self.position.step_in_epoch * of_step);
            let record = self.step(&batches, n, n_steps)?;
            guard.after_step(record.n_active).inspect(|warning| observer.on_warning(warning));
            observer.on_step(&record, n_steps);
            self.position.step += 1;
            self.position.step_in_epoch += 1;
            self.position.loss_sum += record.loss * n as f64;
            let Some(folder) = folder else { continue };
            folder.append(&Record::Step(record))?;
            let every = self.recipe.checkpoint_steps;
            if every > 0 && self.position.step.is_multiple_of(every) {
                self.save(folder, data_digest)?;
            }
        }
        Ok(self.position.loss_sum / n_batches.max(1) as f64)
    }

    /// The batches of the current epoch.
    fn plans(&self) -> Vec<BatchPlan> {
        let epoch = self.position.epoch;
        let seed = derive_seed(self.seed(Stream::Augment), epoch as u64);
        self.batches(self.seed(Stream::Batches), epoch)
            .into_iter()
            .zip(0..)
            .map(|(batch, number)| BatchPlan {
                chips: batch.into_iter().map(|index| self.chips[index]).collect(),
                seed: derive_seed(seed, number),
            })
            .collect()
    }

    /// The batches of an epoch, as positions in the training chips.
    fn batches(&self, seed: u64, epoch: usize) -> Vec<Vec<usize>> {
        let names = self.source.identities();
        let parents = parents_of(self.split.train.iter().map(|&label| &names[label as usize]));
        let parent_of = |class: u64| parents[class as usize];
        self.recipe.sampler.epoch_under(&self.classes, &parent_of, seed, epoch)
    }

    /// One optimizer step, by the mean gradient of the next `n` batches.
    fn step(
        &mut self,
        batches: &Receiver<Result<Batch, UnreadableChip>>,
        n: usize,
        n_steps: usize,
    ) -> Result<StepRecord, TrainError> {
        let Position { epoch, step_in_epoch, step, .. } = self.position;
        let progress = epoch as f64 + (step_in_epoch + 1) as f64 / n_steps as f64;
        let share = self.recipe.schedule.share(progress, self.recipe.epochs as f64);
        let lr = self.recipe.optimizer.lr() * share;
        for index in 0..n {
            let batch = batches.recv().map_err(|_| TrainError::NoBatch)??;
            let examples = self.examples(batch, index);
            let loss = self.learner.add(examples, 1.0 / n as f64);
            if !loss.is_finite() {
                let lr = self.recipe.optimizer.lr();
                return Err(TrainError::LossNotFinite { loss, step, lr });
            }
        }
        let found = self.learner.step(step, lr);
        let (loss, gradient_norm, n_active) = (found.loss, found.gradient_norm, found.n_active);
        let skipped = found.is_skipped;
        Ok(StepRecord { epoch, step, loss, lr, gradient_norm, n_active, skipped })
    }

    /// A batch as the network takes it, with the seeds of this place in the step.
    fn examples(&self, batch: Batch, index: usize) -> Examples {
        let size = self.recipe.input.size();
        let shape = [batch.labels.len(), size.channels, size.height, size.width];
        let images = Tensor::from_data(TensorData::new(batch.pixels, shape), &self.device);
        let classes = batch.labels.iter().map(|label| self.class(*label)).collect();
        let seed = |stream| {
            let of_step = derive_seed(self.seed(stream), self.position.step as u64);
            if index == 0 { of_step } else { derive_seed(of_step, index as u64) }
        };
        let seeds = [Stream::Dropout, Stream::Loss].map(seed);
        Examples { images, classes, dropout_seed: seeds[0], loss_seed: seeds[1] }
    }

    fn validate(&self) -> Result<Option<ValidationFigures>, TrainError> {
        let (embeddings, labels) = self.unseen()?;
        let comparisons = compare_all(&embeddings, &labels, Embedding::similarity);
        Ok(measure(&embeddings, &labels, &comparisons))
    }

    /// Embeddings and labels of the validation identities.
    fn unseen(&self) -> Result<(Vec<Embedding>, Vec<u64>), TrainError> {
        let chips = chips_of(&self.split.validation, self.source.labels());
        let labels = chips.iter().map(|&chip| self.source.labels()[chip]).collect();
        let (backbone, source) = (self.learner.network(), self.source.as_ref());
        Ok((embed_chips(backbone, source, &chips, &self.device)?, labels))
    }

    fn note_spread(
        &self,
        folder: Option<&RunFolder>,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let (backbone, source) = (self.learner.network(), self.source.as_ref());
        let step = self.position.step;
        let record = SpreadRecord::of(backbone, source, &self.split, &self.device, step)?;
        observer.on_spread(&record);
        if let Some(folder) = folder {
            folder.append(&Record::Spread(record))?;
        }
        Ok(())
    }

    fn warn_about_data(&self, observer: &mut dyn Observer) {
        let mut images = vec![0; self.split.train.len()];
        for &class in &self.classes {
            images[class as usize] += 1;
        }
        if self.recipe.sampler.repeats_images() {
            guard::check_images(images.into_iter()).inspect(|warning| observer.on_warning(warning));
        }
        let wanted = self.recipe.sampler.batch_size();
        let found = self.batches(0, 0).first().map_or(0, Vec::len);
        if found < wanted {
            observer.on_warning(&Warning::SmallBatch { found, wanted });
        }
    }

    fn save(&self, folder: &RunFolder, data_digest: &str) -> Result<(), CheckpointError> {
        self.learner.save(folder, &self.position, data_digest)
    }

    fn class(&self, label: u64) -> u64 {
        let class = self.split.train.binary_search(&label);
        class.unwrap_or_else(|_| unreachable!("batches are drawn from training identities")) as u64
    }

    fn seed(&self, stream: Stream) -> u64 {
        derive_seed(self.recipe.seed, stream as u64)
    }
}

//! Why training cannot start or go on.

use verisim_core::InvalidHead;

use super::checkpoint::CheckpointError;
use super::precision::UnsupportedPrecision;
use super::recipe::InvalidRecipe;
use super::validation::EmbedError;
use crate::backbone::InvalidBackbone;
use crate::data::{InvalidSplit, UnreadableChip};
use crate::metric::InvalidLoss;
use crate::pretrained::WeightsError;

/// Why training cannot start or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The recipe is out of range.
    #[error(transparent)]
    Recipe(#[from] InvalidRecipe),
    /// The device does not compute in the precision of the recipe.
    #[error(transparent)]
    Precision(#[from] UnsupportedPrecision),
    /// The network is out of range.
    #[error("backbone.{0}")]
    Backbone(#[from] InvalidBackbone),
    /// The weights that the network should begin with cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The loss is out of range.
    #[error("loss.{0}")]
    Loss(#[from] InvalidLoss),
    /// The identities do not suffice.
    #[error(transparent)]
    Split(#[from] InvalidSplit),
    /// The source's chips are not of the recipe's size.
    #[error("the chips are {found}, but the recipe asks for {expected}")]
    WrongSize {
        /// Size of the chips.
        found: String,
        /// Size in the recipe.
        expected: String,
    },
    /// A chip cannot be read.
    #[error(transparent)]
    Chip(#[from] UnreadableChip),
    /// The run's folder cannot be used.
    #[error(transparent)]
    Folder(#[from] CheckpointError),
    /// The run was trained on other data.
    #[error(
        "the data have changed since the run was begun: their digest is {found}, not {expected}"
    )]
    OtherData {
        /// Digest of the data now.
        found: String,
        /// Digest noted in the checkpoint.
        expected: String,
    },
    /// The loss is NaN or infinite.
    #[error(
        "the loss is {loss} at step {step}, so training cannot go on; lower the learning rate \
         (optimizer.lr = {lr}), or shorten long gradients (clip_norm)"
    )]
    LossNotFinite {
        /// The loss.
        loss: f64,
        /// Step of the run.
        step: usize,
        /// Learning rate of the recipe.
        lr: f64,
    },
    /// There are no pairs to train a head on.
    #[error(
        "the recipe's [head] learns from pairs of pictures, but no training identity has two; leave it \
         out, or train on identities with more pictures (split.min_images)"
    )]
    NoPairs,
    /// A head cannot be made of what was learned.
    #[error(transparent)]
    Head(#[from] InvalidHead),
    /// The network's output has no direction.
    #[error(transparent)]
    Embed(#[from] EmbedError),
    /// The thread that makes batches ended early.
    #[error("the thread that makes batches ended before the epoch did")]
    NoBatch,
}

//! What a run writes down: one JSON line a step and an epoch, and one before and after.

use serde::{Deserialize, Serialize};

use super::spread::SpreadRecord;
use super::validation::ValidationFigures;

/// One optimizer step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Step of the whole run, from 0.
    pub step: usize,
    /// Mean loss of its batches.
    pub loss: f64,
    /// Learning rate.
    pub lr: f64,
    /// Length of the mean gradient before clipping.
    pub gradient_norm: f64,
    /// Pairs or triplets of its batches that still pull, of a loss that has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_active: Option<usize>,
    /// Whether the gradient overflowed in half precision, so that no weight was moved; the length of the
    /// gradient is then noted as 0.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skipped: bool,
}

/// One pass over the training chips.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean loss of its batches.
    pub mean_loss: f64,
    /// How well identities never trained on are told apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<ValidationFigures>,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Record {
    /// One optimizer step.
    Step(StepRecord),
    /// The end of an epoch.
    Epoch(EpochRecord),
    /// How far identities spread before the first step, and after the last.
    Spread(SpreadRecord),
}

impl Record {
    /// Whether it was written before the step with this number, or after.
    pub(crate) fn is_before(&self, step: usize, epoch: usize) -> bool {
        match self {
            Self::Step(record) => record.step < step,
            Self::Epoch(record) => record.epoch < epoch,
            Self::Spread(record) => record.step < step,
        }
    }
}

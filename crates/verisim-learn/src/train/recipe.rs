//! A training recipe: one TOML file, checked before anything runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::average::EmaConfig;
use super::head::HeadConfig;
use super::input::InputConfig;
use super::optimizer::OptimizerConfig;
use super::precision::Precision;
use super::schedule::ScheduleConfig;
use crate::backbone::{BackboneConfig, WeightSource};
use crate::data::{AugmentConfig, SplitConfig};
use crate::loss::LossConfig;
use crate::sampler::SamplerConfig;

/// Everything that decides what a training run does.
///
/// The same recipe, data, device and number of threads give the same weights, to the bit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What the recipe is called in reports.
    pub name: String,
    /// Seed of every random choice.
    #[serde(default = "one")]
    pub seed: u64,
    /// Passes over the training chips.
    pub epochs: usize,
    /// Batches whose gradients are averaged for one step; the last step of an epoch takes what is left.
    ///
    /// Everything that counts steps counts those of the optimizer. Normalizations and losses see one
    /// batch at a time.
    #[serde(default = "one_batch")]
    pub accumulate: usize,
    /// What the network computes in while training; weights and the loss are always of single precision.
    #[serde(default)]
    pub precision: Precision,
    /// Gradients longer than this are shortened to it; 0 leaves them alone.
    #[serde(default)]
    pub clip_norm: f64,
    /// Steps between checkpoints within an epoch; 0 writes one after each epoch alone.
    #[serde(default)]
    pub checkpoint_steps: usize,
    /// A file of weights that the network begins with, see [`crate::pretrained`]; without one they are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// What the network sees of a chip.
    pub input: InputConfig,
    /// The network.
    pub backbone: BackboneConfig,
    /// What it is taught by.
    pub loss: LossConfig,
    /// How batches are put together.
    pub sampler: SamplerConfig,
    /// How the weights follow the gradient.
    pub optimizer: OptimizerConfig,
    /// How the learning rate changes.
    pub schedule: ScheduleConfig,
    /// Which identities are kept away.
    #[serde(default)]
    pub split: SplitConfig,
    /// How chips are changed.
    #[serde(default)]
    pub augment: AugmentConfig,
    /// Averaged weights, which are validated and saved in place of the trained ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<EmaConfig>,
    /// What is learned over the distances of two embeddings, once the network is trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<HeadConfig>,
}

fn one() -> u64 {
    1
}

fn one_batch() -> usize {
    1
}

/// Why a text is not a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecipe {
    /// It is no TOML, or a key or value is unknown or missing.
    #[error("{problem}{}", .suggestion.as_ref().map(|it| format!("\nhint: did you mean `{it}`?")).unwrap_or_default())]
    Form {
        /// Where, and what.
        problem: String,
        /// A known key that looks like the unknown one.
        suggestion: Option<String>,
    },
    /// A value is out of range.
    #[error("{parameter} is {found}, but must be {expected}")]
    Value {
        /// Which one.
        parameter: String,
        /// What it is.
        found: String,
        /// What it must be.
        expected: String,
    },
}

impl Recipe {
    /// Reads and checks a recipe.
    ///
    /// # Errors
    ///
    /// Fails if the text is no TOML, if a key is unknown or missing, or if a value is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidRecipe> {
        let recipe: Self = toml::from_str(text).map_err(|error| {
            let problem = error.to_string().trim_end().to_owned();
            InvalidRecipe::Form { suggestion: suggestion(error.message()), problem }
        })?;
        recipe.check()?;
        Ok(recipe)
    }

    /// The recipe as TOML, with every default written out.
    ///
    /// # Errors
    ///
    /// Fails if a value cannot be written, which no checked recipe has.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// Checks every value.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidRecipe> {
        let invalid = |parameter: &str, found: String, expected: &str| InvalidRecipe::Value {
            parameter: parameter.to_owned(),
            found,
            expected: expected.to_owned(),
        };
        for (parameter, n) in [("epochs", self.epochs), ("accumulate", self.accumulate)] {
            if n == 0 {
                return Err(invalid(parameter, "0".to_owned(), "1 or more"));
            }
        }
        if !(0.0..f64::INFINITY).contains(&self.clip_norm) {
            return Err(invalid("clip_norm", self.clip_norm.to_string(), "0 or more"));
        }
        if let Some((parameter, found, expected)) = self.input.problem() {
            return Err(invalid(parameter, found, expected));
        }
        let is_half = self.precision != Precision::Float32;
        if is_half && matches!(self.backbone, BackboneConfig::Gradients(_)) {
            let found = format!("{:?}", self.precision.name());
            let expected = "\"float32\" for a backbone of kind \"gradients\"";
            return Err(invalid("precision", found, expected));
        }
        self.sampler.check().map_err(|error| invalid_text(&error.to_string()))?;
        let head = self.head.as_ref().and_then(HeadConfig::problem);
        let ema = self.ema.and_then(EmaConfig::problem);
        let problems = [self.optimizer.problem(), self.schedule.problem(), ema, head];
        if let Some((parameter, found, expected)) = problems.into_iter().flatten().next() {
            return Err(invalid(parameter, found, expected));
        }
        self.augment.check().map_err(|error| invalid_text(&error.to_string()))?;
        self.check_parts()
    }

    /// Makes a small instance of what checks itself when made.
    fn check_parts(&self) -> Result<(), InvalidRecipe> {
        self.backbone.check().map_err(|error| invalid_text(&format!("backbone.{error}")))?;
        let mut weights = WeightSource::new(0, &burn::tensor::Device::flex());
        let loss = self.loss.init(2, self.backbone.embedding_dim(), &mut weights);
        loss.map_err(|error| invalid_text(&format!("loss.{error}")))?;
        Ok(())
    }
}

/// Takes an error `parameter is found, but must be expected` apart.
fn invalid_text(text: &str) -> InvalidRecipe {
    let (parameter, rest) = text.split_once(" is ").unwrap_or((text, ""));
    let (found, expected) = rest.split_once(", but must be ").unwrap_or((rest, "something else"));
    let [parameter, found, expected] = [parameter, found, expected].map(str::to_owned);
    InvalidRecipe::Value { parameter, found, expected }
}

/// The expected key that looks most like the one that was found.
///
/// Reads serde's message ("unknown field `x`, expected one of `a`, `b`"), which lists them.
fn suggestion(message: &str) -> Option<String> {
    let (unknown, expected) = message.split_once(", expected ")?;
    let found = unknown.split('`').nth(1)?;
    expected
        .split('`')
        .skip(1)
        .step_by(2)
        .map(|key| (strsim::damerau_levenshtein(found, key), key))
        .min()
        .filter(|(distance, key)| *distance <= key.len().max(found.len()) / 2)
        .map(|(_, key)| key.to_owned())
}

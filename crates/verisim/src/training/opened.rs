//! A run that was begun before, opened to look at its network; it trains nothing.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use verisim_learn::data::ChipSource;
use verisim_learn::train::{Recipe, RunFolder, Trainer};

use super::run_info::RunInfo;
use crate::output::Printer;

/// A run with its data.
pub(crate) struct OpenedRun {
    pub(crate) recipe: Recipe,
    pub(crate) info: RunInfo,
    pub(crate) source: Arc<dyn ChipSource>,
    pub(crate) trainer: Trainer,
}

impl OpenedRun {
    /// The run as it was before its first step.
    pub(crate) fn at_the_beginning(path: &Path, printer: &Printer) -> anyhow::Result<Self> {
        let (folder, recipe) = RunFolder::open(path)?;
        Self::of(&folder, recipe, printer)
    }

    /// The run as it was when it wrote its newest checkpoint.
    pub(crate) fn at_newest_checkpoint(path: &Path, printer: &Printer) -> anyhow::Result<Self> {
        let (folder, recipe) = RunFolder::open(path)?;
        let Some(checkpoint) = folder.newest()? else {
            bail!("{} has no checkpoint yet; go on with verisim train --resume", path.display());
        };
        let run = Self::of(&folder, recipe, printer)?;
        Ok(Self { trainer: run.trainer.resume(checkpoint, &folder)?, ..run })
    }

    fn of(folder: &RunFolder, recipe: Recipe, printer: &Printer) -> anyhow::Result<Self> {
        let info = RunInfo::read(folder)?;
        let source = info.data.load(recipe.input, printer)?;
        let device = info.devices()?.open_first()?;
        let trainer = Trainer::new(recipe.clone(), Arc::clone(&source), &device)?;
        Ok(Self { recipe, info, source, trainer })
    }
}

//! `verisim export`: the newest checkpoint of a run as an ONNX model.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;
use verisim_learn::train::{RunFolder, Trainer};

use super::Outcome;
use crate::output::Printer;
use crate::training::model_file;
use crate::training::run_info::RunInfo;

/// Write the network of a run as an ONNX model, with its card inside
///
/// Batch normalizations are folded, the batch is dynamic, and embeddings come out with unit length.
/// `train` does this at its end, too; here it may be done at any time, from the newest checkpoint.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim export runs/first --out model.onnx")]
pub(crate) struct ExportArgs {
    /// Folder of the run
    run: PathBuf,

    /// The model file to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn export(args: &ExportArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (folder, recipe) = RunFolder::open(&args.run)?;
    let info = RunInfo::read(&folder)?;
    let Some(checkpoint) = folder.newest()? else {
        bail!("{} has no checkpoint yet; go on with verisim train --resume", args.run.display());
    };
    let source = info.data.load(recipe.input, printer)?;
    let trainer = Trainer::new(recipe.clone(), Arc::clone(&source), &info.device()?.open()?)?;
    let trainer = trainer.resume(checkpoint, &folder)?;
    let (n_identities, n_images) = (trainer.split().train.len(), trainer.n_chips());
    let facts = model_file::facts(&recipe, &info, source.as_ref(), n_identities, n_images)?;
    let trained = trainer.finish()?;
    let card = model_file::card(&trained, &recipe, facts);
    model_file::write(&trained, &recipe, &card, &args.out)?;
    printer.note(format_args!("model: {}", args.out.display()));
    Ok(Outcome::Done)
}

//! `verisim export`: the newest checkpoint of a run as an ONNX model.

use std::path::PathBuf;

use super::Outcome;
use crate::output::Printer;
use crate::training::model_file;
use crate::training::opened::OpenedRun;

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
    let OpenedRun { recipe, info, source, trainer } =
        OpenedRun::at_newest_checkpoint(&args.run, printer)?;
    let (n_identities, n_images) = (trainer.split().train.len(), trainer.n_chips());
    let facts = model_file::facts(&recipe, &info, source.as_ref(), n_identities, n_images)?;
    let trained = trainer.finish()?;
    let card = model_file::card(&trained, &recipe, facts);
    model_file::write(&trained, &recipe, &card, &args.out)?;
    printer.note(format_args!("model: {}", args.out.display()));
    Ok(Outcome::Done)
}

//! `verisim models`: what is in a model file?

use std::path::PathBuf;

use anyhow::Context;
use verisim_face::model::Model;

use super::Outcome;
use crate::output::Printer;

/// Show what a model is
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  verisim models show runs/first/model.onnx")]
pub(crate) enum ModelsCommand {
    /// Show the card of a model: input, license, training, thresholds, figures
    Show {
        /// The ONNX file
        model: PathBuf,

        /// Card of the model, if it carries none (TOML)
        #[arg(long, value_name = "FILE")]
        card: Option<PathBuf>,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs the command.
pub(crate) fn models(command: &ModelsCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    let ModelsCommand::Show { model: path, card, json } = command;
    let model = Model::load(path, card.as_deref())?;
    if *json {
        printer.pretty_json(model.card())?;
    } else {
        printer.data(format_args!("# {}\n# SHA-256 {}", path.display(), model.digest()))?;
        printer.data(model.card().to_toml().context("cannot write the card")?.trim_end())?;
    }
    Ok(Outcome::Done)
}

//! `verisim verify`: do two pictures show the same person?

use std::path::PathBuf;

use serde::Serialize;

use super::Outcome;
use super::load::{self, Decision};
use crate::cli::{ModelArgs, ThresholdArgs};
use crate::dataset::read_picture;
use crate::output::Printer;

/// Tell whether two pictures show the same person
///
/// Exits with status 0 if they match, 1 if they do not, and 2 if a picture or the model cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim verify --model model.onnx a.jpg b.jpg --fmr 1e-3")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    model: ModelArgs,

    /// Picture of the person whose identity is known
    reference: PathBuf,

    /// Picture to compare with it
    probe: PathBuf,

    #[command(flatten)]
    threshold: ThresholdArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct VerifyDto {
    verified: bool,
    /// Cosine similarity: higher is more alike.
    score: f32,
    threshold: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    fmr: Option<f64>,
    model: String,
}

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let recognizer = load::recognizer(&args.model)?;
    let Decision { score: threshold, fmr } = load::decision(args.threshold, &recognizer)?;
    let reference = recognizer.template(&read_picture(&args.reference)?)?;
    let probe = recognizer.template(&read_picture(&args.probe)?)?;
    let score = reference.embedding.similarity(&probe.embedding);
    let outcome = if score >= threshold { Outcome::Match } else { Outcome::NoMatch };
    let verified = outcome == Outcome::Match;
    if args.json {
        let model = recognizer.digest().to_string();
        printer.json(&VerifyDto { verified, score, threshold, fmr, model })?;
    } else {
        let verdict = if verified { "match" } else { "no match" };
        let kept = fmr.map(|fmr| format!(" (FMR {fmr})")).unwrap_or_default();
        printer
            .data(format_args!("{verdict}: score {score:.4}, threshold {threshold:.4}{kept}"))?;
    }
    Ok(outcome)
}

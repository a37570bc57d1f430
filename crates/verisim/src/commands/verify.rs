//! `verisim verify`: do two pictures show the same person?

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::Serialize;
use verisim_core::Embedding;
use verisim_face::pipeline::Pipeline;

use super::Outcome;
use super::face_dto::FaceDto;
use super::load::{self, Decision};
use crate::cli::{ModelArgs, SightArgs, ThresholdArgs, WhichFace};
use crate::dataset::read_picture;
use crate::output::Printer;

/// Probability of the same person at or above which the head says match.
const EVEN: f64 = 0.5;

/// Tell whether two pictures show the same person
///
/// Exits with status 0 if they match, 1 if they do not, and 2 if a picture or the model cannot be used.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  verisim verify --model model.onnx a.jpg b.jpg --fmr 1e-3\n  verisim verify --model model.onnx a.jpg b.jpg --decide head"
)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    sight: SightArgs,

    /// Picture of the person whose identity is known
    reference: PathBuf,

    /// Picture to compare with it
    probe: PathBuf,

    /// cosine or head: what decides; the head if there is one, and no threshold or rate
    #[arg(long, value_name = "BY", value_enum, hide_possible_values = true)]
    decide: Option<Judge>,

    #[command(flatten)]
    threshold: ThresholdArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Judge {
    /// The cosine, at or above a threshold.
    Cosine,
    /// The head that the model carries, where it finds the same person more probable than not.
    Head,
}

#[derive(Serialize)]
struct VerifyDto {
    verified: bool,
    decided_by: Judge,
    /// Cosine similarity: higher is more alike.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fmr: Option<f64>,
    /// What the model's head says, if it carries one.
    #[serde(skip_serializing_if = "Option::is_none")]
    probability: Option<f64>,
    model: String,
    /// Which face of each photograph was compared, if one was looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference_face: Option<FaceDto>,
    #[serde(skip_serializing_if = "Option::is_none")]
    probe_face: Option<FaceDto>,
}

/// Runs the command.
pub(crate) fn verify(args: &VerifyArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    ensure!(
        args.sight.face != Some(WhichFace::All),
        "--face all: one face of each picture is compared"
    );
    let pipeline = load::pipeline(&args.model, &args.sight)?;
    let recognizer = pipeline.recognizer();
    let ThresholdArgs { threshold, fmr } = args.threshold;
    let is_bounded = threshold.is_some() || fmr.is_some();
    let by_default = match recognizer.head() {
        Some(_) if !is_bounded => Judge::Head,
        _ => Judge::Cosine,
    };
    let judge = args.decide.unwrap_or(by_default);
    ensure!(
        judge == Judge::Cosine || !is_bounded,
        "--decide head takes no --threshold and no --fmr, which are of cosines"
    );
    let decision = match judge {
        Judge::Cosine => Some(load::decision(args.threshold, recognizer)?),
        Judge::Head => None,
    };
    let head = match judge {
        Judge::Cosine => recognizer.head().cloned(),
        Judge::Head => Some(load::head(recognizer)?),
    };
    let (reference, probe) =
        rayon::join(|| face(&pipeline, &args.reference), || face(&pipeline, &args.probe));
    let ((reference_face, reference), (probe_face, probe)) = (reference?, probe?);
    let score = reference.similarity(&probe);
    let probability = head.map(|head| head.probability(&reference, &probe));
    let verified = match &decision {
        Some(decision) => score >= decision.score,
        None => probability.is_some_and(|it| it >= EVEN),
    };
    let (threshold, fmr) =
        decision.map_or((None, None), |Decision { score, fmr }| (Some(score), fmr));
    if args.json {
        let model = recognizer.digest().to_string();
        let decided_by = judge;
        let dto = VerifyDto {
            verified,
            decided_by,
            score,
            threshold,
            fmr,
            probability,
            model,
            reference_face,
            probe_face,
        };
        printer.json(&dto)?;
    } else {
        let verdict = if verified { "match" } else { "no match" };
        let same = probability.map(|it| format!("P(same) {it:.4}")).unwrap_or_default();
        let kept = fmr.map(|fmr| format!(" (FMR {fmr})")).unwrap_or_default();
        match threshold {
            None => {
                printer.data(format_args!("{verdict}: {same} by the head, score {score:.4}"))?;
            }
            Some(threshold) => {
                let same = if same.is_empty() { same } else { format!(", {same} by the head") };
                let cosine = format_args!("score {score:.4}, threshold {threshold:.4}{kept}");
                printer.data(format_args!("{verdict}: {cosine}{same}"))?;
            }
        }
    }
    Ok(if verified { Outcome::Match } else { Outcome::NoMatch })
}

/// The face that is meant, where it was found, and its embedding.
fn face(pipeline: &Pipeline, path: &Path) -> anyhow::Result<(Option<FaceDto>, Embedding)> {
    let faces = pipeline.faces(&read_picture(path)?);
    let faces = faces.with_context(|| format!("cannot use {}", path.display()))?;
    let face = faces.into_iter().next().context("no face was chosen")?;
    let found = face.face.map(|it| FaceDto::new(&it, face.measures.as_ref()));
    Ok((found, face.template.embedding))
}

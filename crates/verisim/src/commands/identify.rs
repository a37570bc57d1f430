//! `verisim identify`: who is on these pictures?

use std::io;
use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use verisim_face::folder::find_pictures;
use verisim_face::pipeline::Pipeline;

use super::Outcome;
use super::enroll::GalleryArgs;
use super::load::{self, Decision};
use crate::cli::ThresholdArgs;
use crate::output::{Printer, explained};

/// What stands for a stranger.
const UNKNOWN: &str = "unknown_person";

/// Name the people on pictures
///
/// Prints one CSV line a picture: path, identity (`unknown_person` for a stranger), score of the nearest.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim identify --gallery g/ unknown/
  verisim identify --gallery g/ a.jpg --fmr 1e-4 --json")]
pub(crate) struct IdentifyArgs {
    #[command(flatten)]
    gallery: GalleryArgs,

    /// A picture, or a folder of pictures
    pictures: PathBuf,

    #[command(flatten)]
    threshold: ThresholdArgs,

    /// Print JSON lines, with the nearest candidates
    #[arg(long)]
    json: bool,

    /// Candidates in JSON
    #[arg(long, value_name = "N", default_value_t = 3)]
    candidates: usize,
}

#[derive(Serialize)]
struct IdentifiedDto<'a> {
    path: &'a str,
    identity: &'a str,
    /// Cosine similarity of the nearest: higher is more alike.
    score: Option<f32>,
    threshold: f32,
    /// The nearest people, best first, whether they match or not.
    candidates: Vec<CandidateDto>,
}

#[derive(Serialize)]
struct CandidateDto {
    identity: String,
    score: f32,
}

/// Runs the command.
pub(crate) fn identify(args: &IdentifyArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let paths = find_pictures(&args.pictures)?;
    let pipeline = Pipeline::new(args.gallery.recognizer()?, None);
    let recognizer = pipeline.recognizer();
    let mut gallery = args.gallery.open(recognizer)?;
    let Decision { score: threshold, .. } = load::decision(args.threshold, recognizer)?;
    let mut csv = csv::Writer::from_writer(io::stdout());
    let mut n_failures = 0;
    for embedded in load::embed_files(&pipeline, &paths, printer) {
        let path = embedded.path.clone();
        let template = match embedded.template() {
            Ok(template) => template,
            Err(error) => {
                printer.warning(explained(&error));
                n_failures += 1;
                continue;
            }
        };
        let nearest = gallery.nearest(&template, args.candidates.max(1))?;
        let best = nearest.first();
        let matched = best.filter(|candidate| candidate.score >= threshold);
        let identity = matched.map_or(UNKNOWN, |candidate| candidate.identity.as_str());
        let score = best.map(|candidate| candidate.score);
        let path = path.to_string_lossy();
        if args.json {
            let candidates = nearest
                .iter()
                .take(args.candidates)
                .map(|it| CandidateDto { identity: it.identity.clone(), score: it.score });
            let candidates = candidates.collect();
            let dto = IdentifiedDto { path: &path, identity, score, threshold, candidates };
            printer.json(&dto)?;
        } else {
            let score = score.map(|score| format!("{score:.4}")).unwrap_or_default();
            csv.write_record([path.as_ref(), identity, &score])?;
        }
    }
    csv.flush()?;
    if n_failures > 0 {
        bail!("{n_failures} of {} pictures could not be used", paths.len());
    }
    Ok(Outcome::Done)
}

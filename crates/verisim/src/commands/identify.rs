//! `verisim identify`: who is on these pictures?

use std::io;
use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use verisim_core::Template;
use verisim_face::folder::find_pictures;
use verisim_face::pipeline::Pipeline;
use verisim_gallery::{Candidate, DecisionRule, UNKNOWN_PERSON, Winner};

use super::Outcome;
use super::enroll::GalleryArgs;
use super::load::{self, Decision};
use crate::cli::ThresholdArgs;
use crate::output::{Printer, explained};

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

    /// Let the N nearest templates vote, rather than the best one decide
    #[arg(long, value_name = "N")]
    vote: Option<usize>,

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
    /// The next best person.
    runner_up: Option<CandidateDto>,
    /// How far the runner-up is behind.
    margin: Option<f32>,
    /// The nearest people, best first, whether they match or not.
    candidates: Vec<CandidateDto>,
}

#[derive(Serialize)]
struct CandidateDto {
    identity: String,
    score: f32,
}

impl From<Candidate> for CandidateDto {
    fn from(Candidate { identity, score }: Candidate) -> Self {
        Self { identity, score }
    }
}

/// Runs the command.
pub(crate) fn identify(args: &IdentifyArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let paths = find_pictures(&args.pictures)?;
    let pipeline = Pipeline::new(args.gallery.recognizer()?, None);
    let recognizer = pipeline.recognizer();
    let mut gallery = args.gallery.open(recognizer)?;
    let Decision { score: threshold, .. } = load::decision(args.threshold, recognizer)?;
    let winner = args.vote.map_or(Winner::Best, |k| Winner::Vote { k });
    let rule = DecisionRule { threshold, winner, limit: args.candidates };
    let mut n_failures = 0;
    let mut found: Vec<(PathBuf, Template)> = Vec::new();
    for embedded in load::embed_files(&pipeline, &paths, printer) {
        let path = embedded.path.clone();
        match embedded.template() {
            Ok(template) => found.push((path, template)),
            Err(error) => {
                printer.warning(explained(&error));
                n_failures += 1;
            }
        }
    }
    let (found, probes): (Vec<PathBuf>, Vec<Template>) = found.into_iter().unzip();
    let decisions = gallery.decide_many(&probes, &rule)?;
    let mut csv = csv::Writer::from_writer(io::stdout());
    for (path, decision) in found.iter().zip(decisions) {
        let identity = decision.identity.as_deref().unwrap_or(UNKNOWN_PERSON);
        let score = decision.best.map(|it| it.score);
        let path = path.to_string_lossy();
        if args.json {
            printer.json(&IdentifiedDto {
                path: &path,
                identity,
                score,
                threshold,
                runner_up: decision.runner_up.map(CandidateDto::from),
                margin: decision.margin,
                candidates: decision.nearest.into_iter().map(CandidateDto::from).collect(),
            })?;
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

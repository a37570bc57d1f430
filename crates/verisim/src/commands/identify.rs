//! `verisim identify`: who is on these pictures?

use std::io;
use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use verisim_face::choice::{ChoiceError, FaceChoice};
use verisim_face::folder::find_pictures;
use verisim_face::pipeline::{PipelineError, RecognizedFace, SightError};
use verisim_gallery::{Candidate, DecisionRule, UNKNOWN_PERSON, Winner};

use super::Outcome;
use super::enroll::GalleryArgs;
use super::face_dto::FaceDto;
use super::load::{self, Decision};
use super::whoswho::{Named, Reason, name_faces};
use crate::cli::ThresholdArgs;
use crate::output::{Printer, explained};

/// What stands for a photograph without a face.
const NO_PERSONS_FOUND: &str = "no_persons_found";

/// Name the people on pictures
///
/// Prints one CSV line a face: path, identity (`unknown_person` for a stranger), score of the nearest. A gallery
/// that was filled from photographs takes photographs, of which every face is named, nobody twice;
/// `no_persons_found` stands for one without a face.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim identify --gallery g/ unknown/
  verisim identify --gallery g/ a.jpg --fmr 1e-4 --json
  verisim identify --gallery g/ unknown/ --format face_recognition --show-distance")]
pub(crate) struct IdentifyArgs {
    #[command(flatten)]
    gallery: GalleryArgs,

    /// A picture, or a folder of pictures
    pictures: PathBuf,

    #[command(flatten)]
    threshold: ThresholdArgs,

    /// csv, or `face_recognition` for the lines of that program: path,name
    #[arg(long, value_name = "FORM", value_enum, default_value_t = Form::Csv, hide_possible_values = true)]
    format: Form,

    /// In the lines of `face_recognition`, add the distance of unit vectors, from 0 to 2
    #[arg(long)]
    show_distance: bool,

    /// Print JSON lines, with the nearest candidates
    #[arg(long, conflicts_with = "format")]
    json: bool,

    /// Let the N nearest templates vote, rather than the best one decide
    #[arg(long, value_name = "N")]
    vote: Option<usize>,

    /// Candidates in JSON
    #[arg(long, value_name = "N", default_value_t = 3)]
    candidates: usize,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Quoted where it must be: path, identity, score.
    Csv,
    /// As the command `face_recognition` prints them, which quotes nothing.
    #[value(name = "face_recognition")]
    FaceRecognition,
}

#[derive(Serialize)]
struct IdentifiedDto<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<FaceDto>,
    identity: &'a str,
    reason: Reason,
    /// Cosine similarity to the identity, or to the nearest: higher is more alike.
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
    let pipeline = args.gallery.pipeline(FaceChoice::All)?;
    let recognizer = pipeline.recognizer();
    let mut gallery = args.gallery.open(recognizer)?;
    let Decision { score: threshold, .. } = load::decision(args.threshold, recognizer)?;
    let mut n_failures = 0;
    let mut pictures: Vec<(PathBuf, Vec<RecognizedFace>)> = Vec::new();
    for embedded in load::embed_files(&pipeline, &paths, printer) {
        match embedded.faces {
            Ok(faces) => pictures.push((embedded.path, faces)),
            Err(error) if is_without_face(&error) => pictures.push((embedded.path, Vec::new())),
            Err(error) => {
                printer.warning(explained(&error));
                n_failures += 1;
            }
        }
    }
    // Of so many people a face may lose all but one to the others on its picture.
    let most_faces = pictures.iter().map(|(_, faces)| faces.len()).max().unwrap_or(0);
    let winner = args.vote.map_or(Winner::Best, |k| Winner::Vote { k });
    let rule = DecisionRule { threshold, winner, limit: args.candidates.max(most_faces) };
    let probes: Vec<_> = pictures.iter().flat_map(|(_, faces)| faces).collect();
    let probes: Vec<_> = probes.into_iter().map(|face| face.template.clone()).collect();
    let mut decisions = gallery.decide_many(&probes, &rule)?.into_iter();
    let mut csv = csv::Writer::from_writer(io::stdout());
    for (path, faces) in &pictures {
        let path = path.to_string_lossy();
        if faces.is_empty() {
            match (args.json, args.format) {
                (true, _) => printer.json(&NobodyDto { path: &path, reason: "no_face" })?,
                (false, Form::Csv) => csv.write_record([path.as_ref(), NO_PERSONS_FOUND, ""])?,
                (false, Form::FaceRecognition) => {
                    let distance = if args.show_distance { ",None" } else { "" };
                    printer.data(format_args!("{path},{NO_PERSONS_FOUND}{distance}"))?;
                }
            }
        }
        let decided: Vec<_> = decisions.by_ref().take(faces.len()).collect();
        let named = name_faces(&decided, &rule);
        for ((face, decision), Named { identity, score, reason }) in
            faces.iter().zip(decided).zip(named)
        {
            let name = identity.as_deref().unwrap_or(UNKNOWN_PERSON);
            if args.json {
                let found = face.face.as_ref();
                let nearest = decision.nearest.into_iter().take(args.candidates);
                printer.json(&IdentifiedDto {
                    path: &path,
                    face: found.map(|it| FaceDto::new(it, face.measures.as_ref())),
                    identity: name,
                    reason,
                    score,
                    threshold,
                    runner_up: decision.runner_up.map(CandidateDto::from),
                    margin: decision.margin,
                    candidates: nearest.map(CandidateDto::from).collect(),
                })?;
            } else if args.format == Form::FaceRecognition {
                let distance = score.filter(|_| identity.is_some()).map(distance);
                let distance = distance.map_or("None".to_owned(), |it| it.to_string());
                let distance =
                    if args.show_distance { format!(",{distance}") } else { String::new() };
                printer.data(format_args!("{path},{name}{distance}"))?;
            } else {
                let score = score.map(|score| format!("{score:.4}")).unwrap_or_default();
                csv.write_record([path.as_ref(), name, &score])?;
            }
        }
    }
    csv.flush()?;
    if n_failures > 0 {
        bail!("{n_failures} of {} pictures could not be used", paths.len());
    }
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct NobodyDto<'a> {
    path: &'a str,
    reason: &'static str,
}

/// Distance of two unit vectors of this cosine.
fn distance(score: f32) -> f32 {
    (2.0 - 2.0 * score).max(0.0).sqrt()
}

fn is_without_face(error: &anyhow::Error) -> bool {
    let no_face = PipelineError::Sight(SightError::Choice(ChoiceError::NoFace));
    error.downcast_ref::<PipelineError>() == Some(&no_face)
}

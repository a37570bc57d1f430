//! `verisim identify`: who is on these pictures?

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use verisim_face::choice::{ChoiceError, FaceChoice};
use verisim_face::pipeline::{PipelineError, RecognizedFace, SightError};
use verisim_gallery::{
    Candidate, Decision as GalleryDecision, DecisionRule, UNKNOWN_PERSON, Winner,
};

use super::Outcome;
use super::face_dto::FaceDto;
use super::gallery_args::GalleryArgs;
use super::load::{self, Decision, PICTURES_AT_ONCE};
use super::pictures::PictureArgs;
use super::refusals::Refusals;
use super::whoswho::{Named, Reason, name_faces};
use crate::cli::ThresholdArgs;
use crate::output::Printer;

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
  find photographs -mtime -1 | verisim identify --gallery g/ - --errors errors.csv
  verisim identify --gallery g/ a.jpg --fmr 1e-4 --json
  verisim identify --gallery g/ unknown/ --format face_recognition --show-distance")]
pub(crate) struct IdentifyArgs {
    #[command(flatten)]
    gallery: GalleryArgs,

    #[command(flatten)]
    pictures: PictureArgs,

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
    let pictures = args.pictures.find()?;
    let pipeline = args.gallery.pipeline(FaceChoice::All)?;
    let recognizer = pipeline.recognizer();
    let mut gallery = args.gallery.open(recognizer)?;
    let Decision { score: threshold, .. } = load::decision(args.threshold, recognizer)?;
    let winner = args.vote.map_or(Winner::Best, |k| Winner::Vote { k });
    let mut refusals = Refusals::default();
    let mut csv = csv::Writer::from_writer(io::stdout());
    let mut answer = |pictures: &mut Vec<(PathBuf, Vec<RecognizedFace>)>| {
        // Of so many people a face may lose all but one to the others on its picture.
        let most_faces = pictures.iter().map(|(_, faces)| faces.len()).max().unwrap_or(0);
        let rule = DecisionRule { threshold, winner, limit: args.candidates.max(most_faces) };
        let probes = pictures.iter().flat_map(|(_, faces)| faces);
        let probes: Vec<_> = probes.map(|face| face.template.clone()).collect();
        let mut decisions = gallery.decide_many(&probes, &rule)?.into_iter();
        for (path, faces) in pictures.drain(..) {
            let decided: Vec<_> = decisions.by_ref().take(faces.len()).collect();
            let named = name_faces(&decided, &rule);
            Answered { path: &path, faces, decided, named, threshold }
                .print(args, &mut csv, printer)?;
        }
        // Who waits for the end of a long list sees what is known already.
        anyhow::Ok(csv.flush()?)
    };
    let mut asked = Vec::new();
    load::embed_files(&pipeline, &pictures.paths, printer, |embedded| {
        match embedded.faces {
            Ok(faces) => asked.push((embedded.path, faces)),
            Err(error) if is_without_face(&error) => asked.push((embedded.path, Vec::new())),
            Err(error) => refusals.add(&embedded.path, &error),
        }
        if asked.len() < PICTURES_AT_ONCE { Ok(()) } else { answer(&mut asked) }
    })?;
    answer(&mut asked)?;
    let n_all = pictures.paths.len();
    refusals.finish((n_all, "pictures could not be used"), &args.pictures.refusals, printer)
}

/// A picture, and who is on it.
struct Answered<'a> {
    path: &'a Path,
    faces: Vec<RecognizedFace>,
    decided: Vec<GalleryDecision>,
    named: Vec<Named>,
    threshold: f32,
}

impl Answered<'_> {
    fn print(
        self,
        args: &IdentifyArgs,
        csv: &mut csv::Writer<io::Stdout>,
        printer: &Printer,
    ) -> anyhow::Result<()> {
        let Self { path, faces, decided, named, threshold } = self;
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
        Ok(())
    }
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

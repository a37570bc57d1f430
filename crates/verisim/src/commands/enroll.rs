//! `verisim enroll`: from pictures of known people to a gallery.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{anyhow, ensure};
use serde::Serialize;
use verisim_core::threshold::fpir_from_fmr;
use verisim_face::choice::FaceChoice;
use verisim_face::pipeline::RecognizedFace;
use verisim_gallery::{Engine, Enrolled, Enrollment, MAX_LABEL_BYTES, Sample, SourceDigest};

use super::Outcome;
use super::face_dto::words;
use super::gallery_args::{GalleryArgs, create_or_open};
use super::load::{self, Embedded, PICTURES_AT_ONCE, Sources};
use super::pictures::{is_standard_input, read_list};
use super::refusals::{RefusalArgs, Refusals};
use super::thumbnail::thumbnail;
use crate::cli::WhichFace;
use crate::dataset::FaceSet;
use crate::output::Printer;

/// Enroll people in a gallery
///
/// Nothing is retrained. A picture that is enrolled already is passed over, so a run that was stopped goes on when it
/// is started again. The gallery remembers the model, and refuses templates of any other. With a detector, which it
/// remembers, too, pictures are photographs, and faces of poor quality are named. A list on standard input has a
/// path on each line, and a tab and a name unless the picture lies in a folder of that name.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim enroll --gallery g/ --model model.onnx known/     known/Name/1.jpg and known/Name.jpg
  verisim enroll --gallery g/ --model model.onnx --detector yunet.onnx --face only photographs/")]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    gallery: GalleryArgs,

    /// Folder of known people: NAME/1.jpg and NAME.jpg; - for a list on standard input
    known: PathBuf,

    #[command(flatten)]
    refusals: RefusalArgs,

    /// Refuse faces in photographs whose quality is below this, from 0 to 100
    #[arg(long, value_name = "QUALITY", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    min_quality: u8,

    /// Keep a small picture of each face in the gallery, for people to look at
    #[arg(long)]
    thumbnails: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct EnrolledDto {
    identities: usize,
    templates_added: usize,
    already_there: usize,
    near_duplicates: usize,
    failures: Vec<String>,
    gallery_identities: usize,
    gallery_templates: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected_fpir: Option<f64>,
}

/// Runs the command.
pub(crate) fn enroll(args: &EnrollArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let from_list = is_standard_input(&args.known);
    let set = if from_list { FaceSet::of_list(read_list()?)? } else { FaceSet::open(&args.known)? };
    let mut refusals = Refusals::default();
    for record in set.corrupt() {
        refusals.add_for(&record.place, "unreadable", &anyhow!("{record}"));
    }
    let n_all = set.samples.len() + refusals.len();
    let which = args.gallery.sight.face;
    ensure!(
        which != Some(WhichFace::All),
        "--face all: a picture of a known person shows one face"
    );
    let pipeline = args.gallery.pipeline(FaceChoice::Central)?;
    let recognizer = pipeline.recognizer();
    let gallery = Mutex::new(create_or_open(&args.gallery, recognizer)?);
    // Person after person, so that each is enrolled whole or not at all.
    let set = set.in_order_of_labels();
    let name_of = |index: usize| set.names[set.samples[index].label as usize].as_str();
    let is_known = |index, digest: &[u8; 32]| {
        Ok(locked(&gallery).has_picture(name_of(index), SourceDigest::new(*digest))?)
    };
    let places = set.places();
    let sources = Sources { places: &places, bytes: &|index| set.bytes(index) };
    let (mut batch, mut n_seen) = (Batch::default(), 0);
    load::embed_new(&pipeline, sources, &is_known, printer, |embedded| {
        let (index, name) = (n_seen, name_of(n_seen));
        n_seen += 1;
        if batch.n_samples >= PICTURES_AT_ONCE && !batch.is_of(name) {
            batch.enroll(&mut **locked(&gallery), &mut refusals)?;
        }
        let Embedded { ref path, digest, is_known, .. } = embedded;
        if is_known {
            batch.total.n_already_there += 1;
            batch.person(name);
            return Ok(());
        }
        let path = path.clone();
        match embedded.face() {
            Ok(face) => match checked(&face, &path, args.min_quality, printer) {
                Ok(()) => {
                    let picture = args.thumbnails.then(|| set.picture(index)).transpose()?;
                    let small = picture.map(|it| thumbnail(&pipeline, &it, face.face.as_ref()));
                    let thumbnail = small.transpose()?;
                    batch.add(name, Sample { thumbnail, ..sample(face, &path, digest) });
                }
                Err(error) => refusals.add_for(&path, "low_quality", &error),
            },
            Err(error) => refusals.add(&path, &error),
        }
        Ok(())
    })?;
    let mut gallery = gallery.into_inner().unwrap_or_else(PoisonError::into_inner);
    batch.enroll(&mut *gallery, &mut refusals)?;
    let n_identities = gallery.n_identities()?;
    let fmr = recognizer.card().threshold(None).ok().map(|point| point.fmr);
    let Batch { n_enrolled, total, .. } = batch;
    let dto = EnrolledDto {
        identities: n_enrolled,
        templates_added: total.n_added,
        already_there: total.n_already_there,
        near_duplicates: total.n_near_duplicates,
        gallery_identities: n_identities,
        gallery_templates: gallery.n_templates()?,
        expected_fpir: fmr.map(|fmr| fpir_from_fmr(fmr, n_identities)),
        failures: refusals.explanations(),
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        printer.data(format_args!(
            "enrolled {} people with {} new templates ({} were there already); the gallery holds {} \
             people with {} templates",
            dto.identities,
            dto.templates_added,
            dto.already_there,
            dto.gallery_identities,
            dto.gallery_templates
        ))?;
        if dto.near_duplicates > 0 {
            let n = dto.near_duplicates;
            printer.note(format_args!("{n} pictures are nearly ones that were there already"));
        }
        if let (Some(fmr), Some(fpir)) = (fmr, dto.expected_fpir) {
            let percent = 100.0 * fpir;
            printer.note(format_args!(
                "at the suggested threshold (FMR {fmr}) about {percent:.1} % of strangers will be \
                 taken for one of {n_identities} people"
            ));
        }
    }
    let what = (n_all, "pictures or people were not enrolled");
    refusals.finish(what, &args.refusals, printer)
}

/// People who are enrolled in one change, and what came of all before them.
#[derive(Default)]
struct Batch {
    people: Vec<(String, Vec<Sample>)>,
    n_samples: usize,
    n_enrolled: usize,
    total: Enrolled,
}

impl Batch {
    /// Whether the last of the people bears this name.
    fn is_of(&self, name: &str) -> bool {
        self.people.last().is_some_and(|(last, _)| last == name)
    }

    /// The samples of a person, who follows all others or is the last of them.
    fn person(&mut self, name: &str) -> &mut Vec<Sample> {
        if !self.is_of(name) {
            self.people.push((name.to_owned(), Vec::new()));
        }
        let last = self.people.len() - 1;
        &mut self.people[last].1
    }

    fn add(&mut self, name: &str, sample: Sample) {
        self.person(name).push(sample);
        self.n_samples += 1;
    }

    /// Enrolls the people, and begins anew.
    fn enroll(&mut self, gallery: &mut dyn Engine, refusals: &mut Refusals) -> anyhow::Result<()> {
        let wanted: Vec<Enrollment<'_>> =
            self.people.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
        for (outcome, enrollment) in gallery.enroll_many(&wanted)?.into_iter().zip(&wanted) {
            match outcome {
                Ok(enrolled) => {
                    self.n_enrolled += 1;
                    self.total.n_added += enrolled.n_added;
                    self.total.n_already_there += enrolled.n_already_there;
                    self.total.n_near_duplicates += enrolled.n_near_duplicates;
                }
                Err(refusal) => {
                    let name = enrollment.name;
                    let error = anyhow::Error::from(refusal);
                    let error = error.context(format!("cannot enroll {name}"));
                    refusals.add_for(Path::new(name), "not_allowed", &error);
                }
            }
        }
        self.people.clear();
        self.n_samples = 0;
        Ok(())
    }
}

/// The gallery, for one thread; none fails between two of its calls.
fn locked(gallery: &Mutex<Box<dyn Engine>>) -> MutexGuard<'_, Box<dyn Engine>> {
    gallery.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is kept of a face.
pub(super) fn sample(face: RecognizedFace, path: &Path, digest: [u8; 32]) -> Sample {
    let label = path.to_str().filter(|it| it.len() <= MAX_LABEL_BYTES);
    let label = label.map(str::to_owned);
    let quality = face.measures.map(|it| it.value());
    Sample { label, quality, ..Sample::new(face.template, SourceDigest::new(digest)) }
}

/// Fails if a face is too poor to be enrolled; what is wrong with it is said in any case.
pub(super) fn checked(
    face: &RecognizedFace,
    path: &Path,
    min_quality: u8,
    printer: &Printer,
) -> anyhow::Result<()> {
    let Some(measures) = &face.measures else { return Ok(()) };
    let (value, reasons) = (measures.value(), words(measures).join(", "));
    let said = if reasons.is_empty() { String::new() } else { format!(" ({reasons})") };
    ensure!(
        value >= min_quality,
        "the face in {} is of quality {value}{said}, but at least {min_quality} is asked for; take a better \
         picture, or lower --min-quality",
        path.display()
    );
    if !reasons.is_empty() {
        printer.warning(format_args!("{} is enrolled with quality {value}{said}", path.display()));
    }
    Ok(())
}

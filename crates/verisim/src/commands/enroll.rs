//! `verisim enroll`: from pictures of known people to a gallery.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use verisim_core::threshold::fpir_from_fmr;
use verisim_face::Recognizer;
use verisim_face::choice::FaceChoice;
use verisim_face::model::Model;
use verisim_face::pipeline::{Pipeline, RecognizedFace};
use verisim_gallery::{
    Engine, Enrolled, Enrollment, GalleryError, MAX_LABEL_BYTES, Sample, SourceDigest,
};

use super::Outcome;
use super::face_dto::words;
use super::load::{self, Embedded};
use super::thumbnail::thumbnail;
use crate::access::AccessArgs;
use crate::cli::{ModelArgs, SightArgs, WhichFace};
use crate::dataset::FaceSet;
use crate::models::names;
use crate::output::{Printer, explained};

/// Where the gallery remembers the model that it was filled with.
const MODEL_SETTING: &str = "model";
/// Where it remembers the model's card.
const CARD_SETTING: &str = "card";
/// Where it remembers what finds faces, if its people were enrolled from photographs.
const DETECTOR_SETTING: &str = "detector";
/// Where it remembers the detector's card.
const DETECTOR_CARD_SETTING: &str = "detector card";

/// Enroll people in a gallery
///
/// Nothing is retrained. A picture that is enrolled already is passed over, so the command may be
/// repeated. The gallery remembers the model, and refuses templates of any other. With a detector, which it
/// remembers, too, pictures are photographs, and faces of poor quality are named.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim enroll --gallery g/ --model model.onnx known/     known/Name/1.jpg and known/Name.jpg
  verisim enroll --gallery g/ --model model.onnx --detector yunet.onnx --face only photographs/")]
pub(crate) struct EnrollArgs {
    #[command(flatten)]
    gallery: GalleryArgs,

    /// Folder of known people: NAME/1.jpg and NAME.jpg
    known: PathBuf,

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

/// Which gallery, and the model that it needs.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct GalleryArgs {
    /// Folder of the gallery, or postgres://USER@HOST/DATABASE
    #[arg(long, value_name = "PLACE")]
    pub(crate) gallery: PathBuf,

    /// ONNX model that turns a chip into an embedding, or its name; by default the one enrolled with
    #[arg(long, value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,

    /// Card of the model, if it carries none: how to feed it (TOML)
    #[arg(long, value_name = "FILE", requires = "model")]
    pub(crate) card: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) sight: SightArgs,

    #[command(flatten)]
    pub(crate) access: AccessArgs,
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
    let set = FaceSet::open(&args.known)?;
    set.check_listing(false, printer)?;
    let which = args.gallery.sight.face;
    ensure!(
        which != Some(WhichFace::All),
        "--face all: a picture of a known person shows one face"
    );
    let pipeline = args.gallery.pipeline(FaceChoice::Central)?;
    let recognizer = pipeline.recognizer();
    let mut gallery = create_or_open(&args.gallery, recognizer)?;
    let mut samples: Vec<Vec<Sample>> = vec![Vec::new(); set.names.len()];
    let mut failures = Vec::new();
    let embedded = load::embed_pictures(&pipeline, &set.places(), |it| set.bytes(it), printer);
    for (index, (embedded, picture)) in embedded.into_iter().zip(&set.samples).enumerate() {
        let face = embedded.faces.as_ref().ok().and_then(|it| it.first()?.face);
        match sample(embedded, args.min_quality, printer) {
            Ok(mut kept) => {
                if args.thumbnails {
                    let small = thumbnail(&pipeline, &set.picture(index)?, face.as_ref())?;
                    kept.thumbnail = Some(small);
                }
                samples[picture.label as usize].push(kept);
            }
            Err(error) => failures.push(explained(&error)),
        }
    }
    let wanted: Vec<Enrollment<'_>> = set
        .names
        .iter()
        .zip(&samples)
        .filter(|(_, samples)| !samples.is_empty())
        .map(|(name, samples)| Enrollment::new(name, samples))
        .collect();
    let (mut n_enrolled, mut total) = (0, Enrolled::default());
    for (outcome, enrollment) in gallery.enroll_many(&wanted)?.into_iter().zip(&wanted) {
        match outcome {
            Ok(enrolled) => {
                n_enrolled += 1;
                total.n_added += enrolled.n_added;
                total.n_already_there += enrolled.n_already_there;
                total.n_near_duplicates += enrolled.n_near_duplicates;
            }
            Err(refusal) => failures.push(explained(
                &anyhow::Error::from(refusal).context(format!("cannot enroll {}", enrollment.name)),
            )),
        }
    }
    for failure in &failures {
        printer.warning(failure);
    }
    let n_identities = gallery.n_identities()?;
    let fmr = recognizer.card().threshold(None).ok().map(|point| point.fmr);
    let dto = EnrolledDto {
        identities: n_enrolled,
        templates_added: total.n_added,
        already_there: total.n_already_there,
        near_duplicates: total.n_near_duplicates,
        gallery_identities: n_identities,
        gallery_templates: gallery.n_templates()?,
        expected_fpir: fmr.map(|fmr| fpir_from_fmr(fmr, n_identities)),
        failures,
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
    match dto.failures.len() {
        0 => Ok(Outcome::Done),
        n => bail!("{n} pictures or people of {} pictures were not enrolled", set.samples.len()),
    }
}

impl GalleryArgs {
    /// The model that was given, or the one that the gallery remembers.
    pub(crate) fn recognizer(&self) -> anyhow::Result<Recognizer> {
        if let Some(model) = &self.model {
            let (model, card) = (model.clone(), self.card.clone());
            return load::recognizer(&ModelArgs { model, card });
        }
        let gallery = self.access.open(&self.gallery, "verisim")?;
        let Some(model) = gallery.setting(MODEL_SETTING)? else {
            bail!("{} remembers no model; give it with --model", gallery.place().display());
        };
        let card = gallery.setting(CARD_SETTING)?.map(PathBuf::from);
        let model = Model::load(Path::new(&model), card.as_deref());
        let model = model.with_context(|| {
            format!("cannot load the model of {}; give it with --model", gallery.place().display())
        })?;
        Ok(Recognizer::new(model))
    }

    /// The model, and the detector that was given, or the one that the gallery remembers.
    pub(crate) fn pipeline(&self, usual: FaceChoice) -> anyhow::Result<Pipeline> {
        let recognizer = self.recognizer()?;
        let mut sight = self.sight.clone();
        if sight.detector.is_none()
            && let Some(gallery) = self.open_if_there()?
        {
            sight.detector = gallery.setting(DETECTOR_SETTING)?.map(PathBuf::from);
            sight.detector_card = gallery.setting(DETECTOR_CARD_SETTING)?.map(PathBuf::from);
        }
        load::pipeline_of(recognizer, &sight, usual)
    }

    fn open_if_there(&self) -> anyhow::Result<Option<Box<dyn Engine>>> {
        match self.access.open(&self.gallery, "verisim") {
            Ok(gallery) => Ok(Some(gallery)),
            Err(error) => match error.downcast_ref() {
                Some(GalleryError::NotAGallery { .. }) => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Opens the gallery, which must be there and belong to the model.
    pub(crate) fn open(&self, recognizer: &Recognizer) -> anyhow::Result<Box<dyn Engine>> {
        let gallery = self.access.open(&self.gallery, "verisim identify")?;
        let (found, expected) = (recognizer.digest(), gallery.model());
        if found != expected {
            bail!(
                "{} holds templates of model {}, but the model given is {}; templates of different \
                 models cannot be compared",
                gallery.place().display(),
                expected.short(),
                found.short()
            );
        }
        Ok(gallery)
    }
}

/// Opens the gallery, or makes it for this model, which it will remember.
pub(crate) fn create_or_open(
    args: &GalleryArgs,
    recognizer: &Recognizer,
) -> anyhow::Result<Box<dyn Engine>> {
    let binding = (recognizer.digest(), recognizer.card().embedding_dim);
    let mut gallery = args.access.create_or_open(&args.gallery, binding, "verisim enroll")?;
    if let Some(model) = &args.model {
        gallery.set_setting(MODEL_SETTING, &absolute(&names::resolve(model)?)?)?;
        if let Some(card) = &args.card {
            gallery.set_setting(CARD_SETTING, &absolute(card)?)?;
        }
    }
    if let Some(detector) = &args.sight.detector {
        gallery.set_setting(DETECTOR_SETTING, &absolute(&names::resolve(detector)?)?)?;
        if let Some(card) = &args.sight.detector_card {
            gallery.set_setting(DETECTOR_CARD_SETTING, &absolute(card)?)?;
        }
    }
    Ok(gallery)
}

/// The sample of a picture, unless its face is too poor to be enrolled.
pub(crate) fn sample(
    embedded: Embedded,
    min_quality: u8,
    printer: &Printer,
) -> anyhow::Result<Sample> {
    let (path, source) = (embedded.path.clone(), SourceDigest::new(embedded.digest));
    let face = checked(embedded.face()?, &path, min_quality, printer)?;
    let RecognizedFace { measures, template, .. } = face;
    let label = path.to_str().filter(|it| it.len() <= MAX_LABEL_BYTES).map(str::to_owned);
    let quality = measures.map(|it| it.value());
    Ok(Sample { label, quality, ..Sample::new(template, source) })
}

fn absolute(path: &Path) -> anyhow::Result<String> {
    Ok(std::path::absolute(path)?.to_string_lossy().into_owned())
}

/// The face, unless it is too poor to be enrolled; what is wrong with it is said in any case.
fn checked(
    face: RecognizedFace,
    path: &Path,
    min_quality: u8,
    printer: &Printer,
) -> anyhow::Result<RecognizedFace> {
    let Some(measures) = &face.measures else { return Ok(face) };
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
    Ok(face)
}

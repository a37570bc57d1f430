//! `verisim gallery import`: many people from a file, in durable batches, the others in spite of some.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail, ensure};
use serde::Serialize;
use sha2::{Digest, Sha256};
use verisim_core::{Embedding, ModelDigest, Template};
use verisim_face::choice::FaceChoice;
use verisim_face::pipeline::Pipeline;
use verisim_gallery::{
    Engine, Enrolled, Enrollment, MAX_LABEL_BYTES, Metadata, Sample, SourceDigest,
};

use super::super::enroll::{checked, sample};
use super::super::gallery_args::{GalleryArgs, create_or_open};
use super::super::load::{Embedded, Sources, embed_new, read_file};
use super::Place;
use crate::bulk::{self, Face, Refusal, Row};
use crate::cli::SightArgs;
use crate::output::{MAX_NAMED, Printer, explained, first_named};

/// What to take in.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim gallery import g/ people.csv --model model.onnx    columns name, path, maybe external_id
  verisim gallery import g/ people.ndjson                    {\"name\": ..., \"embedding\": [...]} a line
  verisim gallery import g/ e.npy --names names.txt --model-digest 5e0f...

Rows are enrolled in batches, each of which is on disk when it is done: a command that was killed is \
repeated, and goes on; nothing is enrolled twice.")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    place: Place,

    /// .csv, .ndjson, .npy or .parquet
    file: PathBuf,

    /// Whose the rows of a .npy file are: a name a line, or .csv with `name`, `external_id`, `label`, `quality`
    #[arg(long, value_name = "FILE")]
    names: Option<PathBuf>,

    /// ONNX model for pictures, or its name; by default the one that the gallery remembers
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,

    /// Card of the model, if it carries none (TOML)
    #[arg(long, value_name = "FILE", requires = "model")]
    card: Option<PathBuf>,

    #[command(flatten)]
    sight: SightArgs,

    /// SHA-256 of the model that made the embeddings, for a new gallery without --model
    #[arg(long, value_name = "DIGEST", conflicts_with = "model")]
    model_digest: Option<ModelDigest>,

    /// Refuse faces in photographs whose quality is below this, from 0 to 100
    #[arg(long, value_name = "QUALITY", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    min_quality: u8,

    /// Rows of a durable batch
    #[arg(long, value_name = "N", default_value_t = 1000)]
    batch: usize,

    /// Write what was refused: place, name, reason (CSV)
    #[arg(long, value_name = "FILE")]
    errors: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Default, Serialize)]
struct ImportedDto {
    rows: usize,
    templates_added: usize,
    already_there: usize,
    near_duplicates: usize,
    refused: usize,
    gallery_identities: usize,
    gallery_templates: usize,
}

pub(super) fn import(args: &ImportArgs, printer: &Printer) -> anyhow::Result<()> {
    ensure!(args.batch >= 1, "--batch is 0, but a batch has at least one row");
    let mut rows = bulk::open(&args.file, args.names.as_deref())?;
    let mut import = Import { args, printer, gallery: None, pipeline: None };
    let mut refusals = Refusals::new(args.errors.as_deref())?;
    let mut dto = ImportedDto::default();
    let bar = printer.progress("importing", 0);
    loop {
        let mut batch = Vec::new();
        while batch.len() < args.batch {
            let Some(row) = rows.next()? else { break };
            dto.rows += 1;
            match row {
                Ok(row) => batch.push(row),
                Err(refusal) => refusals.push(refusal)?,
            }
        }
        let is_last = batch.len() < args.batch;
        import.enroll(batch, &mut dto, &mut refusals)?;
        let (done, total) = rows.progress();
        bar.set_length(total);
        bar.set_position(done);
        if is_last {
            break;
        }
    }
    bar.finish_and_clear();
    dto.refused = refusals.n;
    if let Some(gallery) = &import.gallery {
        dto.gallery_identities = gallery.n_identities()?;
        dto.gallery_templates = gallery.n_templates()?;
    }
    if args.json {
        printer.json(&dto)?;
    } else {
        printer.data(format_args!(
            "enrolled {} new templates of {} rows ({} were there already, {} are nearly ones that were); \
             the gallery holds {} people with {} templates",
            dto.templates_added,
            dto.rows,
            dto.already_there,
            dto.near_duplicates,
            dto.gallery_identities,
            dto.gallery_templates
        ))?;
    }
    refusals.finish(dto.rows)
}

/// A gallery and a model, opened when the first row needs them.
struct Import<'a> {
    args: &'a ImportArgs,
    printer: &'a Printer,
    gallery: Option<Box<dyn Engine>>,
    pipeline: Option<Pipeline>,
}

/// A row that became a sample, and what remains to be said of it.
struct Ready {
    place: String,
    name: String,
    external_id: Option<String>,
    metadata: Option<Metadata>,
    sample: Sample,
}

impl Import<'_> {
    /// Enrolls a batch in one change.
    fn enroll(
        &mut self,
        batch: Vec<Row>,
        dto: &mut ImportedDto,
        refusals: &mut Refusals,
    ) -> anyhow::Result<()> {
        let mut ready = Vec::with_capacity(batch.len());
        let mut pictures = Vec::new();
        for row in batch {
            match row.face {
                Face::Embedding(_) => match self.of_embedding(row)? {
                    Ok(it) => ready.push(it),
                    Err(refusal) => refusals.push(refusal)?,
                },
                Face::Picture(_) => pictures.push(row),
            }
        }
        if !pictures.is_empty() {
            self.of_pictures(pictures, &mut ready, dto, refusals)?;
        }
        let mut people: BTreeMap<String, Vec<Ready>> = BTreeMap::new();
        for it in ready {
            people.entry(it.name.clone()).or_default().push(it);
        }
        let samples: Vec<Vec<Sample>> =
            people.values().map(|its| its.iter().map(|it| it.sample.clone()).collect()).collect();
        let enrollments = people.iter().zip(&samples).map(|((name, its), samples)| Enrollment {
            name,
            external_id: its.iter().rev().find_map(|it| it.external_id.as_deref()),
            metadata: its.iter().rev().find_map(|it| it.metadata.as_ref()),
            samples,
        });
        let enrollments: Vec<Enrollment<'_>> = enrollments.collect();
        let Some(gallery) = self.gallery.as_mut().filter(|_| !enrollments.is_empty()) else {
            return Ok(());
        };
        for (outcome, its) in gallery.enroll_many(&enrollments)?.into_iter().zip(people.values()) {
            match outcome {
                Ok(Enrolled { n_added, n_already_there, n_near_duplicates, .. }) => {
                    dto.templates_added += n_added;
                    dto.already_there += n_already_there;
                    dto.near_duplicates += n_near_duplicates;
                }
                Err(error) => {
                    let reason = explained(&error.into());
                    for Ready { place, name, .. } in its {
                        let (place, name, reason) = (place.clone(), name.clone(), reason.clone());
                        refusals.push(Refusal { place, name, reason })?;
                    }
                }
            }
        }
        Ok(())
    }

    fn of_embedding(&mut self, row: Row) -> anyhow::Result<Result<Ready, Refusal>> {
        let Row { place, name, external_id, metadata, label, quality, face } = row;
        let Face::Embedding(values) = face else { bail!("a picture is no embedding") };
        let refused = |place, name, reason| Ok(Err(Refusal { place, name, reason }));
        let gallery = self.gallery(values.len())?;
        let (model, dim) = (gallery.model(), gallery.dim());
        if values.len() != dim {
            let n = values.len();
            let reason =
                format!("its embedding has {n} components, but those of the gallery {dim}");
            return refused(place, name, reason);
        }
        let bytes: Vec<u8> = values.iter().flat_map(|it| it.to_le_bytes()).collect();
        let source = SourceDigest::new(Sha256::digest(&bytes).into());
        let embedding = match Embedding::new(values) {
            Ok(embedding) => embedding,
            Err(error) => return refused(place, name, error.to_string()),
        };
        let sample =
            Sample { label, quality, ..Sample::new(Template { embedding, model }, source) };
        Ok(Ok(Ready { place, name, external_id, metadata, sample }))
    }

    /// Embeds pictures that are not enrolled yet.
    fn of_pictures(
        &mut self,
        rows: Vec<Row>,
        ready: &mut Vec<Ready>,
        dto: &mut ImportedDto,
        refusals: &mut Refusals,
    ) -> anyhow::Result<()> {
        self.ready_for_pictures()?;
        let Self { args, printer, gallery: Some(gallery), pipeline: Some(pipeline) } = self else {
            return Ok(());
        };
        let picture = |row: &Row| match &row.face {
            Face::Picture(path) => Some(path.clone()),
            Face::Embedding(_) => None,
        };
        let places: Vec<PathBuf> = rows.iter().filter_map(picture).collect();
        let names: Vec<String> = rows.iter().map(|it| it.name.clone()).collect();
        let gallery = Mutex::new(gallery);
        let is_known = |index: usize, digest: &[u8; 32]| {
            let gallery = gallery.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(gallery.has_picture(&names[index], SourceDigest::new(*digest))?)
        };
        let sources = Sources { places: &places, bytes: &|index| read_file(&places[index]) };
        let (quiet, mut rows) = (Printer::new(true), rows.into_iter());
        embed_new(pipeline, sources, &is_known, &quiet, |embedded| {
            let Some(row) = rows.next() else { return Ok(()) };
            if embedded.is_known {
                dto.already_there += 1;
                return Ok(());
            }
            let Row { place, name, external_id, metadata, label, quality, .. } = row;
            match sample_of(embedded, args.min_quality, printer) {
                Ok(sample) => {
                    let label = label.filter(|it| it.len() <= MAX_LABEL_BYTES).or(sample.label);
                    let quality = quality.or(sample.quality);
                    let sample = Sample { label, quality, ..sample };
                    ready.push(Ready { place, name, external_id, metadata, sample });
                }
                Err(error) => {
                    let reason = explained(&error);
                    refusals.push(Refusal { place, name, reason })?;
                }
            }
            Ok(())
        })
    }

    /// The gallery; a new one is for embeddings of `dim` components.
    fn gallery(&mut self, dim: usize) -> anyhow::Result<&dyn Engine> {
        if self.gallery.is_none() {
            let Place { gallery, access } = &self.args.place;
            let opened = match (self.args.model_digest, &self.args.model) {
                (Some(model), _) => access.create_or_open(gallery, (model, dim), COMMAND)?,
                (None, Some(_)) => {
                    self.ready_for_pictures()?;
                    return self.gallery.as_deref().context("the gallery was not opened");
                }
                (None, None) => access.open(gallery, COMMAND).context(
                    "a new gallery needs to know which model made the embeddings: --model or --model-digest",
                )?,
            };
            self.gallery = Some(opened);
        }
        self.gallery.as_deref().context("the gallery was not opened")
    }

    /// Loads the model, and opens the gallery for it.
    fn ready_for_pictures(&mut self) -> anyhow::Result<()> {
        if self.pipeline.is_none() {
            let args = GalleryArgs {
                gallery: self.args.place.gallery.clone(),
                model: self.args.model.clone(),
                card: self.args.card.clone(),
                sight: self.args.sight.clone(),
                access: self.args.place.access.clone(),
            };
            let pipeline = args.pipeline(FaceChoice::Central)?;
            if self.gallery.is_none() {
                self.gallery = Some(create_or_open(&args, pipeline.recognizer())?);
            }
            self.pipeline = Some(pipeline);
        }
        Ok(())
    }
}

/// The sample of a picture, unless its face is too poor to be enrolled.
fn sample_of(embedded: Embedded, min_quality: u8, printer: &Printer) -> anyhow::Result<Sample> {
    let (path, digest) = (embedded.path.clone(), embedded.digest);
    let face = embedded.face()?;
    checked(&face, &path, min_quality, printer)?;
    Ok(sample(face, &path, digest))
}

/// Who acts, in the log.
const COMMAND: &str = "verisim gallery import";

/// What was refused: counted, named, and written line by line if a file was asked for.
struct Refusals {
    file: Option<csv::Writer<File>>,
    first: Vec<String>,
    n: usize,
}

impl Refusals {
    fn new(path: Option<&Path>) -> anyhow::Result<Self> {
        let open = |path: &Path| -> anyhow::Result<csv::Writer<File>> {
            let file = File::create(path);
            let file = file.with_context(|| format!("cannot write {}", path.display()))?;
            let mut file = csv::Writer::from_writer(file);
            file.write_record(["place", "name", "reason"])?;
            file.flush()?;
            Ok(file)
        };
        Ok(Self { file: path.map(open).transpose()?, first: Vec::new(), n: 0 })
    }

    fn push(&mut self, refusal: Refusal) -> anyhow::Result<()> {
        let Refusal { place, name, reason } = refusal;
        if let Some(file) = &mut self.file {
            file.write_record([&place, &name, &reason])?;
            // Whoever kills this command finds what was refused so far.
            file.flush()?;
        }
        if self.first.len() < MAX_NAMED {
            let name = if name.is_empty() { String::new() } else { format!(" ({name})") };
            self.first.push(format!("{place}{name}: {reason}"));
        }
        self.n += 1;
        Ok(())
    }

    fn finish(self, n_rows: usize) -> anyhow::Result<()> {
        if self.n == 0 {
            return Ok(());
        }
        let mut named = first_named(&self.first, MAX_NAMED);
        if self.n > self.first.len() {
            named += &format!("\n  and {} more: --errors FILE has all", self.n - self.first.len());
        }
        bail!("{} of {n_rows} rows were not enrolled:{named}", self.n)
    }
}

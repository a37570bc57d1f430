//! What several commands begin with: a model, a threshold, templates of pictures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};
use verisim_core::{Head, Template};
use verisim_face::choice::FaceChoice;
use verisim_face::detect::OnnxDetector;
use verisim_face::model::{Model, ThresholdPoint};
use verisim_face::pipeline::{Pipeline, RecognizedFace, Sight, on_all_cores};
use verisim_face::{Picture, Recognizer};

use crate::cli::{ModelArgs, SightArgs, ThresholdArgs};
use crate::dataset::decode_picture;
use crate::models::names;
use crate::output::Printer;

/// A threshold, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// Score at or above which a comparison matches.
    pub(crate) score: f32,
    /// The false match rate that it was chosen for, unless it was typed.
    pub(crate) fmr: Option<f64>,
}

/// A picture file with the templates of its faces, or why it has none.
pub(crate) struct Embedded {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// SHA-256 of its bytes.
    pub(crate) digest: [u8; 32],
    /// Its faces: at least one, and one alone unless all were asked for.
    pub(crate) faces: anyhow::Result<Vec<RecognizedFace>>,
}

impl Embedded {
    /// Its face; the surest, if there are several.
    pub(crate) fn face(self) -> anyhow::Result<RecognizedFace> {
        self.faces?.into_iter().next().context("a picture was not embedded")
    }

    /// The template of its face.
    pub(crate) fn template(self) -> anyhow::Result<Template> {
        self.face().map(|face| face.template)
    }
}

/// Loads the model that was asked for, by its path or by its name.
pub(crate) fn recognizer(args: &ModelArgs) -> anyhow::Result<Recognizer> {
    let path = names::resolve(&args.model)?;
    Ok(Recognizer::new(Model::load(&path, args.card.as_deref())?))
}

/// The model that was asked for, and what finds faces for it if it was asked for, too.
pub(crate) fn pipeline(model: &ModelArgs, sight: &SightArgs) -> anyhow::Result<Pipeline> {
    pipeline_of(recognizer(model)?, sight, FaceChoice::Central)
}

/// The same of a model that is loaded; `usual` is the face that is meant if nothing is said.
pub(crate) fn pipeline_of(
    recognizer: Recognizer,
    sight: &SightArgs,
    usual: FaceChoice,
) -> anyhow::Result<Pipeline> {
    Ok(Pipeline::new(recognizer, self::sight(sight, usual)?))
}

/// What finds faces, if it was asked for.
pub(crate) fn sight(args: &SightArgs, usual: FaceChoice) -> anyhow::Result<Option<Sight>> {
    let Some(path) = &args.detector else {
        ensure!(args.face.is_none(), "--face chooses among the faces that a --detector finds");
        return Ok(None);
    };
    let path = names::resolve(path)?;
    let detector = OnnxDetector::load(&path, args.detector_card.as_deref())?;
    Ok(Some(Sight::new(detector, args.face.map_or(usual, FaceChoice::from))))
}

/// The head that the model carries.
pub(crate) fn head(recognizer: &Recognizer) -> anyhow::Result<Head> {
    let head = recognizer.head().cloned();
    head.context("the model carries no head; train one with [head] in the recipe")
}

/// The threshold that was asked for, or the one that the model's card suggests.
pub(crate) fn decision(args: ThresholdArgs, recognizer: &Recognizer) -> anyhow::Result<Decision> {
    if let Some(score) = typed_threshold(args)? {
        return Ok(Decision { score, fmr: None });
    }
    let ThresholdPoint { score, fmr, .. } = recognizer.card().threshold(args.fmr)?;
    Ok(Decision { score, fmr: Some(fmr) })
}

/// The threshold that was typed, if one was.
pub(crate) fn typed_threshold(args: ThresholdArgs) -> anyhow::Result<Option<f32>> {
    if let Some(score) = args.threshold {
        ensure!(
            (-1.0..=1.0).contains(&score),
            "--threshold is {score}, but a score is a cosine from -1 to 1"
        );
    }
    Ok(args.threshold)
}

/// Embeds picture files, in their order.
pub(crate) fn embed_files(
    pipeline: &Pipeline,
    paths: &[PathBuf],
    printer: &Printer,
) -> Vec<Embedded> {
    let bytes = |index: usize| {
        let path = &paths[index];
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    embed_pictures(pipeline, paths, bytes, printer)
}

/// Embeds pictures that `bytes` gives, in the order of their places.
pub(crate) fn embed_pictures(
    pipeline: &Pipeline,
    places: &[PathBuf],
    bytes: impl Fn(usize) -> anyhow::Result<Vec<u8>> + Send + Sync,
    printer: &Printer,
) -> Vec<Embedded> {
    let bar = printer.progress("embedding", places.len());
    let embedded = on_all_cores(places.len(), |index| {
        let path = &places[index];
        let (digest, picture) = read(bytes(index), path);
        let faces = picture.and_then(|picture| {
            let faces = pipeline.faces(&picture);
            faces.with_context(|| format!("cannot embed {}", path.display()))
        });
        bar.inc(1);
        Embedded { path: path.clone(), digest, faces }
    });
    bar.finish_and_clear();
    embedded
}

fn read(bytes: anyhow::Result<Vec<u8>>, path: &Path) -> ([u8; 32], anyhow::Result<Picture>) {
    match bytes {
        Ok(bytes) => (Sha256::digest(&bytes).into(), decode_picture(&bytes, path)),
        Err(error) => ([0; 32], Err(error)),
    }
}

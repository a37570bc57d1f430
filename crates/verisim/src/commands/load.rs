//! What several commands begin with: a model, a threshold, templates of pictures.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use sha2::{Digest, Sha256};
use verisim_core::{Head, Template};
use verisim_face::model::{Model, ThresholdPoint};
use verisim_face::{Picture, Recognizer};

use crate::cli::{ModelArgs, ThresholdArgs};
use crate::dataset::decode_picture;
use crate::models::names;
use crate::output::Printer;

/// Pictures that are decoded before they are embedded: bounded memory, all cores busy.
const PICTURES_AT_ONCE: usize = 256;

/// A threshold, and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// Score at or above which a comparison matches.
    pub(crate) score: f32,
    /// The false match rate that it was chosen for, unless it was typed.
    pub(crate) fmr: Option<f64>,
}

/// A picture file with its template, or why it has none.
pub(crate) struct Embedded {
    /// Where it lies.
    pub(crate) path: PathBuf,
    /// SHA-256 of its bytes.
    pub(crate) digest: [u8; 32],
    /// Its template.
    pub(crate) template: anyhow::Result<Template>,
}

/// Loads the model that was asked for, by its path or by its name.
pub(crate) fn recognizer(args: &ModelArgs) -> anyhow::Result<Recognizer> {
    let path = names::resolve(&args.model)?;
    Ok(Recognizer::new(Model::load(&path, args.card.as_deref())?))
}

/// The head that the model carries.
pub(crate) fn head(recognizer: &Recognizer) -> anyhow::Result<Head> {
    let head = recognizer.head().cloned();
    head.context("the model carries no head; train one with [head] in the recipe")
}

/// The threshold that was asked for, or the one that the model's card suggests.
pub(crate) fn decision(args: ThresholdArgs, recognizer: &Recognizer) -> anyhow::Result<Decision> {
    if let Some(score) = args.threshold {
        anyhow::ensure!(
            (-1.0..=1.0).contains(&score),
            "--threshold is {score}, but a score is a cosine from -1 to 1"
        );
        return Ok(Decision { score, fmr: None });
    }
    let ThresholdPoint { score, fmr, .. } = recognizer.card().threshold(args.fmr)?;
    Ok(Decision { score, fmr: Some(fmr) })
}

/// Embeds picture files, in their order.
pub(crate) fn embed_files(
    recognizer: &Recognizer,
    paths: &[PathBuf],
    printer: &Printer,
) -> Vec<Embedded> {
    let bytes = |index: usize| {
        let path = &paths[index];
        fs::read(path).with_context(|| format!("cannot read {}", path.display()))
    };
    embed_pictures(recognizer, paths, bytes, printer)
}

/// Embeds pictures that `bytes` gives, in the order of their places.
pub(crate) fn embed_pictures(
    recognizer: &Recognizer,
    places: &[PathBuf],
    bytes: impl Fn(usize) -> anyhow::Result<Vec<u8>> + Sync,
    printer: &Printer,
) -> Vec<Embedded> {
    use rayon::prelude::*;
    let bar = printer.progress("embedding", places.len());
    let mut embedded = Vec::with_capacity(places.len());
    for paths in places.chunks(PICTURES_AT_ONCE) {
        let start = embedded.len();
        let indices = paths.par_iter().enumerate();
        let pictures: Vec<_> =
            indices.map(|(index, path)| read(bytes(start + index), path)).collect();
        let whole: Vec<Picture> =
            pictures.iter().filter_map(|(_, picture)| picture.as_ref().ok().cloned()).collect();
        let mut templates = recognizer.templates(&whole).into_iter();
        for (path, (digest, picture)) in paths.iter().zip(pictures) {
            let template = picture.and_then(|_| {
                let template = templates.next().context("a picture was not embedded")?;
                template.with_context(|| format!("cannot embed {}", path.display()))
            });
            embedded.push(Embedded { path: path.clone(), digest, template });
        }
        bar.inc(paths.len() as u64);
    }
    bar.finish_and_clear();
    embedded
}

fn read(bytes: anyhow::Result<Vec<u8>>, path: &Path) -> ([u8; 32], anyhow::Result<Picture>) {
    match bytes {
        Ok(bytes) => (Sha256::digest(&bytes).into(), decode_picture(&bytes, path)),
        Err(error) => ([0; 32], Err(error)),
    }
}

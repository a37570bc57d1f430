//! Several models as one, in a file: which they are, and what was learned over their joined embeddings.

use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use verisim_core::Embedding;
use verisim_core::fusion::{Fusion, FusionParts};
use verisim_face::Recognizer;
use verisim_face::model::{Card, Model};
use verisim_face::pipeline::Pipeline;

use crate::dataset::FaceSet;
use crate::digest::sha256;
use crate::evaluation::{Samples, n_different};
use crate::models::names;
use crate::output::Printer;
use crate::whole_file;

/// First key of the file, and its version.
const FORMAT: &str = "verisim-fusion-1";

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FusionFile {
    format: String,
    models: Vec<FusedModel>,
    mirrored: bool,
    fitted_on: FittedOn,
    mean: Vec<f64>,
    axes: Vec<f64>,
    alone: Vec<f64>,
    cross: Vec<f64>,
    offset: f64,
}

/// One of the models.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FusedModel {
    path: PathBuf,
    sha256: String,
}

/// What a fusion was fitted to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FittedOn {
    /// What the data are called.
    pub(crate) data: String,
    pub(crate) n_identities: usize,
    pub(crate) n_images: usize,
}

/// Models whose embeddings are joined.
pub(crate) struct Models {
    pipelines: Vec<Pipeline>,
    files: Vec<FusedModel>,
    mirrored: bool,
}

impl Models {
    /// Loads them, each with its card.
    pub(crate) fn load(paths: &[PathBuf], mirrored: bool) -> anyhow::Result<Self> {
        let mut models = Self { pipelines: Vec::new(), files: Vec::new(), mirrored };
        for path in paths {
            let path = names::resolve(path)?;
            let model = Model::load(&path, None)?;
            let recognizer = Recognizer::new(model).with_mirror_images(mirrored);
            let path = std::path::absolute(path).context("cannot find the current folder")?;
            models.files.push(FusedModel { path, sha256: recognizer.digest().to_string() });
            models.pipelines.push(Pipeline::new(recognizer, None));
        }
        Ok(models)
    }

    /// What they are called together.
    pub(crate) fn name(&self) -> String {
        let names: Vec<&str> = self.cards().map(|card| card.name.as_str()).collect();
        names.join(" + ")
    }

    fn cards(&self) -> impl Iterator<Item = &Card> {
        self.pipelines.iter().map(|it| it.recognizer().card())
    }

    /// Whether embeddings of mirror images are added.
    pub(crate) fn mirrored(&self) -> bool {
        self.mirrored
    }

    /// Embeds the pictures of a set with each, and joins what they say.
    pub(crate) fn samples(&self, set: &FaceSet, printer: &Printer) -> anyhow::Result<Samples> {
        let of_model = |it| Samples::of_set(set.clone(), it, printer);
        let samples = self.pipelines.iter().map(of_model).collect::<anyhow::Result<_>>()?;
        Samples::joined(samples).context("a fusion needs a model")
    }
}

/// Models with what was learned over their joined embeddings.
pub(crate) struct FusedModels {
    pub(crate) models: Models,
    pub(crate) fusion: Fusion,
    /// SHA-256 of the file.
    pub(crate) digest: String,
}

impl FusedModels {
    /// Reads a file, and loads the models that it names.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let bytes =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let unusable = || format!("{} is no file of `verisim fuse`", path.display());
        let file: FusionFile = serde_json::from_slice(&bytes).with_context(unusable)?;
        ensure!(
            file.format == FORMAT,
            "{} is of format {}, but this program reads {FORMAT}",
            path.display(),
            file.format
        );
        let paths: Vec<PathBuf> = file.models.iter().map(|it| it.path.clone()).collect();
        let models = Models::load(&paths, file.mirrored)
            .with_context(|| format!("cannot load the models of {}", path.display()))?;
        for (expected, found) in file.models.iter().zip(&models.files) {
            ensure!(
                expected.sha256 == found.sha256,
                "{} has SHA-256 {}, but {} was fitted to {}; run `verisim fuse` again",
                found.path.display(),
                found.sha256,
                path.display(),
                expected.sha256
            );
        }
        let FusionFile { mean, axes, alone, cross, offset, .. } = file;
        let parts = FusionParts { mean, axes, alone, cross, offset };
        let fusion = Fusion::from_parts(parts).with_context(unusable)?;
        let dim: usize = models.cards().map(|card| card.embedding_dim).sum();
        ensure!(
            fusion.dim() == dim,
            "{} takes {} components, but its models give {dim}",
            path.display(),
            fusion.dim()
        );
        Ok(Self { models, fusion, digest: sha256(&bytes) })
    }
}

/// Fits a fusion to samples of known identities, and writes it; returns what it was fitted to, and its
/// principal components: as many as asked for, or as the pictures give.
pub(crate) fn fit(
    models: &Models,
    samples: &Samples,
    data: String,
    n_components: usize,
    path: &Path,
) -> anyhow::Result<(FittedOn, usize)> {
    let whole = samples.embeddings.iter().zip(&samples.labels);
    let whole = whole.filter_map(|(embedding, label)| Some((embedding.clone()?, *label)));
    let (embeddings, labels): (Vec<Embedding>, Vec<u64>) = whole.unzip();
    let (n_identities, n_images) = (n_different(&labels), labels.len());
    let dim = embeddings.first().map_or(0, Embedding::dim);
    let most = Fusion::most_components(n_images, n_identities, dim);
    let fusion = Fusion::fit(&embeddings, &labels, n_components.min(most))?;
    let fitted_on = FittedOn { data, n_identities, n_images };
    let FusionParts { mean, axes, alone, cross, offset } = fusion.parts();
    let file = FusionFile {
        format: FORMAT.to_owned(),
        models: models.files.clone(),
        mirrored: models.mirrored,
        fitted_on: fitted_on.clone(),
        mean,
        axes,
        alone,
        cross,
        offset,
    };
    let bytes = serde_json::to_vec(&file).context("cannot write the fusion")?;
    whole_file::write(path, &bytes)?;
    Ok((fitted_on, fusion.n_components()))
}

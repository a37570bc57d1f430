//! What is evaluated: embeddings with labels, from pictures or from files.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde::Serialize;
use verisim_core::Embedding;
use verisim_core::fusion::join;
use verisim_core::protocol::SampleName;
use verisim_face::pipeline::Pipeline;

use crate::commands::load::{Sources, embed_new};
use crate::dataset::FaceSet;
use crate::npy;
use crate::output::{Printer, explained};

/// A picture that no embedding could be made of (failure to acquire).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Failure {
    /// Where the picture lies.
    pub(crate) path: PathBuf,
    /// What went wrong.
    pub(crate) reason: String,
}

/// Samples of known identities.
pub(crate) struct Samples {
    /// Names of the identities, by label; empty if the labels are all that is known.
    pub(crate) names: Vec<String>,
    /// The pictures, if there are any.
    pub(crate) set: Option<FaceSet>,
    /// Where each picture lies; empty if there are no pictures.
    pub(crate) paths: Vec<PathBuf>,
    /// The label of each sample.
    pub(crate) labels: Vec<u64>,
    /// The embedding of each sample, if it has one.
    pub(crate) embeddings: Vec<Option<Embedding>>,
    /// How good each photograph is, from 0 to 100, if it is one and has an embedding; empty if there are no pictures.
    pub(crate) qualities: Vec<Option<u8>>,
    /// Why others have none.
    pub(crate) failures: Vec<Failure>,
    by_name: HashMap<String, usize>,
}

impl Samples {
    /// Embeds the pictures of a set.
    pub(crate) fn of_set(
        set: FaceSet,
        pipeline: &Pipeline,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let (labels, paths) = (set.labels(), set.places());
        let (mut embeddings, mut qualities, mut failures) = (Vec::new(), Vec::new(), Vec::new());
        let sources = Sources { places: &paths, bytes: &|index| set.bytes(index) };
        embed_new(pipeline, sources, &|_, _| Ok(false), printer, |embedded| {
            let path = embedded.path.clone();
            let face = embedded.face();
            let measures = face.as_ref().ok().and_then(|it| it.measures);
            qualities.push(measures.map(|it| it.value()));
            match face {
                Ok(face) => embeddings.push(Some(face.template.embedding)),
                Err(error) => {
                    failures.push(Failure { path, reason: explained(&error) });
                    embeddings.push(None);
                }
            }
            Ok(())
        })?;
        let by_name = paths.iter().enumerate().map(|(index, path)| (stem(path), index)).collect();
        let names = set.names.clone();
        let set = Some(set);
        Ok(Self { names, set, paths, labels, embeddings, qualities, failures, by_name })
    }

    /// What several models made of the same pictures, joined; a picture that one of them failed on has no
    /// embedding. None if there is no model.
    pub(crate) fn joined(mut parts: Vec<Self>) -> Option<Self> {
        let n = parts.first()?.labels.len();
        let joined = |index: usize| {
            let of_models = parts.iter().map(|part| part.embeddings[index].as_ref());
            join(&of_models.collect::<Option<Vec<&Embedding>>>()?).ok()
        };
        let embeddings = (0..n).map(joined).collect();
        let mut failures = Vec::<Failure>::new();
        for failure in parts.iter_mut().flat_map(|part| part.failures.drain(..)) {
            if failures.iter().all(|known| known.path != failure.path) {
                failures.push(failure);
            }
        }
        let first = parts.into_iter().next()?;
        Some(Self { embeddings, failures, ..first })
    }

    /// Reads embeddings that were made elsewhere.
    pub(crate) fn of_files(embeddings: &Path, labels: &Path) -> anyhow::Result<Self> {
        let read = npy::read_embeddings(embeddings)?;
        let found = npy::read_labels(labels)?;
        if read.len() != found.len() {
            let (embeddings, labels) = (embeddings.display(), labels.display());
            bail!(
                "{embeddings} holds {} embeddings, but {labels} holds {} labels",
                read.len(),
                found.len()
            );
        }
        Ok(Self::of_embeddings(Vec::new(), found, read))
    }

    /// Takes embeddings, none of which is missing.
    pub(crate) fn of_embeddings(
        names: Vec<String>,
        labels: Vec<u64>,
        embeddings: Vec<Embedding>,
    ) -> Self {
        Self {
            names,
            set: None,
            paths: Vec::new(),
            labels,
            embeddings: embeddings.into_iter().map(Some).collect(),
            qualities: Vec::new(),
            failures: Vec::new(),
            by_name: HashMap::new(),
        }
    }

    /// Position of the picture `NAME/NAME_0001.jpg`, or of `NAME/1.jpg` as the first, and so on.
    pub(crate) fn find(&self, name: &SampleName) -> Option<usize> {
        if let Some(&position) = self.by_name.get(&name.to_string()) {
            return Some(position);
        }
        let label = self.names.iter().position(|it| *it == name.identity)? as u64;
        let number = name.number.to_string();
        let of_identity = self.labels.iter().enumerate().filter(|(_, it)| **it == label);
        of_identity.map(|(index, _)| index).find(|&index| stem(&self.paths[index]) == number)
    }

    /// Number of different identities.
    pub(crate) fn n_identities(&self) -> usize {
        n_different(&self.labels)
    }
}

/// How many identities labels are of.
pub(crate) fn n_different(labels: &[u64]) -> usize {
    let mut labels = labels.to_vec();
    labels.sort_unstable();
    labels.dedup();
    labels.len()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

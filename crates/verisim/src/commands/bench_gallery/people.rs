//! People of a crowd as a gallery enrolls them; it does not know what is measured.

use sha2::{Digest, Sha256};
use verisim_core::{Embedding, ModelDigest, Template};
use verisim_gallery::{Sample, Secret, SourceDigest};

/// The model that embeddings of nobody are of.
pub(super) fn model() -> ModelDigest {
    ModelDigest::new([0x10; 32])
}

/// What an identity of a crowd is enrolled as.
pub(super) fn name(identity: usize) -> String {
    format!("person {identity}")
}

pub(super) fn template(embedding: Embedding) -> Template {
    Template { embedding, model: model() }
}

/// Samples of an identity; digests stand for pictures that never were.
pub(super) fn samples(identity: usize, embeddings: Vec<Embedding>) -> Vec<Sample> {
    let sample = |(idx, embedding): (usize, Embedding)| {
        let picture = [identity.to_le_bytes(), idx.to_le_bytes()].concat();
        Sample::new(template(embedding), SourceDigest::new(Sha256::digest(picture).into()))
    };
    embeddings.into_iter().enumerate().map(sample).collect()
}

/// A key for a gallery that is to be sealed.
pub(super) fn random_secret(is_sealed: bool) -> anyhow::Result<Option<Secret>> {
    let key = if is_sealed { Some(Secret::draw()?) } else { None };
    Ok(key.map(|key| Secret::from_text(&key)).transpose()?)
}

//! What an enrollment changes, or why it is refused; it knows no rows, so it decides for every engine.

use std::path::Path;

use verisim_core::{Embedding, ModelDigest};

use crate::details::{Details, Metadata};
use crate::id::RandomId;
use crate::policy::{NEAR_DUPLICATE, NearDuplicates, Policy};
use crate::{GalleryError, Sample};

/// Who is to be enrolled, with what.
#[derive(Clone, Copy, Debug)]
pub struct Enrollment<'a> {
    /// Name of the identity, which need not be known.
    pub name: &'a str,
    /// What another system calls it; if nothing is given, what is kept stays.
    pub external_id: Option<&'a str>,
    /// What to keep with it; if nothing is given, what is kept stays.
    pub metadata: Option<&'a Metadata>,
    /// Samples to be added.
    pub samples: &'a [Sample],
}

/// What became of one [`Enrollment`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// The identity; nobody if it was not known and there was no sample.
    pub person: Option<RandomId>,
    /// Number of templates that were added.
    pub n_added: usize,
    /// Number of samples whose pictures were enrolled for the same identity before.
    pub n_already_there: usize,
    /// Number of other samples that are nearly one that was enrolled for the same identity before;
    /// the [`Policy`] says whether they are among those added.
    pub n_near_duplicates: usize,
}

/// What a gallery is bound to, and where it is, for what is said of it.
#[derive(Clone, Copy)]
pub(crate) struct Binding<'a> {
    pub(crate) place: &'a Path,
    pub(crate) model: ModelDigest,
    pub(crate) dim: usize,
}

/// What is kept of an identity that an enrollment names.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) details: Details,
    /// Tags of sources, and embeddings, of its templates; they need not be there if no sample comes.
    pub(crate) templates: Vec<([u8; 32], Embedding)>,
}

/// What one enrollment will change.
pub(crate) struct Plan<'a> {
    /// What is to be kept of the identity.
    pub(crate) details: Details,
    /// Whether that is not what is kept already.
    pub(crate) is_changed: bool,
    /// The samples to be added.
    pub(crate) samples: Vec<&'a Sample>,
    /// What to answer, but for the identity.
    pub(crate) outcome: Enrolled,
}

impl<'a> Enrollment<'a> {
    /// Samples of an identity, without an external id and metadata.
    pub fn new(name: &'a str, samples: &'a [Sample]) -> Self {
        Self { name, external_id: None, metadata: None, samples }
    }
}

impl Binding<'_> {
    /// Fails unless a template of this model and dimension can be compared with the enrolled ones.
    pub(crate) fn expect(&self, model: ModelDigest, dim: usize) -> Result<(), GalleryError> {
        let path = || self.place.to_owned();
        if model != self.model {
            Err(GalleryError::OtherModel { path: path(), gallery: self.model, given: model })
        } else if dim != self.dim {
            Err(GalleryError::OtherDim { path: path(), gallery: self.dim, given: dim })
        } else {
            Ok(())
        }
    }

    /// Fails if the gallery could not keep this of anybody.
    pub(crate) fn admit(&self, enrollment: &Enrollment<'_>) -> Result<(), GalleryError> {
        details_of(enrollment).check()?;
        for sample in enrollment.samples {
            self.expect(sample.template.model, sample.template.embedding.dim())?;
            sample.check()?;
        }
        Ok(())
    }

    /// What an enrollment that was admitted will change, or why it is refused.
    ///
    /// `source_tag` makes the tags by which sources are known again.
    pub(crate) fn plan<'a>(
        &self,
        policy: Policy,
        enrollment: &Enrollment<'a>,
        kept: Option<&Kept>,
        source_tag: impl Fn(&Sample) -> [u8; 32],
    ) -> Result<Plan<'a>, GalleryError> {
        let asked = details_of(enrollment);
        let mut outcome = Enrolled::default();
        let mut there: Vec<([u8; 32], &Embedding)> = Vec::new();
        there.extend(kept.iter().flat_map(|it| &it.templates).map(|(tag, it)| (*tag, it)));
        let n_there = there.len();
        let mut samples: Vec<&Sample> = Vec::new();
        for sample in enrollment.samples {
            let (tag, embedding) = (source_tag(sample), &sample.template.embedding);
            if there.iter().any(|it| it.0 == tag) {
                outcome.n_already_there += 1;
                continue;
            }
            if there.iter().any(|it| it.1.similarity(embedding) >= NEAR_DUPLICATE) {
                outcome.n_near_duplicates += 1;
                if policy.near_duplicates == NearDuplicates::KeepOut {
                    continue;
                }
            }
            there.push((tag, embedding));
            samples.push(sample);
        }
        outcome.n_added = samples.len();
        let (wanted, max) = (n_there + samples.len(), policy.max_templates);
        if !samples.is_empty() && wanted > max as usize {
            let path = self.place.to_owned();
            return Err(GalleryError::TooManyTemplates { path, wanted, max });
        }
        let kept = kept.map(|it| &it.details);
        let details = Details {
            name: asked.name,
            external_id: asked.external_id.or(kept.and_then(|it| it.external_id.clone())),
            metadata: asked.metadata.or(kept.and_then(|it| it.metadata.clone())),
        };
        let is_changed = kept != Some(&details);
        Ok(Plan { details, is_changed, samples, outcome })
    }

    /// The error that says that another identity bears an external id.
    pub(crate) fn external_id_taken(&self, external_id: &str) -> GalleryError {
        let external_id = external_id.to_owned();
        GalleryError::ExternalIdTaken { path: self.place.to_owned(), external_id }
    }

    /// The error that says that nobody bears a name, and which of `names` are similar.
    pub(crate) fn no_such(
        &self,
        name: &str,
        names: impl IntoIterator<Item = String>,
    ) -> GalleryError {
        let wanted = name.trim().to_lowercase();
        let is_similar = |it: &String| it.trim().to_lowercase() == wanted;
        let mut similar: Vec<String> = names.into_iter().filter(is_similar).collect();
        similar.sort_unstable();
        let path = self.place.to_owned();
        GalleryError::NoSuchIdentity { path, name: name.to_owned(), similar }
    }
}

fn details_of(enrollment: &Enrollment<'_>) -> Details {
    Details {
        name: enrollment.name.to_owned(),
        external_id: enrollment.external_id.map(str::to_owned),
        metadata: enrollment.metadata.cloned(),
    }
}

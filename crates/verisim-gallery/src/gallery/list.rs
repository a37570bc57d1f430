//! Who is enrolled, and with what: lists that need no search.

use super::Gallery;
use crate::details::Details;
use crate::id::RandomId;
use crate::{GalleryError, SourceDigest, Thumbnail, people};

/// An enrolled identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentitySummary {
    /// Its random id, which the log names it by.
    pub person: RandomId,
    /// Its name, external id and metadata.
    pub details: Details,
    /// Number of its templates; at least one.
    pub n_templates: usize,
    /// When it was first enrolled, in seconds since 1970 (UTC).
    pub enrolled_at: i64,
}

/// A template of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateSummary {
    /// Its random id.
    pub id: RandomId,
    /// How good the picture is, from 0 to 100, if somebody judged it.
    pub quality: Option<u8>,
    /// What the caller calls the picture.
    pub label: Option<String>,
    /// The small picture that was kept with it.
    pub thumbnail: Option<Thumbnail>,
    /// When it was enrolled, in seconds since 1970 (UTC).
    pub enrolled_at: i64,
}

impl Gallery {
    /// The enrolled identities, by name.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        let session = self.store.view()?;
        let rows = session.identities()?;
        let summary = |row| {
            let (details, person) = people::open(&session, &self.vault, &row)?;
            let n_templates = session.n_templates_of(row.id)?;
            let enrolled_at = row.enrolled_at;
            Ok(IdentitySummary { person: person.uid, details, n_templates, enrolled_at })
        };
        let found: Result<Vec<IdentitySummary>, GalleryError> =
            rows.into_iter().map(summary).collect();
        let mut found = found?;
        found.sort_unstable_by(|a, b| a.details.name.cmp(&b.details.name));
        Ok(found)
    }

    /// The small picture that was kept with a template, if one was.
    ///
    /// # Errors
    ///
    /// Fails if there is no such template, or if the store cannot be read.
    pub fn thumbnail(&self, template: RandomId) -> Result<Option<Thumbnail>, GalleryError> {
        let session = self.store.view()?;
        let row = session.template_of(template)?;
        let path = || self.store.path().to_owned();
        let row = row.ok_or_else(|| GalleryError::NoSuchTemplate { path: path(), template })?;
        let identity = session.identity(row.identity)?;
        let person = people::person(&session, &self.vault, &identity)?;
        people::open_thumbnail(&session, &self.vault, &person, &row)
    }

    /// Whether a picture is enrolled for an identity, which need not be known: then nothing need be computed of it.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn has_picture(&self, identity: &str, picture: SourceDigest) -> Result<bool, GalleryError> {
        let session = self.store.view()?;
        let row = session.identity_named(&people::name_tag(&self.vault, identity))?;
        let Some(row) = row else { return Ok(false) };
        session.has_source(row.id, &people::source_tag(&self.vault, picture))
    }

    /// The templates of an identity, in the order of their enrollment.
    ///
    /// # Errors
    ///
    /// Fails if nobody of this name is enrolled, or if the store cannot be read.
    pub fn templates(&self, identity: &str) -> Result<Vec<TemplateSummary>, GalleryError> {
        let session = self.store.view()?;
        let row = session.identity_named(&people::name_tag(&self.vault, identity))?;
        let Some(row) = row else { return Err(self.no_such(&session, identity)?) };
        let person = people::person(&session, &self.vault, &row)?;
        let mut templates = Vec::new();
        session.templates_of(row.id, |row| {
            let (_, label) =
                people::open_template(&session, &self.vault, &person, &row, self.row.dim)?;
            let (id, quality, enrolled_at) = (row.uid, row.quality, row.enrolled_at);
            let thumbnail = people::open_thumbnail(&session, &self.vault, &person, &row)?;
            templates.push(TemplateSummary { id, quality, label, thumbnail, enrolled_at });
            Ok(())
        })?;
        Ok(templates)
    }
}

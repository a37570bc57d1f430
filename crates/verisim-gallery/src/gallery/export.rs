//! Taking embeddings out of a gallery, batch by batch, at one moment; it writes no file.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use verisim_core::Embedding;

use super::Gallery;
use crate::GalleryError;
use crate::audit::Action;
use crate::details::Details;
use crate::id::RandomId;
use crate::people::{self, Person};
use crate::store::Session;

/// A template that leaves the gallery, with all that is kept of it but its thumbnail.
#[derive(Clone, Debug, PartialEq)]
pub struct ExportedTemplate {
    /// Its random id.
    pub id: RandomId,
    /// Name, external id and metadata of its identity.
    pub details: Details,
    /// The embedding: personal data, which can be turned back into a likeness of the face.
    pub embedding: Embedding,
    /// What the caller calls the picture.
    pub label: Option<String>,
    /// How good the picture is, from 0 to 100, if somebody judged it.
    pub quality: Option<u8>,
    /// When it was enrolled, in seconds since 1970 (UTC).
    pub enrolled_at: i64,
}

/// The templates of a gallery as they were at one moment.
///
/// While it is there, what is forgotten stays in the log of writes: keep it no longer than it takes.
pub struct Export<'a> {
    gallery: &'a Gallery,
    session: Session<'a>,
    persons: HashMap<i64, (Details, Person)>, // by row of the identity
    newest: i64,
}

impl Gallery {
    /// Begins to take out all templates. The log says so, before the first is read.
    ///
    /// # Errors
    ///
    /// Fails if this cannot be recorded, or if the store cannot be read.
    pub fn export(&mut self) -> Result<Export<'_>, GalleryError> {
        let session = self.store.change()?;
        let n_templates = session.n_templates()?;
        self.record(&session, Action::Exported { n_templates })?;
        session.commit()?;
        let session = self.store.view()?;
        Ok(Export { gallery: self, session, persons: HashMap::new(), newest: 0 })
    }
}

impl Export<'_> {
    /// Number of templates, taken out or not.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn n_templates(&self) -> Result<usize, GalleryError> {
        self.session.n_templates()
    }

    /// The next templates, a thousand at most, in the order of enrollment; none after the last.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn next_batch(&mut self) -> Result<Vec<ExportedTemplate>, GalleryError> {
        let Self { gallery, session, persons, newest } = self;
        let mut batch = Vec::new();
        session.templates_page(*newest, |row| {
            let (details, person) = match persons.entry(row.identity) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) => {
                    let identity = session.identity(row.identity)?;
                    new.insert(people::open(session, &gallery.vault, &identity)?)
                }
            };
            let (embedding, label) =
                people::open_template(session, &gallery.vault, person, &row, gallery.row.dim)?;
            *newest = row.id;
            batch.push(ExportedTemplate {
                id: row.uid,
                details: details.clone(),
                embedding,
                label,
                quality: row.quality,
                enrolled_at: row.enrolled_at,
            });
            Ok(())
        })?;
        Ok(batch)
    }
}

impl fmt::Debug for Export<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Export({:?})", self.gallery)
    }
}

//! The store as the matrix needs it: what changed, exact embeddings, names; it does not know codes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use verisim_core::Embedding;

use super::rows::NewRow;
use crate::audit::ledger::{self, Less, Mark};
use crate::id::RandomId;
use crate::people::{self, Person};
use crate::store::{GalleryRow, Session, TemplateRow};
use crate::vault::Vault;
use crate::{Damage, GalleryError};

/// What is enrolled at the moment of a session.
pub(crate) struct Truth<'a> {
    pub(crate) session: &'a Session<'a>,
    pub(crate) vault: &'a Vault,
    pub(crate) gallery: GalleryRow,
    /// By their rows.
    persons: HashMap<i64, Person>,
    /// By the random ids of those whose templates were asked for.
    names: HashMap<RandomId, String>,
}

/// A template to the bit, as it was enrolled.
pub(crate) struct Exact {
    pub(crate) embedding: Embedding,
    pub(crate) quality: Option<u8>,
}

impl<'a> Truth<'a> {
    pub(crate) fn new(session: &'a Session<'a>, vault: &'a Vault, gallery: GalleryRow) -> Self {
        Self { session, vault, gallery, persons: HashMap::new(), names: HashMap::new() }
    }

    /// The moment of the session.
    pub(crate) fn mark(&self) -> Result<Mark, GalleryError> {
        Mark::end_of(self.session)
    }

    /// Of whom less is enrolled than at an earlier moment; nothing if that is none of this gallery.
    pub(crate) fn less_since(&self, mark: &Mark) -> Result<Option<Less>, GalleryError> {
        ledger::less_since(self.session, &self.vault.chain(), mark)
    }

    /// Calls `each` with every template above row `newest`, in order; it stops at the first error.
    pub(crate) fn templates_after(
        &mut self,
        newest: i64,
        mut each: impl FnMut(&NewRow<'_>),
    ) -> Result<(), GalleryError> {
        let session = self.session;
        session.templates_after(newest, |row| self.open(&row, &mut each))
    }

    /// Calls `each` with every template of a person, in order; with none if the person is gone.
    pub(super) fn templates_of(
        &mut self,
        person: RandomId,
        mut each: impl FnMut(&NewRow<'_>),
    ) -> Result<(), GalleryError> {
        let session = self.session;
        let Some(identity) = session.identity_of(person)? else { return Ok(()) };
        session.templates_of(identity.id, |row| self.open(&row, &mut each))
    }

    fn open(
        &mut self,
        row: &TemplateRow,
        each: &mut impl FnMut(&NewRow<'_>),
    ) -> Result<(), GalleryError> {
        let Self { session, vault, gallery, persons, .. } = self;
        let person = person_of(session, vault, persons, row.identity)?;
        let (embedding, _) = people::open_template(session, vault, person, row, gallery.dim)?;
        let (template, person, quality) = (row.id, person.uid, row.quality);
        each(&NewRow { template, person, embedding: &embedding, quality });
        Ok(())
    }

    /// A template of a person, whose name is then known; nothing if there is none.
    pub(crate) fn exact(
        &mut self,
        template: i64,
        person: RandomId,
    ) -> Result<Option<Exact>, GalleryError> {
        let Self { session, vault, gallery, persons, names } = self;
        let Some(row) = session.template(template)? else { return Ok(None) };
        let owner = person_of(session, vault, persons, row.identity)?;
        if owner.uid != person {
            return Ok(None);
        }
        let (embedding, _) = people::open_template(session, vault, owner, &row, gallery.dim)?;
        if let Entry::Vacant(unnamed) = names.entry(person) {
            let (details, _) = people::open(session, vault, &session.identity(row.identity)?)?;
            unnamed.insert(details.name);
        }
        Ok(Some(Exact { embedding, quality: row.quality }))
    }

    /// The name of a person of whom a template was asked for.
    pub(crate) fn name(&self, person: RandomId) -> Result<&str, GalleryError> {
        let name = self.names.get(&person).map(String::as_str);
        name.ok_or_else(|| {
            self.session.damaged(Damage::Contradictions { table: "identity", n_rows: 1 })
        })
    }
}

/// The identity of a row, read once.
fn person_of<'p>(
    session: &Session<'_>,
    vault: &Vault,
    persons: &'p mut HashMap<i64, Person>,
    identity: i64,
) -> Result<&'p Person, GalleryError> {
    match persons.entry(identity) {
        Entry::Occupied(known) => Ok(known.into_mut()),
        Entry::Vacant(unknown) => {
            let person = people::person(session, vault, &session.identity(identity)?)?;
            Ok(unknown.insert(person))
        }
    }
}

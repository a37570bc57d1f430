//! Forgetting a person: the key, the rows and the bytes go, a receipt stays.

use super::{Gallery, unix_seconds};
use crate::audit::{Action, Event, LogEnd, Receipt, ledger};
use crate::cache::Own;
use crate::matrix::Truth;
use crate::patience::BUSY_TIMEOUT;
use crate::store::Session;
use crate::{GalleryError, people};

/// What [`Gallery::forget`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Forgotten {
    /// What the person may take along.
    pub receipt: Receipt,
    /// Whether the bytes are gone from all files already.
    ///
    /// If not, another process prevented it, or the disk is full: the templates will not be found
    /// again, but their bytes linger until [`Gallery::compact`] or until the gallery is next opened.
    pub is_wiped: bool,
}

impl Gallery {
    /// Removes an identity, and overwrites all that was kept of it in all files of the gallery.
    ///
    /// No byte of a template, of a name or of anything else that is sealed is left in a file, nor, in
    /// a sealed gallery, of the key that it was sealed with. Tags of names and pictures, from which
    /// they cannot be computed, may leave copies in unused space until [`compact`](Self::compact).
    /// What the disk itself keeps of overwritten blocks, and backups, are beyond this call.
    ///
    /// # Errors
    ///
    /// Fails if nobody of this name is enrolled, or if the store or the file of the packed templates
    /// cannot be written; then everything is still there.
    pub fn forget(&mut self, identity: &str) -> Result<Forgotten, GalleryError> {
        let session = self.store.change()?;
        let Some(row) = session.identity_named(&people::name_tag(&self.vault, identity))? else {
            return Err(self.no_such(&session, identity)?);
        };
        let (person, gallery) = (row.uid, session.gallery()?.uid);
        let templates = session.template_ids(row.id)?;
        let n_templates = session.forget(row.id)?;
        let action = Action::Forgotten { person, n_templates };
        let event = Event { at: unix_seconds(), actor: self.actor.clone(), action };
        let LogEnd { position, head, .. } = ledger::append(&session, &self.vault.chain(), &event)?;
        // Before the commit, so that nobody can be forgotten and still be in the file.
        let mut truth = Truth::new(&session, &self.vault, self.row);
        self.matrix_file().erase(&mut truth, Own::Forgets(person), &templates)?;
        session.commit()?;
        let receipt = Receipt { gallery, person, n_templates, at: event.at, position, head };
        // From here on the identity is forgotten: a failure to wipe is no failure to forget.
        self.packed.forget(&templates);
        let is_wiped = self.store.truncate_log(BUSY_TIMEOUT).is_ok();
        Ok(Forgotten { receipt, is_wiped })
    }

    /// The error that says that nobody bears a name, and who bears a similar one.
    pub(super) fn no_such(
        &self,
        session: &Session<'_>,
        name: &str,
    ) -> Result<GalleryError, GalleryError> {
        let mut names = Vec::new();
        for row in session.identities()? {
            names.push(people::open(session, &self.vault, &row)?.0.name);
        }
        Ok(self.binding().no_such(name, names))
    }
}

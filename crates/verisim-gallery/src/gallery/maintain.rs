//! Looking after a gallery: check, count, compact, copy, put back.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::{Gallery, MatrixState};
use crate::audit::{Action, ledger};
use crate::matrix::{NewRow, Truth};
use crate::patience::BUSY_TIMEOUT;
use crate::policy::Policy;
use crate::store::Tip;
use crate::vault::Secret;
use crate::{Damage, GalleryError, file, people};

/// How large a gallery is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Number of identities.
    pub n_identities: usize,
    /// Number of templates.
    pub n_templates: usize,
    /// Number of templates of the identity that has most.
    pub most_templates: usize,
    /// Number of records in the log.
    pub n_records: usize,
    /// Size of the file and of the log of writes beside it, in bytes.
    pub n_bytes: u64,
    /// Size of the file of packed templates, in bytes; 0 if there is none.
    pub n_matrix_bytes: u64,
    /// Whether that file is good for the next process; nothing if the engine has none.
    pub matrix: Option<MatrixState>,
    /// What forgetting left free for new templates, in bytes.
    pub n_free_bytes: u64,
    /// Whether what is kept of persons is encrypted.
    pub is_sealed: bool,
    /// The rules.
    pub policy: Policy,
}

impl Gallery {
    /// Reads everything, and makes sure that it fits together: the engine's pages, the rows, each
    /// checksum or seal, the log, that the log agrees with who is enrolled, and that a search finds
    /// all templates in the file of packed ones, if that is whole. Where it is not, the next search
    /// makes it anew.
    ///
    /// # Errors
    ///
    /// Fails with [`GalleryError::Damaged`] if it does not, with
    /// [`GalleryError::MatrixContradicts`] if only the file of packed templates is to blame, or if
    /// the store cannot be read.
    pub fn check(&self) -> Result<(), GalleryError> {
        let seen = self.store.seen();
        let session = self.store.view()?;
        session.check()?;
        session.policy()?;
        let mut persons = HashMap::new();
        for row in session.identities()? {
            let (details, person) = people::open(&session, &self.vault, &row)?;
            let named = session.identity_named(&people::name_tag(&self.vault, &details.name))?;
            if named.is_none_or(|named| named.id != row.id) {
                return Err(session.damaged(Damage::Identity { identity: row.id }));
            }
            persons.insert(row.id, person);
        }
        let matrix = self.matrix_of_file(&mut Truth::new(&session, &self.vault, self.row))?;
        session.templates_after(0, |row| {
            let damaged = || session.damaged(Damage::Template { template: row.id });
            let person = persons.get(&row.identity).ok_or_else(damaged)?;
            let (embedding, _) =
                people::open_template(&session, &self.vault, person, &row, self.row.dim)?;
            people::open_thumbnail(&session, &self.vault, person, &row)?;
            let (template, person, quality) = (row.id, person.uid, row.quality);
            let new = NewRow { template, person, embedding: &embedding, quality };
            if matrix.as_ref().is_some_and(|it| !it.holds(&new)) {
                let path = self.matrix_file().path().to_owned();
                return Err(GalleryError::MatrixContradicts { path, template });
            }
            Ok(())
        })?;
        self.open_changes(&session)?;
        ledger::check(&session, &self.vault.chain(), seen).map(drop)
    }

    /// How large the gallery is.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn stats(&self) -> Result<Stats, GalleryError> {
        let session = self.store.view()?;
        let size = |path: &Path| fs::metadata(path).map_or(0, |it| it.len());
        Ok(Stats {
            n_identities: session.n_identities()?,
            n_templates: session.n_templates()?,
            most_templates: session.most_templates()?,
            n_records: session.n_records()?,
            n_bytes: size(self.path()) + size(&file::log_of_writes(self.path())),
            n_matrix_bytes: self.matrix_file().n_bytes(),
            matrix: Some(self.matrix_state(&session)?),
            n_free_bytes: session.n_free_bytes()?,
            is_sealed: self.is_sealed(),
            policy: session.policy()?,
        })
    }

    /// Writes the file anew, so that nothing of what was forgotten is left in it, tags included, and
    /// that of the packed templates, if there is one.
    ///
    /// This takes time, disk and memory in proportion to the whole gallery.
    ///
    /// # Errors
    ///
    /// Fails if other processes are using the gallery, or if the store cannot be written; the
    /// enrolled templates are not affected.
    pub fn compact(&mut self) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        self.record(&session, Action::Compacted)?;
        session.commit()?;
        self.store.rewrite()?;
        if self.matrix_file().path().exists() {
            self.write_matrix_file()?;
        }
        self.store.truncate_log(BUSY_TIMEOUT)
    }

    /// Copies the gallery, as it is at one moment, into the new file `to`, while others use it.
    ///
    /// The file is whole or not there. It holds what the gallery holds, sealed if that is sealed, and
    /// what is forgotten later stays in it.
    ///
    /// # Errors
    ///
    /// Fails if something is at `to`, or if it or the store cannot be written.
    pub fn backup(&mut self, to: &Path) -> Result<(), GalleryError> {
        file::expect_nothing(to)?;
        let session = self.store.change()?;
        self.record(&session, Action::BackedUp)?;
        session.commit()?;
        file::write_new(to, |draft| self.store.copy_into(draft))
    }

    /// Makes a gallery in `folder` of a copy that [`backup`](Self::backup) made.
    ///
    /// The copy is checked first, as [`check`](Self::check) does, and stays as it is. It holds no
    /// packed templates: they are made of it. People who were forgotten since it was made are in it:
    /// forget them again.
    ///
    /// # Errors
    ///
    /// Fails if there is a gallery in the folder, if the copy is damaged or cannot be read, if the
    /// secret is not the one that it needs, or if the folder cannot be written.
    pub fn restore(
        from: &Path,
        folder: &Path,
        secret: Option<&Secret>,
    ) -> Result<Self, GalleryError> {
        let target = file::path(folder)?;
        file::expect_no_gallery(&target)?;
        file::expect(from)?;
        // What is in the log of writes of a gallery in use would be left out.
        if fs::metadata(file::log_of_writes(from)).is_ok_and(|it| it.len() > 0) {
            return Err(GalleryError::Busy { path: from.to_owned() });
        }
        file::in_draft(folder, "restore", |draft| Self::restore_in(from, draft, &target, secret))?;
        let mut gallery = Self::open(folder, secret)?;
        // The gallery is there and whole; the first search would make this file, too.
        gallery.write_matrix_file().ok();
        Ok(gallery)
    }

    fn restore_in(
        from: &Path,
        draft: &Path,
        target: &Path,
        secret: Option<&Secret>,
    ) -> Result<(), GalleryError> {
        let path = file::path(draft)?;
        file::create_if_missing(&path)?;
        file::copy_bytes(from, &path)?;
        let gallery = Self::open(draft, secret)?;
        gallery.check()?;
        let session = gallery.store.change()?;
        gallery.record(&session, Action::Restored)?;
        session.commit()?;
        // What is still in the log of writes would stay behind.
        gallery.store.truncate_log(BUSY_TIMEOUT)?;
        drop(gallery);
        file::expect_no_gallery(target)?;
        Tip::remove(target);
        file::publish(&path, target)
    }
}

//! Templates that change hands: merge, move, split, each of which can be undone; and removing some.

use super::{Gallery, unix_seconds};
use crate::audit::Action;
use crate::cache::Own;
use crate::change::{self, Change, ChangeKind};
use crate::details::Details;
use crate::id::RandomId;
use crate::matrix::Truth;
use crate::patience::BUSY_TIMEOUT;
use crate::people::{self, Person};
use crate::store::{ChangeRow, NewChange, Session, TemplateRow};
use crate::vault::Place;
use crate::{Damage, GalleryError, name};

/// What [`Gallery::remove_templates`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Removed {
    /// Number of templates that were overwritten.
    pub n_templates: usize,
    /// Whether their bytes are gone from all files already, as in
    /// [`Forgotten::is_wiped`](crate::Forgotten::is_wiped).
    pub is_wiped: bool,
}

impl Gallery {
    /// Gives all templates of the identity `other` to the identity `keep`, and returns how many.
    ///
    /// The details of `keep` stay. What was kept of `other` is from then on kept by `keep`, to
    /// [`undo`](Self::undo) this: whoever forgets `keep` forgets both.
    ///
    /// # Errors
    ///
    /// Fails if one of them is not enrolled, if they are the same, if `keep` would have too many
    /// templates, or if the store cannot be written; then nothing was changed.
    pub fn merge(&mut self, keep: &str, other: &str) -> Result<usize, GalleryError> {
        let session = self.store.change()?;
        let (_, taker) = self.known(&session, keep)?;
        let (details, giver) = self.known(&session, other)?;
        let rows = self.rows_to_give(&session, &giver, &taker, keep)?;
        let enrolled_at = session.identity(giver.id)?.enrolled_at;
        let templates = self.give(&session, (&giver, &taker), &rows)?;
        for row in session.changes()?.iter().filter(|it| it.keeper == giver.id) {
            self.rekey(&session, row, (&giver, &taker))?;
        }
        session.remove_identity(giver.id)?;
        let gone = Some((details, enrolled_at));
        let (n_templates, uids) = (templates.len(), (taker.uid, giver.uid));
        let change =
            Change { kind: ChangeKind::Merge, taker: uids.0, giver: uids.1, templates, gone };
        self.keep_change(&session, &taker, &change)?;
        let (person, other) = uids;
        let action = Action::Merged { person, other, n_templates, is_undoing: false };
        let gave = ids(&rows);
        self.commit_hand_over(session, action, &gave)?;
        self.packed.forget(&gave);
        Ok(n_templates)
    }

    /// Gives one template to the identity `to`.
    ///
    /// # Errors
    ///
    /// Fails if there is no such template or identity, if the template is that identity's already or
    /// the only one of its own, if `to` would have too many templates, or if the store cannot be
    /// written; then nothing was changed.
    pub fn move_template(&mut self, template: RandomId, to: &str) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        let (_, taker) = self.known(&session, to)?;
        let row = self.template_row(&session, template)?;
        let (details, giver) =
            people::open(&session, &self.vault, &session.identity(row.identity)?)?;
        self.expect_room(&session, &giver, &taker, to, 1)?;
        self.expect_rest(&session, &giver, &details.name, 1)?;
        let rows = [row];
        let templates = self.give(&session, (&giver, &taker), &rows)?;
        let (person, other) = (taker.uid, giver.uid);
        let change =
            Change { kind: ChangeKind::Move, taker: person, giver: other, templates, gone: None };
        self.keep_change(&session, &taker, &change)?;
        let action = Action::Moved { person, other, n_templates: 1, is_undoing: false };
        let gave = ids(&rows);
        self.commit_hand_over(session, action, &gave)?;
        self.packed.forget(&gave);
        Ok(())
    }

    /// Makes a new identity `into` of some templates of the identity `from`; returns how many.
    ///
    /// # Errors
    ///
    /// Fails if there is no such identity, if a template is not one of its, if it would keep none, if
    /// `into` is enrolled already or no name, or if the store cannot be written; then nothing was
    /// changed.
    pub fn split(
        &mut self,
        from: &str,
        templates: &[RandomId],
        into: &str,
    ) -> Result<usize, GalleryError> {
        name::check(into)?;
        let session = self.store.change()?;
        let (_, giver) = self.known(&session, from)?;
        let mut rows: Vec<TemplateRow> = Vec::with_capacity(templates.len());
        for &template in templates {
            let row = self.template_row(&session, template)?;
            if row.identity != giver.id {
                return Err(self.no_such_template(template));
            }
            if rows.iter().all(|it| it.id != row.id) {
                rows.push(row);
            }
        }
        self.expect_rest(&session, &giver, from, rows.len())?;
        self.expect_free(&session, into)?;
        if rows.is_empty() {
            return Ok(0);
        }
        let details = Details { name: into.to_owned(), external_id: None, metadata: None };
        let taker = people::add(&session, &self.vault, &details, unix_seconds())?;
        let templates = self.give(&session, (&giver, &taker), &rows)?;
        let (person, other, n_templates) = (taker.uid, giver.uid, templates.len());
        let change =
            Change { kind: ChangeKind::Split, taker: person, giver: other, templates, gone: None };
        self.keep_change(&session, &taker, &change)?;
        let action = Action::Split { person, other, n_templates, is_undoing: false };
        let gave = ids(&rows);
        self.commit_hand_over(session, action, &gave)?;
        self.packed.forget(&gave);
        Ok(n_templates)
    }

    /// Overwrites templates and removes them, which cannot be undone.
    ///
    /// # Errors
    ///
    /// Fails if there is no such template, if an identity would be left without any, which is then to
    /// be forgotten, or if the store cannot be written; then nothing was changed.
    pub fn remove_templates(&mut self, templates: &[RandomId]) -> Result<Removed, GalleryError> {
        let session = self.store.change()?;
        let mut removed = Vec::with_capacity(templates.len());
        for &template in templates {
            let row = self.template_row(&session, template)?;
            let identity = session.identity(row.identity)?;
            let (details, owner) = people::open(&session, &self.vault, &identity)?;
            self.expect_rest(&session, &owner, &details.name, 1)?;
            session.remove_template(row.id)?;
            self.record(&session, Action::Removed { person: owner.uid, n_templates: 1 })?;
            removed.push(row.id);
        }
        // Before the commit, so that nothing can be removed and still be in the file.
        let mut truth = Truth::new(&session, &self.vault, self.row);
        self.matrix_file().erase(&mut truth, Own::Lessens(removed.len()), &removed)?;
        session.commit()?;
        self.packed.forget(&removed);
        let is_wiped = self.store.truncate_log(BUSY_TIMEOUT).is_ok();
        Ok(Removed { n_templates: removed.len(), is_wiped })
    }

    /// Records that templates changed hands, and makes it last; `gave` are the rows that they had before.
    pub(super) fn commit_hand_over(
        &self,
        session: Session<'_>,
        action: Action,
        gave: &[i64],
    ) -> Result<(), GalleryError> {
        self.record(&session, action)?;
        let mut truth = Truth::new(&session, &self.vault, self.row);
        self.matrix_file().hand_over(&mut truth, gave);
        session.commit()
    }

    /// Gives templates to another identity; their ids, and the tags of their sources before.
    pub(super) fn give(
        &self,
        session: &Session<'_>,
        between: (&Person, &Person),
        rows: &[TemplateRow],
    ) -> Result<Vec<(RandomId, [u8; 32])>, GalleryError> {
        let mut given = Vec::with_capacity(rows.len());
        for row in rows {
            people::hand_over(session, &self.vault, between, row, row.source_tag)?;
            given.push((row.uid, row.source_tag));
        }
        Ok(given)
    }

    /// Stores what undoing a change needs, sealed for whoever keeps it.
    fn keep_change(
        &self,
        session: &Session<'_>,
        keeper: &Person,
        change: &Change,
    ) -> Result<(), GalleryError> {
        let seal = || -> std::io::Result<_> {
            let uid = RandomId::draw()?;
            let bytes = change::encode(change).map_err(std::io::Error::other)?;
            Ok((uid, self.vault.seal(&keeper.key, Place::Change(keeper.uid, uid), &bytes)?))
        };
        let (uid, sealed) = seal().map_err(|error| session.failed(error))?;
        session.add_change(&NewChange {
            uid,
            kind: change.kind.code(),
            taker: change.taker,
            giver: change.giver,
            keeper: keeper.id,
            made_at: unix_seconds(),
            sealed: &sealed,
        })
    }

    /// Seals a change anew, for another keeper.
    pub(super) fn rekey(
        &self,
        session: &Session<'_>,
        row: &ChangeRow,
        (from, to): (&Person, &Person),
    ) -> Result<(), GalleryError> {
        let opened = self.vault.open(&from.key, Place::Change(from.uid, row.uid), &row.sealed);
        let opened = opened.map_err(|_| session.damaged(Damage::Change { change: row.id }))?;
        let sealed = self.vault.seal(&to.key, Place::Change(to.uid, row.uid), &opened);
        session.rekey_change(row.id, to.id, &sealed.map_err(|error| session.failed(error))?)
    }

    /// Who bears a name.
    fn known(&self, session: &Session<'_>, name: &str) -> Result<(Details, Person), GalleryError> {
        match session.identity_named(&people::name_tag(&self.vault, name))? {
            Some(row) => people::open(session, &self.vault, &row),
            None => Err(self.no_such(session, name)?),
        }
    }

    fn template_row(
        &self,
        session: &Session<'_>,
        template: RandomId,
    ) -> Result<TemplateRow, GalleryError> {
        session.template_of(template)?.ok_or_else(|| self.no_such_template(template))
    }

    fn no_such_template(&self, template: RandomId) -> GalleryError {
        GalleryError::NoSuchTemplate { path: self.path().to_owned(), template }
    }

    /// All templates of the giver, if the taker has room for them.
    fn rows_to_give(
        &self,
        session: &Session<'_>,
        giver: &Person,
        taker: &Person,
        taker_name: &str,
    ) -> Result<Vec<TemplateRow>, GalleryError> {
        let mut rows = Vec::new();
        session.templates_of(giver.id, |row| {
            rows.push(row);
            Ok(())
        })?;
        self.expect_room(session, giver, taker, taker_name, rows.len())?;
        Ok(rows)
    }

    /// Fails if giver and taker are one, or if the taker would have too many templates.
    fn expect_room(
        &self,
        session: &Session<'_>,
        giver: &Person,
        taker: &Person,
        taker_name: &str,
        n: usize,
    ) -> Result<(), GalleryError> {
        let path = self.path().to_owned();
        if giver.id == taker.id {
            return Err(GalleryError::SameIdentity { path, name: taker_name.to_owned() });
        }
        let max = session.policy()?.max_templates;
        let wanted = session.n_templates_of(taker.id)? + n;
        if wanted > max as usize {
            return Err(GalleryError::TooManyTemplates { path, wanted, max });
        }
        Ok(())
    }

    /// Fails if an identity would be left without a template.
    pub(super) fn expect_rest(
        &self,
        session: &Session<'_>,
        giver: &Person,
        name: &str,
        n: usize,
    ) -> Result<(), GalleryError> {
        if session.n_templates_of(giver.id)? > n {
            return Ok(());
        }
        Err(GalleryError::WouldBeEmpty { path: self.path().to_owned(), name: name.to_owned() })
    }

    /// Fails if somebody bears a name.
    pub(super) fn expect_free(
        &self,
        session: &Session<'_>,
        name: &str,
    ) -> Result<(), GalleryError> {
        if session.identity_named(&people::name_tag(&self.vault, name))?.is_none() {
            return Ok(());
        }
        Err(GalleryError::NameTaken { path: self.path().to_owned(), name: name.to_owned() })
    }
}

/// The rows that templates had before they changed hands.
fn ids(rows: &[TemplateRow]) -> Vec<i64> {
    rows.iter().map(|it| it.id).collect()
}

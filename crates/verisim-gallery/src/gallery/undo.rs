//! Taking back what was rearranged, the latest first; it knows no similarity.
//!
//! A change is sealed under the key of its keeper: whoever has the templates that it was about, be it
//! because the one who took them was merged into somebody since. Forgetting the keeper therefore
//! destroys what undoing needs, as it destroys the templates. Changes are undone in reverse order, so
//! that each finds things as it left them, but for what was enrolled, removed or forgotten since.

use std::collections::BTreeSet;

use super::Gallery;
use crate::audit::Action;
use crate::change::{self, Change, ChangeKind};
use crate::details::Details;
use crate::id::RandomId;
use crate::people::{self, Person};
use crate::store::{ChangeRow, Session, TemplateRow};
use crate::vault::Place;
use crate::{Damage, GalleryError};

/// A change that can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UndoableChange {
    /// What was done.
    pub kind: ChangeKind,
    /// Name of the identity that got templates, if it or what it was merged into is known.
    pub taker: Option<String>,
    /// Name of the identity that gave them, likewise.
    pub giver: Option<String>,
    /// Number of templates that changed hands.
    pub n_templates: usize,
    /// When, in seconds since 1970 (UTC).
    pub made_at: i64,
}

/// What [`Gallery::undo`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The change, as it was before it was undone.
    pub change: UndoableChange,
    /// Number of templates that went back; fewer than the change had if some were removed since.
    pub n_templates: usize,
}

impl Gallery {
    /// The changes that can be undone, the latest first.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read.
    pub fn undoable(&self) -> Result<Vec<UndoableChange>, GalleryError> {
        let session = self.store.view()?;
        let changes = self.open_changes(&session)?;
        let summary = |(row, _, change): &(ChangeRow, Person, Change)| {
            self.summary(&session, row, change, &changes)
        };
        changes.iter().map(summary).collect()
    }

    /// Undoes the latest change that can be undone.
    ///
    /// Templates that were removed since stay away, and those that were enrolled since stay where they
    /// are; a new identity that a split made stays for their sake.
    ///
    /// # Errors
    ///
    /// Fails if there is no change to be undone, if the name or external id of whoever would come back
    /// is taken, if somebody would be left without a template, or if the store cannot be written; then
    /// nothing was changed.
    pub fn undo(&mut self) -> Result<Undone, GalleryError> {
        let session = self.store.change()?;
        let changes = self.open_changes(&session)?;
        let Some((row, taker, change)) = changes.first() else {
            return Err(GalleryError::NothingToUndo { path: self.path().to_owned() });
        };
        let summary = self.summary(&session, row, change, &changes)?;
        let mut back: Vec<(TemplateRow, [u8; 32])> = Vec::new();
        for &(template, tag) in &change.templates {
            let found = session.template_of(template)?.filter(|it| it.identity == taker.id);
            back.extend(found.map(|it| (it, tag)));
        }
        let n_templates = back.len();
        let n_left = session.n_templates_of(taker.id)? - n_templates;
        // Nobody comes back without a template.
        let giver = if n_templates == 0 { None } else { self.giver(&session, change)? };
        session.remove_change(row.id)?;
        let (person, other) = (change.taker, change.giver);
        let Some(giver) = giver else {
            let (person, other) = (other, person);
            self.record(
                &session,
                Action::Moved { person, other, n_templates: 0, is_undoing: true },
            )?;
            session.commit()?;
            return Ok(Undone { change: summary, n_templates: 0 });
        };
        for (template, tag) in &back {
            people::hand_over(&session, &self.vault, (taker, &giver), template, *tag)?;
        }
        let action = match change.kind {
            ChangeKind::Split if n_left == 0 => {
                session.remove_identity(taker.id)?;
                Action::Merged { person: other, other: person, n_templates, is_undoing: true }
            }
            _ if n_left == 0 => {
                let name = summary.taker.unwrap_or_default();
                return Err(GalleryError::WouldBeEmpty { path: self.path().to_owned(), name });
            }
            ChangeKind::Merge => {
                self.hand_changes_back(&session, &changes, (taker, &giver))?;
                Action::Split { person: other, other: person, n_templates, is_undoing: true }
            }
            ChangeKind::Move | ChangeKind::Split => {
                Action::Moved { person: other, other: person, n_templates, is_undoing: true }
            }
        };
        let gave: Vec<i64> = back.iter().map(|(row, _)| row.id).collect();
        self.commit_hand_over(session, action, &gave)?;
        self.packed.forget(&gave);
        Ok(Undone { change: summary, n_templates })
    }

    /// Whoever gave the templates: enrolled still, or enrolled again. Nobody if it was forgotten.
    fn giver(
        &self,
        session: &Session<'_>,
        change: &Change,
    ) -> Result<Option<Person>, GalleryError> {
        let Some((details, enrolled_at)) = &change.gone else {
            let row = session.identity_of(change.giver)?;
            return row.map(|row| people::person(session, &self.vault, &row)).transpose();
        };
        self.expect_free(session, &details.name)?;
        if let Some(external_id) = &details.external_id
            && session.identity_outside(&people::external_tag(&self.vault, external_id))?.is_some()
        {
            let (path, external_id) = (self.path().to_owned(), external_id.clone());
            return Err(GalleryError::ExternalIdTaken { path, external_id });
        }
        people::add_again(session, &self.vault, change.giver, details, *enrolled_at).map(Some)
    }

    /// Gives the changes to whoever came back that were kept for it: those in which it took, or one
    /// that was merged into it before.
    fn hand_changes_back(
        &self,
        session: &Session<'_>,
        changes: &[(ChangeRow, Person, Change)],
        (keeper, back): (&Person, &Person),
    ) -> Result<(), GalleryError> {
        let earlier = &changes[1..];
        let mut its = BTreeSet::from([back.uid]);
        // The latest first: whoever was merged into somebody was merged before that was merged.
        for (_, _, change) in earlier {
            if change.kind == ChangeKind::Merge && its.contains(&change.taker) {
                its.insert(change.giver);
            }
        }
        for (row, _, change) in earlier {
            if row.keeper == keeper.id && its.contains(&change.taker) {
                self.rekey(session, row, (keeper, back))?;
            }
        }
        Ok(())
    }

    /// All changes with their keepers, opened, the latest first.
    pub(super) fn open_changes(
        &self,
        session: &Session<'_>,
    ) -> Result<Vec<(ChangeRow, Person, Change)>, GalleryError> {
        let open = |row: ChangeRow| {
            let identity = session.identity(row.keeper)?;
            let keeper = people::person(session, &self.vault, &identity)?;
            let place = Place::Change(keeper.uid, row.uid);
            let opened = self.vault.open(&keeper.key, place, &row.sealed).ok();
            let change = opened.and_then(|bytes| change::decode(&bytes)).filter(|change| {
                (change.kind.code(), change.taker, change.giver) == (row.kind, row.taker, row.giver)
            });
            let change =
                change.ok_or_else(|| session.damaged(Damage::Change { change: row.id }))?;
            Ok((row, keeper, change))
        };
        session.changes()?.into_iter().map(open).collect()
    }

    fn summary(
        &self,
        session: &Session<'_>,
        row: &ChangeRow,
        change: &Change,
        all: &[(ChangeRow, Person, Change)],
    ) -> Result<UndoableChange, GalleryError> {
        let name = |uid: RandomId| -> Result<Option<String>, GalleryError> {
            if let Some(row) = session.identity_of(uid)? {
                return Ok(Some(people::open(session, &self.vault, &row)?.0.name));
            }
            let gone = all.iter().filter(|(_, _, it)| it.giver == uid);
            let mut gone = gone.filter_map(|(_, _, it)| it.gone.as_ref());
            Ok(gone.next().map(|(Details { name, .. }, _)| name.clone()))
        };
        Ok(UndoableChange {
            kind: change.kind,
            taker: name(change.taker)?,
            giver: name(change.giver)?,
            n_templates: change.templates.len(),
            made_at: row.made_at,
        })
    }
}

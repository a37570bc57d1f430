//! The rows of changes that can be undone, and templates that change hands; what is sealed stays so.

use rusqlite::{OptionalExtension, Row};

use super::{NewTemplate, Session, TemplateRow, first, slots};
use crate::id::RandomId;
use crate::{ChangeKind, GalleryError};

/// A change that can be undone, as it is stored.
pub(crate) struct ChangeRow {
    pub(crate) id: i64,
    pub(crate) uid: RandomId,
    /// What was done, as [`ChangeKind::code`](crate::ChangeKind) has it.
    pub(crate) kind: u8,
    /// Who was given templates, and who gave them.
    pub(crate) taker: RandomId,
    pub(crate) giver: RandomId,
    /// The identity under whose key the rest is sealed: whoever has the taker's templates.
    pub(crate) keeper: i64,
    pub(crate) made_at: i64,
    pub(crate) sealed: Vec<u8>,
}

/// A change to be stored.
pub(crate) struct NewChange<'a> {
    pub(crate) uid: RandomId,
    pub(crate) kind: u8,
    pub(crate) taker: RandomId,
    pub(crate) giver: RandomId,
    pub(crate) keeper: i64,
    pub(crate) made_at: i64,
    pub(crate) sealed: &'a [u8],
}

const CHANGES: &str = "SELECT change.id, uid, kind, taker, giver, keeper, made_at, content
    FROM change LEFT JOIN slot ON slot.id = change.slot";

impl Session<'_> {
    /// All changes that can be undone, the latest first.
    pub(crate) fn changes(&self) -> Result<Vec<ChangeRow>, GalleryError> {
        let select = format!("{CHANGES} ORDER BY change.id DESC");
        self.run(|sql| sql.prepare_cached(&select)?.query_map([], change_row)?.collect())
    }

    pub(crate) fn add_change(&self, new: &NewChange<'_>) -> Result<(), GalleryError> {
        self.run(|sql| {
            let slot = slots::fill(sql, new.sealed)?;
            let insert = "INSERT INTO change (uid, kind, taker, giver, keeper, made_at, slot)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let (uid, taker, giver) =
                (new.uid.as_bytes(), new.taker.as_bytes(), new.giver.as_bytes());
            let row = (uid, new.kind, taker, giver, new.keeper, new.made_at, slot);
            sql.prepare_cached(insert)?.execute(row).map(drop)
        })
    }

    /// Has another identity keep a change, sealed anew for it.
    pub(crate) fn rekey_change(
        &self,
        change: i64,
        keeper: i64,
        sealed: &[u8],
    ) -> Result<(), GalleryError> {
        self.run(|sql| {
            slots::empty(sql, "SELECT slot FROM change WHERE id = ?1", change)?;
            let slot = slots::fill(sql, sealed)?;
            let update = "UPDATE change SET keeper = ?2, slot = ?3 WHERE id = ?1";
            sql.prepare_cached(update)?.execute((change, keeper, slot)).map(drop)
        })
    }

    /// Overwrites what undoing a change needs, and removes it.
    pub(crate) fn remove_change(&self, change: i64) -> Result<(), GalleryError> {
        self.run(|sql| {
            slots::empty(sql, "SELECT slot FROM change WHERE id = ?1", change)?;
            sql.execute("DELETE FROM change WHERE id = ?1", [change]).map(drop)
        })
    }

    /// Does so with all changes that nobody can undo any more once an identity is forgotten: those it
    /// keeps, and those with it or with whoever was merged into it.
    pub(super) fn remove_changes_of(&self, identity: i64) -> Result<(), GalleryError> {
        let theirs = format!(
            "SELECT uid FROM identity WHERE id = ?1
             UNION SELECT giver FROM change WHERE keeper = ?1 AND kind = {}",
            ChangeKind::Merge.code()
        );
        let select = format!(
            "SELECT id FROM change
             WHERE keeper = ?1 OR taker IN ({theirs}) OR giver IN ({theirs})"
        );
        let doomed: Vec<i64> = self.run(|sql| {
            sql.prepare_cached(&select)?.query_map([identity], |row| row.get(0))?.collect()
        })?;
        doomed.into_iter().try_for_each(|change| self.remove_change(change))
    }

    /// The template of a random id, if there is one.
    pub(crate) fn template_of(&self, uid: RandomId) -> Result<Option<TemplateRow>, GalleryError> {
        let select = "SELECT id FROM template WHERE uid = ?1";
        let id: Option<i64> = self.run(|sql| first(sql, select, [uid.as_bytes()]).optional())?;
        id.map_or(Ok(None), |id| self.template(id))
    }

    /// Puts a template that was sealed anew in the place of another, whose bytes are overwritten.
    ///
    /// It gets a row above all others, as one that is enrolled: whoever remembers rows finds it.
    pub(crate) fn replace_template(
        &self,
        old: i64,
        new: &NewTemplate<'_>,
    ) -> Result<(), GalleryError> {
        self.add_template(new)?;
        self.remove_template(old)
    }

    /// Overwrites a template, and removes it.
    pub(crate) fn remove_template(&self, template: i64) -> Result<(), GalleryError> {
        self.run(|sql| {
            let its = "SELECT slot FROM template WHERE id = ?1
                UNION ALL SELECT thumbnail FROM template WHERE id = ?1";
            slots::empty(sql, its, template)?;
            let delete = "DELETE FROM template WHERE id = ?1";
            sql.prepare_cached(delete)?.execute([template]).map(drop)
        })
    }
}

fn change_row(row: &Row<'_>) -> rusqlite::Result<ChangeRow> {
    Ok(ChangeRow {
        id: row.get(0)?,
        uid: RandomId::new(row.get(1)?),
        kind: row.get(2)?,
        taker: RandomId::new(row.get(3)?),
        giver: RandomId::new(row.get(4)?),
        keeper: row.get(5)?,
        made_at: row.get(6)?,
        sealed: row.get(7)?,
    })
}

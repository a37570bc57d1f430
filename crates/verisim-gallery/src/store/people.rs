//! The rows of identities and their templates; what lies in slots is sealed, and stays so here.

use rusqlite::{OptionalExtension, Row};

use super::{Session, first, slots};
use crate::id::RandomId;
use crate::{Damage, GalleryError};

/// An identity as it is stored.
pub(crate) struct IdentityRow {
    pub(crate) id: i64,
    pub(crate) uid: RandomId,
    pub(crate) details: Vec<u8>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) external_tag: Option<[u8; 32]>,
    pub(crate) enrolled_at: i64,
}

/// A template as it is stored.
pub(crate) struct TemplateRow {
    pub(crate) id: i64,
    pub(crate) uid: RandomId,
    pub(crate) identity: i64,
    pub(crate) source_tag: [u8; 32],
    pub(crate) quality: Option<u8>,
    pub(crate) enrolled_at: i64,
    pub(crate) sealed: Vec<u8>,
}

/// An identity to be stored.
pub(crate) struct NewIdentity<'a> {
    pub(crate) uid: RandomId,
    pub(crate) name_tag: [u8; 32],
    pub(crate) external_tag: Option<[u8; 32]>,
    pub(crate) details: &'a [u8],
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) enrolled_at: i64,
}

/// A template to be stored.
pub(crate) struct NewTemplate<'a> {
    pub(crate) uid: RandomId,
    pub(crate) identity: i64,
    pub(crate) source_tag: [u8; 32],
    pub(crate) sealed: &'a [u8],
    pub(crate) thumbnail: Option<&'a [u8]>,
    pub(crate) quality: Option<u8>,
    pub(crate) enrolled_at: i64,
}

// Outer joins, so that a row that is missing is an error and not a row less.
const IDENTITIES: &str = "SELECT identity.id, uid, details.content, person_key.content,
        external_tag, enrolled_at
    FROM identity LEFT JOIN slot AS details ON details.id = identity.details
        LEFT JOIN slot AS person_key ON person_key.id = identity.person_key";
const TEMPLATES: &str =
    "SELECT template.id, uid, identity, source_tag, quality, enrolled_at, content
    FROM template LEFT JOIN slot ON slot.id = template.slot";

impl Session<'_> {
    pub(crate) fn n_identities(&self) -> Result<usize, GalleryError> {
        self.count("SELECT count(*) FROM identity")
    }

    pub(crate) fn n_templates(&self) -> Result<usize, GalleryError> {
        self.count("SELECT count(*) FROM template")
    }

    /// Number of templates above row `newest`.
    pub(crate) fn n_templates_after(&self, newest: i64) -> Result<usize, GalleryError> {
        let select = "SELECT count(*) FROM template WHERE id > ?1";
        self.run(|sql| first(sql, select, [newest]).map(|n: i64| n as usize))
    }

    /// Number of templates of an identity.
    pub(crate) fn n_templates_of(&self, identity: i64) -> Result<usize, GalleryError> {
        let select = "SELECT count(*) FROM template WHERE identity = ?1";
        self.run(|sql| first(sql, select, [identity]).map(|n: i64| n as usize))
    }

    /// Number of templates of the identity that has most.
    pub(crate) fn most_templates(&self) -> Result<usize, GalleryError> {
        self.count(
            "SELECT coalesce(max(n), 0) FROM
                (SELECT count(*) AS n FROM template GROUP BY identity)",
        )
    }

    /// Size of all free slots.
    pub(crate) fn n_free_bytes(&self) -> Result<u64, GalleryError> {
        self.count("SELECT coalesce(sum(n_bytes), 0) FROM free_slot").map(|it| it as u64)
    }

    /// All identities.
    pub(crate) fn identities(&self) -> Result<Vec<IdentityRow>, GalleryError> {
        self.run(|sql| sql.prepare_cached(IDENTITIES)?.query_map([], identity_row)?.collect())
    }

    /// The identity of a row.
    pub(crate) fn identity(&self, id: i64) -> Result<IdentityRow, GalleryError> {
        let select = format!("{IDENTITIES} WHERE identity.id = ?1");
        let row =
            self.run(|sql| sql.prepare_cached(&select)?.query_row([id], identity_row).optional())?;
        row.ok_or_else(|| self.damaged(Damage::Contradictions { table: "template", n_rows: 1 }))
    }

    /// The identity that bears this random id, if it is enrolled.
    pub(crate) fn identity_of(&self, uid: RandomId) -> Result<Option<IdentityRow>, GalleryError> {
        let select = format!("{IDENTITIES} WHERE uid = ?1");
        let uid = uid.as_bytes();
        self.run(|sql| sql.prepare_cached(&select)?.query_row([uid], identity_row).optional())
    }

    /// The identity whose name has this tag.
    pub(crate) fn identity_named(
        &self,
        name_tag: &[u8; 32],
    ) -> Result<Option<IdentityRow>, GalleryError> {
        let select = format!("{IDENTITIES} WHERE name_tag = ?1");
        self.run(|sql| sql.prepare_cached(&select)?.query_row([name_tag], identity_row).optional())
    }

    /// Row of the identity whose external id has this tag.
    pub(crate) fn identity_outside(&self, tag: &[u8; 32]) -> Result<Option<i64>, GalleryError> {
        let select = "SELECT id FROM identity WHERE external_tag = ?1";
        self.run(|sql| first(sql, select, [tag]).optional())
    }

    /// Whether an identity bears this random id.
    pub(crate) fn is_enrolled(&self, uid: RandomId) -> Result<bool, GalleryError> {
        let select = "SELECT 1 FROM identity WHERE uid = ?1";
        self.run(|sql| sql.prepare_cached(select)?.exists([uid.as_bytes()]))
    }

    /// The rows of the templates of an identity, in order.
    pub(crate) fn template_ids(&self, identity: i64) -> Result<Vec<i64>, GalleryError> {
        self.run(|sql| {
            let select = "SELECT id FROM template WHERE identity = ?1 ORDER BY id";
            sql.prepare_cached(select)?.query_map([identity], |row| row.get(0))?.collect()
        })
    }

    /// The template of a row, if there is one.
    pub(crate) fn template(&self, id: i64) -> Result<Option<TemplateRow>, GalleryError> {
        let mut found = None;
        self.each_template("template.id = ?1", id, |row| {
            found = Some(row);
            Ok(())
        })?;
        Ok(found)
    }

    /// Calls `each` with every template above row `newest`, in order; it stops at the first error.
    pub(crate) fn templates_after(
        &self,
        newest: i64,
        each: impl FnMut(TemplateRow) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        let which = "template.id > ?1 ORDER BY template.id";
        self.each_template(which, newest, each)
    }

    /// Calls `each` with the first thousand of them.
    pub(crate) fn templates_page(
        &self,
        newest: i64,
        each: impl FnMut(TemplateRow) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        self.each_template("template.id > ?1 ORDER BY template.id LIMIT 1000", newest, each)
    }

    /// Calls `each` with every template of an identity, in order; it stops at the first error.
    pub(crate) fn templates_of(
        &self,
        identity: i64,
        each: impl FnMut(TemplateRow) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        self.each_template("identity = ?1 ORDER BY template.id", identity, each)
    }

    pub(super) fn each_template(
        &self,
        which: &str,
        parameter: i64,
        mut each: impl FnMut(TemplateRow) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        let select = format!("{TEMPLATES} WHERE {which}");
        self.run(|sql| {
            let mut select = sql.prepare_cached(&select)?;
            let mut rows = select.query([parameter])?;
            while let Some(row) = rows.next()? {
                if let Err(error) = each(template_row(row)?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
    }

    /// The thumbnail of a template, as it is stored, if it has one.
    pub(crate) fn thumbnail(&self, template: i64) -> Result<Option<Vec<u8>>, GalleryError> {
        let select = "SELECT content FROM template LEFT JOIN slot ON slot.id = thumbnail
            WHERE template.id = ?1 AND thumbnail IS NOT NULL";
        self.run(|sql| first(sql, select, [template]).optional())
    }

    /// Whether an identity has a template of this source.
    pub(crate) fn has_source(&self, identity: i64, tag: &[u8; 32]) -> Result<bool, GalleryError> {
        let select = "SELECT 1 FROM template WHERE identity = ?1 AND source_tag = ?2";
        self.run(|sql| sql.prepare_cached(select)?.exists((identity, tag)))
    }

    /// Adds an identity, and returns its row.
    pub(crate) fn add_identity(&self, new: &NewIdentity<'_>) -> Result<i64, GalleryError> {
        self.run(|sql| {
            let details = slots::fill(sql, new.details)?;
            let key = new.key.map(|key| slots::fill(sql, key)).transpose()?;
            let insert = "INSERT INTO identity
                (uid, name_tag, external_tag, details, person_key, enrolled_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let (uid, at) = (new.uid.as_bytes(), new.enrolled_at);
            let row = (uid, new.name_tag, new.external_tag, details, key, at);
            sql.prepare_cached(insert)?.insert(row)
        })
    }

    /// Replaces the details of an identity.
    pub(crate) fn set_details(
        &self,
        identity: i64,
        external_tag: Option<[u8; 32]>,
        details: &[u8],
    ) -> Result<(), GalleryError> {
        self.run(|sql| {
            slots::empty(sql, "SELECT details FROM identity WHERE id = ?1", identity)?;
            let slot = slots::fill(sql, details)?;
            let update = "UPDATE identity SET external_tag = ?2, details = ?3 WHERE id = ?1";
            sql.prepare_cached(update)?.execute((identity, external_tag, slot)).map(drop)
        })
    }

    /// Adds a template.
    pub(crate) fn add_template(&self, new: &NewTemplate<'_>) -> Result<(), GalleryError> {
        self.run(|sql| {
            let slot = slots::fill(sql, new.sealed)?;
            let thumbnail = new.thumbnail.map(|it| slots::fill(sql, it)).transpose()?;
            let insert = "INSERT INTO template
                (uid, identity, source_tag, slot, thumbnail, quality, enrolled_at)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
            let (uid, tag, at) = (new.uid.as_bytes(), new.source_tag, new.enrolled_at);
            let row = (uid, new.identity, tag, slot, thumbnail, new.quality, at);
            sql.prepare_cached(insert)?.execute(row).map(drop)
        })
    }

    /// Overwrites all that is kept of an identity, and what undoing changes of it needs, and removes
    /// it; how many templates it had.
    pub(crate) fn forget(&self, identity: i64) -> Result<usize, GalleryError> {
        self.remove_changes_of(identity)?;
        let n_templates = self.run(|sql| {
            let theirs = "SELECT slot FROM template WHERE identity = ?1
                UNION ALL SELECT thumbnail FROM template WHERE identity = ?1";
            slots::empty(sql, theirs, identity)?;
            let n_templates =
                sql.execute("DELETE FROM template WHERE identity = ?1", [identity])?;
            Ok(n_templates)
        })?;
        self.remove_identity(identity)?;
        Ok(n_templates)
    }

    /// Overwrites the details and the key of an identity without templates, and removes it.
    pub(crate) fn remove_identity(&self, identity: i64) -> Result<(), GalleryError> {
        self.run(|sql| {
            let its = "SELECT details FROM identity WHERE id = ?1
                UNION ALL SELECT person_key FROM identity WHERE id = ?1";
            slots::empty(sql, its, identity)?;
            sql.execute("DELETE FROM identity WHERE id = ?1", [identity]).map(drop)
        })
    }
}

fn identity_row(row: &Row<'_>) -> rusqlite::Result<IdentityRow> {
    let uid = RandomId::new(row.get(1)?);
    let (details, key) = (row.get(2)?, row.get(3)?);
    let (external_tag, enrolled_at) = (row.get(4)?, row.get(5)?);
    Ok(IdentityRow { id: row.get(0)?, uid, details, key, external_tag, enrolled_at })
}

fn template_row(row: &Row<'_>) -> rusqlite::Result<TemplateRow> {
    Ok(TemplateRow {
        id: row.get(0)?,
        uid: RandomId::new(row.get(1)?),
        identity: row.get(2)?,
        source_tag: row.get(3)?,
        quality: row.get(4)?,
        enrolled_at: row.get(5)?,
        sealed: row.get(6)?,
    })
}

//! The rows of format 1, read once, to be written anew.

use verisim_core::ModelDigest;

use super::Session;
use crate::schema::{DROP_FORMAT_1, SET_FORMAT_1_ASIDE};
use crate::{Damage, GalleryError};

/// An identity of format 1.
pub(crate) struct OldIdentity {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) enrolled_at: i64,
}

/// A template of format 1.
pub(crate) struct OldTemplate {
    pub(crate) id: i64,
    pub(crate) source: [u8; 32],
    pub(crate) embedding: Vec<u8>,
}

impl Session<'_> {
    /// Puts the tables aside, and returns what the gallery is bound to.
    pub(crate) fn set_format_1_aside(&self) -> Result<(ModelDigest, usize), GalleryError> {
        let (digest, dim): (Vec<u8>, i64) = self.run(|sql| {
            sql.execute_batch(SET_FORMAT_1_ASIDE)?;
            let select = "SELECT model, dim FROM gallery_1 WHERE id = 1";
            sql.query_row(select, [], |row| row.try_into())
        })?;
        match (<[u8; 32]>::try_from(digest.as_slice()), usize::try_from(dim)) {
            (Ok(digest), Ok(dim)) if dim > 0 => Ok((ModelDigest::new(digest), dim)),
            _ => Err(self.damaged(Damage::Binding { n_bytes: digest.len(), dim })),
        }
    }

    pub(crate) fn old_identities(&self) -> Result<Vec<OldIdentity>, GalleryError> {
        self.run(|sql| {
            let mut select =
                sql.prepare("SELECT id, name, enrolled_at FROM identity_1 ORDER BY id")?;
            let rows = select.query_map([], |row| {
                let (id, name, enrolled_at) = row.try_into()?;
                Ok(OldIdentity { id, name, enrolled_at })
            })?;
            rows.collect()
        })
    }

    pub(crate) fn old_templates(&self, identity: i64) -> Result<Vec<OldTemplate>, GalleryError> {
        self.run(|sql| {
            let select = "SELECT template_1.id, source, embedding FROM template_1
                LEFT JOIN slot_1 ON slot_1.id = slot WHERE identity = ?1 ORDER BY template_1.id";
            let mut select = sql.prepare_cached(select)?;
            let rows = select.query_map([identity], |row| {
                let (id, source, embedding) = row.try_into()?;
                Ok(OldTemplate { id, source, embedding })
            })?;
            rows.collect()
        })
    }

    pub(crate) fn drop_format_1(&self) -> Result<(), GalleryError> {
        self.run(|sql| {
            sql.flush_prepared_statement_cache();
            sql.execute_batch(DROP_FORMAT_1)
        })
    }
}

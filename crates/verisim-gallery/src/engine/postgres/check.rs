//! Reading everything, and whether it fits together.

use std::collections::HashMap;
use std::pin::pin;

use futures_util::TryStreamExt;

use super::PostgresGallery;
use super::rows::{IDENTITY, TEMPLATE, count, select};
use crate::id::RandomId;
use crate::vault::SealKey;
use crate::{Damage, GalleryError};

impl PostgresGallery {
    /// Opens every row, and holds tables, tags and log against each other.
    pub(super) fn check_all(&self) -> Result<(), GalleryError> {
        self.view(async |sql| {
            let mut keys: HashMap<RandomId, SealKey> = HashMap::new();
            let statement = format!("SELECT {IDENTITY}, name_tag FROM identity");
            for row in select(sql, &statement, &[]).await? {
                let identity = self.open_identity(&row, 0)?;
                let (name_tag, external_tag): (&[u8], Option<&[u8]>) =
                    (row.try_get(6)?, row.try_get(5)?);
                let details = &identity.details;
                let external = details.external_id.as_deref().map(|it| self.external_tag(it));
                if name_tag != self.name_tag(&details.name)
                    || external_tag != external.as_ref().map(<[u8; 32]>::as_slice)
                {
                    let damage = Damage::Identity { identity: identity.position };
                    return Err(self.damaged(damage));
                }
                keys.insert(identity.uid, identity.key);
            }
            // Templates are many: they are not held all at once.
            let statement = format!("SELECT {TEMPLATE}, thumbnail FROM template");
            let no_params: [&str; 0] = [];
            let mut rows = pin!(sql.query_raw(&statement, no_params).await?);
            while let Some(row) = rows.try_next().await? {
                let (position, person): (i64, RandomId) = (row.try_get(0)?, row.try_get(1)?);
                let damaged = || self.damaged(Damage::Template { template: position });
                let key = keys.get(&person).ok_or_else(damaged)?;
                self.open_template(&row, 0, key)?;
                let which = (position, person, row.try_get(2)?);
                self.open_thumbnail(which, row.try_get(8)?, key)?;
            }
            let without = "SELECT count(*) FROM identity WHERE NOT EXISTS
                (SELECT 1 FROM template WHERE template.person = identity.person)";
            let n_rows = count(sql, without).await?;
            if n_rows > 0 {
                let damage = Damage::Contradictions { table: "identity", n_rows };
                return Err(self.damaged(damage));
            }
            self.follow_log(sql, |_, _, _| {}).await?.agree(&keys.into_keys().collect())?;
            Ok(())
        })
    }
}

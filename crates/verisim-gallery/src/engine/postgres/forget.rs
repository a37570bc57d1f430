//! Forgetting a person: rows go, the server is asked to clear what held them, a receipt stays.

use super::PostgresGallery;
use super::explain::Failure;
use super::rows::{IDENTITY, select};
use crate::audit::{Action, Receipt};
use crate::id::RandomId;
use crate::{Forgotten, GalleryError};

impl PostgresGallery {
    pub(super) fn forget_one(&self, name: &str) -> Result<Forgotten, GalleryError> {
        let changed = self.change(async |sql, _| {
            let tag = self.name_tag(name);
            let find = "SELECT person FROM identity WHERE name_tag = $1";
            let Some(row) = sql.query_opt(find, &[&tag.as_slice()]).await? else {
                return Err(self.no_such(sql, name).await?.into());
            };
            let person: RandomId = row.try_get(0)?;
            let n = sql.execute("DELETE FROM template WHERE person = $1", &[&person]).await?;
            sql.execute("DELETE FROM identity WHERE person = $1", &[&person]).await?;
            sql.execute("UPDATE gallery SET n_forgets = n_forgets + 1 WHERE id = 1", &[]).await?;
            let n_templates = usize::try_from(n).unwrap_or(usize::MAX);
            Ok(((person, n_templates), vec![Action::Forgotten { person, n_templates }]))
        })?;
        let ((person, n_templates), at) = (changed.value, changed.at);
        let (position, head) = (changed.end.position, changed.end.head);
        let receipt = Receipt { gallery: self.row.uid, person, n_templates, at, position, head };
        // From here on the identity is forgotten: a failure to clear is no failure to forget.
        self.vacuum("VACUUM template; VACUUM identity").ok();
        Ok(Forgotten { receipt, is_wiped: false })
    }

    /// Writes tables and indexes anew, without what was removed from them.
    pub(super) fn write_anew(&self) -> Result<(), GalleryError> {
        self.change(async |_, _| Ok(((), vec![Action::Compacted])))?;
        self.vacuum("VACUUM FULL template; VACUUM FULL identity")
    }

    /// Runs statements that the server refuses within a transaction, one by one.
    fn vacuum(&self, statements: &str) -> Result<(), GalleryError> {
        self.link.wait_patiently(async || {
            let client = self.link.primary().await?;
            for statement in statements.split("; ") {
                client.batch_execute(statement).await?;
            }
            Ok(())
        })
    }

    /// The error that says that nobody bears a name, and who bears a similar one.
    pub(super) async fn no_such(
        &self,
        sql: &impl deadpool_postgres::GenericClient,
        name: &str,
    ) -> Result<GalleryError, Failure> {
        let mut names = Vec::new();
        for row in select(sql, &format!("SELECT {IDENTITY} FROM identity"), &[]).await? {
            names.push(self.open_identity(&row, 0)?.details.name);
        }
        Ok(self.binding().no_such(name, names))
    }
}

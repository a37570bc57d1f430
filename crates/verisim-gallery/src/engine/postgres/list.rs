//! Who is enrolled, with what, and how large all of it is: lists that need no search.

use deadpool_postgres::Transaction;
use tokio_postgres::IsolationLevel;

use super::PostgresGallery;
use super::explain::Failure;
use super::rows::{IDENTITY, TEMPLATE, count, quality, select};
use super::state::State;
use crate::{GalleryError, IdentitySummary, SourceDigest, Stats, TemplateSummary};

impl PostgresGallery {
    /// Looks at the rows as they are at one moment.
    #[expect(clippy::needless_pass_by_value, reason = "closures read better where they are called")]
    pub(super) fn view<T>(
        &self,
        look: impl AsyncFn(&Transaction<'_>) -> Result<T, Failure>,
    ) -> Result<T, GalleryError> {
        self.link.wait_patiently(async || {
            let mut client = self.link.primary().await?;
            let sql = client
                .build_transaction()
                .isolation_level(IsolationLevel::RepeatableRead)
                .read_only(true)
                .start()
                .await?;
            let seen = look(&sql).await?;
            sql.commit().await?;
            Ok(seen)
        })
    }

    pub(super) fn list(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        let statement = format!(
            "SELECT {IDENTITY}, (SELECT count(*) FROM template
                    WHERE template.person = identity.person)
                FROM identity"
        );
        let mut found = self.view(async |sql| {
            let rows = select(sql, &statement, &[]).await?;
            let summary = |row| {
                let identity = self.open_identity(row, 0)?;
                let n_templates: i64 = row.try_get(6)?;
                Ok(IdentitySummary {
                    person: identity.uid,
                    details: identity.details,
                    n_templates: usize::try_from(n_templates).unwrap_or(0),
                    enrolled_at: identity.enrolled_at,
                })
            };
            rows.iter().map(summary).collect::<Result<Vec<IdentitySummary>, Failure>>()
        })?;
        found.sort_unstable_by(|a, b| a.details.name.cmp(&b.details.name));
        Ok(found)
    }

    pub(super) fn templates_of(&self, name: &str) -> Result<Vec<TemplateSummary>, GalleryError> {
        let statement = format!(
            "SELECT {TEMPLATE}, thumbnail FROM template WHERE person = $1
                ORDER BY position"
        );
        self.view(async |sql| {
            let find = format!("SELECT {IDENTITY} FROM identity WHERE name_tag = $1");
            let tag = self.name_tag(name);
            let Some(row) = sql.query_opt(&find, &[&tag.as_slice()]).await? else {
                return Err(self.no_such(sql, name).await?.into());
            };
            let identity = self.open_identity(&row, 0)?;
            let mut templates = Vec::new();
            for row in select(sql, &statement, &[&identity.uid]).await? {
                let opened = self.open_template(&row, 0, &identity.key)?;
                let which = (row.try_get(0)?, identity.uid, row.try_get(2)?);
                let thumbnail = self.open_thumbnail(which, row.try_get(8)?, &identity.key)?;
                templates.push(TemplateSummary {
                    id: row.try_get(2)?,
                    quality: quality(row.try_get(5)?),
                    label: opened.label,
                    thumbnail,
                    enrolled_at: row.try_get(7)?,
                });
            }
            Ok(templates)
        })
    }

    pub(super) fn is_enrolled_from(
        &self,
        name: &str,
        picture: SourceDigest,
    ) -> Result<bool, GalleryError> {
        let statement = "SELECT 1 FROM template JOIN identity USING (person)
            WHERE name_tag = $1 AND source_tag = $2";
        let (name, source) = (self.name_tag(name), self.source_tag(picture));
        self.view(async |sql| {
            let rows = select(sql, statement, &[&name.as_slice(), &source.as_slice()]).await?;
            Ok(!rows.is_empty())
        })
    }

    pub(super) fn measure(&self) -> Result<Stats, GalleryError> {
        self.view(async |sql| {
            let most = "SELECT coalesce(max(n), 0) FROM
                (SELECT count(*) AS n FROM template GROUP BY person) AS counts";
            let n_bytes = "SELECT sum(pg_total_relation_size(to_regclass(name)))::bigint
                FROM unnest(ARRAY['gallery', 'identity', 'template', 'event', 'setting']) AS name";
            Ok(Stats {
                n_identities: count(sql, "SELECT count(*) FROM identity").await?,
                n_templates: count(sql, "SELECT count(*) FROM template").await?,
                most_templates: count(sql, most).await?,
                n_records: count(sql, "SELECT count(*) FROM event").await?,
                n_bytes: count(sql, n_bytes).await? as u64,
                n_matrix_bytes: 0,
                matrix: None,
                n_free_bytes: 0,
                is_sealed: self.vault.check().is_some(),
                policy: State::read(sql, self.link.place()).await?.policy,
            })
        })
    }

    pub(super) fn count_of(&self, table: &'static str) -> Result<usize, GalleryError> {
        let statement = format!("SELECT count(*) FROM {table}");
        self.view(async |sql| count(sql, &statement).await)
    }
}

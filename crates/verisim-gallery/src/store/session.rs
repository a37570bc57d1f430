//! A session's own row: what the gallery is bound to, its policy, its settings.

use rusqlite::{Connection, OptionalExtension};
use verisim_core::ModelDigest;
use verisim_core::knn::MAX_DIM;

use super::{Session, explain, first};
use crate::id::RandomId;
use crate::policy::{NearDuplicates, Policy, ScoreRule};
use crate::schema::{APPLICATION_ID, FORMAT, TABLES, contradictions};
use crate::vault::Derivation;
use crate::{Damage, GalleryError};

/// What a gallery is, from its making on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GalleryRow {
    pub(crate) uid: RandomId,
    pub(crate) model: ModelDigest,
    pub(crate) dim: usize,
}

/// How a gallery is sealed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealRow {
    pub(crate) derivation: Option<Derivation>,
    pub(crate) check: [u8; 32],
}

impl Session<'_> {
    /// Makes a change last: when this returns, it is on disk.
    pub(crate) fn commit(self) -> Result<(), GalleryError> {
        self.sql.commit().map_err(|error| explain(self.path, error))?;
        if let (Some(tip), Some(reached)) = (self.tip, self.reached.get()) {
            tip.advance(&reached);
        }
        Ok(())
    }

    /// Makes the tables and the row of the gallery, with an empty log whose end is vouched for next.
    pub(crate) fn create(
        &self,
        gallery: GalleryRow,
        seal: Option<&SealRow>,
        head: &[u8; 32],
    ) -> Result<(), GalleryError> {
        self.run(|sql| {
            sql.execute_batch(TABLES)?;
            let GalleryRow { uid, model, dim } = gallery;
            let insert = "INSERT INTO gallery (id, uid, model, dim, rule, max_templates,
                    near_duplicates, record_searches, n_events, head, end_of_log)
                VALUES (1, ?1, ?2, ?3, 0, 0, 0, 0, 0, ?4, ?5)";
            let dim = dim.cast_signed();
            sql.execute(insert, (uid.as_bytes(), model.as_bytes(), dim, head, [0; 32]))?;
            if let Some(SealRow { derivation, check }) = seal {
                let insert = "INSERT INTO seal VALUES (1, ?1, ?2, ?3, ?4, ?5)";
                let it = derivation.as_ref();
                let numbers = it.map_or((0, 0, 0), |it| (it.memory_kib, it.passes, it.lanes));
                let salt = it.map(|it| it.salt);
                sql.execute(insert, (salt, numbers.0, numbers.1, numbers.2, check))?;
            }
            Ok(())
        })?;
        self.set_policy(Policy::default())
    }

    /// Marks the file as a gallery of the present format.
    pub(super) fn mark(&self) -> Result<(), GalleryError> {
        self.run(|sql| {
            sql.pragma_update(None, "application_id", APPLICATION_ID)?;
            sql.pragma_update(None, "user_version", FORMAT)
        })
    }

    /// What the gallery is.
    pub(crate) fn gallery(&self) -> Result<GalleryRow, GalleryError> {
        let (uid, digest, dim): (Vec<u8>, Vec<u8>, i64) = self.run(|sql| {
            let select = "SELECT uid, model, dim FROM gallery WHERE id = 1";
            sql.query_row(select, [], |row| row.try_into())
        })?;
        let uid = <[u8; 16]>::try_from(uid.as_slice());
        match (uid, <[u8; 32]>::try_from(digest.as_slice()), usize::try_from(dim)) {
            (Ok(uid), Ok(digest), Ok(dim)) if (1..=MAX_DIM).contains(&dim) => {
                Ok(GalleryRow { uid: RandomId::new(uid), model: ModelDigest::new(digest), dim })
            }
            _ => Err(self.damaged(Damage::Binding { n_bytes: digest.len(), dim })),
        }
    }

    /// How the gallery is sealed, if it is.
    pub(crate) fn seal(&self) -> Result<Option<SealRow>, GalleryError> {
        type Row = (Option<[u8; 16]>, u32, u32, u32, [u8; 32]);
        let row: Option<Row> = self.run(|sql| {
            let select = "SELECT salt, memory_kib, passes, lanes, key_check FROM seal WHERE id = 1";
            sql.query_row(select, [], |row| row.try_into()).optional()
        })?;
        Ok(row.map(|(salt, memory_kib, passes, lanes, check)| {
            let derivation = salt.map(|salt| Derivation { salt, memory_kib, passes, lanes });
            SealRow { derivation, check }
        }))
    }

    /// The policy.
    pub(crate) fn policy(&self) -> Result<Policy, GalleryError> {
        let (rule, max_templates, near_duplicates, record_searches): (u8, u32, u8, bool) = self
            .run(|sql| {
                let select = "SELECT rule, max_templates, near_duplicates, record_searches
                    FROM gallery WHERE id = 1";
                sql.query_row(select, [], |row| row.try_into())
            })?;
        let rule = match rule {
            0 => ScoreRule::Best,
            1 => ScoreRule::Mean,
            2 => ScoreRule::Weighted,
            _ => return Err(self.damaged(Damage::Policy)),
        };
        let near_duplicates = match near_duplicates {
            0 => NearDuplicates::KeepOut,
            1 => NearDuplicates::Add,
            _ => return Err(self.damaged(Damage::Policy)),
        };
        Ok(Policy { rule, max_templates, near_duplicates, record_searches })
    }

    pub(crate) fn set_policy(&self, policy: Policy) -> Result<(), GalleryError> {
        let rule = match policy.rule {
            ScoreRule::Best => 0,
            ScoreRule::Mean => 1,
            ScoreRule::Weighted => 2,
        };
        let near_duplicates = match policy.near_duplicates {
            NearDuplicates::KeepOut => 0,
            NearDuplicates::Add => 1,
        };
        let update = "UPDATE gallery SET rule = ?1, max_templates = ?2, near_duplicates = ?3,
            record_searches = ?4 WHERE id = 1";
        let values = (rule, policy.max_templates, near_duplicates, policy.record_searches);
        self.run(|sql| sql.execute(update, values).map(drop))
    }

    /// What lies open in the gallery's row and among its settings, as bytes that nothing else gives.
    pub(crate) fn open_columns(&self) -> Result<Vec<u8>, GalleryError> {
        type Row = (Vec<u8>, i64, i64, i64, i64, i64);
        self.run(|sql| {
            let select = "SELECT model, dim, rule, max_templates, near_duplicates, record_searches
                FROM gallery WHERE id = 1";
            let (mut bytes, dim, rule, max_templates, near_duplicates, record_searches): Row =
                sql.prepare_cached(select)?.query_row([], |row| row.try_into())?;
            for number in [dim, rule, max_templates, near_duplicates, record_searches] {
                bytes.extend(number.to_le_bytes());
            }
            let mut select = sql.prepare_cached("SELECT key, value FROM setting ORDER BY key")?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                for column in 0..2 {
                    let text = row.get_ref(column)?.as_str()?;
                    bytes.extend((text.len() as u64).to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
            Ok(bytes)
        })
    }

    pub(crate) fn setting(&self, key: &str) -> Result<Option<String>, GalleryError> {
        self.run(|sql| first(sql, "SELECT value FROM setting WHERE key = ?1", [key]).optional())
    }

    /// All settings, by key.
    pub(crate) fn settings(&self) -> Result<Vec<(String, String)>, GalleryError> {
        let select = "SELECT key, value FROM setting ORDER BY key";
        self.run(|sql| sql.prepare_cached(select)?.query_map([], |row| row.try_into())?.collect())
    }

    pub(crate) fn set_setting(&self, key: &str, value: &str) -> Result<(), GalleryError> {
        let upsert = "INSERT OR REPLACE INTO setting (key, value) VALUES (?1, ?2)";
        self.run(|sql| sql.execute(upsert, [key, value]).map(drop))
    }

    /// Fails if the file's pages, or its rows, contradict each other.
    pub(crate) fn check(&self) -> Result<(), GalleryError> {
        let report: String = self.run(|sql| first(sql, "PRAGMA integrity_check(1)", []))?;
        if report != "ok" {
            return Err(self.damaged(Damage::Pages { report }));
        }
        for (table, contradictions) in contradictions() {
            let n_rows = self.count(&contradictions)?;
            if n_rows > 0 {
                return Err(self.damaged(Damage::Contradictions { table, n_rows }));
            }
        }
        Ok(())
    }

    pub(crate) fn damaged(&self, damage: Damage) -> GalleryError {
        GalleryError::Damaged { path: self.path.to_owned(), damage }
    }

    /// What the operating system failed at, such as random numbers.
    pub(crate) fn failed(&self, error: std::io::Error) -> GalleryError {
        GalleryError::from_io(self.path, error)
    }

    pub(super) fn count(&self, select: &str) -> Result<usize, GalleryError> {
        self.run(|sql| first(sql, select, []).map(|n: i64| n as usize))
    }

    pub(super) fn run<T>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, GalleryError> {
        statements(&self.sql).map_err(|error| explain(self.path, error))
    }
}

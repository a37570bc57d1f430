//! The durable rows of a gallery: the only file that names the SQL engine; it knows no similarity.
//!
//! Every change is one transaction in the write-ahead log, on disk when its commit returns.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{
    Connection, Error, ErrorCode, OpenFlags, OptionalExtension, Params, Transaction,
    TransactionBehavior,
};
use verisim_core::{Embedding, ModelDigest};

use crate::gallery::{Enrolled, IdentitySummary};
use crate::patience::{BUSY_TIMEOUT, patiently};
use crate::schema::{APPLICATION_ID, CONNECTION, CONTRADICTIONS, FORMAT, PAGE_SIZE, TABLES};
use crate::{Damage, GalleryError, Sample, blob, file};

/// An open gallery file.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
}

/// A view of the rows at one moment, or a change of them that lasts once it is committed.
pub(crate) struct Session<'a> {
    sql: Transaction<'a>,
    path: &'a Path,
}

impl Store {
    /// Opens the gallery file of `folder`, and makes one for `model` if there is none.
    pub(crate) fn create_or_open(
        folder: &Path,
        model: ModelDigest,
        dim: usize,
    ) -> Result<Self, GalleryError> {
        let path = file::path(folder)?;
        file::create_if_missing(&path)?;
        let store = Self::connect(path)?;
        if !store.is_gallery()? {
            store.run(|connection| connection.pragma_update(None, "page_size", PAGE_SIZE))?;
            let session = store.change()?;
            // Another process may have been faster.
            if !store.is_gallery()? {
                session.create(model, dim)?;
                session.commit()?;
            }
        }
        store.ready()
    }

    /// Opens the gallery file of `folder`.
    pub(crate) fn open(folder: &Path) -> Result<Self, GalleryError> {
        let store = Self::connect(file::path(folder)?)?;
        if store.is_gallery()? {
            store.ready()
        } else {
            // Its making was interrupted before the first commit.
            Err(GalleryError::NotAGallery { path: store.path, found: "an empty file" })
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to look at the rows as they are now.
    pub(crate) fn view(&self) -> Result<Session<'_>, GalleryError> {
        self.begin(TransactionBehavior::Deferred)
    }

    /// Begins a change, which excludes other changes until it is committed or dropped.
    pub(crate) fn change(&self) -> Result<Session<'_>, GalleryError> {
        // The engine would go on to write a file that was deleted, and report success.
        file::expect(&self.path)?;
        self.begin(TransactionBehavior::Immediate)
    }

    /// Empties the log of writes, where templates outlive their rows, unless it is busy for longer
    /// than `patience`.
    pub(crate) fn truncate_log(&self, patience: Duration) -> Result<(), GalleryError> {
        patiently(patience, || {
            let is_busy = self.run(|connection| {
                // The engine would keep all others from writing while it waits.
                connection.busy_timeout(Duration::ZERO)?;
                let is_busy = first(connection, "PRAGMA wal_checkpoint(TRUNCATE)", []);
                connection.busy_timeout(BUSY_TIMEOUT)?;
                is_busy
            })?;
            if is_busy { Err(GalleryError::Busy { path: self.path.clone() }) } else { Ok(()) }
        })
    }

    /// Writes the file anew without its unused space.
    pub(crate) fn rewrite(&self) -> Result<(), GalleryError> {
        self.run(|connection| connection.execute_batch("VACUUM"))
    }

    /// Runs any statements, against all rules.
    #[cfg(test)]
    pub(crate) fn tamper(&self, statements: &str) {
        self.connection.execute_batch(statements).unwrap();
    }

    fn connect(path: PathBuf) -> Result<Self, GalleryError> {
        file::expect(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&path, flags);
        let connection = connection.map_err(|error| explain(&path, error))?;
        let store = Self { connection, path };
        store.run(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(CONNECTION)
        })?;
        Ok(store)
    }

    /// Whether the file is a gallery of ours; if not, it is empty, else this is an error.
    fn is_gallery(&self) -> Result<bool, GalleryError> {
        let path = self.path.clone();
        // One statement, so that it sees the moment before or after a creation, not between.
        let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
            FROM pragma_application_id, pragma_user_version";
        let found: (i32, i32, i64) =
            self.run(|connection| connection.query_row(sql, [], |row| row.try_into()))?;
        match found {
            (APPLICATION_ID, FORMAT, _) => Ok(true),
            (APPLICATION_ID, found, _) if found > FORMAT => {
                Err(GalleryError::TooNew { path, found, supported: FORMAT })
            }
            (APPLICATION_ID, found, _) => {
                Err(GalleryError::Damaged { path, damage: Damage::Format { found } })
            }
            (0, _, 0) => Ok(false),
            _ => Err(GalleryError::NotAGallery { path, found: "a database of something else" }),
        }
    }

    /// Readies a file that is a gallery for use.
    fn ready(self) -> Result<Self, GalleryError> {
        // Of several that do this at once, the engine turns some down without waiting.
        patiently(BUSY_TIMEOUT, || {
            self.run(|connection| connection.pragma_update(None, "journal_mode", "WAL"))
        })?;
        // A process that was killed may have left forgotten templates in the log. Others that use
        // the gallery now, or a full disk, are no reason not to open it.
        self.truncate_log(Duration::ZERO).ok();
        Ok(self)
    }

    fn begin(&self, behavior: TransactionBehavior) -> Result<Session<'_>, GalleryError> {
        let sql = Transaction::new_unchecked(&self.connection, behavior);
        Ok(Session { sql: sql.map_err(|error| explain(&self.path, error))?, path: &self.path })
    }

    fn run<T>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, GalleryError> {
        statements(&self.connection).map_err(|error| explain(&self.path, error))
    }
}

impl Session<'_> {
    /// Makes a change last: when this returns, it is on disk.
    pub(crate) fn commit(self) -> Result<(), GalleryError> {
        self.sql.commit().map_err(|error| explain(self.path, error))
    }

    fn create(&self, model: ModelDigest, dim: usize) -> Result<(), GalleryError> {
        self.run(|sql| {
            sql.execute_batch(TABLES)?;
            sql.pragma_update(None, "application_id", APPLICATION_ID)?;
            sql.pragma_update(None, "user_version", FORMAT)?;
            let insert = "INSERT INTO gallery (id, model, dim, n_forgets) VALUES (1, ?1, ?2, 0)";
            sql.execute(insert, (model.as_bytes(), dim.cast_signed())).map(drop)
        })
    }

    /// The model that the gallery is bound to, and the dimension of its embeddings.
    pub(crate) fn binding(&self) -> Result<(ModelDigest, usize), GalleryError> {
        let (digest, dim): (Vec<u8>, i64) = self.run(|sql| {
            let select = "SELECT model, dim FROM gallery WHERE id = 1";
            sql.query_row(select, [], |row| row.try_into())
        })?;
        match (<[u8; 32]>::try_from(digest.as_slice()), usize::try_from(dim)) {
            (Ok(digest), Ok(dim)) if dim > 0 => Ok((ModelDigest::new(digest), dim)),
            _ => Err(self.damaged(Damage::Binding { n_bytes: digest.len(), dim })),
        }
    }

    pub(crate) fn n_identities(&self) -> Result<usize, GalleryError> {
        self.count("SELECT count(*) FROM identity")
    }

    pub(crate) fn n_templates(&self) -> Result<usize, GalleryError> {
        self.count("SELECT count(*) FROM template")
    }

    /// How often somebody was forgotten: until it changes, templates are only added.
    pub(crate) fn n_forgets(&self) -> Result<i64, GalleryError> {
        self.run(|sql| first(sql, "SELECT n_forgets FROM gallery WHERE id = 1", []))
    }

    /// All identities, by name.
    pub(crate) fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError> {
        let select = "SELECT name, enrolled_at,
                (SELECT count(*) FROM template WHERE template.identity = identity.id)
            FROM identity ORDER BY name";
        self.run(|sql| {
            let mut select = sql.prepare_cached(select)?;
            let rows = select.query_map([], |row| {
                let (name, enrolled_at, n_templates): (_, _, i64) = row.try_into()?;
                Ok(IdentitySummary { name, enrolled_at, n_templates: n_templates as usize })
            })?;
            rows.collect()
        })
    }

    /// Calls `each` with every template above row `newest`, in order: the template's row, the row
    /// and the name of its identity, the embedding.
    pub(crate) fn templates_after(
        &self,
        newest: i64,
        dim: usize,
        mut each: impl FnMut(i64, i64, &str, &Embedding),
    ) -> Result<(), GalleryError> {
        // Outer joins, so that a row that is missing is an error and not a template less.
        let select = "SELECT template.id, identity.id, identity.name, slot.embedding
            FROM template LEFT JOIN identity ON identity.id = template.identity
                LEFT JOIN slot ON slot.id = template.slot
            WHERE template.id > ?1 ORDER BY template.id";
        let damage = self.run(|sql| {
            let mut select = sql.prepare_cached(select)?;
            let mut rows = select.query([newest])?;
            while let Some(row) = rows.next()? {
                let template = row.get(0)?;
                match blob::decode(row.get_ref(3)?.as_blob()?, dim, template) {
                    Ok(it) => each(template, row.get(1)?, row.get_ref(2)?.as_str()?, &it),
                    Err(damage) => return Ok(Some(damage)),
                }
            }
            Ok(None)
        })?;
        damage.map_or(Ok(()), |damage| Err(self.damaged(damage)))
    }

    /// Adds those samples whose pictures are not among the identity's yet.
    pub(crate) fn add(
        &self,
        name: &str,
        samples: &[Sample],
        now: i64,
    ) -> Result<Enrolled, GalleryError> {
        self.run(|sql| {
            let mut enrolled = Enrolled::default();
            let insert = "INSERT INTO identity (name, enrolled_at) VALUES (?1, ?2)
                ON CONFLICT (name) DO NOTHING";
            sql.prepare_cached(insert)?.execute((name, now))?;
            let identity = identity(sql, name)?.ok_or(Error::QueryReturnedNoRows)?;
            let mut is_there =
                sql.prepare_cached("SELECT 1 FROM template WHERE identity = ?1 AND source = ?2")?;
            let insert = "INSERT INTO template (identity, source, slot) VALUES (?1, ?2, ?3)";
            let mut insert = sql.prepare_cached(insert)?;
            for sample in samples {
                let source = sample.source.as_bytes();
                if is_there.exists((identity, source))? {
                    enrolled.n_already_there += 1;
                } else {
                    let slot = fill_slot(sql, &blob::encode(&sample.template.embedding))?;
                    insert.execute((identity, source, slot))?;
                    enrolled.n_added += 1;
                }
            }
            Ok(enrolled)
        })
    }

    /// Overwrites the templates of an identity and removes it; how many they were, if it was there.
    pub(crate) fn forget(&self, name: &str) -> Result<Option<usize>, GalleryError> {
        self.run(|sql| {
            let Some(identity) = identity(sql, name)? else { return Ok(None) };
            let templates = "FROM template WHERE identity = ?1";
            let overwrite = "UPDATE slot SET embedding = zeroblob(length(embedding)) WHERE id IN";
            sql.execute(&format!("{overwrite} (SELECT slot {templates})"), [identity])?;
            sql.execute(&format!("INSERT INTO free_slot SELECT slot {templates}"), [identity])?;
            let n_templates = sql.execute(&format!("DELETE {templates}"), [identity])?;
            sql.execute("DELETE FROM identity WHERE id = ?1", [identity])?;
            sql.execute("UPDATE gallery SET n_forgets = n_forgets + 1", [])?;
            Ok(Some(n_templates))
        })
    }

    pub(crate) fn setting(&self, key: &str) -> Result<Option<String>, GalleryError> {
        self.run(|sql| first(sql, "SELECT value FROM setting WHERE key = ?1", [key]).optional())
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
        for (table, contradictions) in CONTRADICTIONS {
            let n_rows = self.count(contradictions)?;
            if n_rows > 0 {
                return Err(self.damaged(Damage::Contradictions { table, n_rows }));
            }
        }
        Ok(())
    }

    fn count(&self, select: &str) -> Result<usize, GalleryError> {
        self.run(|sql| first(sql, select, []).map(|n: i64| n as usize))
    }

    fn damaged(&self, damage: Damage) -> GalleryError {
        GalleryError::Damaged { path: self.path.to_owned(), damage }
    }

    fn run<T>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, GalleryError> {
        statements(&self.sql).map_err(|error| explain(self.path, error))
    }
}

/// The first column of the first row.
fn first<T: FromSql>(sql: &Connection, select: &str, params: impl Params) -> rusqlite::Result<T> {
    sql.prepare_cached(select)?.query_row(params, |row| row.get(0))
}

/// Row of the identity of this name.
fn identity(sql: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    first(sql, "SELECT id FROM identity WHERE name = ?1", [name]).optional()
}

/// Puts an embedding into a free slot, or into a new one, and returns its row.
fn fill_slot(sql: &Connection, embedding: &[u8]) -> rusqlite::Result<i64> {
    let free = first(sql, "SELECT id FROM free_slot ORDER BY id LIMIT 1", []).optional()?;
    if let Some(slot) = free {
        sql.prepare_cached("DELETE FROM free_slot WHERE id = ?1")?.execute([slot])?;
        let overwrite = "UPDATE slot SET embedding = ?2 WHERE id = ?1";
        sql.prepare_cached(overwrite)?.execute((slot, embedding))?;
        Ok(slot)
    } else {
        sql.prepare_cached("INSERT INTO slot (embedding) VALUES (?1)")?.insert([embedding])
    }
}

/// Sorts a failure of the engine by what the caller can do about it.
fn explain(path: &Path, error: Error) -> GalleryError {
    let path = path.to_owned();
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed,
        ) => GalleryError::Busy { path },
        Some(ErrorCode::DiskFull) => GalleryError::DiskFull { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            GalleryError::NotWritable { path }
        }
        Some(ErrorCode::CannotOpen) => file::refusal(&path),
        Some(ErrorCode::SystemIoFailure) => {
            GalleryError::Io { path, source: io::Error::other(error) }
        }
        Some(ErrorCode::NotADatabase) => GalleryError::Damaged { path, damage: Damage::NotSqlite },
        // Our statements fit our tables and their values: where they do not, the file is to blame.
        None
        | Some(ErrorCode::DatabaseCorrupt | ErrorCode::ConstraintViolation | ErrorCode::Unknown) => {
            GalleryError::Damaged { path, damage: Damage::Pages { report: error.to_string() } }
        }
        Some(_) => GalleryError::Engine { path, source: error.into() },
    }
}

//! The durable rows of a gallery: the only folder that names the SQL engine; it knows no similarity.
//!
//! Every change is one transaction in the write-ahead log, on disk when its commit returns.

mod changes;
mod copy;
mod format_1;
mod log;
mod people;
mod session;
mod slots;
mod tip;

use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::FromSql;
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Params, Transaction, TransactionBehavior};

use crate::audit::Mark;
use crate::patience::{BUSY_TIMEOUT, patiently};
use crate::schema::{APPLICATION_ID, CONNECTION, FORMAT, FORMAT_1, PAGE_SIZE};
use crate::{Damage, GalleryError, file};
pub(crate) use changes::{ChangeRow, NewChange};
pub(crate) use people::{IdentityRow, NewIdentity, NewTemplate, TemplateRow};
pub(crate) use session::{GalleryRow, SealRow};
pub(crate) use tip::Tip;

/// An open gallery file.
pub(crate) struct Store {
    connection: Connection,
    path: PathBuf,
    /// Nothing until the file is known to be a gallery.
    tip: Option<Tip>,
}

/// A view of the rows at one moment, or a change of them that lasts once it is committed.
pub(crate) struct Session<'a> {
    sql: Transaction<'a>,
    path: &'a Path,
    tip: Option<&'a Tip>,
    /// Where the log ends after this change, if it adds to it.
    reached: Cell<Option<Mark>>,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    Gallery,
    Format1,
}

/// Fills a change: makes a gallery of an empty file, or brings one to the present format.
pub(crate) type Fill<'a> = &'a dyn Fn(&Session<'_>) -> Result<(), GalleryError>;

impl Store {
    /// Opens the gallery file of `folder`, and has one made by `create` if there is none.
    pub(crate) fn create_or_open(
        folder: &Path,
        create: Fill<'_>,
        migrate: Fill<'_>,
    ) -> Result<Self, GalleryError> {
        let path = file::path(folder)?;
        file::create_if_missing(&path)?;
        let store = Self::connect(path)?;
        if store.found()? == Found::Nothing {
            store.run(|connection| connection.pragma_update(None, "page_size", PAGE_SIZE))?;
            store.fill(Found::Nothing, create)?;
        }
        store.ready(migrate)
    }

    /// Opens the gallery file of `folder`.
    pub(crate) fn open(folder: &Path, migrate: Fill<'_>) -> Result<Self, GalleryError> {
        let store = Self::connect(file::path(folder)?)?;
        if store.found()? == Found::Nothing {
            // Its making was interrupted before the first commit.
            return Err(GalleryError::NotAGallery { path: store.path, found: "an empty file" });
        }
        store.ready(migrate)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the log ended when something was last written here, as far as that is known; to be read before the
    /// rows that it is held against.
    pub(crate) fn seen(&self) -> Option<Mark> {
        self.tip.as_ref().and_then(Tip::read)
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

    /// Begins a change if no other is in progress.
    pub(crate) fn change_at_once(&self) -> Result<Session<'_>, GalleryError> {
        file::expect(&self.path)?;
        self.run(|connection| connection.busy_timeout(Duration::ZERO))?;
        let session = self.begin(TransactionBehavior::Immediate);
        self.run(|connection| connection.busy_timeout(BUSY_TIMEOUT))?;
        session
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
        let store = Self { connection, path, tip: None };
        store.run(|connection| {
            connection.busy_timeout(BUSY_TIMEOUT)?;
            connection.execute_batch(CONNECTION)
        })?;
        Ok(store)
    }

    /// Whether the file is empty or a gallery of ours; if neither, this is an error.
    fn found(&self) -> Result<Found, GalleryError> {
        let path = self.path.clone();
        // One statement, so that it sees the moment before or after a creation, not between.
        let sql = "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
            FROM pragma_application_id, pragma_user_version";
        let found: (i32, i32, i64) =
            self.run(|connection| connection.query_row(sql, [], |row| row.try_into()))?;
        match found {
            (APPLICATION_ID, FORMAT, _) => Ok(Found::Gallery),
            (APPLICATION_ID, FORMAT_1, _) => Ok(Found::Format1),
            (APPLICATION_ID, found, _) if found > FORMAT => {
                Err(GalleryError::TooNew { path, found, supported: FORMAT })
            }
            (APPLICATION_ID, found, _) => {
                Err(GalleryError::Damaged { path, damage: Damage::Format { found } })
            }
            (0, _, 0) => Ok(Found::Nothing),
            _ => Err(GalleryError::NotAGallery { path, found: "a database of something else" }),
        }
    }

    /// Fills the file in one change, if it still is what it was: another process may be faster.
    fn fill(&self, expected: Found, fill: Fill<'_>) -> Result<(), GalleryError> {
        let session = self.change()?;
        if self.found()? == expected {
            fill(&session)?;
            session.mark()?;
            session.commit()?;
        }
        Ok(())
    }

    /// Readies a file that is a gallery for use.
    fn ready(mut self, migrate: Fill<'_>) -> Result<Self, GalleryError> {
        // Of several that do this at once, the engine turns some down without waiting.
        patiently(BUSY_TIMEOUT, || {
            self.run(|connection| connection.pragma_update(None, "journal_mode", "WAL"))
        })?;
        if self.found()? == Found::Format1 {
            self.fill(Found::Format1, migrate)?;
        }
        // A process that was killed may have left forgotten templates in the log. Others that use
        // the gallery now, or a full disk, are no reason not to open it.
        self.truncate_log(Duration::ZERO).ok();
        self.tip = Some(self.known_tip()?);
        Ok(self)
    }

    /// The file that says where the log ended; evidence, if the log does not know what it says.
    fn known_tip(&self) -> Result<Tip, GalleryError> {
        let mut tip = Tip::of(&self.path, self.view()?.gallery()?.uid);
        // Before the rows: what others write in between may be in the log and not yet here, never the other way.
        let seen = tip.read();
        let session = self.view()?;
        match seen {
            Some(seen) if !session.knows(&seen)? => tip.keep_as_evidence(),
            Some(_) => {}
            None => tip.advance(&Mark::end_of(&session)?),
        }
        Ok(tip)
    }

    fn begin(&self, behavior: TransactionBehavior) -> Result<Session<'_>, GalleryError> {
        let sql = Transaction::new_unchecked(&self.connection, behavior);
        let sql = sql.map_err(|error| explain(&self.path, error))?;
        Ok(Session { sql, path: &self.path, tip: self.tip.as_ref(), reached: Cell::new(None) })
    }

    fn run<T>(
        &self,
        statements: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, GalleryError> {
        statements(&self.connection).map_err(|error| explain(&self.path, error))
    }
}

/// The first column of the first row.
fn first<T: FromSql>(sql: &Connection, select: &str, params: impl Params) -> rusqlite::Result<T> {
    sql.prepare_cached(select)?.query_row(params, |row| row.get(0))
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

//! The rows of the log, and where it ends.

use rusqlite::OptionalExtension;

use super::{Session, first};
use crate::GalleryError;
use crate::audit::{Hash, LogEnd, Mark};

impl Session<'_> {
    pub(crate) fn log_end(&self) -> Result<LogEnd, GalleryError> {
        self.run(|sql| {
            let select = "SELECT n_events, head, end_of_log FROM gallery WHERE id = 1";
            let (position, head, end) = sql.query_row(select, [], |row| row.try_into())?;
            Ok(LogEnd { position, head, end })
        })
    }

    /// Vouches anew for where the log ends.
    pub(crate) fn set_end(&self, end: &Hash) -> Result<(), GalleryError> {
        let update = "UPDATE gallery SET end_of_log = ?1 WHERE id = 1";
        self.run(|sql| sql.execute(update, [end]).map(drop))
    }

    /// Adds a record, after which the log ends as `end` says.
    pub(crate) fn push_record(&self, record: &str, end: &LogEnd) -> Result<(), GalleryError> {
        self.run(|sql| {
            let insert = "INSERT INTO event (position, record, hash) VALUES (?1, ?2, ?3)";
            sql.prepare_cached(insert)?.execute((end.position, record, end.head))?;
            let update =
                "UPDATE gallery SET n_events = ?1, head = ?2, end_of_log = ?3 WHERE id = 1";
            sql.prepare_cached(update)?.execute((end.position, end.head, end.end)).map(drop)
        })?;
        self.reached.set(Some(Mark { position: end.position, head: end.head }));
        Ok(())
    }

    /// Whether the log has come by a moment.
    pub(crate) fn knows(&self, mark: &Mark) -> Result<bool, GalleryError> {
        Ok(self.hash_at(mark.position)? == Some(mark.head))
    }

    /// The hash of the record at a position, if there is one.
    pub(crate) fn hash_at(&self, position: i64) -> Result<Option<Hash>, GalleryError> {
        let select = "SELECT hash FROM event WHERE position = ?1 AND length(hash) = 32";
        self.run(|sql| first(sql, select, [position]).optional())
    }

    /// Calls `each` with every record above `position`: position, line, hash; it stops at the first
    /// error.
    pub(crate) fn records_after(
        &self,
        position: i64,
        mut each: impl FnMut(i64, &str, &[u8]) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        self.run(|sql| {
            let select = "SELECT position, record, hash FROM event
                WHERE position > ?1 ORDER BY position";
            let mut select = sql.prepare_cached(select)?;
            let mut rows = select.query([position])?;
            while let Some(row) = rows.next()? {
                let record = row.get_ref(1)?.as_str()?;
                if let Err(error) = each(row.get(0)?, record, row.get_ref(2)?.as_blob()?) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
    }

    pub(crate) fn n_records(&self) -> Result<usize, GalleryError> {
        self.run(|sql| first(sql, "SELECT count(*) FROM event", []).map(|n: i64| n as usize))
    }
}

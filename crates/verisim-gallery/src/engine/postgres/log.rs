//! Reading the log of a gallery on a server, and holding receipts against it.

use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;

use deadpool_postgres::{GenericClient, Transaction};
use futures_util::TryStreamExt;

use super::PostgresGallery;
use super::explain::Failure;
use super::rows::select;
use super::state::{OPEN, State, damaged};
use crate::GalleryError;
use crate::audit::reading::{Held, Reading, agree};
use crate::audit::{Event, Hash, LogEnd, Receipt};
use crate::id::RandomId;

/// A log that was read to its end.
pub(super) struct Read<'a> {
    pub(super) end: LogEnd,
    recorded: BTreeSet<RandomId>,
    place: &'a Path,
}

impl Read<'_> {
    /// Fails unless the log says of all of these, and of no others, that they are enrolled.
    pub(super) fn agree(&self, enrolled: &BTreeSet<RandomId>) -> Result<(), Failure> {
        agree(&self.recorded, enrolled).map_err(|damage| damaged(self.place, damage))
    }
}

impl PostgresGallery {
    /// Reads the whole log, and calls `each` with position, hash and event.
    pub(super) async fn follow_log(
        &self,
        sql: &Transaction<'_>,
        mut each: impl FnMut(i64, &Hash, Event),
    ) -> Result<Read<'_>, Failure> {
        let (chain, place) = (self.vault.chain(), self.link.place());
        let end = State::read(sql, place).await?.log_end;
        chain.expect(&end, OPEN).map_err(|damage| damaged(place, damage))?;
        let mut reading = Reading::new(&chain, end);
        let select = "SELECT position, record, hash FROM event ORDER BY position";
        let no_params: [&str; 0] = [];
        let mut rows = pin!(sql.query_raw(select, no_params).await?);
        while let Some(row) = rows.try_next().await? {
            let position = row.try_get(0)?;
            let next = reading.next(position, row.try_get(1)?, row.try_get(2)?);
            let (event, head) = next.map_err(|damage| damaged(place, damage))?;
            each(position, &head, event);
        }
        let (end, recorded) = reading.finish().map_err(|damage| damaged(place, damage))?;
        Ok(Read { end, recorded, place })
    }

    async fn enrolled(&self, sql: &impl GenericClient) -> Result<BTreeSet<RandomId>, Failure> {
        let rows = select(sql, "SELECT person FROM identity", &[]).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }

    pub(super) fn read_events(&self) -> Result<Vec<Event>, GalleryError> {
        self.view(async |sql| {
            let mut events = Vec::new();
            self.follow_log(sql, |_, _, event| events.push(event)).await?;
            Ok(events)
        })
    }

    pub(super) fn check_log(&self) -> Result<LogEnd, GalleryError> {
        self.view(async |sql| {
            let read = self.follow_log(sql, |_, _, _| {}).await?;
            read.agree(&self.enrolled(sql).await?)?;
            Ok(read.end)
        })
    }

    pub(super) fn check_receipt(&self, receipt: &Receipt) -> Result<(), GalleryError> {
        self.view(async |sql| {
            let mut held = Held::new(receipt);
            let read = self
                .follow_log(sql, |position, head, event| held.next(position, head, &event))
                .await?;
            let enrolled = self.enrolled(sql).await?;
            let is_enrolled = enrolled.contains(&receipt.person);
            read.agree(&enrolled)?;
            match held.mismatch(self.row.uid, &read.end, is_enrolled) {
                None => Ok(()),
                Some(mismatch) => {
                    let path = self.place().to_owned();
                    Err(GalleryError::ReceiptMismatch { path, mismatch }.into())
                }
            }
        })
    }
}

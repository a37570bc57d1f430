//! Writing and reading the log of an embedded gallery: every record is checked against the chain.

use super::reading::{Held, Reading, agree};
use super::{Chain, Event, LogEnd, Receipt};
use crate::error::Mismatch;
use crate::store::Session;
use crate::{Damage, GalleryError};

/// Adds an event within a change; it is in the log if and only if the change is.
pub(crate) fn append(
    session: &Session<'_>,
    chain: &Chain,
    event: &Event,
) -> Result<LogEnd, GalleryError> {
    let before = session.log_end()?;
    if !chain.vouches(&before) {
        return Err(session.damaged(Damage::Log { position: before.position }));
    }
    let record = event.to_json();
    let after = chain.after(&before, &record);
    session.push_record(&record, &after)?;
    Ok(after)
}

/// Reads the whole log, and calls `each` with position, hash and event.
///
/// Fails if any record was changed, removed or put in.
pub(crate) fn read(
    session: &Session<'_>,
    chain: &Chain,
    each: impl FnMut(i64, &[u8; 32], Event),
) -> Result<LogEnd, GalleryError> {
    let reading = follow(session, chain, each)?;
    Ok(reading.finish().map_err(|damage| session.damaged(damage))?.0)
}

/// Fails unless the log is whole, and says of all enrolled identities, and of no others, that they
/// were enrolled and not forgotten.
pub(crate) fn check(session: &Session<'_>, chain: &Chain) -> Result<LogEnd, GalleryError> {
    let reading = follow(session, chain, |_, _, _| {})?;
    let enrolled = session.identities()?.into_iter().map(|row| row.uid).collect();
    let checked =
        reading.finish().and_then(|(end, recorded)| agree(&recorded, &enrolled).map(|()| end));
    checked.map_err(|damage| session.damaged(damage))
}

/// Where a receipt disagrees with the log and the identities, if it does.
pub(crate) fn mismatch(
    session: &Session<'_>,
    chain: &Chain,
    receipt: &Receipt,
) -> Result<Option<Mismatch>, GalleryError> {
    let mut held = Held::new(receipt);
    let end = read(session, chain, |position, head, event| held.next(position, head, &event))?;
    let is_enrolled = session.is_enrolled(receipt.person)?;
    Ok(held.mismatch(session.gallery()?.uid, &end, is_enrolled))
}

fn follow<'a>(
    session: &Session<'_>,
    chain: &'a Chain,
    mut each: impl FnMut(i64, &[u8; 32], Event),
) -> Result<Reading<'a>, GalleryError> {
    let damaged = |damage| session.damaged(damage);
    let mut reading = Reading::new(chain, session.log_end()?).map_err(damaged)?;
    session.records(|position, record, hash| {
        let (event, head) = reading.next(position, record, hash).map_err(damaged)?;
        each(position, &head, event);
        Ok(())
    })?;
    Ok(reading)
}

//! Writing and reading the log of a gallery: every record is checked against the chain.

use std::collections::BTreeSet;

use super::{Action, Chain, Event, Receipt};
use crate::error::Mismatch;
use crate::id::RandomId;
use crate::store::{LogEnd, Session};
use crate::{Damage, GalleryError};

/// Adds an event within a change; it is in the log if and only if the change is.
pub(crate) fn append(
    session: &Session<'_>,
    chain: &Chain,
    event: &Event,
) -> Result<LogEnd, GalleryError> {
    let before = checked_end(session, chain)?;
    let record = event.to_json();
    let position = before.position + 1;
    let head = chain.link(&before.head, position, &record);
    let after = LogEnd { position, head, end: chain.end(&head, position) };
    session.push_record(&record, &after)?;
    Ok(after)
}

/// Reads the whole log, and calls `each` with position, hash and event.
///
/// Fails if any record was changed, removed or put in.
pub(crate) fn read(
    session: &Session<'_>,
    chain: &Chain,
    mut each: impl FnMut(i64, &[u8; 32], Event),
) -> Result<LogEnd, GalleryError> {
    let end = checked_end(session, chain)?;
    let (mut position, mut head) = (0, chain.genesis());
    session.records(|found, record, hash| {
        position += 1;
        let expected = chain.link(&head, position, record);
        let event = Event::from_json(record);
        let damaged = || session.damaged(Damage::Log { position });
        if found != position || hash != expected {
            return Err(damaged());
        }
        head = expected;
        each(position, &head, event.ok_or_else(damaged)?);
        Ok(())
    })?;
    if (position, head) == (end.position, end.head) {
        Ok(end)
    } else {
        Err(session.damaged(Damage::Log { position: position.min(end.position) + 1 }))
    }
}

/// Fails unless the log is whole, and says of all enrolled identities, and of no others, that they
/// were enrolled and not forgotten.
pub(crate) fn check(session: &Session<'_>, chain: &Chain) -> Result<LogEnd, GalleryError> {
    let mut recorded: BTreeSet<RandomId> = BTreeSet::new();
    let end = read(session, chain, |_, _, event| match event.action {
        Action::Enrolled { person, .. } | Action::Split { person, .. } => {
            recorded.insert(person);
        }
        Action::Forgotten { person: gone, .. } | Action::Merged { other: gone, .. } => {
            recorded.remove(&gone);
        }
        _ => {}
    })?;
    let enrolled: BTreeSet<RandomId> =
        session.identities()?.into_iter().map(|row| row.uid).collect();
    match recorded.symmetric_difference(&enrolled).count() {
        0 => Ok(end),
        n_identities => Err(session.damaged(Damage::Unrecorded { n_identities })),
    }
}

/// Where a receipt disagrees with the log and the identities, if it does.
pub(crate) fn mismatch(
    session: &Session<'_>,
    chain: &Chain,
    receipt: &Receipt,
) -> Result<Option<Mismatch>, GalleryError> {
    let mut is_confirmed = false;
    let end = read(session, chain, |position, head, event| {
        let Receipt { person, n_templates, at, .. } = *receipt;
        let expected = Action::Forgotten { person, n_templates };
        is_confirmed |= position == receipt.position
            && *head == receipt.head
            && (event.at, event.action) == (at, expected);
    })?;
    Ok(if session.gallery()?.uid != receipt.gallery {
        Some(Mismatch::Gallery)
    } else if receipt.position > end.position {
        Some(Mismatch::Beyond)
    } else if !is_confirmed {
        Some(Mismatch::Record)
    } else if session.is_enrolled(receipt.person)? {
        Some(Mismatch::Enrolled)
    } else {
        None
    })
}

/// Where the log ends, if what vouches for it does.
fn checked_end(session: &Session<'_>, chain: &Chain) -> Result<LogEnd, GalleryError> {
    let end = session.log_end()?;
    if end.end == chain.end(&end.head, end.position) {
        Ok(end)
    } else {
        Err(session.damaged(Damage::Log { position: end.position }))
    }
}

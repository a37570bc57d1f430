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
    let (before, open) = checked_end(session, chain)?;
    let record = event.to_json();
    let position = before.position + 1;
    let head = chain.link(&before.head, position, &record);
    let after = LogEnd { position, head, end: chain.end(&head, position, &open) };
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
    let (end, _) = checked_end(session, chain)?;
    let (mut position, mut head) = (0, chain.genesis());
    session.records_after(i64::MIN, |found, record, hash| {
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

/// A moment of the log: a position, and the hash there, which stands for all that came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) position: i64,
    pub(crate) head: [u8; 32],
}

impl Mark {
    /// Where the log ends in a session.
    pub(crate) fn end_of(session: &Session<'_>) -> Result<Self, GalleryError> {
        let LogEnd { position, head, .. } = session.log_end()?;
        Ok(Self { position, head })
    }
}

/// The identities that were forgotten since a moment; nothing if the log does not go on from there, or
/// if templates changed hands or were removed one by one.
pub(crate) fn forgotten_since(
    session: &Session<'_>,
    chain: &Chain,
    mark: &Mark,
) -> Result<Option<BTreeSet<RandomId>>, GalleryError> {
    let end = Mark::end_of(session)?;
    let mut forgotten = BTreeSet::new();
    if end == *mark {
        return Ok(Some(forgotten));
    }
    if session.hash_at(mark.position)? != Some(mark.head) {
        return Ok(None);
    }
    let (mut at, mut is_whole) = (*mark, true);
    session.records_after(mark.position, |found, record, hash| {
        at.position += 1;
        at.head = chain.link(&at.head, at.position, record);
        let event = Event::from_json(record);
        is_whole &= found == at.position && hash == at.head && event.is_some();
        match event.map(|it| it.action) {
            Some(Action::Forgotten { person, .. }) => _ = forgotten.insert(person),
            Some(
                Action::Merged { .. }
                | Action::Moved { .. }
                | Action::Split { .. }
                | Action::Removed { .. },
            ) => is_whole = false,
            _ => {}
        }
        Ok(())
    })?;
    Ok((is_whole && at == end).then_some(forgotten))
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

/// Vouches for the end of the log and for what lies open in the gallery, after that was changed.
pub(crate) fn vouch(session: &Session<'_>, chain: &Chain) -> Result<(), GalleryError> {
    let LogEnd { position, head, .. } = session.log_end()?;
    session.set_end(&chain.end(&head, position, &session.open_columns()?))
}

/// Fails unless the end of the log, the rules and the settings are what was vouched for.
pub(crate) fn expect_vouched(session: &Session<'_>, chain: &Chain) -> Result<(), GalleryError> {
    checked_end(session, chain).map(drop)
}

/// Where the log ends, if what vouches for it does, and what lies open in the gallery.
fn checked_end(session: &Session<'_>, chain: &Chain) -> Result<(LogEnd, Vec<u8>), GalleryError> {
    let (end, open) = (session.log_end()?, session.open_columns()?);
    if end.end == chain.end(&end.head, end.position, &open) {
        Ok((end, open))
    } else {
        Err(session.damaged(Damage::End { position: end.position }))
    }
}

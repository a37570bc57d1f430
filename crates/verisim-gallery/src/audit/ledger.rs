//! Writing and reading the log of an embedded gallery: every record is checked against the chain.

use std::collections::BTreeSet;

use super::reading::{Held, Reading, agree};
use super::{Action, Chain, Event, LogEnd, Receipt};
use crate::error::Mismatch;
use crate::id::RandomId;
use crate::store::Session;
use crate::{Damage, GalleryError};

/// Adds an event within a change; it is in the log if and only if the change is.
pub(crate) fn append(
    session: &Session<'_>,
    chain: &Chain,
    event: &Event,
) -> Result<LogEnd, GalleryError> {
    let (before, open) = checked_end(session, chain)?;
    let record = event.to_json();
    let after = chain.after(&before, &record, &open);
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

/// Of whom less is enrolled than at an earlier moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Less {
    /// They were forgotten, and are gone with all templates.
    pub(crate) forgotten: BTreeSet<RandomId>,
    /// Some of their templates, or all, went to somebody else or were removed.
    pub(crate) lessened: BTreeSet<RandomId>,
    /// How many records say the latter.
    pub(crate) n_lessenings: usize,
}

/// Of whom less is enrolled than at a moment; nothing if the log does not go on from there.
pub(crate) fn less_since(
    session: &Session<'_>,
    chain: &Chain,
    mark: &Mark,
) -> Result<Option<Less>, GalleryError> {
    let mut less = Less::default();
    if Mark::end_of(session)? == *mark {
        return Ok(Some(less));
    }
    if !session.knows(mark)? {
        return Ok(None);
    }
    let mut reading = Reading::since(chain, (mark.position, mark.head), session.log_end()?);
    let mut is_whole = true;
    session.records_after(mark.position, |position, record, hash| {
        match reading.next(position, record, hash).map(|(event, _)| event.action) {
            Ok(Action::Forgotten { person, .. }) => _ = less.forgotten.insert(person),
            Ok(
                Action::Merged { other: giver, .. }
                | Action::Moved { other: giver, .. }
                | Action::Split { other: giver, .. }
                | Action::Removed { person: giver, .. },
            ) => {
                less.lessened.insert(giver);
                less.n_lessenings += 1;
            }
            Ok(_) => {}
            Err(_) => is_whole = false,
        }
        Ok(())
    })?;
    Ok((is_whole && reading.finish().is_ok()).then_some(less))
}

/// Fails unless the log is whole, came by what was `seen` of it, and says of all enrolled identities, and of no
/// others, that they were enrolled and not forgotten.
pub(crate) fn check(
    session: &Session<'_>,
    chain: &Chain,
    seen: Option<Mark>,
) -> Result<LogEnd, GalleryError> {
    let reading = follow(session, chain, |_, _, _| {})?;
    let enrolled = session.identities()?.into_iter().map(|row| row.uid).collect();
    let checked =
        reading.finish().and_then(|(end, recorded)| agree(&recorded, &enrolled).map(|()| end));
    let end = checked.map_err(|damage| session.damaged(damage))?;
    match seen {
        Some(seen) if !session.knows(&seen)? => {
            let (position, seen) = (end.position, seen.position);
            Err(session.damaged(Damage::PutBack { position, seen }))
        }
        _ => Ok(end),
    }
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
    chain.expect(&end, &open).map_err(|damage| session.damaged(damage))?;
    Ok((end, open))
}

fn follow<'a>(
    session: &Session<'_>,
    chain: &'a Chain,
    mut each: impl FnMut(i64, &[u8; 32], Event),
) -> Result<Reading<'a>, GalleryError> {
    let damaged = |damage| session.damaged(damage);
    let mut reading = Reading::new(chain, checked_end(session, chain)?.0);
    session.records_after(i64::MIN, |position, record, hash| {
        let (event, head) = reading.next(position, record, hash).map_err(damaged)?;
        each(position, &head, event);
        Ok(())
    })?;
    Ok(reading)
}

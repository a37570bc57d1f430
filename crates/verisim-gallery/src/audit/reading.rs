//! Reading a log record by record: what each says, and whether the chain holds; it knows no rows.

use std::collections::BTreeSet;

use super::{Action, Chain, Event, Hash, LogEnd, Receipt};
use crate::Damage;
use crate::error::Mismatch;
use crate::id::RandomId;

/// A log that is being read, record after record.
pub(crate) struct Reading<'a> {
    chain: &'a Chain,
    end: LogEnd,
    position: i64,
    head: Hash,
    /// Who was enrolled and not forgotten since, in what was read.
    enrolled: BTreeSet<RandomId>,
}

/// A receipt that is held against a log.
pub(crate) struct Held<'a> {
    receipt: &'a Receipt,
    is_confirmed: bool,
}

impl<'a> Reading<'a> {
    /// Begins to read a log that ends in `end`, for which something vouches.
    pub(crate) fn new(chain: &'a Chain, end: LogEnd) -> Self {
        Self::since(chain, (0, chain.genesis()), end)
    }

    /// The same from behind a record on, of which position and hash are given.
    pub(crate) fn since(chain: &'a Chain, (position, head): (i64, Hash), end: LogEnd) -> Self {
        Self { chain, end, position, head, enrolled: BTreeSet::new() }
    }

    /// Takes the next record as it is stored; returns its event and the log's hash there.
    ///
    /// Fails if a record was changed, removed or put in before it.
    pub(crate) fn next(
        &mut self,
        position: i64,
        record: &str,
        hash: &[u8],
    ) -> Result<(Event, Hash), Damage> {
        let expected = self.position + 1;
        let head = self.chain.link(&self.head, expected, record);
        let damaged = Damage::Log { position: expected };
        if position != expected || *hash != head {
            return Err(damaged);
        }
        let event = Event::from_json(record).ok_or(damaged)?;
        match event.action {
            Action::Enrolled { person, .. } | Action::Split { person, .. } => {
                self.enrolled.insert(person);
            }
            Action::Forgotten { person: gone, .. } | Action::Merged { other: gone, .. } => {
                self.enrolled.remove(&gone);
            }
            _ => {}
        }
        (self.position, self.head) = (expected, head);
        Ok((event, head))
    }

    /// Ends the reading: fails if records are missing, or are more than the log has.
    ///
    /// Returns its end, and who was enrolled and not forgotten.
    pub(crate) fn finish(self) -> Result<(LogEnd, BTreeSet<RandomId>), Damage> {
        if (self.position, self.head) == (self.end.position, self.end.head) {
            Ok((self.end, self.enrolled))
        } else {
            Err(Damage::Log { position: self.position.min(self.end.position) + 1 })
        }
    }
}

impl<'a> Held<'a> {
    /// Begins to hold a receipt against a log.
    pub(crate) fn new(receipt: &'a Receipt) -> Self {
        Self { receipt, is_confirmed: false }
    }

    /// Takes a record of the log.
    pub(crate) fn next(&mut self, position: i64, head: &Hash, event: &Event) {
        let Receipt { person, n_templates, at, .. } = *self.receipt;
        let expected = Action::Forgotten { person, n_templates };
        self.is_confirmed |= position == self.receipt.position
            && *head == self.receipt.head
            && event.at == at
            && event.action == expected;
    }

    /// Where the receipt disagrees with the log of `gallery`, which ended in `end`, and with who is
    /// enrolled.
    pub(crate) fn mismatch(
        &self,
        gallery: RandomId,
        end: &LogEnd,
        is_enrolled: bool,
    ) -> Option<Mismatch> {
        if gallery != self.receipt.gallery {
            Some(Mismatch::Gallery)
        } else if self.receipt.position > end.position {
            Some(Mismatch::Beyond)
        } else if !self.is_confirmed {
            Some(Mismatch::Record)
        } else if is_enrolled {
            Some(Mismatch::Enrolled)
        } else {
            None
        }
    }
}

/// Fails unless the log and the gallery agree on who is enrolled.
pub(crate) fn agree(
    recorded: &BTreeSet<RandomId>,
    enrolled: &BTreeSet<RandomId>,
) -> Result<(), Damage> {
    match recorded.symmetric_difference(enrolled).count() {
        0 => Ok(()),
        n_identities => Err(Damage::Unrecorded { n_identities }),
    }
}

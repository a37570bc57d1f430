//! Reading the log of a gallery, and holding receipts against it.

use super::Gallery;
use crate::GalleryError;
use crate::audit::{Event, Receipt, ledger};

impl Gallery {
    /// The log, whose records have the positions 1, 2, …
    ///
    /// # Errors
    ///
    /// Fails if a record was changed, removed or put in, or if the store cannot be read.
    pub fn events(&self) -> Result<Vec<Event>, GalleryError> {
        let mut events = Vec::new();
        let session = self.store.view()?;
        ledger::read(&session, &self.vault.chain(), |_, _, event| events.push(event))?;
        Ok(events)
    }

    /// Makes sure that no record of the log was changed, removed or put in, and that it agrees with
    /// who is enrolled; returns the number of records and the hash of the last.
    ///
    /// Without a key, in a plain gallery, whoever may write the file can write the whole log anew.
    /// That the store was put back to an earlier state, or lost its last writes, shows by the file
    /// `gallery.head` beside it. If all files were, nothing here does: a receipt does, if it is younger.
    ///
    /// # Errors
    ///
    /// Fails with [`GalleryError::Damaged`] if the log is not whole, or if the store cannot be read.
    pub fn verify_log(&self) -> Result<(i64, [u8; 32]), GalleryError> {
        let seen = self.store.seen();
        let session = self.store.view()?;
        let end = ledger::check(&session, &self.vault.chain(), seen)?;
        Ok((end.position, end.head))
    }

    /// Makes sure that the log is whole, that it says what the receipt says, and that the person is
    /// not in the gallery.
    ///
    /// # Errors
    ///
    /// Fails with [`GalleryError::ReceiptMismatch`] if they disagree, and for the reasons of
    /// [`verify_log`](Self::verify_log).
    pub fn verify_receipt(&self, receipt: &Receipt) -> Result<(), GalleryError> {
        let seen = self.store.seen();
        let session = self.store.view()?;
        let chain = self.vault.chain();
        ledger::check(&session, &chain, seen)?;
        match ledger::mismatch(&session, &chain, receipt)? {
            None => Ok(()),
            Some(mismatch) => {
                let path = self.store.path().to_owned();
                Err(GalleryError::ReceiptMismatch { path, mismatch })
            }
        }
    }
}

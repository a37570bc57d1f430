//! Bytes of a file for the Parquet crate, read by position from any thread; and its panics as reasons.

use std::cell::Cell;
use std::io::{self, Read};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::header;
use crate::archive::positioned::PositionedFile;

/// An open file. Of the crate's own, clones share one position, so two threads would read each other's bytes.
#[derive(Clone, Debug)]
pub(super) struct Source(pub(super) Arc<PositionedFile>);

/// A place in a file, read on from; the crate reads headers of pages through it, and nothing else.
pub(super) struct SourceReader {
    source: Source,
    position: u64,
    is_checked: bool,
}

impl Read for SourceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_checked {
            header::check_page(&self.source, self.position).map_err(io::Error::other)?;
            self.is_checked = true;
        }
        let left = self.source.len().saturating_sub(self.position);
        let n = left.min(buffer.len() as u64) as usize;
        self.source.0.read_exact(self.position, &mut buffer[..n]).map_err(io::Error::other)?;
        self.position += n as u64;
        Ok(n)
    }
}

impl Length for Source {
    fn len(&self) -> u64 {
        self.0.len()
    }
}

impl ChunkReader for Source {
    type T = SourceReader;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(SourceReader { source: self.clone(), position: start, is_checked: false })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let bytes = self.0.read_record(start, length as u64);
        bytes.map(Bytes::from).map_err(ParquetError::General)
    }
}

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Runs what reads a Parquet file; where the crate panics on a damaged page, that is the reason.
///
/// The crate trusts encodings more than one may trust somebody else's file. Its panics leave nothing
/// behind that is used again, as readers are made anew for each call.
pub(super) fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_GUARDED.get() {
                others(info);
            }
        }));
    });
    IS_GUARDED.set(true);
    let outcome = panic::catch_unwind(AssertUnwindSafe(read));
    IS_GUARDED.set(false);
    outcome.unwrap_or_else(|_| Err("it is damaged: its pages contradict themselves".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_reason_and_a_result_passes() {
        assert_eq!(guarded(|| Ok(3)), Ok(3));
        let none: &[u8] = &[];
        let reason = guarded(|| Ok(none[none.len()])).unwrap_err();
        assert!(reason.contains("damaged"), "{reason}");
        assert!(!IS_GUARDED.get());
    }
}

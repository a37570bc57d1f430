//! Frames of MXNet's RecordIO: where records begin and end; it does not know what is in them.
//!
//! ```text
//! u32 magic 0xced7230a | u32 kind << 29 | length | payload | zeros up to a multiple of 4
//! ```
//!
//! A record whose payload holds the magic number at a multiple of 4 is cut there into parts, and the
//! number itself left out; so the magic number at such a position always begins a part.

use std::io::{self, Write};

use crate::archive::positioned::PositionedFile;
use crate::archive::{ArchiveError, MAX_RECORD_BYTES};

/// First word of every part, little-endian.
pub(super) const MAGIC: u32 = 0xced7_230a;
/// Bytes before the payload of a part.
pub(super) const HEAD_BYTES: u64 = 8;
/// Length of a part at most: 29 bits.
const MAX_PART_BYTES: usize = (1 << 29) - 1;
/// Parts of one record at most. A picture holds the magic number once in some gigabytes.
const MAX_PARTS: usize = 64;
/// Bytes looked through at once for the next record.
const CHUNK: usize = 1 << 16;

/// Place of a part in its record.
const WHOLE: u32 = 0;
const FIRST: u32 = 1;
const MIDDLE: u32 = 2;
const LAST: u32 = 3;

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Position and length of the payload of each part, one at least.
    pub(super) parts: Vec<(u64, u64)>,
    /// Where the next record begins.
    pub(super) end: u64,
}

impl Frame {
    /// Looks at the record at a position.
    pub(super) fn at(file: &PositionedFile, position: u64) -> Result<Self, String> {
        let mut frame = Self { parts: Vec::new(), end: position };
        loop {
            let (kind, len) = read_head(file, frame.end)?;
            let is_start = frame.parts.is_empty();
            if is_start != matches!(kind, WHOLE | FIRST) {
                let expected = if is_start { "the first" } else { "a further" };
                return Err(format!(
                    "part of kind {kind} at byte {}, but {expected} part of a record is expected",
                    frame.end
                ));
            }
            let payload = frame.end + HEAD_BYTES;
            file.check_extent(payload, len)?;
            frame.parts.push((payload, len));
            frame.end = payload + len.next_multiple_of(4);
            if frame.len() > MAX_RECORD_BYTES || frame.parts.len() > MAX_PARTS {
                return Err(format!(
                    "the record at byte {position} has {} bytes in {} parts or more, but a picture \
                     has at most {MAX_RECORD_BYTES} in {MAX_PARTS}",
                    frame.len(),
                    frame.parts.len()
                ));
            }
            if matches!(kind, WHOLE | LAST) {
                return Ok(frame);
            }
        }
    }

    /// Length of the payload, the magic numbers between its parts included.
    pub(super) fn len(&self) -> u64 {
        let bytes: u64 = self.parts.iter().map(|(_, len)| len).sum();
        bytes + 4 * (self.parts.len() as u64).saturating_sub(1)
    }

    /// Reads the payload, or as much of it as `max_bytes`.
    pub(super) fn read(&self, file: &PositionedFile, max_bytes: u64) -> Result<Vec<u8>, String> {
        let mut payload = Vec::with_capacity(self.len().min(max_bytes) as usize);
        for (number, &(position, len)) in self.parts.iter().enumerate() {
            if number > 0 {
                payload.extend(MAGIC.to_le_bytes());
            }
            let start = payload.len();
            payload.resize(start + len.min(max_bytes) as usize, 0);
            file.read_exact(position, &mut payload[start..])?;
            if payload.len() as u64 >= max_bytes {
                payload.truncate(max_bytes as usize);
                break;
            }
        }
        Ok(payload)
    }
}

/// Kind and length of the part at a position.
fn read_head(file: &PositionedFile, position: u64) -> Result<(u32, u64), String> {
    file.check_extent(position, HEAD_BYTES)?;
    let mut head = [0; HEAD_BYTES as usize];
    file.read_exact(position, &mut head)?;
    let [magic, word] = [0, 4].map(|at| u32::from_le_bytes([0, 1, 2, 3].map(|it| head[at + it])));
    if magic != MAGIC {
        return Err(format!(
            "found {magic:#010x} at byte {position}, but a record begins with {MAGIC:#010x}"
        ));
    }
    Ok((word >> 29, u64::from(word & MAX_PART_BYTES as u32)))
}

/// The first position from `position` on, a multiple of 4, at which a record seems to begin.
pub(super) fn next_start(file: &PositionedFile, position: u64) -> Result<Option<u64>, String> {
    let mut position = position.next_multiple_of(4);
    let mut chunk = vec![0; CHUNK];
    while position + HEAD_BYTES <= file.len() {
        let n = (file.len() - position).min(CHUNK as u64) as usize;
        file.read_exact(position, &mut chunk[..n])?;
        for at in (0..=n - HEAD_BYTES as usize).step_by(4) {
            let is_start = chunk[at..at + 4] == MAGIC.to_le_bytes()
                && matches!(u32::from(chunk[at + 7]) >> 5, WHOLE | FIRST);
            if is_start {
                return Ok(Some(position + at as u64));
            }
        }
        // A head may lie across the end of a chunk.
        position += (n / 4 * 4 - 4) as u64;
    }
    Ok(None)
}

/// Writes one record, and returns the bytes it took.
pub(super) fn write(file: &mut dyn Write, payload: &[u8]) -> io::Result<u64> {
    let magic = MAGIC.to_le_bytes();
    let cuts = (0..payload.len() / 4 * 4).step_by(4).filter(|&at| payload[at..at + 4] == magic);
    let (mut start, mut n_written) = (0, 0);
    let mut part = |kind: u32, bytes: &[u8]| {
        if bytes.len() > MAX_PART_BYTES {
            return Err(io::Error::other(format!(
                "a record of {} bytes does not fit into the format",
                bytes.len()
            )));
        }
        file.write_all(&magic)?;
        file.write_all(&(kind << 29 | bytes.len() as u32).to_le_bytes())?;
        file.write_all(bytes)?;
        let padded = bytes.len().next_multiple_of(4);
        file.write_all(&[0; 3][..padded - bytes.len()])?;
        n_written += HEAD_BYTES + padded as u64;
        Ok(())
    };
    for cut in cuts {
        part(if start == 0 { FIRST } else { MIDDLE }, &payload[start..cut])?;
        start = cut + 4;
    }
    part(if start == 0 { WHOLE } else { LAST }, &payload[start..])?;
    Ok(n_written)
}

/// The whole of a file, record after record; what cannot be followed is reported, and searched past.
pub(super) fn scan(
    file: &PositionedFile,
    mut on_corrupt: impl FnMut(u64, String),
) -> Result<Vec<u64>, ArchiveError> {
    let failed = |reason| ArchiveError::at_byte(file.path(), 0, reason);
    let mut starts = Vec::new();
    let mut position = 0;
    while position < file.len() {
        match Frame::at(file, position) {
            Ok(frame) => {
                starts.push(position);
                position = frame.end;
            }
            Err(reason) => {
                on_corrupt(position, reason);
                position =
                    next_start(file, position + 4).map_err(failed)?.unwrap_or_else(|| file.len());
            }
        }
    }
    Ok(starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> (tempfile::NamedTempFile, PositionedFile) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let positioned = PositionedFile::open(file.path()).unwrap();
        (file, positioned)
    }

    #[track_caller]
    fn check_round_trip(payload: &[u8], n_parts: usize) {
        let mut bytes = Vec::new();
        let n_written = write(&mut bytes, payload).unwrap();
        assert_eq!((n_written, bytes.len() % 4), (bytes.len() as u64, 0));
        let (_guard, file) = file(&bytes);
        let frame = Frame::at(&file, 0).unwrap();
        assert_eq!((frame.parts.len(), frame.end), (n_parts, n_written));
        assert_eq!(frame.len(), payload.len() as u64);
        assert_eq!(frame.read(&file, u64::MAX).unwrap(), payload);
        for max in [0, 3, 5, 9] {
            let expected = &payload[..payload.len().min(max)];
            assert_eq!(frame.read(&file, max as u64).unwrap(), expected);
        }
    }

    #[test]
    fn a_payload_with_the_magic_number_is_cut_and_joined() {
        let magic = MAGIC.to_le_bytes();
        check_round_trip(b"", 1);
        check_round_trip(b"abcde", 1);
        check_round_trip(&magic, 2);
        check_round_trip(&[b"abcd".as_slice(), &magic, b"efg"].concat(), 2);
        check_round_trip(&[magic, magic, *b"abcd", magic].concat(), 4);
        // Not at a multiple of 4: it does no harm there.
        check_round_trip(&[b"ab".as_slice(), &magic].concat(), 1);
    }

    #[test]
    fn a_damaged_record_is_searched_past() {
        let mut bytes = Vec::new();
        for payload in [b"first".as_slice(), b"second", b"third"] {
            write(&mut bytes, payload).unwrap();
        }
        bytes[16] ^= 1; // the magic number of the second
        let (_guard, file) = file(&bytes);
        let mut corrupt = Vec::new();
        let starts = scan(&file, |position, reason| corrupt.push((position, reason))).unwrap();
        assert_eq!(starts, [0, 32]);
        assert_eq!(corrupt.len(), 1);
        assert_eq!(corrupt[0].0, 16);
        assert_eq!(
            corrupt[0].1,
            "found 0xced7230b at byte 16, but a record begins with 0xced7230a"
        );
    }

    #[test]
    fn a_length_beyond_the_file_takes_no_memory() {
        let bytes = [MAGIC.to_le_bytes(), (MAX_PART_BYTES as u32).to_le_bytes()].concat();
        let (_guard, file) = file(&bytes);
        let reason = Frame::at(&file, 0).unwrap_err();
        assert!(reason.starts_with("536870911 bytes are announced at byte 8"), "{reason}");
    }

    #[test]
    fn a_start_across_chunks_is_found() {
        let mut bytes = vec![1; CHUNK - 4];
        write(&mut bytes, b"found").unwrap();
        let (_guard, file) = file(&bytes);
        assert_eq!(next_start(&file, 0).unwrap(), Some(CHUNK as u64 - 4));
        assert_eq!(next_start(&file, CHUNK as u64).unwrap(), None);
    }
}

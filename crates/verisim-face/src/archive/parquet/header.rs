//! Whether a header of a Parquet file is as long as it says; it knows Thrift's compact form, no field's meaning.
//!
//! The crate that reads headers skips fields that it does not know, as often as a list says, and takes the end
//! of the file for something that was skipped: six bytes can keep it busy for hours. So headers are walked
//! through here first. A list of more elements than bytes are left is refused; every element has at least one
//! byte in what writers write.

use super::source::Source;
use crate::archive::positioned::PositionedFile;

/// Length of the footer's length and the four letters behind it.
const TAIL: u64 = 8;
/// How deep structs may lie in structs; those of Parquet lie seven deep.
const MAX_DEPTH: usize = 32;
/// Bytes that are read at once.
const AT_ONCE: usize = 512;

const TRUNCATED: &str = "a header ends in the middle: the file is cut off or damaged";

/// Walks through the footer.
pub(super) fn check_footer(file: &PositionedFile) -> Result<(), String> {
    let end = file.len().checked_sub(TAIL).ok_or(TRUNCATED)?;
    let mut tail = [0; TAIL as usize];
    file.read_exact(end, &mut tail)?;
    let [a, b, c, d, ..] = tail;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    // What is no Parquet at all is said better by who reads it.
    let Some(start) = end.checked_sub(length) else { return Ok(()) };
    if tail[4..] != *b"PAR1" {
        return Ok(());
    }
    Walk::new(file, start, end).fields(0)
}

/// Walks through the header of a page.
pub(super) fn check_page(Source(file): &Source, start: u64) -> Result<(), String> {
    // The footer's tail is read through the same door.
    if start.saturating_add(TAIL) >= file.len() {
        return Ok(());
    }
    Walk::new(file, start, file.len()).fields(0)
}

/// A place in a header, and the bytes from there on.
struct Walk<'a> {
    file: &'a PositionedFile,
    bytes: Vec<u8>,
    next: usize,
    /// Where the bytes that are not read yet begin, and where they end.
    unread: u64,
    end: u64,
}

impl<'a> Walk<'a> {
    fn new(file: &'a PositionedFile, start: u64, end: u64) -> Self {
        Self { file, bytes: Vec::new(), next: 0, unread: start, end }
    }

    fn left(&self) -> u64 {
        (self.bytes.len() - self.next) as u64 + self.end - self.unread
    }

    fn byte(&mut self) -> Result<u8, String> {
        if self.next == self.bytes.len() {
            let n = AT_ONCE.min((self.end - self.unread) as usize);
            self.bytes.resize(n, 0);
            self.file.read_exact(self.unread, &mut self.bytes)?;
            self.unread += n as u64;
            self.next = 0;
        }
        let byte = *self.bytes.get(self.next).ok_or(TRUNCATED)?;
        self.next += 1;
        Ok(byte)
    }

    fn skip(&mut self, n_bytes: u64) -> Result<(), String> {
        if n_bytes > self.left() {
            return Err(TRUNCATED.to_owned());
        }
        let at_hand = n_bytes.min((self.bytes.len() - self.next) as u64);
        self.next += at_hand as usize;
        self.unread += n_bytes - at_hand;
        Ok(())
    }

    /// A number of up to 64 bits, seven a byte, the lowest first.
    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number in a header has more than 64 bits: the file is damaged".to_owned())
    }

    /// The fields of a struct, up to its end.
    fn fields(&mut self, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("a header has structs {depth} deep: the file is damaged"));
        }
        loop {
            let head = self.byte()?;
            let kind = head & 0xF;
            if kind == 0 {
                return Ok(());
            }
            if head >> 4 == 0 {
                self.number()?; // the field's number, written out
            }
            // A field that is true or false says so by its kind.
            if kind > 2 {
                self.value(kind, depth)?;
            }
        }
    }

    fn value(&mut self, kind: u8, depth: usize) -> Result<(), String> {
        match kind {
            1..=3 => self.skip(1),
            4..=6 => self.number().map(drop),
            7 => self.skip(8),
            8 => {
                let n_bytes = self.number()?;
                self.skip(n_bytes)
            }
            9 | 10 => self.list(depth),
            11 => self.map(depth),
            12 => self.fields(depth + 1),
            13 => self.skip(16),
            _ => Err(format!("a header has a field of kind {kind}: the file is damaged")),
        }
    }

    fn list(&mut self, depth: usize) -> Result<(), String> {
        let head = self.byte()?;
        let n_elements = if head >> 4 == 15 { self.number()? } else { u64::from(head >> 4) };
        self.elements(n_elements, &[head & 0xF], depth)
    }

    fn map(&mut self, depth: usize) -> Result<(), String> {
        let n_entries = self.number()?;
        if n_entries == 0 {
            return Ok(());
        }
        let kinds = self.byte()?;
        self.elements(n_entries, &[kinds >> 4, kinds & 0xF], depth)
    }

    fn elements(&mut self, n: u64, kinds: &[u8], depth: usize) -> Result<(), String> {
        let left = self.left();
        if n > left {
            return Err(format!(
                "a header announces {n} elements, but {left} bytes are left: the file is damaged"
            ));
        }
        if depth >= MAX_DEPTH {
            return Err(format!("a header has lists {depth} deep: the file is damaged"));
        }
        for _ in 0..n {
            for &kind in kinds {
                self.value(kind, depth + 1)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// What the header `bytes`, followed by a long rest, is said to be.
    fn checked(bytes: &[u8]) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, [bytes, &[0; 600]].concat()).unwrap();
        check_page(&Source(Arc::new(PositionedFile::open(&path).unwrap())), 0)
    }

    #[test]
    fn every_kind_of_field_is_walked_over() {
        let fields = [
            &[0x11, 0x12, 0x13, 5, 0x15, 0x80, 0x01][..], // true, false, a byte, the number 128
            &[0x17, 1, 2, 3, 4, 5, 6, 7, 8],              // a double
            &[0x18, 2, 0xFF, 0xFF],                       // two bytes
            &[0x19, 0x31, 1, 0, 1],                       // a list of three truths
            &[0x1B, 1, 0x88, 1, b'k', 1, b'v'],           // a map of text to text
            &[0x1C, 0x15, 3, 0],                          // a struct with a number
            &[0x05, 0x20, 9, 0], // a number with its field written out; the end
        ];
        assert_eq!(checked(&fields.concat()), Ok(()));
        // The rest of zeros ends what lies open, so what was cut off in the middle shows by its length.
        let error = checked(&[0x18, 0xFF, 0xFF, 0x03]).unwrap_err();
        assert!(error.contains("cut off"), "{error}");
    }

    #[test]
    fn a_list_longer_than_the_file_is_refused_at_once() {
        for kind in [1, 7, 8, 9, 12] {
            let error = checked(&[0x19, 0xF0 | kind, 0xFF, 0xFF, 0xFF, 0xFF, 0x07]).unwrap_err();
            assert!(error.contains("announces 2147483647 elements, but 600 bytes"), "{error}");
        }
        let error = checked(&[0x1B, 0xFF, 0xFF, 0xFF, 0xFF, 0x07, 0x11]).unwrap_err();
        assert!(error.contains("announces 2147483647 elements"), "{error}");
    }

    #[test]
    fn depth_is_bounded() {
        let structs = checked(&[0x1C; 500]).unwrap_err();
        assert!(structs.contains("structs 33 deep"), "{structs}");
        let lists = checked(&[&[0x19][..], &[0x19; 500]].concat()).unwrap_err();
        assert!(lists.contains("lists 32 deep"), "{lists}");
    }
}

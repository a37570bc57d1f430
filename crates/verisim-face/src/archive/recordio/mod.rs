//! InsightFace's training sets, `train.rec` with `train.idx`: records, labels, identity records.
//!
//! The payload of a record begins with MXNet's image header, then come more labels, then the picture:
//!
//! ```text
//! u32 flag | f32 label | u64 id | u64 id2 | flag × f32 labels | picture file
//! ```
//!
//! With a flag above 0 the labels are those after the header. If record 0 holds no picture, its labels are
//! the number of the first identity record and that of the last, plus 1: the records before are pictures.
//! `train.idx` has a line `number<TAB>position` for each record; without it the file is read through.
//! Names of identities are the folders in `train.lst` (`number<TAB>label<TAB>path`), if it lies there;
//! else the labels themselves.

mod frame;
mod sidecar;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use self::frame::Frame;
use super::positioned::PositionedFile;
use super::{Archive, ArchiveError, CorruptRecord, Format, MAX_RECORD_BYTES, file_name};

pub use self::writer::{RecordWriter, WriteError};

/// Bytes of the image header.
const HEADER_BYTES: u64 = 24;
/// Bytes that are read of each record when a file is opened: the header and two labels.
const LISTED_BYTES: u64 = HEADER_BYTES + 8;
/// Labels and numbers are single-precision floats, which count no further.
const MAX_FLOAT: u64 = 1 << 24;

/// A RecordIO file of labeled pictures.
#[derive(Debug)]
pub struct RecordIo {
    file: PositionedFile,
    identities: Vec<String>,
    labels: Vec<u64>,
    entries: Vec<Entry>,
    corrupt: Vec<CorruptRecord>,
}

/// Number and position of a record.
#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u64,
    position: u64,
}

/// What the beginning of a record says.
#[derive(Clone, Copy, Debug)]
struct Head {
    flag: u32,
    /// The first two labels; there may be one.
    labels: [f32; 2],
    /// Whether a picture follows.
    has_picture: bool,
}

impl RecordIo {
    /// Opens a file, and reads the label of each record.
    ///
    /// # Errors
    ///
    /// Fails if the file, or the index beside it, cannot be read, or if no record holds a picture.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = PositionedFile::open(path)?;
        let mut corrupt = Vec::new();
        let index = path.with_extension("idx");
        let is_indexed = index.exists();
        let entries = if is_indexed {
            sidecar::read_index(&index)?
        } else {
            let starts = frame::scan(&file, |position, reason| {
                let place = file_name(path).join(format!("byte {position}"));
                corrupt.push(CorruptRecord { place, reason });
            })?;
            (0..).zip(starts).map(|(number, position)| Entry { number, position }).collect()
        };
        let heads: Vec<Result<Head, String>> =
            entries.par_iter().map(|entry| Head::read(&file, entry.position)).collect();
        let first_identity = first_identity(&entries, &heads);
        let mut archive =
            Self { file, identities: Vec::new(), labels: Vec::new(), entries: Vec::new(), corrupt };
        for (entry, head) in entries.into_iter().zip(heads) {
            let is_no_picture = |head: &Head| match first_identity {
                None => false,
                Some(_) if entry.number == 0 => true,
                // A position in the file counts corrupt records wrongly, and a float not far enough.
                Some(first) if is_indexed && first <= MAX_FLOAT => entry.number >= first,
                Some(first) => entry.number >= first || (head.flag == 2 && !head.has_picture),
            };
            match head {
                Ok(head) if is_no_picture(&head) => {}
                Ok(head) => match head.label() {
                    Ok(label) => archive.push(entry, label),
                    Err(reason) => archive.push_corrupt(entry, reason),
                },
                Err(reason) => archive.push_corrupt(entry, reason),
            }
        }
        archive.name_identities()?;
        Ok(archive)
    }

    fn push(&mut self, entry: Entry, label: u64) {
        self.entries.push(entry);
        self.labels.push(label);
    }

    fn push_corrupt(&mut self, entry: Entry, reason: String) {
        let place = place(self.file.path(), entry);
        self.corrupt.push(CorruptRecord { place, reason });
    }

    /// Makes positions of the labels of the file, in their order, and names them.
    fn name_identities(&mut self) -> Result<(), ArchiveError> {
        if self.labels.is_empty() {
            let path = self.file.path();
            return Err(ArchiveError::empty(path, &self.corrupt, "it has no records"));
        }
        let mut found = self.labels.clone();
        found.sort_unstable();
        found.dedup();
        for label in &mut self.labels {
            *label = found.partition_point(|it| it < label) as u64;
        }
        let list = self.file.path().with_extension("lst");
        let names = if list.exists() { sidecar::read_names(&list)? } else { BTreeMap::new() };
        let name = |label: u64| names.get(&label).cloned().unwrap_or_else(|| label.to_string());
        self.identities = found.into_iter().map(name).collect();
        Ok(())
    }

    fn picture(&self, index: usize) -> Result<Vec<u8>, String> {
        let frame = Frame::at(&self.file, self.entries[index].position)?;
        let mut payload = frame.read(&self.file, MAX_RECORD_BYTES)?;
        let n_before = HEADER_BYTES + 4 * u64::from(Head::parse(&payload, frame.len())?.flag);
        payload.drain(..n_before as usize);
        Ok(payload)
    }
}

/// The number of the first identity record, if the file has them.
fn first_identity(entries: &[Entry], heads: &[Result<Head, String>]) -> Option<u64> {
    let first = entries.iter().position(|entry| entry.number == 0)?;
    let head = heads[first].as_ref().ok()?;
    let is_header = head.flag > 0 && !head.has_picture;
    is_header.then_some(head.labels[0].max(0.0) as u64)
}

fn place(path: &Path, entry: Entry) -> PathBuf {
    file_name(path).join(format!("record {}", entry.number))
}

impl Head {
    fn read(file: &PositionedFile, position: u64) -> Result<Self, String> {
        let frame = Frame::at(file, position)?;
        Self::parse(&frame.read(file, LISTED_BYTES)?, frame.len())
    }

    /// Takes the beginning of a payload and the length of all of it.
    fn parse(bytes: &[u8], n_bytes: u64) -> Result<Self, String> {
        if n_bytes < HEADER_BYTES {
            return Err(format!("the record has {n_bytes} bytes, but its header {HEADER_BYTES}"));
        }
        let word = |at: usize| [0, 1, 2, 3].map(|it| bytes.get(at + it).copied().unwrap_or(0));
        let flag = u32::from_le_bytes(word(0));
        let n_before = HEADER_BYTES + 4 * u64::from(flag);
        if n_before > n_bytes {
            return Err(format!(
                "{flag} labels are announced, but the record has {n_bytes} bytes in all"
            ));
        }
        let labels = match flag {
            0 => [f32::from_le_bytes(word(4)), 0.0],
            1 => [f32::from_le_bytes(word(24)), 0.0],
            _ => [24, 28].map(|at| f32::from_le_bytes(word(at))),
        };
        Ok(Self { flag, labels, has_picture: n_bytes > n_before })
    }

    /// The label of the picture.
    fn label(&self) -> Result<u64, String> {
        let label = self.labels[0];
        if !self.has_picture {
            return Err("the record holds no picture".to_owned());
        }
        if label.fract() != 0.0 || !(0.0..=MAX_FLOAT as f32).contains(&label) {
            return Err(format!("the label is {label}, but must be a whole number up to 2^24"));
        }
        Ok(label as u64)
    }
}

impl Archive for RecordIo {
    fn format(&self) -> Format {
        Format::RecordIo
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn place(&self, index: usize) -> PathBuf {
        place(self.file.path(), self.entries[index])
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord> {
        self.picture(index).map_err(|reason| CorruptRecord { place: self.place(index), reason })
    }

    fn corrupt(&self) -> &[CorruptRecord] {
        &self.corrupt
    }
}

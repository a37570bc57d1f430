//! Writing `train.rec`, `train.idx` and `train.lst`; the caller sees to whole files.

use std::io::{self, Write};
use std::path::Path;

use super::{MAX_FLOAT, frame};

/// Why a set cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Labels are floats.
    #[error(
        "{n_records} records are to be written, but the format numbers at most {MAX_FLOAT} exactly: \
         write several files"
    )]
    TooMany {
        /// Pictures, identities and the header.
        n_records: u64,
    },
    /// A set without pictures is none.
    #[error("there is no picture to write")]
    Empty,
    /// Pictures of an identity belong together.
    #[error("label {found} comes after label {before}, but labels must come in order, from 0")]
    Disorder {
        /// Label of the picture.
        found: u64,
        /// Label of the one before.
        before: u64,
    },
    /// A name that the list cannot hold.
    #[error("{} has a tab or a line break in its name, which the list cannot hold", path.display())]
    Name {
        /// The picture.
        path: std::path::PathBuf,
    },
    /// Not what was announced.
    #[error("{found} {what} were written, but {announced} announced")]
    Count {
        /// `pictures` or `identities`.
        what: &'static str,
        /// Written.
        found: u64,
        /// Announced.
        announced: u64,
    },
}

/// Writes pictures identity after identity, as InsightFace reads them.
pub struct RecordWriter<'a> {
    records: &'a mut dyn Write,
    index: &'a mut dyn Write,
    list: &'a mut dyn Write,
    position: u64,
    number: u64,
    n_pictures: u64,
    n_identities: u64,
    /// Number of the first picture of each identity so far.
    starts: Vec<u64>,
}

impl<'a> RecordWriter<'a> {
    /// Begins a set of so many pictures and identities; the first record names both.
    ///
    /// # Errors
    ///
    /// Fails if there are too many for the format, or none, or if nothing can be written.
    pub fn new(
        [records, index, list]: [&'a mut dyn Write; 3],
        n_pictures: u64,
        n_identities: u64,
    ) -> Result<Self, WriteError> {
        let n_records = n_pictures.saturating_add(n_identities).saturating_add(1);
        if n_records > MAX_FLOAT {
            return Err(WriteError::TooMany { n_records });
        }
        if n_pictures == 0 {
            return Err(WriteError::Empty);
        }
        let (position, number, starts) = (0, 0, Vec::new());
        let mut writer =
            Self { records, index, list, position, number, n_pictures, n_identities, starts };
        writer.append(&[n_pictures + 1, n_records], &[])?;
        Ok(writer)
    }

    /// Writes one picture file.
    ///
    /// # Errors
    ///
    /// Fails if labels do not come in order from 0, or if nothing can be written.
    pub fn push(&mut self, label: u64, path: &Path, picture: &[u8]) -> Result<(), WriteError> {
        let n_begun = self.starts.len() as u64;
        if label == n_begun {
            self.starts.push(self.number);
        } else if label + 1 != n_begun {
            return Err(WriteError::Disorder { found: label, before: n_begun.saturating_sub(1) });
        }
        let shown = path.to_string_lossy();
        if shown.contains(['\t', '\n', '\r']) {
            return Err(WriteError::Name { path: path.to_owned() });
        }
        writeln!(self.list, "{}\t{label}\t{shown}", self.number)?;
        self.append(&[label], picture)
    }

    /// Writes the identity records.
    ///
    /// # Errors
    ///
    /// Fails if not as many were written as announced, or if nothing can be written.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let found = self.number - 1;
        if found != self.n_pictures {
            let announced = self.n_pictures;
            return Err(WriteError::Count { what: "pictures", found, announced });
        }
        let found = self.starts.len() as u64;
        if found != self.n_identities {
            let announced = self.n_identities;
            return Err(WriteError::Count { what: "identities", found, announced });
        }
        let starts = std::mem::take(&mut self.starts);
        let ends = starts.iter().skip(1).copied().chain([self.n_pictures + 1]);
        for (&start, end) in starts.iter().zip(ends) {
            self.append(&[start, end], &[])?;
        }
        Ok(())
    }

    /// Writes a record with one label, or with several after the header.
    fn append(&mut self, labels: &[u64], picture: &[u8]) -> Result<(), WriteError> {
        let (flag, label) = match labels {
            [label] => (0, *label as f32),
            _ => (labels.len() as u32, 0.0),
        };
        let mut payload = Vec::with_capacity(32 + picture.len());
        payload.extend(flag.to_le_bytes());
        payload.extend(label.to_le_bytes());
        payload.extend(self.number.to_le_bytes());
        payload.extend(0u64.to_le_bytes());
        if flag > 0 {
            payload.extend(labels.iter().flat_map(|&label| (label as f32).to_le_bytes()));
        }
        payload.extend(picture);
        writeln!(self.index, "{}\t{}", self.number, self.position)?;
        self.position += frame::write(self.records, &payload)?;
        self.number += 1;
        Ok(())
    }
}

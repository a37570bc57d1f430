//! Files that hold many pictures of identities: bytes come out; no pixels, no decoder.
//!
//! Everything in such a file is somebody else's word. Lengths are checked against the file before memory
//! is taken, a record that contradicts itself is named and does not spoil the others, and nothing in a
//! file is ever executed.

pub mod bin;
#[cfg(test)]
mod fuzz_tests;
mod identities;
pub mod list;
mod open;
pub mod parquet;
mod paths;
mod positioned;
pub mod recordio;
mod shards;
pub mod tar;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

pub use self::open::open;
pub use self::paths::Paths;

/// Bytes of one record at most: more than any picture that is decoded has.
pub const MAX_RECORD_BYTES: u64 = 64 << 20;

/// A set of picture files of known identities, with random access to each.
///
/// Whoever implements it reads from any thread, and keeps no picture in memory.
pub trait Archive: Send + Sync + fmt::Debug {
    /// What kind of file it is.
    fn format(&self) -> Format;

    /// Names of the identities, in natural order; a label is a position in this list.
    fn identities(&self) -> &[String];

    /// The label of each record, below the number of identities.
    fn labels(&self) -> &[u64];

    /// What a record is called, as if it lay in a folder: `train.tar/Ann/1.jpg`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such record.
    fn place(&self, index: usize) -> PathBuf;

    /// The bytes of one picture file.
    ///
    /// # Errors
    ///
    /// Fails if the record cannot be read or contradicts itself.
    ///
    /// # Panics
    ///
    /// Panics if there is no such record.
    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord>;

    /// What looked like a record but could not be listed.
    fn corrupt(&self) -> &[CorruptRecord];
}

/// Kinds of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A folder for each identity.
    Folder,
    /// A CSV or TSV list of paths and identities.
    List,
    /// MXNet's RecordIO, as InsightFace trains from.
    RecordIo,
    /// A verification set of InsightFace: a pickle of pictures and answers.
    Bin,
    /// Tar shards, as WebDataset has them.
    Tar,
    /// Parquet with the bytes of pictures, as data sets of Hugging Face have them.
    Parquet,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Folder => "folder",
            Self::List => "list",
            Self::RecordIo => "RecordIO",
            Self::Bin => "verification set",
            Self::Tar => "tar",
            Self::Parquet => "Parquet",
        })
    }
}

/// A record that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", place.display())]
pub struct CorruptRecord {
    /// What it is called.
    pub place: PathBuf,
    /// What was found and what was expected.
    pub reason: String,
}

/// Why a file cannot be used as an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is of no known kind.
    #[error(
        "{} is {found}, but a folder of faces, or a file .rec, .bin, .tar, .parquet, .csv or .tsv is expected",
        path.display()
    )]
    UnknownFormat {
        /// Which file.
        path: PathBuf,
        /// What it looks like.
        found: String,
    },
    /// It contradicts itself in a way that leaves nothing to use.
    #[error("{}, {place}: {reason}", path.display())]
    Malformed {
        /// Which file.
        path: PathBuf,
        /// Where in it: `byte 17` or `line 3`.
        place: String,
        /// What was found, what was expected, and what to do.
        reason: String,
    },
    /// There is no picture in it.
    #[error("{} holds no picture of an identity: {hint}", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        hint: String,
    },
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] crate::folder::FolderError),
}

impl ArchiveError {
    fn unreadable(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Unreadable { path: path.to_owned(), source }
    }

    /// Nothing can be used: because of corrupt records, or because what is `missing` is not there.
    fn empty(path: &Path, corrupt: &[CorruptRecord], missing: &str) -> Self {
        let hint = match corrupt.first() {
            Some(first) => format!("{} corrupt records, the first: {first}", corrupt.len()),
            None => missing.to_owned(),
        };
        Self::Empty { path: path.to_owned(), hint }
    }

    fn at_byte(path: &Path, position: u64, reason: impl Into<String>) -> Self {
        let (path, place) = (path.to_owned(), format!("byte {position}"));
        Self::Malformed { path, place, reason: reason.into() }
    }

    fn at_line(path: &Path, line: u64, reason: impl Into<String>) -> Self {
        let (path, place) = (path.to_owned(), format!("line {line}"));
        Self::Malformed { path, place, reason: reason.into() }
    }
}

/// The name of a file without its folder, for what lies in it.
fn file_name(path: &Path) -> PathBuf {
    path.file_name().map_or_else(|| path.to_owned(), PathBuf::from)
}

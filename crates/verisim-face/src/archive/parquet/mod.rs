//! Parquet files with the bytes of pictures, as data sets of Hugging Face have them; knows rows, no pixels.
//!
//! Pictures are a column of bytes, `image.bytes` or `image` and some others; whose they are says a column
//! `identity` or `label` of text or integers, which may have names in the file's own words (`ClassLabel`).
//! Identities are read once; a picture is read when it is asked for, with the page that it lies in.
//!
//! A damaged page spoils the rows in it: a page is what a reader can take apart. The file says how much
//! memory a page needs unpacked, up to 2 GiB, and is believed; headers that announce more than the file can
//! hold, and groups of more rows than the file has bytes, are not.

mod columns;
mod embedding_writer;
mod embeddings;
mod header;
mod source;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::column::reader::ColumnReader;
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use rayon::prelude::*;

use self::columns::Columns;
pub use self::embedding_writer::EmbeddingWriter;
pub use self::embeddings::{EmbeddingRow, EmbeddingRows};
use self::source::{Source, guarded};
use super::identities::Identities;
use super::positioned::PositionedFile;
use super::{Archive, ArchiveError, CorruptRecord, Format, file_name, shards};

/// Pictures in Parquet files.
#[derive(Debug)]
pub struct Parquet {
    shards: Vec<Shard>,
    identities: Vec<String>,
    labels: Vec<u64>,
    rows: Vec<Row>,
    corrupt: Vec<CorruptRecord>,
}

/// Where a picture lies.
#[derive(Clone, Copy, Debug)]
struct Row {
    shard: u32,
    group: u32,
    row: u32,
}

/// One file, open.
struct Shard {
    reader: SerializedFileReader<Source>,
    columns: Columns,
    path: PathBuf,
    n_bytes: u64,
    /// Rows before each row group.
    first_rows: Vec<u64>,
}

impl fmt::Debug for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shard").field("path", &self.path).finish_non_exhaustive()
    }
}

/// A file, the names in it, and what could not be read.
struct Listed {
    shard: Shard,
    rows: Vec<(u32, u32, String)>,
    corrupt: Vec<CorruptRecord>,
}

impl Parquet {
    /// Lists a file, the files of a pattern `train-{00..12}.parquet`, or those of a folder.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read or has no columns for pictures and identities, or if there is no
    /// picture in any.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let paths = shards::find(path, "parquet")?;
        let listed: Result<Vec<Listed>, ArchiveError> =
            paths.par_iter().map(|path| Shard::list(path)).collect();
        let mut names = Identities::default();
        let (mut shards, mut labels, mut rows, mut corrupt) = (vec![], vec![], vec![], vec![]);
        for (shard, listed) in (0..).zip(listed?) {
            for (group, row, identity) in listed.rows {
                labels.push(names.number(&identity));
                rows.push(Row { shard, group, row });
            }
            corrupt.extend(listed.corrupt);
            shards.push(listed.shard);
        }
        if rows.is_empty() {
            return Err(ArchiveError::empty(path, &corrupt, "it has no rows"));
        }
        let identities = names.sorted(&mut labels);
        Ok(Self { shards, identities, labels, rows, corrupt })
    }
}

impl Shard {
    fn list(path: &Path) -> Result<Listed, ArchiveError> {
        let source = Source(Arc::new(PositionedFile::open(path)?));
        let n_bytes = source.0.len();
        let opened = guarded(|| {
            header::check_footer(&source.0)?;
            let reader = SerializedFileReader::new(source).map_err(|error| error.to_string())?;
            let columns = columns::find(reader.metadata())?;
            Ok((reader, columns))
        });
        let malformed = |reason| {
            let place = "its footer".to_owned();
            ArchiveError::Malformed { path: path.to_owned(), place, reason }
        };
        let (reader, columns) = opened.map_err(malformed)?;
        let names = columns::class_names(reader.metadata(), columns.identity);
        let mut first_row = 0u64;
        let mut first_rows = Vec::new();
        for group in reader.metadata().row_groups() {
            first_rows.push(first_row);
            first_row = first_row.saturating_add(group.num_rows().unsigned_abs());
        }
        let shard = Self { reader, columns, path: path.to_owned(), n_bytes, first_rows };
        let (mut rows, mut corrupt) = (Vec::new(), Vec::new());
        for (group, _) in (0..).zip(&shard.first_rows) {
            match shard.identities(group, &names) {
                Ok(identities) => {
                    for (row, identity) in (0..).zip(identities) {
                        match identity {
                            Some(identity) => rows.push((group as u32, row, identity)),
                            None => corrupt.push(CorruptRecord {
                                place: shard.place(group, row, None),
                                reason: "nothing says whose picture it is: the cell is empty"
                                    .to_owned(),
                            }),
                        }
                    }
                }
                Err(reason) => {
                    let place = file_name(path).join(format!("row group {group}"));
                    corrupt.push(CorruptRecord { place, reason });
                }
            }
        }
        Ok(Listed { shard, rows, corrupt })
    }

    fn identities(&self, group: usize, names: &[String]) -> Result<Vec<Option<String>>, String> {
        let column = self.columns.identity;
        let schema = self.reader.metadata().file_metadata().schema_descr_ptr();
        // A run of equal cells takes a few bytes, however often it repeats; a picture takes at least one.
        let max_rows = self.n_bytes as usize;
        let cells = || self.cells(group, column);
        guarded(|| columns::identities(cells()?, &schema.column(column), names, max_rows))
    }

    fn picture(&self, group: usize, row: usize) -> Result<Vec<u8>, String> {
        guarded(|| columns::picture(self.cells(group, self.columns.picture)?, row))
    }

    /// A column of a row group, from its first cell on.
    fn cells(&self, group: usize, column: usize) -> Result<ColumnReader, String> {
        let reader = self.reader.get_row_group(group).and_then(|it| it.get_column_reader(column));
        reader.map_err(|error| error.to_string())
    }

    /// `train.parquet/Ann/17`, with the number of the row in the file.
    fn place(&self, group: usize, row: u32, identity: Option<&str>) -> PathBuf {
        let number = self.first_rows[group].saturating_add(u64::from(row));
        let file = file_name(&self.path);
        identity.map_or_else(|| file.clone(), |it| file.join(it)).join(number.to_string())
    }
}

impl Archive for Parquet {
    fn format(&self) -> Format {
        Format::Parquet
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn place(&self, index: usize) -> PathBuf {
        let Row { shard, group, row } = self.rows[index];
        let identity = &self.identities[self.labels[index] as usize];
        self.shards[shard as usize].place(group as usize, row, Some(identity))
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord> {
        let Row { shard, group, row } = self.rows[index];
        let bytes = self.shards[shard as usize].picture(group as usize, row as usize);
        bytes.map_err(|reason| CorruptRecord { place: self.place(index), reason })
    }

    fn corrupt(&self) -> &[CorruptRecord] {
        &self.corrupt
    }
}

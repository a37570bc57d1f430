//! Embeddings in Parquet files, with whose they are, read in batches; it knows no model.
//!
//! A column `embedding` of lists of floats, and one that names the identity, as those of pictures do.
//! Columns `external_id`, `source` (what the picture is called) and `quality` may be beside them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Type;
use ::parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use ::parquet::data_type::{ByteArray, DataType};
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::columns::IDENTITIES;
use super::header;
use super::source::{Source, guarded};
use crate::archive::ArchiveError;
use crate::archive::positioned::PositionedFile;

/// Names of columns of embeddings, the one to take first.
const EMBEDDINGS: [&str; 4] = ["embedding", "embeddings", "vector", "feature"];
/// Rows that are read or written at once.
pub(super) const AT_ONCE: usize = 1024;
/// An embedding, of any length, and whose it is.
#[derive(Clone, PartialEq)]
pub struct EmbeddingRow {
    /// Whose it is, unless nothing says so.
    pub identity: Option<String>,
    /// What another system calls that identity.
    pub external_id: Option<String>,
    /// What the picture is called.
    pub source: Option<String>,
    /// How good the picture is.
    pub quality: Option<i32>,
    /// Its components; NaN where a cell is empty.
    pub values: Vec<f32>,
}

/// The rows of a file, in batches.
pub struct EmbeddingRows {
    reader: SerializedFileReader<Source>,
    path: PathBuf,
    columns: Columns,
    group: usize, // the next to be opened
    open: Option<Open>,
}

/// The columns of a row group, read on from where they are.
struct Open {
    identity: ColumnReader,
    embedding: ColumnReader,
    external_id: Option<ColumnReader>,
    source: Option<ColumnReader>,
    quality: Option<ColumnReader>,
    full_level: i16, // the definition level of a component that is there
}

struct Columns {
    identity: usize,
    embedding: usize,
    external_id: Option<usize>,
    source: Option<usize>,
    quality: Option<usize>,
}

impl EmbeddingRows {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read, or has no columns for embeddings and identities.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let source = Source(Arc::new(PositionedFile::open(path)?));
        let opened = guarded(|| {
            header::check_footer(&source.0)?;
            let reader = SerializedFileReader::new(source).map_err(|error| error.to_string())?;
            let columns = Columns::find(&reader)?;
            Ok((reader, columns))
        });
        let (reader, columns) = opened.map_err(|reason| malformed(path, "its footer", reason))?;
        Ok(Self { reader, path: path.to_owned(), columns, group: 0, open: None })
    }

    /// Number of rows that the file announces.
    pub fn n_rows(&self) -> u64 {
        self.reader.metadata().file_metadata().num_rows().unsigned_abs()
    }

    /// The next rows; none after the last.
    ///
    /// # Errors
    ///
    /// Fails if the file is damaged here; nothing of it is read any more.
    pub fn next_batch(&mut self) -> Result<Vec<EmbeddingRow>, ArchiveError> {
        loop {
            if let Some(open) = &mut self.open {
                let batch = guarded(|| open.next_batch());
                let batch = batch.map_err(|reason| {
                    let place = format!("row group {}", self.group - 1);
                    (self.group, self.open) = (usize::MAX, None);
                    malformed(&self.path, &place, reason)
                })?;
                if !batch.is_empty() {
                    return Ok(batch);
                }
            }
            if self.group >= self.reader.num_row_groups() {
                self.open = None;
                return Ok(Vec::new());
            }
            let open = guarded(|| self.columns.open(&self.reader, self.group));
            let place = format!("row group {}", self.group);
            self.open = Some(open.map_err(|reason| malformed(&self.path, &place, reason))?);
            self.group += 1;
        }
    }
}

impl Columns {
    fn find(reader: &SerializedFileReader<Source>) -> Result<Self, String> {
        let columns = reader.metadata().file_metadata().schema_descr().columns();
        let text = |name: &str| {
            columns.iter().position(|it| {
                it.max_rep_level() == 0
                    && it.physical_type() == Type::BYTE_ARRAY
                    && it.path().string().eq_ignore_ascii_case(name)
            })
        };
        let floats = |name: &&str| {
            columns.iter().position(|it| {
                it.max_rep_level() == 1
                    && [Type::FLOAT, Type::DOUBLE].contains(&it.physical_type())
                    && it.path().parts().first().is_some_and(|it| it.eq_ignore_ascii_case(name))
            })
        };
        let quality = columns.iter().position(|it| {
            it.max_rep_level() == 0
                && it.physical_type() == Type::INT32
                && it.path().string().eq_ignore_ascii_case("quality")
        });
        let identity = IDENTITIES.iter().find_map(|name| text(name));
        let embedding = EMBEDDINGS.iter().find_map(floats);
        let (Some(identity), Some(embedding)) = (identity, embedding) else {
            let wanted = if embedding.is_none() {
                format!("one of lists of floats called {}", EMBEDDINGS.join(", "))
            } else {
                format!("one of text called {}", IDENTITIES.join(", "))
            };
            let found: Vec<String> = columns.iter().take(20).map(|it| it.path().string()).collect();
            return Err(format!("its columns are {}, but {wanted} is expected", found.join(", ")));
        };
        let (external_id, source) = (text("external_id"), text("source"));
        Ok(Self { identity, embedding, external_id, source, quality })
    }

    fn open(&self, reader: &SerializedFileReader<Source>, group: usize) -> Result<Open, String> {
        let group = reader.get_row_group(group).map_err(said)?;
        let open = |column: usize| group.get_column_reader(column).map_err(said);
        let schema = reader.metadata().file_metadata().schema_descr();
        Ok(Open {
            identity: open(self.identity)?,
            embedding: open(self.embedding)?,
            external_id: self.external_id.map(open).transpose()?,
            source: self.source.map(open).transpose()?,
            quality: self.quality.map(open).transpose()?,
            full_level: schema.column(self.embedding).max_def_level(),
        })
    }
}

impl Open {
    fn next_batch(&mut self) -> Result<Vec<EmbeddingRow>, String> {
        let vectors = match &mut self.embedding {
            ColumnReader::FloatColumnReader(it) => lists(it, self.full_level, |it| *it)?,
            ColumnReader::DoubleColumnReader(it) => lists(it, self.full_level, |it| *it as f32)?,
            _ => return Err("its embeddings are no floats".to_owned()),
        };
        let n = vectors.len();
        let identities = texts(&mut self.identity, n)?;
        let texts_if_there = |column: Option<&mut ColumnReader>| {
            column.map_or_else(|| Ok(vec![None; n]), |it| texts(it, n))
        };
        let external_ids = texts_if_there(self.external_id.as_mut())?;
        let sources = texts_if_there(self.source.as_mut())?;
        let qualities = match &mut self.quality {
            Some(ColumnReader::Int32ColumnReader(reader)) => cells(reader, n, |it| Some(*it))?,
            _ => vec![None; n],
        };
        let beside = external_ids.into_iter().zip(sources).zip(qualities);
        let rows = vectors.into_iter().zip(identities).zip(beside);
        let rows = rows.map(|((values, identity), ((external_id, source), quality))| {
            EmbeddingRow { identity, external_id, source, quality, values }
        });
        Ok(rows.collect())
    }
}

fn texts(column: &mut ColumnReader, n: usize) -> Result<Vec<Option<String>>, String> {
    let ColumnReader::ByteArrayColumnReader(reader) = column else {
        return Ok(vec![None; n]);
    };
    cells(reader, n, |it: &ByteArray| {
        let text = String::from_utf8_lossy(it.data()).trim().to_owned();
        Some(text).filter(|it| !it.is_empty())
    })
}

/// The next lists, as many as are read at once.
fn lists<T: DataType>(
    reader: &mut ColumnReaderImpl<T>,
    full_level: i16,
    value: impl Fn(&T::T) -> f32,
) -> Result<Vec<Vec<f32>>, String> {
    let (mut levels, mut starts, mut values) = (Vec::new(), Vec::new(), Vec::new());
    reader
        .read_records(AT_ONCE, Some(&mut levels), Some(&mut starts), &mut values)
        .map_err(said)?;
    let mut values = values.iter();
    let mut found: Vec<Vec<f32>> = Vec::new();
    // A level below the last but one is a list that is empty or not there.
    let has_place = |level: i16| level >= full_level - 1;
    for (idx, start) in starts.into_iter().enumerate() {
        let level = levels.get(idx).copied().unwrap_or(full_level);
        if start == 0 {
            found.push(Vec::new());
        }
        let Some(list) = found.last_mut() else { return Err("a list begins nowhere".to_owned()) };
        if level == full_level {
            list.push(values.next().map_or(f32::NAN, &value));
        } else if start > 0 && has_place(level) {
            list.push(f32::NAN);
        }
    }
    Ok(found)
}

/// The next `n` cells; nothing where a cell is empty.
fn cells<T: DataType, C: Clone>(
    reader: &mut ColumnReaderImpl<T>,
    n: usize,
    mean: impl Fn(&T::T) -> Option<C>,
) -> Result<Vec<Option<C>>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let read = reader.read_records(n, Some(&mut levels), None, &mut values).map_err(said)?;
    if read.0 != n {
        return Err(format!("a column has {} of {n} rows: it is damaged", read.0));
    }
    let mut values = values.iter();
    if levels.is_empty() {
        return Ok(values.map(mean).collect());
    }
    let full = levels.iter().copied().max().unwrap_or(0);
    // Where all cells are empty there is no value to be taken.
    let cell = |level: i16| if level == full { values.next().and_then(&mean) } else { None };
    Ok(levels.into_iter().map(cell).collect())
}

fn malformed(path: &Path, place: &str, reason: String) -> ArchiveError {
    ArchiveError::Malformed { path: path.to_owned(), place: place.to_owned(), reason }
}

#[expect(clippy::needless_pass_by_value, reason = "it is called where an error was just made")]
fn said(error: ParquetError) -> String {
    error.to_string()
}

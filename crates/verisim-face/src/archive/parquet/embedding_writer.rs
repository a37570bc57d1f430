//! Writing embeddings into Parquet files, row by row; it knows no model.

use std::io::Write;
use std::sync::Arc;

use ::parquet::data_type::{ByteArray, ByteArrayType, DataType, FloatType, Int32Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

use super::embeddings::{AT_ONCE, EmbeddingRow};

const SCHEMA: &str = "message verisim {
    required binary identity (STRING);
    optional binary external_id (STRING);
    optional binary source (STRING);
    optional int32 quality;
    required group embedding (LIST) { repeated group list { required float element; } }
}";

/// Writes rows of embeddings, all of one length, in groups.
pub struct EmbeddingWriter<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    rows: Vec<EmbeddingRow>,
}

impl<W: Write + Send> EmbeddingWriter<W> {
    /// Begins a file.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    pub fn new(file: W) -> std::io::Result<Self> {
        let schema = parse_message_type(SCHEMA).map_err(io)?;
        let properties = Arc::new(WriterProperties::builder().build());
        let writer = SerializedFileWriter::new(file, Arc::new(schema), properties).map_err(io)?;
        Ok(Self { writer, rows: Vec::new() })
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn push(&mut self, row: EmbeddingRow) -> std::io::Result<()> {
        self.rows.push(row);
        if self.rows.len() < AT_ONCE { Ok(()) } else { self.flush() }
    }

    /// Writes what is left, and the footer, without which the file means nothing.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn finish(mut self) -> std::io::Result<()> {
        self.flush()?;
        self.writer.close().map(drop).map_err(io)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        if rows.is_empty() {
            return Ok(());
        }
        let mut write = || -> Result<(), ParquetError> {
            let mut group = self.writer.next_row_group()?;
            let identities =
                rows.iter().map(|it| it.identity.as_deref().unwrap_or_default().into());
            column::<ByteArrayType, _>(&mut group, &identities.collect::<Vec<_>>(), None, None)?;
            for text in
                [|it: &EmbeddingRow| it.external_id.clone(), |it: &EmbeddingRow| it.source.clone()]
            {
                let cells: Vec<Option<ByteArray>> =
                    rows.iter().map(|it| text(it).map(|it| it.as_str().into())).collect();
                optional::<ByteArrayType, _>(&mut group, cells)?;
            }
            optional::<Int32Type, _>(&mut group, rows.iter().map(|it| it.quality).collect())?;
            let values: Vec<f32> = rows.iter().flat_map(|it| it.values.iter().copied()).collect();
            let starts =
                rows.iter().flat_map(|it| (0..it.values.len()).map(|at| i16::from(at > 0)));
            let levels = vec![1; values.len()];
            let starts: Vec<i16> = starts.collect();
            column::<FloatType, _>(&mut group, &values, Some(&levels), Some(&starts))?;
            group.close().map(drop)
        };
        write().map_err(io)
    }
}

fn optional<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    cells: Vec<Option<T::T>>,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = cells.iter().map(|it| i16::from(it.is_some())).collect();
    column::<T, W>(group, &cells.into_iter().flatten().collect::<Vec<_>>(), Some(&levels), None)
}

/// Writes the next column of a group.
fn column<T: DataType, W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[T::T],
    levels: Option<&[i16]>,
    starts: Option<&[i16]>,
) -> Result<(), ParquetError> {
    let next = group.next_column()?;
    let mut next = next.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
    next.typed::<T>().write_batch(values, levels, starts)?;
    next.close()
}

fn io(error: ParquetError) -> std::io::Error {
    match error {
        ParquetError::External(error) => match error.downcast::<std::io::Error>() {
            Ok(error) => *error,
            Err(error) => std::io::Error::other(error),
        },
        error => std::io::Error::other(error),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::embeddings::EmbeddingRows;
    use super::*;
    use crate::archive::ArchiveError;

    fn row(number: u16) -> EmbeddingRow {
        let some = |is_some: bool, text: &str| is_some.then(|| format!("{text} {number}"));
        EmbeddingRow {
            identity: Some(format!("person {}", number / 2)),
            external_id: some(number.is_multiple_of(3), "id"),
            source: some(number.is_multiple_of(2), "picture"),
            quality: (!number.is_multiple_of(4)).then_some(i32::from(number) % 100),
            values: (0..3).map(|at| f32::from(number * 3 + at) / 7.0).collect(),
        }
    }

    fn written(rows: &[EmbeddingRow]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut writer = EmbeddingWriter::new(&mut file).unwrap();
        for row in rows {
            writer.push(row.clone()).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    fn read(bytes: &[u8]) -> Result<Vec<EmbeddingRow>, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.parquet");
        std::fs::write(&path, bytes).unwrap();
        let mut rows = EmbeddingRows::open(&path)?;
        let mut all = Vec::new();
        loop {
            let batch = rows.next_batch()?;
            if batch.is_empty() {
                return Ok(all);
            }
            all.extend(batch);
        }
    }

    #[test]
    fn rows_come_back_over_several_groups() {
        for n in [0, 1, 1024, 2500] {
            let rows: Vec<EmbeddingRow> = (0..n).map(row).collect();
            assert!(read(&written(&rows)).unwrap() == rows, "{n} rows");
        }
    }

    #[test]
    fn a_file_of_other_columns_is_refused_with_what_it_has() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive/texts.parquet");
        let error = EmbeddingRows::open(&path).err().unwrap().to_string();
        assert!(error.contains("one of lists of floats called embedding"), "{error}");
    }

    #[test]
    fn damage_is_an_error_and_no_panic() {
        let whole = written(&(0..50).map(row).collect::<Vec<_>>());
        let mut n_refused = 0;
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x55;
            n_refused += usize::from(read(&bytes).is_err());
            n_refused += usize::from(read(&whole[..at]).is_err());
        }
        assert!(n_refused > whole.len() / 7, "{n_refused}");
    }
}

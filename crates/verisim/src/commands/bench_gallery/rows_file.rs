//! Rows of floats in a file, written in order and read by position; it does not know what they are.

use std::fs::File;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use verisim_core::Embedding;

/// Rows of one dimension, as 32-bit floats without a header.
pub(super) struct RowsFile {
    file: Mutex<File>,
    path: PathBuf,
    dim: usize,
}

/// Rows that are being written.
pub(super) struct RowsWriter {
    file: BufWriter<File>,
    path: PathBuf,
    dim: usize,
}

impl RowsWriter {
    pub(super) fn create(path: &Path, dim: usize) -> anyhow::Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file: BufWriter::with_capacity(1 << 20, file), path: path.to_owned(), dim })
    }

    pub(super) fn write(&mut self, rows: &[Embedding]) -> anyhow::Result<()> {
        let mut values = rows.iter().flat_map(Embedding::as_slice);
        values
            .try_for_each(|value| self.file.write_all(&value.to_le_bytes()))
            .with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Writes what is left; the rows can be read from then on.
    pub(super) fn finish(self) -> anyhow::Result<RowsFile> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        let file = file.with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(RowsFile { file: Mutex::new(file), path: self.path, dim: self.dim })
    }
}

impl RowsFile {
    /// Reads the rows from `first` that the values have room for.
    pub(super) fn read(&self, first: usize, values: &mut [f32]) -> anyhow::Result<()> {
        let mut bytes = vec![0; size_of_val(values)];
        let position = (first * self.dim * size_of::<f32>()) as u64;
        // No panic leaves a file half read.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(position))
            .and_then(|_| file.read_exact(&mut bytes))
            .with_context(|| format!("cannot read row {first} of {}", self.path.display()))?;
        for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
            *value = f32::from_le_bytes(*bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_to_the_bit_and_those_past_the_end_are_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let rows = [[0.6, 0.8], [-1.0, 0.0], [0.8, -0.6]];
        let rows = rows.map(|row| Embedding::new(row.to_vec()).unwrap());
        let mut writer = RowsWriter::create(&folder.path().join("rows.f32"), 2).unwrap();
        writer.write(&rows[..2]).unwrap();
        writer.write(&rows[2..]).unwrap();
        let file = writer.finish().unwrap();
        let mut values = [0.0; 4];
        file.read(1, &mut values).unwrap();
        assert_eq!(values, [-1.0, 0.0, 0.8, -0.6]);
        let error = file.read(2, &mut values).unwrap_err();
        assert!(error.to_string().starts_with("cannot read row 2 of "), "{error}");
    }
}

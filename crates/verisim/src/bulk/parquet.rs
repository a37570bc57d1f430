//! Embeddings in Parquet files as rows of people; the reader is in `verisim-face`.

use std::path::Path;

use verisim_face::archive::parquet::{EmbeddingRow, EmbeddingRows};

use super::{Face, Refusal, Row, Rows, quality};

/// Rows of a file.
pub(super) struct Parquet {
    rows: EmbeddingRows,
    batch: std::vec::IntoIter<EmbeddingRow>,
    n_read: u64,
}

impl Parquet {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { rows: EmbeddingRows::open(path)?, batch: Vec::new().into_iter(), n_read: 0 })
    }
}

impl Rows for Parquet {
    fn next(&mut self) -> anyhow::Result<Option<Result<Row, Refusal>>> {
        if self.batch.as_slice().is_empty() {
            self.batch = self.rows.next_batch()?.into_iter();
        }
        let Some(row) = self.batch.next() else { return Ok(None) };
        self.n_read += 1;
        let place = format!("row {}", self.n_read - 1);
        let EmbeddingRow { identity, external_id, source, quality: found, values } = row;
        let Some(name) = identity else {
            let reason = "nothing names a person: the cell is empty".to_owned();
            return Ok(Some(Err(Refusal { place, name: String::new(), reason })));
        };
        let quality = match found.map(|it| quality(it.into())).transpose() {
            Ok(quality) => quality,
            Err(reason) => return Ok(Some(Err(Refusal { place, name, reason }))),
        };
        let (label, face) = (source, Face::Embedding(values));
        Ok(Some(Ok(Row { place, name, external_id, metadata: None, label, quality, face })))
    }

    fn progress(&self) -> (u64, u64) {
        (self.n_read, self.rows.n_rows())
    }
}

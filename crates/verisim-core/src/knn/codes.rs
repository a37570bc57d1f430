//! Codes of embeddings that grow, change and disappear in memory; it does not know identities.

use std::fmt;

use super::quantize::{Quantized, quantize, to_bf16};
use super::row_set::RowSet;
use super::view::{CodesView, InvalidCodes, MAX_DIM};
use crate::Embedding;

/// What a row is kept in for the pass over all rows. The result of a search is the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// A byte a component, with a scale for each row: the smallest and the fastest.
    #[default]
    Int8,
    /// Two bytes a component; closer to the rows, so that fewer are scored again.
    Bf16,
    /// The rows themselves, four bytes a component.
    F32,
}

/// Codes of rows in memory, to which a search asks for the exact rows of a few.
#[derive(Clone)]
pub struct Codes {
    dim: usize,
    numbers: Numbers,
    live: RowSet,
}

#[derive(Clone)]
enum Numbers {
    Int8 { codes: Vec<i8>, scales: Vec<f32>, errors: Vec<f32> },
    Bf16 { codes: Vec<u16>, errors: Vec<f32> },
    F32 { rows: Vec<f32> },
}

impl Codes {
    /// Creates an empty set of rows of `dim` components.
    ///
    /// # Errors
    ///
    /// Fails if `dim` is 0 or above [`MAX_DIM`].
    pub fn new(dim: usize, precision: Precision) -> Result<Self, InvalidCodes> {
        if dim == 0 || dim > MAX_DIM {
            return Err(InvalidCodes::Dim { dim });
        }
        let numbers = match precision {
            Precision::Int8 => {
                Numbers::Int8 { codes: Vec::new(), scales: Vec::new(), errors: Vec::new() }
            }
            Precision::Bf16 => Numbers::Bf16 { codes: Vec::new(), errors: Vec::new() },
            Precision::F32 => Numbers::F32 { rows: Vec::new() },
        };
        Ok(Self { dim, numbers, live: RowSet::default() })
    }

    /// Makes room for so many more rows, so that they are not copied as the set grows.
    pub fn reserve(&mut self, n_rows: usize) {
        let n_codes = n_rows * self.dim;
        match &mut self.numbers {
            Numbers::Int8 { codes, scales, errors } => {
                codes.reserve_exact(n_codes);
                scales.reserve_exact(n_rows);
                errors.reserve_exact(n_rows);
            }
            Numbers::Bf16 { codes, errors } => {
                codes.reserve_exact(n_codes);
                errors.reserve_exact(n_rows);
            }
            Numbers::F32 { rows } => rows.reserve_exact(n_codes),
        }
    }

    /// Number of rows, those that were removed among them.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Appends a row, and returns its position.
    ///
    /// # Panics
    ///
    /// Panics if the embedding is not of the dimension of the set.
    pub fn push(&mut self, embedding: &Embedding) -> usize {
        let row = self.len();
        let end = (row + 1) * self.dim;
        match &mut self.numbers {
            Numbers::Int8 { codes, scales, errors } => {
                codes.resize(end, 0);
                scales.push(0.0);
                errors.push(0.0);
            }
            Numbers::Bf16 { codes, errors } => {
                codes.resize(end, 0);
                errors.push(0.0);
            }
            Numbers::F32 { rows } => rows.resize(end, 0.0),
        }
        self.live.push(false);
        self.overwrite(row, embedding);
        row
    }

    /// Writes another embedding over a row, removed or not.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row, or the embedding is not of the dimension of the set.
    pub fn overwrite(&mut self, row: usize, embedding: &Embedding) {
        assert_eq!(embedding.dim(), self.dim, "embeddings of different models were mixed");
        let places = row * self.dim..(row + 1) * self.dim;
        let values = embedding.as_slice();
        match &mut self.numbers {
            Numbers::Int8 { codes, scales, errors } => {
                let Quantized { scale, error } = quantize(values, &mut codes[places]);
                (scales[row], errors[row]) = (scale, error);
            }
            Numbers::Bf16 { codes, errors } => errors[row] = to_bf16(values, &mut codes[places]),
            Numbers::F32 { rows } => rows[places].copy_from_slice(values),
        }
        self.live.set(row, true);
    }

    /// Removes a row: its codes are overwritten, and no search finds it. The others stay where they are.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn remove(&mut self, row: usize) {
        self.live.set(row, false);
        let places = row * self.dim..(row + 1) * self.dim;
        match &mut self.numbers {
            Numbers::Int8 { codes, scales, errors } => {
                codes[places].fill(0);
                (scales[row], errors[row]) = (0.0, 0.0);
            }
            Numbers::Bf16 { codes, errors } => {
                codes[places].fill(0);
                errors[row] = 0.0;
            }
            Numbers::F32 { rows } => rows[places].fill(0.0),
        }
    }

    /// The rows that were not removed.
    pub fn live(&self) -> &RowSet {
        &self.live
    }

    /// What a search looks through.
    pub fn view(&self) -> CodesView<'_> {
        let view = match &self.numbers {
            Numbers::Int8 { codes, scales, errors } => {
                CodesView::int8(self.dim, codes, scales, errors)
            }
            Numbers::Bf16 { codes, errors } => CodesView::bf16(self.dim, codes, errors),
            Numbers::F32 { rows } => CodesView::f32(self.dim, rows),
        };
        view.unwrap_or_else(|error| unreachable!("rows are pushed whole: {error}"))
            .with_live(&self.live)
    }
}

impl fmt::Debug for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Codes({} x {})", self.len(), self.dim)
    }
}

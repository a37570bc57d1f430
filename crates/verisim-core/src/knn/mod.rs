//! Exact search for the nearest embeddings; it knows rows, not identities.
//!
//! [`PackedEmbeddings`] compares every row in full, which suits thousands. [`Search`] finds the same
//! in a quarter of the time or less, by way of [`Codes`] (or of somebody else's memory, a
//! [`CodesView`]), which suits millions.

mod bounds;
mod candidates;
mod codes;
pub(crate) mod kernel;
mod probe_codes;
mod quantize;
mod row_set;
mod search;
#[cfg(test)]
mod search_tests;
mod simd;
mod view;

pub use bounds::{Bounds, bounds};
pub use codes::{Codes, Precision};
pub use quantize::{Quantized, quantize, to_bf16};
pub use row_set::RowSet;
pub use search::{Found, Search};
pub use view::{CodesView, InvalidCodes, MAX_DIM};

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fmt;

use crate::Embedding;

/// Embeddings of one model packed row after row, for exact search.
///
/// Every search compares the probe with every row: no row is ever missed, which an open-set decision
/// rests on (an approximate index finds the mated template and loses the strangers' neighbors).
#[derive(Clone)]
pub struct PackedEmbeddings {
    dim: usize,
    values: Vec<f32>, // [len, dim], every row of unit length
}

/// One row found by [`PackedEmbeddings::nearest`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// Position of the row, in order of insertion.
    pub row: usize,
    /// Its similarity to the probe.
    pub score: f32,
}

impl PackedEmbeddings {
    /// Creates an empty set of embeddings of `dim` components.
    ///
    /// # Panics
    ///
    /// Panics if `dim` is 0.
    pub fn new(dim: usize) -> Self {
        assert!(dim > 0, "an embedding has at least one component");
        Self { dim, values: Vec::new() }
    }

    /// Number of components of each row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Appends a row, and returns its position.
    ///
    /// # Panics
    ///
    /// Panics if the embedding is not of [`dim`](Self::dim) components.
    pub fn push(&mut self, embedding: &Embedding) -> usize {
        assert_eq!(embedding.dim(), self.dim, "embeddings of different models were mixed");
        self.values.extend_from_slice(embedding.as_slice());
        self.len() - 1
    }

    /// Appends a row of another set, which is of unit length already, and returns its position.
    ///
    /// # Panics
    ///
    /// Panics if the row is not of [`dim`](Self::dim) components.
    pub fn push_row(&mut self, row: &[f32]) -> usize {
        assert_eq!(row.len(), self.dim, "embeddings of different models were mixed");
        self.values.extend_from_slice(row);
        self.len() - 1
    }

    /// The components of one row.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..(row + 1) * self.dim]
    }

    /// Similarity of two rows.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn similarity(&self, a: usize, b: usize) -> f32 {
        kernel::similarity(self.row(a), self.row(b))
    }

    /// Similarity of a row to one of another set.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row, or if the two sets are not of the same dimension.
    pub fn similarity_to(&self, row: usize, others: &Self, other: usize) -> f32 {
        assert_eq!(self.dim, others.dim, "embeddings of different models were compared");
        kernel::similarity(self.row(row), others.row(other))
    }

    /// Similarity of every row to `probe`, in the order of the rows.
    ///
    /// # Panics
    ///
    /// Panics if the probe is not of [`dim`](Self::dim) components.
    pub fn similarities(&self, probe: &Embedding) -> impl Iterator<Item = f32> {
        assert_eq!(probe.dim(), self.dim, "the probe comes from a different model");
        self.values.chunks_exact(self.dim).map(|row| kernel::similarity(row, probe.as_slice()))
    }

    /// The `k` rows most similar to `probe`, best first; of equal scores the earlier row comes first.
    ///
    /// # Panics
    ///
    /// Panics if the probe is not of [`dim`](Self::dim) components.
    pub fn nearest(&self, probe: &Embedding, k: usize) -> Vec<Neighbor> {
        // The worst of the best `k` is on top of the heap, to be replaced by whatever beats it.
        let mut best = BinaryHeap::with_capacity(k.min(self.len()) + 1);
        for (row, score) in self.similarities(probe).enumerate() {
            best.push(WorstFirst(Neighbor { row, score }));
            if best.len() > k {
                best.pop();
            }
        }
        best.into_sorted_vec().into_iter().map(|WorstFirst(neighbor)| neighbor).collect()
    }
}

impl fmt::Debug for PackedEmbeddings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PackedEmbeddings({} x {})", self.len(), self.dim)
    }
}

/// Orders neighbors from the best (smallest) to the worst (greatest).
struct WorstFirst(Neighbor);

impl Ord for WorstFirst {
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.score.total_cmp(&self.0.score).then(self.0.row.cmp(&other.0.row))
    }
}

impl PartialOrd for WorstFirst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for WorstFirst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for WorstFirst {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows on the unit circle at the given angles in degrees.
    fn at_angles(degrees: &[f32]) -> PackedEmbeddings {
        let mut rows = PackedEmbeddings::new(2);
        for angle in degrees {
            rows.push(&at_angle(*angle));
        }
        rows
    }

    fn at_angle(degrees: f32) -> Embedding {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Embedding::new(vec![cos, sin]).unwrap()
    }

    #[track_caller]
    fn check(rows: &[f32], probe: f32, k: usize, expected: &[usize]) {
        let found = at_angles(rows).nearest(&at_angle(probe), k);
        let found: Vec<usize> = found.iter().map(|neighbor| neighbor.row).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_nearest_come_best_first() {
        check(&[90.0, 10.0, 30.0, 180.0], 0.0, 3, &[1, 2, 0]);
    }

    #[test]
    fn of_equal_rows_the_earlier_comes_first() {
        check(&[50.0, 20.0, 20.0, 20.0], 20.0, 2, &[1, 2]);
    }

    #[test]
    fn more_than_there_are_gives_all() {
        check(&[10.0], 0.0, 5, &[0]);
        check(&[], 0.0, 5, &[]);
        check(&[10.0], 0.0, 0, &[]);
    }

    proptest! {
        #[test]
        fn agrees_with_sorting_everything(
            angles in prop::collection::vec(0.0f32..360.0, 1..40), probe in 0.0f32..360.0, k in 1usize..10,
        ) {
            let rows = at_angles(&angles);
            let probe = at_angle(probe);
            let mut all: Vec<Neighbor> = rows
                .similarities(&probe)
                .enumerate()
                .map(|(row, score)| Neighbor { row, score })
                .collect();
            all.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable: ties stay in order
            all.truncate(k);
            prop_assert_eq!(rows.nearest(&probe, k), all);
        }
    }
}

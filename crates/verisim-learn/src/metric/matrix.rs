//! A matrix of `f64` in plain memory; it does not know what its rows mean.

use std::fmt;
use std::ops::{Index, IndexMut};

use rayon::prelude::*;

use crate::ops::kernel::gemm::{self, Output};

/// Rows that one thread multiplies at a time.
const BLOCK: usize = 64;
/// Rows and columns that are transposed at a time.
const TILE: usize = 32;

/// Rows of numbers, one after the other.
#[derive(Clone, PartialEq)]
pub struct Matrix {
    data: Vec<f64>,
    n_rows: usize,
    n_columns: usize,
}

/// Says the shape alone: rows may be embeddings, which are personal data.
impl fmt::Debug for Matrix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Matrix[{}, {}]", self.n_rows, self.n_columns)
    }
}

impl Matrix {
    /// Takes numbers as rows.
    ///
    /// # Panics
    ///
    /// Panics if there are not `n_rows * n_columns` of them.
    pub fn new(data: Vec<f64>, [n_rows, n_columns]: [usize; 2]) -> Self {
        assert_eq!(data.len(), n_rows * n_columns, "not {n_rows} x {n_columns} numbers");
        Self { data, n_rows, n_columns }
    }

    /// Zeros.
    pub fn zeros([n_rows, n_columns]: [usize; 2]) -> Self {
        Self { data: vec![0.0; n_rows * n_columns], n_rows, n_columns }
    }

    /// Widens numbers of a network.
    ///
    /// # Panics
    ///
    /// As [`Matrix::new`].
    pub fn from_f32(data: &[f32], shape: [usize; 2]) -> Self {
        Self::new(data.iter().map(|&value| f64::from(value)).collect(), shape)
    }

    /// Computes every element from its row and column.
    pub fn from_fn(
        [n_rows, n_columns]: [usize; 2],
        element: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Self {
        let mut matrix = Self::zeros([n_rows, n_columns]);
        matrix.par_rows_mut().enumerate().for_each(|(row, values)| {
            for (column, value) in values.iter_mut().enumerate() {
                *value = element(row, column);
            }
        });
        matrix
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of columns.
    pub fn n_columns(&self) -> usize {
        self.n_columns
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        [self.n_rows, self.n_columns]
    }

    /// All numbers, row by row.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// All numbers, row by row, to be changed.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// One row.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.data[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// One row, to be changed.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.data[row * self.n_columns..(row + 1) * self.n_columns]
    }

    /// The rows, in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f64]> {
        // A matrix without columns has rows, too, but nothing to cut.
        (0..self.n_rows).map(|row| self.row(row))
    }

    /// The rows, each for one thread.
    pub(crate) fn par_rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [f64]> {
        self.data.par_chunks_mut(self.n_columns.max(1))
    }

    /// `self * other`.
    ///
    /// # Panics
    ///
    /// Panics if the inner sizes differ.
    #[must_use]
    pub fn times(&self, other: &Self) -> Self {
        assert_eq!(self.n_columns, other.n_rows, "inner sizes differ");
        multiply(self.view(), other.view(), [self.n_rows, self.n_columns, other.n_columns])
    }

    /// `self * otherᵀ`.
    ///
    /// # Panics
    ///
    /// Panics if the numbers of columns differ.
    #[must_use]
    pub fn times_transposed(&self, other: &Self) -> Self {
        assert_eq!(self.n_columns, other.n_columns, "inner sizes differ");
        let other_view = other.view().map(gemm::Matrix::transposed);
        multiply(self.view(), other_view, [self.n_rows, self.n_columns, other.n_rows])
    }

    /// `selfᵀ * other`.
    ///
    /// # Panics
    ///
    /// Panics if the numbers of rows differ.
    #[must_use]
    pub fn transposed_times(&self, other: &Self) -> Self {
        assert_eq!(self.n_rows, other.n_rows, "inner sizes differ");
        let transposed = self.view().map(gemm::Matrix::transposed);
        multiply(transposed, other.view(), [self.n_columns, self.n_rows, other.n_columns])
    }

    /// `self + selfᵀ`.
    ///
    /// # Panics
    ///
    /// Panics if the matrix is not square.
    #[must_use]
    pub fn plus_transposed(&self) -> Self {
        self.plus_transposed_times(|_, _| 1.0)
    }

    /// As [`Matrix::plus_transposed`], every sum times a factor of its row and column.
    ///
    /// # Panics
    ///
    /// Panics if this is not a square.
    pub(crate) fn plus_transposed_times(
        &self,
        factor: impl Fn(usize, usize) -> f64 + Sync,
    ) -> Self {
        assert_eq!(self.n_rows, self.n_columns, "not a square");
        let n = self.n_columns;
        let mut sum = Self::zeros([n, n]);
        let bands = sum.data.par_chunks_mut(TILE * n.max(1)).enumerate();
        bands.for_each(|(band, rows)| {
            // Tile by tile, each turned in a small buffer: columns that lie a power of two apart would
            // push each other out of the cache.
            let n_rows = rows.len() / n;
            let mut turned = [[0.0; TILE]; TILE];
            for first_column in (0..n).step_by(TILE) {
                let end = n.min(first_column + TILE);
                for column in first_column..end {
                    let across = &self.row(column)[band * TILE..band * TILE + n_rows];
                    for (turned, value) in turned.iter_mut().zip(across) {
                        turned[column - first_column] = *value;
                    }
                }
                for ((index, values), turned) in rows.chunks_mut(n).enumerate().zip(&turned) {
                    let row = band * TILE + index;
                    let along = &self.row(row)[first_column..end];
                    let values = values[first_column..end].iter_mut().zip(along).zip(turned);
                    for (column, ((value, along), across)) in (first_column..).zip(values) {
                        let both = along + across;
                        // Most pairs of most losses pull at nothing.
                        if both != 0.0 {
                            *value = both * factor(row, column);
                        }
                    }
                }
            }
        });
        sum
    }

    /// Adds another matrix, element by element.
    ///
    /// # Panics
    ///
    /// Panics if the shapes differ.
    pub fn add(&mut self, other: &Self) {
        assert_eq!(self.shape(), other.shape(), "shapes differ");
        for (value, other) in self.data.iter_mut().zip(&other.data) {
            *value += other;
        }
    }

    /// Multiplies every element.
    pub fn scale(&mut self, factor: f64) {
        for value in &mut self.data {
            *value *= factor;
        }
    }

    /// Whether no number is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.data.iter().all(|value| value.is_finite())
    }

    fn view(&self) -> Option<gemm::Matrix<'_, f64>> {
        let is_empty = self.data.is_empty();
        (!is_empty).then(|| gemm::Matrix::packed(&self.data, self.shape()))
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        &self.row(row)[column]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f64 {
        &mut self.row_mut(row)[column]
    }
}

/// Multiplies in blocks of rows, whose result does not depend on the number of threads.
fn multiply(
    a: Option<gemm::Matrix<'_, f64>>,
    b: Option<gemm::Matrix<'_, f64>>,
    [n_rows, _, n_columns]: [usize; 3],
) -> Matrix {
    let mut product = Matrix::zeros([n_rows, n_columns]);
    // An empty sum is zero.
    let (Some(a), Some(b)) = (a, b) else { return product };
    let blocks = product.data.par_chunks_mut(BLOCK * n_columns).enumerate();
    blocks.for_each(|(block, out)| {
        let rows = block * BLOCK..(block * BLOCK + out.len() / n_columns);
        gemm::multiply(out, n_columns, a.rows(rows), b, Output::Replace);
    });
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_sums() {
        let a = Matrix::from_fn([130, 7], |row, column| (row * 7 + column) as f64 % 5.0 - 2.0);
        let b = Matrix::from_fn([7, 9], |row, column| (row * 9 + column) as f64 % 4.0 - 1.5);
        let expected = Matrix::from_fn([130, 9], |row, column| {
            (0..7).map(|inner| a[(row, inner)] * b[(inner, column)]).sum()
        });
        let transposed = |it: &Matrix| {
            Matrix::from_fn([it.n_columns, it.n_rows], |row, column| it[(column, row)])
        };
        assert_eq!(a.times(&b), expected);
        assert_eq!(a.times_transposed(&transposed(&b)), expected);
        assert_eq!(transposed(&a).transposed_times(&b), expected);
    }

    #[test]
    fn a_sum_with_its_transposed_is_symmetric() {
        let matrix = Matrix::from_fn([37, 37], |row, column| (row * 50 + column) as f64);
        let expected = Matrix::from_fn([37, 37], |row, column| ((row + column) * 51) as f64);
        assert_eq!(matrix.plus_transposed(), expected);
        assert_eq!(Matrix::zeros([0, 0]).plus_transposed(), Matrix::zeros([0, 0]));
    }

    #[test]
    fn empty_matrices_multiply_to_zeros() {
        let (none, wide) = (Matrix::zeros([3, 0]), Matrix::zeros([0, 2]));
        assert_eq!(none.times(&wide), Matrix::zeros([3, 2]));
        assert_eq!(Matrix::zeros([0, 4]).times(&Matrix::zeros([4, 2])).shape(), [0, 2]);
    }

    #[test]
    fn debug_says_the_shape_alone() {
        assert_eq!(format!("{:?}", Matrix::new(vec![0.5, 0.25], [1, 2])), "Matrix[1, 2]");
    }
}

//! A matrix of `f64` in plain memory; it does not know what its rows mean.

use std::array;
use std::fmt;
use std::ops::{Index, IndexMut};

use rayon::prelude::*;

use crate::ops::kernel::gemm::{self, Output};
use crate::ops::kernel::simd::vectorized;
use crate::ops::kernel::zeros::zeros;

/// Rows that one thread multiplies at a time.
const BLOCK: usize = 128;
/// Columns that become rows together: as many numbers as memory hands out at once.
const LINE: usize = 8;
/// Sums that are taken side by side.
const LANES: usize = 16;

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
        Self { data: zeros(n_rows * n_columns), n_rows, n_columns }
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
        // Once for all blocks, each of which would turn it for itself.
        let other = other.transposed();
        multiply(self.view(), other.view(), [self.n_rows, self.n_columns, other.n_columns])
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub(super) fn transposed(&self) -> Self {
        let mut transposed = Self::zeros([self.n_columns, self.n_rows]);
        let lines = transposed.data.par_chunks_mut((LINE * self.n_rows).max(1)).enumerate();
        lines.for_each(|(line, rows)| {
            turn(&self.data, self.n_columns, line * LINE, rows, self.n_rows, 0);
        });
        transposed
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

    pub(super) fn view(&self) -> Option<gemm::Matrix<'_, f64>> {
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

/// Writes some columns of `from`, from `column` on, as rows of `to`, where each starts at `start`.
pub(super) fn turn(
    from: &[f64],
    n_columns: usize,
    column: usize,
    to: &mut [f64],
    width: usize,
    start: usize,
) {
    vectorized(
        #[inline(always)]
        || {
            for (band, from) in from.chunks(LINE * n_columns).enumerate() {
                for (line, to) in to.chunks_mut(LINE * width).enumerate() {
                    let (row, column) = (start + band * LINE, column + line * LINE);
                    let mut square = [[0.0; LINE]; LINE];
                    if from.len() == LINE * n_columns && to.len() == LINE * width {
                        for (square, from) in square.iter_mut().zip(from.chunks_exact(n_columns)) {
                            square.copy_from_slice(&from[column..column + LINE]);
                        }
                        for (index, to) in to.chunks_exact_mut(width).enumerate() {
                            let across: [f64; LINE] = array::from_fn(|line| square[line][index]);
                            to[row..row + LINE].copy_from_slice(&across);
                        }
                    } else {
                        for (from, row) in from.chunks(n_columns).zip(row..) {
                            for (value, to) in from[column..].iter().zip(to.chunks_mut(width)) {
                                to[row] = *value;
                            }
                        }
                    }
                }
            }
        },
    );
}

/// Sum of the products of two rows, in a fixed order.
pub(super) fn dot(one: &[f64], other: &[f64]) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let mut sums = [0.0; LANES];
            let ((one, rest), (other, other_rest)) =
                (one.as_chunks::<LANES>(), other.as_chunks::<LANES>());
            for (one, other) in one.iter().zip(other) {
                for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
                    *sum += one * other;
                }
            }
            let rest = rest.iter().zip(other_rest).map(|(one, other)| one * other);
            sums.into_iter().chain(rest).sum()
        },
    )
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
        assert_eq!(a.times(&b), expected);
        assert_eq!(a.times_transposed(&b.transposed()), expected);
        assert_eq!(a.transposed().transposed_times(&b), expected);
    }

    #[test]
    fn rows_and_columns_are_exchanged() {
        for [n_rows, n_columns] in [[0, 3], [3, 0], [1, 9], [130, 21]] {
            let element = |row: usize, column: usize| (row * 200 + column) as f64;
            let matrix = Matrix::from_fn([n_rows, n_columns], element);
            let expected = Matrix::from_fn([n_columns, n_rows], |row, column| element(column, row));
            assert_eq!(matrix.transposed(), expected);
        }
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

//! Squares that are the same from either side: half of each is computed, or both halves are joined.

use rayon::prelude::*;

use super::matrix::Matrix;
use crate::ops::kernel::gemm::{self, Output};

/// Rows that one thread multiplies at a time.
const BLOCK: usize = 64;
/// Rows and columns that are transposed at a time.
const TILE: usize = 32;
/// Rows that are mirrored together: as many numbers as memory hands out at once.
const LINE: usize = 8;

/// `rows * rowsᵀ`, changed by `finish`, which sees a row and what is computed of it: the columns from
/// some first one on.
///
/// What `finish` does to an element must be the same with row and column exchanged.
pub(super) fn gram(rows: &Matrix, finish: impl Fn(usize, usize, &mut [f64]) + Sync) -> Matrix {
    let n = rows.n_rows();
    let mut product = Matrix::zeros([n, n]);
    let view = rows.view();
    let blocks = product.data_mut().par_chunks_mut(BLOCK * n.max(1)).enumerate();
    blocks.for_each(|(block, out)| {
        let (first, n_rows) = (block * BLOCK, out.len() / n);
        // Without columns, all is zero.
        if let Some(view) = view {
            let (above, right) = (view.rows(first..first + n_rows), view.rows(first..n));
            gemm::multiply(&mut out[first..], n, above, right.transposed(), Output::Replace);
        }
        for (index, row) in out.chunks_mut(n).enumerate() {
            finish(first + index, first, &mut row[first..]);
        }
    });
    mirror(&mut product);
    product
}

/// Copies what is above the blocks of the diagonal to below them.
fn mirror(square: &mut Matrix) {
    let n = square.n_columns();
    for first in (BLOCK..n).step_by(BLOCK) {
        let (above, below) = square.data_mut().split_at_mut(first * n);
        let above = &*above;
        let block = &mut below[..BLOCK.min(n - first) * n];
        block.par_chunks_mut(LINE * n).enumerate().for_each(|(line, rows)| {
            let column = first + line * LINE;
            let n_rows = rows.len() / n;
            for (from, across) in above.chunks(n).enumerate() {
                for (index, value) in across[column..column + n_rows].iter().enumerate() {
                    rows[index * n + from] = *value;
                }
            }
        });
    }
}

/// `square + squareᵀ`, changed by `finish`, which sees a row, a first column, and some columns from
/// there on.
///
/// # Panics
///
/// Panics if the matrix is not square.
pub(super) fn plus_transposed(
    square: &Matrix,
    finish: impl Fn(usize, usize, &mut [f64]) + Sync,
) -> Matrix {
    let n = square.n_columns();
    assert_eq!(square.n_rows(), n, "not a square");
    let mut sum = Matrix::zeros([n, n]);
    let bands = sum.data_mut().par_chunks_mut(TILE * n.max(1)).enumerate();
    bands.for_each(|(band, rows)| {
        // Tile by tile, each turned in a small buffer: columns that lie a power of two apart would
        // push each other out of the cache.
        let n_rows = rows.len() / n;
        let mut turned = [[0.0; TILE]; TILE];
        for first in (0..n).step_by(TILE) {
            let end = n.min(first + TILE);
            for column in first..end {
                let across = &square.row(column)[band * TILE..band * TILE + n_rows];
                for (turned, value) in turned.iter_mut().zip(across) {
                    turned[column - first] = *value;
                }
            }
            for ((index, sums), turned) in rows.chunks_mut(n).enumerate().zip(&turned) {
                let row = band * TILE + index;
                let (sums, along) = (&mut sums[first..end], &square.row(row)[first..end]);
                for ((sum, along), across) in sums.iter_mut().zip(along).zip(turned) {
                    *sum = along + across;
                }
                finish(row, first, sums);
            }
        }
    });
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gram_matrix_is_the_product_with_the_transposed() {
        for n in [0, 1, 5, 64, 65, 150] {
            let rows = Matrix::from_fn([n, 7], |row, column| (row * 7 + column * 3) as f64 % 5.0);
            let expected = rows.times_transposed(&rows);
            assert_eq!(gram(&rows, |_, _, _| {}), expected, "{n}");
            let twice = gram(&rows, |_, _, values| {
                for value in values {
                    *value *= 2.0;
                }
            });
            let expected = Matrix::from_fn([n, n], |i, j| 2.0 * expected[(i, j)]);
            assert_eq!(twice, expected, "{n}");
        }
        assert_eq!(gram(&Matrix::zeros([3, 0]), |_, _, _| {}), Matrix::zeros([3, 3]));
    }

    #[test]
    fn finishing_is_told_where_it_is() {
        let place = |row: usize, first: usize, values: &mut [f64]| {
            for (column, value) in (first..).zip(values) {
                *value += (row + column) as f64;
            }
        };
        let expected = Matrix::from_fn([100, 100], |row, column| (row + column) as f64);
        assert_eq!(gram(&Matrix::zeros([100, 2]), place), expected);
        assert_eq!(plus_transposed(&Matrix::zeros([100, 100]), place), expected);
    }

    #[test]
    fn a_sum_with_its_transposed_is_symmetric() {
        let matrix = Matrix::from_fn([37, 37], |row, column| (row * 50 + column) as f64);
        let expected = Matrix::from_fn([37, 37], |row, column| ((row + column) * 51) as f64);
        assert_eq!(plus_transposed(&matrix, |_, _, _| {}), expected);
        assert_eq!(plus_transposed(&Matrix::zeros([0, 0]), |_, _, _| {}), Matrix::zeros([0, 0]));
    }
}

//! Squares that are the same from either side: half of each is computed, or both halves are joined.

use std::ops::Range;

use rayon::prelude::*;

use super::matrix::{Matrix, turn};
use crate::ops::kernel::gemm::{self, Output};

/// Rows that one thread multiplies at a time.
const BLOCK: usize = 48;
/// Rows and columns that are transposed at a time.
const TILE: usize = 48;
/// Rows that are mirrored together: as many numbers as memory hands out at once.
const LINE: usize = 8;
/// Such rows, eight at a time, that are worth a thread.
const MIN_LINES: usize = 4;

/// `rows * rowsᵀ`, changed by `finish`, which sees a row and what is computed of it: the columns from
/// some first one on.
///
/// What `finish` does to an element must be the same with row and column exchanged.
pub(super) fn gram(rows: &Matrix, finish: impl Fn(usize, usize, &mut [f64]) + Sync) -> Matrix {
    let n = rows.n_rows();
    let mut product = Matrix::zeros([n, n]);
    let across = rows.transposed();
    // Without columns, all is zero.
    let views = rows.view().zip(across.view());
    let blocks = product.data_mut().par_chunks_mut(BLOCK * n.max(1)).enumerate();
    blocks.with_max_len(1).for_each(|(block, out)| {
        let (first, n_rows) = (block * BLOCK, out.len() / n);
        if let Some((rows, across)) = views {
            let (above, right) = (rows.rows(first..first + n_rows), across.columns(first..n));
            gemm::multiply(&mut out[first..], n, above, right, Output::Replace);
        }
        for (index, row) in out.chunks_mut(n).enumerate() {
            finish(first + index, first, &mut row[first..]);
        }
    });
    mirror(product.data_mut(), n, 0..n.div_ceil(BLOCK));
    product
}

/// Copies what is above the blocks of the diagonal to below them; `rows` are those of some of the blocks.
fn mirror(rows: &mut [f64], n: usize, blocks: Range<usize>) {
    if blocks.len() < 2 {
        return;
    }
    let middle = blocks.start + blocks.len() / 2;
    let (first, n_above) = (blocks.start * BLOCK, (middle - blocks.start) * BLOCK);
    let (above, below) = rows.split_at_mut(n_above * n);
    let lines = below.par_chunks_mut(LINE * n).enumerate();
    lines.with_min_len(MIN_LINES).for_each(|(line, rows)| {
        turn(above, n, middle * BLOCK + line * LINE, rows, n, first);
    });
    rayon::join(|| mirror(above, n, blocks.start..middle), || mirror(below, n, middle..blocks.end));
}

/// `(square + squareᵀ) * rows`.
///
/// `change` sees each row of the sum, and may change it; `finish` sees it afterwards with its row of the
/// product.
///
/// # Panics
///
/// Panics if the matrix is not square, or not as wide as there are rows.
pub(super) fn plus_transposed_times(
    square: &Matrix,
    rows: &Matrix,
    change: impl Fn(usize, &mut [f64]) + Sync,
    finish: impl Fn(usize, &[f64], &mut [f64]) + Sync,
) -> Matrix {
    let n = square.n_columns();
    assert_eq!([square.n_rows(), rows.n_rows()], [n, n], "not a square, or not as wide");
    let mut product = Matrix::zeros(rows.shape());
    let Some(view) = rows.view() else { return product };
    let dim = rows.n_columns();
    let bands = product.data_mut().par_chunks_mut(TILE * dim).enumerate();
    bands.for_each_init(Vec::new, |sums, (band, out)| {
        let (first, n_rows) = (band * TILE, out.len() / dim);
        sums.resize(n_rows * n, 0.0);
        add_transposed(square, first, sums);
        for (row, sums) in (first..).zip(sums.chunks_mut(n)) {
            change(row, sums);
        }
        let sums_view = gemm::Matrix::packed(sums, [n_rows, n]);
        gemm::multiply(out, dim, sums_view, view, Output::Replace);
        for ((row, sums), out) in (first..).zip(sums.chunks(n)).zip(out.chunks_mut(dim)) {
            finish(row, sums, out);
        }
    });
    product
}

/// Writes some rows of `square + squareᵀ`, from a first one on, at most as many as a tile has.
fn add_transposed(square: &Matrix, first: usize, sums: &mut [f64]) {
    let n = square.n_columns();
    turn(square.data(), n, first, sums, n, 0);
    let along = &square.data()[first * n..first * n + sums.len()];
    sums.iter_mut().zip(along).for_each(|(sum, along)| *sum += along);
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
    }

    #[test]
    fn a_sum_with_its_transposed_is_multiplied() {
        for n in [0, 1, 37, 100] {
            let square = Matrix::from_fn([n, n], |row, column| (row * 50 + column) as f64);
            let rows = Matrix::from_fn([n, 3], |row, column| (row + column) as f64 % 7.0);
            let sum = Matrix::from_fn([n, n], |row, column| ((row + column) * 51) as f64);
            let found = plus_transposed_times(&square, &rows, |_, _| {}, |_, _, _| {});
            assert_eq!(found, sum.times(&rows), "{n}");
        }
        let none = plus_transposed_times(
            &Matrix::zeros([4, 4]),
            &Matrix::zeros([4, 0]),
            |_, _| {},
            |_, _, _| {},
        );
        assert_eq!(none, Matrix::zeros([4, 0]));
    }

    #[test]
    fn a_sum_is_changed_before_and_seen_after() {
        let square = Matrix::from_fn([40, 40], |row, column| (row * 2 + column) as f64);
        let place = |row: usize, sums: &mut [f64]| {
            sums.iter_mut()
                .enumerate()
                .for_each(|(column, sum)| *sum = (row * 100 + column) as f64);
        };
        let ones = Matrix::from_fn([40, 1], |_, _| 1.0);
        let finish = |row: usize, sums: &[f64], product: &mut [f64]| {
            assert_eq!(sums[39], (row * 100 + 39) as f64);
            product[0] -= sums.iter().sum::<f64>() + row as f64;
        };
        let expected = Matrix::from_fn([40, 1], |row, _| -(row as f64));
        assert_eq!(plus_transposed_times(&square, &ones, place, finish), expected);
    }
}

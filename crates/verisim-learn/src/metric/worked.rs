//! A batch that can be worked out by hand, whose figures `pytorch-metric-learning` gave once for all tests.

use super::matrix::Matrix;

/// `E[i, j] = sin(0.7 i + 1.3 j + 0.11 i j) + 0.25 cos(2.1 ⌊i / 3⌋ (j + 1))`: `[12, 8]`.
pub(crate) fn embeddings() -> Matrix {
    Matrix::from_fn([12, 8], |i, j| {
        let (row, column) = (i as f64, j as f64);
        (0.7 * row + 1.3 * column + 0.11 * row * column).sin()
            + 0.25 * (2.1 * (i / 3) as f64 * (column + 1.0)).cos()
    })
}

/// `⌊i / 3⌋` for each of the twelve.
pub(crate) fn labels() -> Vec<u64> {
    (0..12).map(|i| i / 3).collect()
}

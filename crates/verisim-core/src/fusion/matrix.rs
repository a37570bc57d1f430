//! Small dense matrices of `f64`, as fitting a fusion needs them; it knows no embedding.

use std::ops::{Index, IndexMut};

use crate::parallel;

/// A matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Matrix {
    values: Vec<f64>,
    n_columns: usize,
}

impl Matrix {
    /// Takes the numbers of all rows; there are as many in each.
    pub(super) fn new(values: Vec<f64>, n_columns: usize) -> Self {
        debug_assert!(n_columns > 0 && values.len().is_multiple_of(n_columns));
        Self { values, n_columns }
    }

    pub(super) fn zeros(n_rows: usize, n_columns: usize) -> Self {
        Self::new(vec![0.0; n_rows * n_columns], n_columns)
    }

    pub(super) fn identity(n: usize) -> Self {
        let mut matrix = Self::zeros(n, n);
        for index in 0..n {
            matrix[(index, index)] = 1.0;
        }
        matrix
    }

    pub(super) fn n_rows(&self) -> usize {
        self.values.len() / self.n_columns
    }

    pub(super) fn n_columns(&self) -> usize {
        self.n_columns
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }

    pub(super) fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.n_columns..][..self.n_columns]
    }

    pub(super) fn row_mut(&mut self, row: usize) -> &mut [f64] {
        &mut self.values[row * self.n_columns..][..self.n_columns]
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.values.chunks_exact(self.n_columns)
    }

    pub(super) fn transposed(&self) -> Self {
        let columns = (0..self.n_columns).flat_map(|it| self.rows().map(move |row| row[it]));
        Self::new(columns.collect(), self.n_rows())
    }

    /// The product of two matrices, on all cores.
    pub(super) fn times(&self, other: &Self) -> Self {
        let rows = parallel::map(self.n_rows(), |row| {
            let mut product = vec![0.0; other.n_columns];
            for (factor, row) in self.row(row).iter().zip(other.rows()) {
                for (product, value) in product.iter_mut().zip(row) {
                    *product += factor * value;
                }
            }
            product
        });
        Self::new(rows.concat(), other.n_columns)
    }

    /// The product with a vector.
    pub(super) fn times_vector(&self, vector: &[f64]) -> Vec<f64> {
        self.rows().map(|row| dot(row, vector)).collect()
    }

    /// `self + factor * other`.
    pub(super) fn plus(mut self, other: &Self, factor: f64) -> Self {
        for (value, other) in self.values.iter_mut().zip(&other.values) {
            *value += factor * other;
        }
        self
    }

    pub(super) fn scaled(mut self, factor: f64) -> Self {
        self.values.iter_mut().for_each(|value| *value *= factor);
        self
    }

    /// The mean of a matrix and its transpose: what rounding made uneven is even again.
    pub(super) fn symmetrized(self) -> Self {
        let transposed = self.transposed();
        self.plus(&transposed, 1.0).scaled(0.5)
    }

    /// Sum of the diagonal.
    pub(super) fn trace(&self) -> f64 {
        self.values.iter().step_by(self.n_columns + 1).sum()
    }
}

impl Index<(usize, usize)> for Matrix {
    type Output = f64;

    fn index(&self, (row, column): (usize, usize)) -> &f64 {
        &self.values[row * self.n_columns + column]
    }
}

impl IndexMut<(usize, usize)> for Matrix {
    fn index_mut(&mut self, (row, column): (usize, usize)) -> &mut f64 {
        &mut self.values[row * self.n_columns + column]
    }
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// A lower triangle `L` whose product `L L'` is a given matrix.
pub(super) struct Cholesky {
    lower: Matrix,
}

impl Cholesky {
    /// Takes a symmetric matrix apart; none if it is not positive definite.
    pub(super) fn of(matrix: &Matrix) -> Option<Self> {
        let n = matrix.n_rows();
        let mut lower = Matrix::zeros(n, n);
        for row in 0..n {
            for column in 0..=row {
                let known = dot(&lower.row(row)[..column], &lower.row(column)[..column]);
                let rest = matrix[(row, column)] - known;
                lower[(row, column)] = if column < row {
                    rest / lower[(column, column)]
                } else if rest > 0.0 && rest.is_finite() {
                    rest.sqrt()
                } else {
                    return None;
                };
            }
        }
        Some(Self { lower })
    }

    /// Logarithm of the determinant.
    pub(super) fn log_determinant(&self) -> f64 {
        (0..self.lower.n_rows()).map(|it| 2.0 * self.lower[(it, it)].ln()).sum()
    }

    pub(super) fn inverse(&self) -> Matrix {
        let n = self.lower.n_rows();
        let columns = parallel::map(n, |unit| {
            let mut column = vec![0.0; n];
            for row in unit..n {
                let known = dot(&self.lower.row(row)[unit..row], &column[unit..row]);
                column[row] = (f64::from(u8::from(row == unit)) - known) / self.lower[(row, row)];
            }
            column
        });
        // Rows of the transposed inverse of L; the inverse is their product with themselves.
        let inverse = Matrix::new(columns.concat(), n);
        inverse.times(&inverse.transposed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_agrees_with_one_worked_by_hand() {
        let a = Matrix::new(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3);
        let product = a.times(&a.transposed());
        assert_eq!(product, Matrix::new(vec![14.0, 32.0, 32.0, 77.0], 2));
        assert_eq!(product.trace(), 91.0);
        assert_eq!(a.times_vector(&[1.0, 0.0, -1.0]), [-2.0, -2.0]);
    }

    #[test]
    fn an_inverse_undoes_its_matrix() {
        // 4 * 5 * 3, less what is off the diagonal.
        let matrix = Matrix::new(vec![4.0, 2.0, 0.0, 2.0, 5.0, 1.0, 0.0, 1.0, 3.0], 3);
        let cholesky = Cholesky::of(&matrix).unwrap();
        let product = matrix.times(&cholesky.inverse());
        for (found, expected) in product.values().iter().zip(Matrix::identity(3).values()) {
            assert!((found - expected).abs() < 1e-14, "{product:?}");
        }
        assert!((cholesky.log_determinant() - 44.0f64.ln()).abs() < 1e-14);
        let indefinite = Matrix::new(vec![1.0, 2.0, 2.0, 1.0], 2);
        assert!(Cholesky::of(&indefinite).is_none());
    }
}

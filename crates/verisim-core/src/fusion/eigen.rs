//! The leading eigenvectors of a symmetric matrix; it does not know what they stand for.

use super::matrix::{Matrix, dot};
use crate::random::Random;

/// Directions that are followed beside those asked for: the last of these settle sooner.
const SPARE: usize = 16;
/// Products with the matrix at most, if not all directions are followed.
const MAX_STEPS: usize = 100;
/// Relative growth of what the directions hold below which they have settled.
const SETTLED: f64 = 1e-12;
/// Passes over all pairs of rows at most; ten are plenty.
const MAX_SWEEPS: usize = 40;
/// Share of the squares off the diagonal that is nothing.
const NEGLIGIBLE: f64 = 1e-28;

/// Unit eigenvectors of the `n` largest eigenvalues of a matrix without negative ones, a row each, the
/// largest first.
///
/// Subspace iteration, then Jacobi's rotations within the subspace (Golub and Van Loan, *Matrix
/// Computations*, chapters 7 and 8). Exact to rounding if about as many are asked for as there are.
pub(super) fn leading(matrix: &Matrix, n: usize) -> Matrix {
    let dim = matrix.n_rows();
    let width = dim.min(n + SPARE);
    let basis = if width == dim { Matrix::identity(dim) } else { settled(matrix, width) };
    let (values, vectors) = jacobi(basis.times(matrix).times(&basis.transposed()).symmetrized());
    let mut order: Vec<usize> = (0..width).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    let chosen = order.iter().take(n).flat_map(|&row| vectors.row(row)).copied().collect();
    Matrix::new(chosen, width).times(&basis)
}

/// An orthonormal basis that the matrix hardly turns any more, a row each.
fn settled(matrix: &Matrix, width: usize) -> Matrix {
    let dim = matrix.n_rows();
    let mut random = Random::new(0);
    let half = 1u64 << 52;
    let start = (0..width * dim).map(|_| random.below(2 * half) as f64 / half as f64 - 1.0);
    let mut basis = orthonormal(Matrix::new(start.collect(), dim));
    let mut held = 0.0;
    for _ in 0..MAX_STEPS {
        let turned = basis.times(matrix);
        let now: f64 = basis.rows().zip(turned.rows()).map(|(a, b)| dot(a, b)).sum();
        basis = orthonormal(turned);
        if now - held <= SETTLED * now.abs() {
            break;
        }
        held = now;
    }
    basis
}

/// Makes rows orthogonal to those before them, and of unit length; twice, since once leaves rounding.
fn orthonormal(mut rows: Matrix) -> Matrix {
    for index in 0..rows.n_rows() {
        for _ in 0..2 {
            for before in 0..index {
                let other = rows.row(before).to_vec();
                let share = dot(rows.row(index), &other);
                rows.row_mut(index)
                    .iter_mut()
                    .zip(&other)
                    .for_each(|(it, other)| *it -= share * other);
            }
            let norm = dot(rows.row(index), rows.row(index)).sqrt();
            if norm > 0.0 {
                rows.row_mut(index).iter_mut().for_each(|it| *it /= norm);
            }
        }
    }
    rows
}

/// All eigenvalues of a symmetric matrix, and their unit eigenvectors, a row each.
fn jacobi(mut matrix: Matrix) -> (Vec<f64>, Matrix) {
    let n = matrix.n_rows();
    let mut vectors = Matrix::identity(n);
    for _ in 0..MAX_SWEEPS {
        let all = dot(matrix.values(), matrix.values());
        let diagonal: f64 = (0..n).map(|it| matrix[(it, it)].powi(2)).sum();
        if all - diagonal <= NEGLIGIBLE * all {
            break;
        }
        for p in 0..n {
            for q in p + 1..n {
                let off = matrix[(p, q)];
                if off == 0.0 {
                    continue;
                }
                let theta = (matrix[(q, q)] - matrix[(p, p)]) / (2.0 * off);
                let tangent = theta.signum() / (theta.abs() + theta.hypot(1.0));
                let cosine = tangent.hypot(1.0).recip();
                let rotation = [cosine, tangent * cosine];
                rotate_rows(&mut matrix, [p, q], rotation);
                rotate_rows(&mut vectors, [p, q], rotation);
                for row in 0..n {
                    let turned = rotated([matrix[(row, p)], matrix[(row, q)]], rotation);
                    [matrix[(row, p)], matrix[(row, q)]] = turned;
                }
            }
        }
    }
    ((0..n).map(|it| matrix[(it, it)]).collect(), vectors)
}

fn rotate_rows(matrix: &mut Matrix, [p, q]: [usize; 2], rotation: [f64; 2]) {
    for column in 0..matrix.n_columns() {
        let turned = rotated([matrix[(p, column)], matrix[(q, column)]], rotation);
        [matrix[(p, column)], matrix[(q, column)]] = turned;
    }
}

fn rotated([a, b]: [f64; 2], [cosine, sine]: [f64; 2]) -> [f64; 2] {
    [cosine * a - sine * b, sine * a + cosine * b]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_along(found: &[f64], expected: &[f64]) {
        let cosine = dot(found, expected) / dot(expected, expected).sqrt();
        assert!((cosine.abs() - 1.0).abs() < 1e-9, "{found:?}, not along {expected:?}");
    }

    #[test]
    fn two_axes_agree_with_those_worked_by_hand() {
        // Eigenvalues 6 along (2, 1) and 1 along (1, -2).
        let matrix = Matrix::new(vec![5.0, 2.0, 2.0, 2.0], 2);
        let found = leading(&matrix, 2);
        assert_along(found.row(0), &[2.0, 1.0]);
        assert_along(found.row(1), &[1.0, -2.0]);
    }

    #[test]
    fn a_few_of_many_are_the_largest() {
        // Eigenvalues 60, 59, ..., 1, turned by a reflection in (1, 2, 3, ...).
        let n = 60;
        let normal: Vec<f64> = (1..=n).map(f64::from).collect();
        let length = dot(&normal, &normal);
        let mut reflection = Matrix::identity(normal.len());
        for (row, a) in normal.iter().enumerate() {
            for (it, b) in reflection.row_mut(row).iter_mut().zip(&normal) {
                *it -= 2.0 * a * b / length;
            }
        }
        let mut diagonal = Matrix::zeros(normal.len(), normal.len());
        for row in 0..normal.len() {
            diagonal[(row, row)] = f64::from(n) - row as f64;
        }
        let matrix = reflection.times(&diagonal).times(&reflection);
        let found = leading(&matrix, 3);
        assert_eq!((found.n_rows(), found.n_columns()), (3, 60));
        for row in 0..3 {
            assert_along(found.row(row), reflection.row(row));
        }
    }

    #[test]
    fn a_matrix_of_zeros_has_axes_too() {
        let found = leading(&Matrix::zeros(3, 3), 2);
        assert_eq!(found, Matrix::new(vec![1.0, 0.0, 0.0, 0.0, 1.0, 0.0], 3));
    }
}

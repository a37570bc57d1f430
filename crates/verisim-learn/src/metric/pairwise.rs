//! Distances and products of all rows and all others, right where digits cancel; it does not know who asks.

use rayon::prelude::*;

use super::matrix::{Matrix, dot};
use super::symmetric::gram;
use crate::ops::kernel::simd::vectorized;

/// Share of `|a|² + |b|²` below which `|a|² + |b|² - 2 a·b` has lost too many digits.
const CANCELS: f64 = 1e-6;
/// Sum of squares about the mean below which a row carries no signal.
pub(super) const MIN_SIGNAL: f64 = 1e-24;

/// Turns -0 into 0: products have both, and what ranks by bits would take one for nearer than the other.
fn unsign_zeros(values: &mut [f64]) {
    vectorized(
        #[inline(always)]
        || {
            for value in values {
                *value += 0.0;
            }
        },
    );
}

/// Products of rows and others, or of rows among themselves.
pub(super) fn products(a: &Matrix, others: Option<&Matrix>) -> Matrix {
    let Some(b) = others else { return gram(a, |_, _, row| unsign_zeros(row)) };
    let mut values = a.times_transposed(b);
    values.par_rows_mut().for_each(unsign_zeros);
    values
}

fn squared_norms(rows: &Matrix) -> Vec<f64> {
    rows.rows().map(|row| dot(row, row)).collect()
}

/// Signal of each row; infinite where there is none, so that whatever is divided by it vanishes.
pub(super) fn signals(rows: &Matrix) -> Vec<f64> {
    let bounded = |signal: f64| if signal < MIN_SIGNAL { f64::INFINITY } else { signal };
    squared_norms(rows).into_iter().map(bounded).collect()
}

/// Squared Euclidean distances of rows and others, or of rows among themselves, changed by `finish`.
pub(super) fn squared_distances(
    a: &Matrix,
    others: Option<&Matrix>,
    finish: impl Fn(&mut [f64]) + Sync,
) -> Matrix {
    let norms_a = squared_norms(a);
    let norms_of_others = others.map(squared_norms);
    let (b, norms_b) = (others.unwrap_or(a), norms_of_others.as_ref().unwrap_or(&norms_a));
    // From products of a row with those from some first one on.
    let from_products = |row: usize, first: usize, values: &mut [f64]| {
        let (norm, norms) = (norms_a[row], &norms_b[first..]);
        vectorized(
            #[inline(always)]
            || {
                for (value, other) in values.iter_mut().zip(norms) {
                    *value = (norm + other) - 2.0 * *value;
                }
            },
        );
        for ((column, value), other) in (first..).zip(&mut *values).zip(norms) {
            if *value <= CANCELS * (norm + other) {
                let differences = a.row(row).iter().zip(b.row(column)).map(|(a, b)| a - b);
                *value = differences.map(|difference| difference * difference).sum();
            }
        }
        finish(values);
    };
    let Some(b) = others else { return gram(a, from_products) };
    let mut values = a.times_transposed(b);
    values.par_rows_mut().enumerate().for_each(|(row, values)| from_products(row, 0, values));
    values
}

pub(super) fn raise(values: &mut [f64], exponent: f64) {
    if exponent == 0.5 {
        vectorized(
            #[inline(always)]
            || {
                for value in values {
                    *value = value.sqrt();
                }
            },
        );
    } else if exponent != 1.0 {
        for value in values {
            *value = value.powf(exponent);
        }
    }
}

pub(super) fn lp_distances(a: &Matrix, b: &Matrix, p: f64, power: f64) -> Matrix {
    Matrix::from_fn([a.n_rows(), b.n_rows()], |i, j| {
        let sum: f64 = a.row(i).iter().zip(b.row(j)).map(|(a, b)| (a - b).abs().powf(p)).sum();
        sum.powf(power / p)
    })
}

//! How far embeddings lie from references, and how the embeddings move when that should change.

use std::borrow::Cow;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::matrix::Matrix;
use super::pairwise::{MIN_SIGNAL, lp_distances, products, raise, signals, squared_distances};
use super::sparse::Sparse;
use super::symmetric::plus_transposed_times;
use super::unit::Units;
use super::{InvalidLoss, require};
use crate::ops::kernel::simd::vectorized;

/// A distance (smaller is closer) or a similarity (larger is closer) of two rows.
///
/// `normalize` scales rows to unit length first. A row of zeros has no direction; it stays zero, and
/// nothing moves it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distance {
    /// `(Σ |a_k - b_k|^p)^(power / p)`: Euclidean with `p = 2`, FaceNet's squared one with `power = 2`.
    Lp {
        /// Order of the norm, at least 1.
        #[serde(default = "two")]
        p: f64,
        /// Power of the distance, above 0.
        #[serde(default = "one")]
        power: f64,
        /// Whether rows are scaled to unit length, by the same norm.
        #[serde(default = "yes")]
        normalize: bool,
    },
    /// `cos θ`, in `[-1, 1]`: a similarity.
    Cosine,
    /// `a·b`, without a bound: a similarity.
    Dot,
    /// `var(a - b) / var(a)`: the noise by the signal, of Yuan et al. 2019; not symmetric. An `a` whose
    /// components are all equal carries no signal: it is at 0 from everything, and nothing moves it.
    Snr {
        /// Whether rows are scaled to unit length.
        #[serde(default = "yes")]
        normalize: bool,
    },
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

fn yes() -> bool {
    true
}

/// All comparisons of embeddings and references, with what their derivative needs.
#[derive(Debug)]
pub struct Compared {
    /// Distances or similarities: `[n_embeddings, n_references]`.
    pub values: Matrix,
    distance: Distance,
    embeddings: Units,
    /// None if the embeddings were compared with themselves.
    references: Option<Units>,
}

impl Distance {
    /// Euclidean distance of unit vectors, in `[0, 2]`.
    pub const EUCLIDEAN: Self = Self::Lp { p: 2.0, power: 1.0, normalize: true };
    /// Squared Euclidean distance of unit vectors, in `[0, 4]`: FaceNet's.
    pub const SQUARED: Self = Self::Lp { p: 2.0, power: 2.0, normalize: true };

    /// Whether larger is closer.
    pub fn is_similarity(&self) -> bool {
        matches!(self, Self::Cosine | Self::Dot)
    }

    /// By how much `x` is farther than `y`.
    pub fn margin(&self, x: f64, y: f64) -> f64 {
        self.sign() * (x - y)
    }

    /// 1 for a distance, -1 for a similarity: the slope of [`Distance::margin`] in `x`.
    pub fn sign(&self) -> f64 {
        if self.is_similarity() { -1.0 } else { 1.0 }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidLoss> {
        if let Self::Lp { p, power, .. } = *self {
            require("distance.p", p, p >= 1.0, "at least 1")?;
            require("distance.power", power, power > 0.0, "above 0")?;
        }
        Ok(())
    }

    /// Compares every embedding with every reference, or with every embedding if there are none.
    ///
    /// Two equal rows are at a distance of exactly 0, and near ones are right to 1e-6 of their
    /// distance: where the product form would cancel, differences are summed. No value is -0.
    ///
    /// # Panics
    ///
    /// Panics if embeddings and references are not equally long.
    pub fn compare(&self, embeddings: &Matrix, references: Option<&Matrix>) -> Compared {
        let units = |rows: &Matrix| match *self {
            Self::Lp { p, normalize: true, .. } => Units::scaled(rows, p),
            Self::Cosine => Units::scaled(rows, 2.0),
            Self::Snr { normalize } => Units::centered(rows, normalize),
            Self::Lp { normalize: false, .. } | Self::Dot => Units::untouched(rows),
        };
        let embeddings = units(embeddings);
        let references = references.map(units);
        let (a, others) = (embeddings.rows(), references.as_ref().map(Units::rows));
        let b = others.unwrap_or(a);
        let values = match *self {
            Self::Lp { p: 2.0, power, .. } => {
                squared_distances(a, others, |squared| raise(squared, power / 2.0))
            }
            Self::Lp { p, power, .. } => lp_distances(a, b, p, power),
            Self::Cosine | Self::Dot => products(a, others),
            Self::Snr { .. } => {
                let mut values = squared_distances(a, others, |_| {});
                values.par_rows_mut().zip(signals(a)).for_each(|(row, signal)| {
                    for value in row {
                        *value /= signal;
                    }
                });
                values
            }
        };
        Compared { values, distance: *self, embeddings, references }
    }
}

impl Compared {
    /// How a loss changes with the embeddings and with the references, given how it changes with
    /// [`Compared::values`].
    ///
    /// If the embeddings were compared with themselves, the first holds both, and there is no second.
    pub fn backward(&self, gradient: &Matrix) -> (Matrix, Option<Matrix>) {
        let a = self.embeddings.rows();
        let b = self.references.as_ref().unwrap_or(&self.embeddings).rows();
        let few = Sparse::of(gradient);
        let found = few.and_then(|few| few.backward(self.distance, &self.values, [a, b]));
        if let Some((to_a, to_b)) = found {
            return self.through_units(to_a, to_b);
        }
        let (to_a, to_b) = match self.distance {
            Distance::Lp { p: 2.0, power, .. } => {
                // d v / d a = power * d^(power - 2) (a - b), with v = d^power.
                if self.references.is_none() {
                    // Both sides at once: a distance is the same from either.
                    let change = |index: usize, factors: &mut [f64]| {
                        along(factors, self.values.row(index), power);
                    };
                    let finish = |index: usize, factors: &[f64], to: &mut [f64]| {
                        let sum: f64 = factors.iter().sum();
                        for (to, &value) in to.iter_mut().zip(a.row(index)) {
                            *to = power * (sum * value - *to);
                        }
                    };
                    let both = plus_transposed_times(gradient, a, change, finish);
                    return (self.embeddings.backward(both), None);
                }
                let factors = self.along_differences(gradient, power);
                let (mut to_a, mut to_b) = along_differences(&factors, a, b);
                to_a.scale(power);
                to_b.scale(power);
                (to_a, to_b)
            }
            Distance::Lp { p, power, .. } => lp_backward(gradient, &self.values, a, b, p, power),
            Distance::Cosine | Distance::Dot if self.references.is_none() => {
                // Both sides at once: G a + Gᵀ a.
                let both = plus_transposed_times(gradient, a, |_, _| {}, |_, _, _| {});
                return (self.embeddings.backward(both), None);
            }
            Distance::Cosine | Distance::Dot => (gradient.times(b), gradient.transposed_times(a)),
            Distance::Snr { .. } => {
                let signal = signals(a);
                let factors =
                    Matrix::from_fn(gradient.shape(), |i, j| 2.0 * gradient[(i, j)] / signal[i]);
                let (mut to_a, to_b) = along_differences(&factors, a, b);
                // The signal is in the denominator.
                for (i, &signal) in signal.iter().enumerate().filter(|it| *it.1 > MIN_SIGNAL) {
                    let pull: f64 =
                        gradient.row(i).iter().zip(self.values.row(i)).map(|(g, v)| g * v).sum();
                    let factor = -2.0 * pull / signal;
                    for (to, &value) in to_a.row_mut(i).iter_mut().zip(a.row(i)) {
                        *to += factor * value;
                    }
                }
                (to_a, to_b)
            }
        };
        self.through_units(to_a, to_b)
    }

    /// Gradients of rows as they were given, from those of the rows as they were compared.
    fn through_units(&self, to_a: Matrix, to_b: Matrix) -> (Matrix, Option<Matrix>) {
        if let Some(references) = &self.references {
            return (self.embeddings.backward(to_a), Some(references.backward(to_b)));
        }
        let mut both = to_a;
        both.add(&to_b);
        (self.embeddings.backward(both), None)
    }

    /// The gradient times `d^(power - 2)`.
    fn along_differences<'a>(&self, gradient: &'a Matrix, power: f64) -> Cow<'a, Matrix> {
        if power == 2.0 {
            return Cow::Borrowed(gradient);
        }
        let mut factors = gradient.clone();
        let rows = factors.par_rows_mut().enumerate();
        rows.for_each(|(row, factors)| along(factors, self.values.row(row), power));
        Cow::Owned(factors)
    }
}

/// `d^(power - 2)`, from `d^power`; 0 for equal rows, which are not pushed apart: there is no direction.
pub(super) fn slope_along(value: f64, power: f64) -> f64 {
    if value <= 0.0 {
        0.0
    } else if power == 1.0 {
        value.recip()
    } else if power == 2.0 {
        1.0
    } else {
        value.powf(1.0 - 2.0 / power)
    }
}

/// Multiplies each factor by `d^(power - 2)`.
fn along(factors: &mut [f64], values: &[f64], power: f64) {
    if power == 1.0 {
        vectorized(
            #[inline(always)]
            || {
                for (factor, &value) in factors.iter_mut().zip(values) {
                    *factor = if value > 0.0 { *factor / value } else { 0.0 };
                }
            },
        );
    } else if power != 2.0 {
        for (factor, &value) in factors.iter_mut().zip(values) {
            // Most pairs of most losses pull at nothing.
            if *factor != 0.0 {
                *factor *= slope_along(value, power);
            }
        }
    }
}

/// The gradients of both sides where each pair pulls along `a - b`, as hard as its factor says.
fn along_differences(factors: &Matrix, a: &Matrix, b: &Matrix) -> (Matrix, Matrix) {
    let mut to_a = factors.times(b);
    let mut column_sums = vec![0.0; b.n_rows()];
    for (i, row) in factors.rows().enumerate() {
        let sum: f64 = row.iter().sum();
        for (to, &value) in to_a.row_mut(i).iter_mut().zip(a.row(i)) {
            *to = sum * value - *to;
        }
        for (total, factor) in column_sums.iter_mut().zip(row) {
            *total += factor;
        }
    }
    let mut to_b = factors.transposed_times(a);
    for (j, &sum) in column_sums.iter().enumerate() {
        for (to, &value) in to_b.row_mut(j).iter_mut().zip(b.row(j)) {
            *to = sum * value - *to;
        }
    }
    (to_a, to_b)
}

fn lp_backward(
    gradient: &Matrix,
    values: &Matrix,
    a: &Matrix,
    b: &Matrix,
    p: f64,
    power: f64,
) -> (Matrix, Matrix) {
    // d v / d a_k = power * v * sign(a_k - b_k) |a_k - b_k|^(p-1) / Σ |a - b|^p, with v = S^(power/p).
    let factor = |i: usize, j: usize| {
        let value = values[(i, j)];
        if value > 0.0 { gradient[(i, j)] * power * value.powf(1.0 - p / power) } else { 0.0 }
    };
    let pull = |to: &mut [f64], from: &[f64], other: &[f64], factor: f64| {
        if factor == 0.0 {
            return;
        }
        for ((to, from), other) in to.iter_mut().zip(from).zip(other) {
            let difference = from - other;
            if difference != 0.0 {
                *to += factor * difference.signum() * difference.abs().powf(p - 1.0);
            }
        }
    };
    let mut to_a = Matrix::zeros(a.shape());
    to_a.par_rows_mut().enumerate().for_each(|(i, to)| {
        (0..b.n_rows()).for_each(|j| pull(to, a.row(i), b.row(j), factor(i, j)));
    });
    let mut to_b = Matrix::zeros(b.shape());
    to_b.par_rows_mut().enumerate().for_each(|(j, to)| {
        (0..a.n_rows()).for_each(|i| pull(to, b.row(j), a.row(i), factor(i, j)));
    });
    (to_a, to_b)
}

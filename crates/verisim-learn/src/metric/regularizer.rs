//! Penalties on embeddings or centers by themselves, whatever they are compared with.

use serde::{Deserialize, Serialize};

use super::distance::Distance;
use super::matrix::Matrix;
use super::unit::Units;
use super::{InvalidLoss, require};

/// Rows whose cosines with all others are held at a time.
const BLOCK: usize = 64;

/// A penalty on the rows of a matrix: embeddings, or centers.
///
/// Each is a mean over rows `x_i`, as in pytorch-metric-learning; add it to a loss with a weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Regularizer {
    /// Keeps rows short.
    ///
    /// ```text
    /// mean |x_i|_p^power
    /// ```
    Lp {
        /// Order of the norm, at least 1; 2 if not given.
        #[serde(default = "two")]
        p: f64,
        /// Power of the norm, above 0; 1 if not given.
        #[serde(default = "one")]
        power: f64,
    },
    /// Keeps centers equally long, so that frequent identities do not take more room than rare ones.
    ///
    /// ```text
    /// mean ( |x_i|² - mean |x_j|² )² / 4
    /// ```
    ///
    /// Wu et al., *Deep Face Recognition with Center Invariant Loss*, ACM Multimedia Workshops 2017,
    /// <https://doi.org/10.1145/3126686.3126693>.
    CenterInvariant,
    /// Drives each center away from the one next to it.
    ///
    /// ```text
    /// mean max_{j ≠ i} cos(x_i, x_j)
    /// ```
    ///
    /// 0 for a single center. Zhao et al., *`RegularFace`: Deep Face Recognition via Exclusive
    /// Regularization*, CVPR 2019.
    RegularFace,
    /// Draws the centers of an identity together, so that it ends up with no more than it needs.
    ///
    /// ```text
    /// mean |u_j - u_k| / 2    over pairs of unit centers of one identity
    /// ```
    ///
    /// Qian et al., *`SoftTriple` Loss: Deep Metric Learning Without Triplet Sampling*, ICCV 2019,
    /// <https://arxiv.org/abs/1909.05235>.
    SparseCenters {
        /// Centers of an identity, at least 2, one after the other.
        centers_per_identity: usize,
    },
    /// Keeps the components of a row in balance.
    ///
    /// ```text
    /// mean |Σ_k x_ik|
    /// ```
    ZeroMean,
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

impl Regularizer {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidLoss> {
        match *self {
            Self::Lp { p, power } => {
                require("regularizer.p", p, p >= 1.0, "at least 1")?;
                require("regularizer.power", power, power > 0.0, "above 0")
            }
            Self::SparseCenters { centers_per_identity: n } => {
                require("regularizer.centers_per_identity", n as f64, n >= 2, "at least 2")
            }
            Self::CenterInvariant | Self::RegularFace | Self::ZeroMean => Ok(()),
        }
    }

    /// The penalty and its gradient. No rows have none.
    pub fn evaluate(&self, rows: &Matrix) -> (f64, Matrix) {
        match *self {
            Self::Lp { p, power } => lp(rows, p, power),
            Self::CenterInvariant => center_invariant(rows),
            Self::RegularFace => regular_face(rows),
            Self::SparseCenters { centers_per_identity } => {
                sparse_centers(rows, centers_per_identity)
            }
            Self::ZeroMean => zero_mean(rows),
        }
    }
}

fn share(rows: &Matrix) -> f64 {
    1.0 / rows.n_rows().max(1) as f64
}

fn lp(rows: &Matrix, p: f64, power: f64) -> (f64, Matrix) {
    let (mut value, mut gradient) = (0.0, Matrix::zeros(rows.shape()));
    for (index, row) in rows.rows().enumerate() {
        let largest = row.iter().fold(0.0, |largest: f64, it| largest.max(it.abs()));
        if largest == 0.0 {
            continue;
        }
        // In units of the largest component no power overflows.
        let sum: f64 = row.iter().map(|it| (it.abs() / largest).powf(p)).sum();
        let norm = largest * sum.powf(1.0 / p);
        value += share(rows) * norm.powf(power);
        let factor = share(rows) * power * norm.powf(power - 1.0);
        for (to, it) in gradient.row_mut(index).iter_mut().zip(row) {
            if *it != 0.0 {
                *to = factor * it.signum() * (it.abs() / norm).powf(p - 1.0);
            }
        }
    }
    (value, gradient)
}

fn center_invariant(rows: &Matrix) -> (f64, Matrix) {
    let squares: Vec<f64> = rows.rows().map(|row| row.iter().map(|it| it * it).sum()).collect();
    let mean = squares.iter().sum::<f64>() * share(rows);
    let (mut value, mut gradient) = (0.0, rows.clone());
    for (index, square) in squares.iter().enumerate() {
        let deviation = square - mean;
        value += share(rows) * deviation * deviation / 4.0;
        // The deviations sum to 0, so that the mean adds nothing.
        gradient.row_mut(index).iter_mut().for_each(|it| *it *= share(rows) * deviation);
    }
    (value, gradient)
}

fn regular_face(rows: &Matrix) -> (f64, Matrix) {
    let units = Units::scaled(rows, 2.0);
    let all = units.rows();
    let (mut value, mut gradient) = (0.0, Matrix::zeros(rows.shape()));
    if rows.n_rows() < 2 || rows.n_columns() == 0 {
        return (value, gradient);
    }
    for start in (0..rows.n_rows()).step_by(BLOCK) {
        let end = rows.n_rows().min(start + BLOCK);
        let data = all.data()[start * all.n_columns()..end * all.n_columns()].to_vec();
        let cosines = Matrix::new(data, [end - start, all.n_columns()]).times_transposed(all);
        for (index, cosines) in (start..end).zip(cosines.rows()) {
            let others = cosines.iter().enumerate().filter(|(other, _)| *other != index);
            // Of several, the first.
            let nearest = others.min_by(|one, other| other.1.total_cmp(one.1));
            let Some((nearest, cosine)) = nearest else { continue };
            value += share(rows) * cosine;
            for (to, from) in [(index, nearest), (nearest, index)] {
                for (to, it) in gradient.row_mut(to).iter_mut().zip(all.row(from)) {
                    *to += share(rows) * it;
                }
            }
        }
    }
    (value, units.backward(gradient))
}

fn sparse_centers(rows: &Matrix, centers_per_identity: usize) -> (f64, Matrix) {
    let (mut value, mut gradient) = (0.0, Matrix::zeros(rows.shape()));
    let shape = [centers_per_identity, rows.n_columns()];
    let size = shape[0] * shape[1];
    let n_identities = rows.n_rows() / centers_per_identity;
    let n_pairs = n_identities * centers_per_identity * (centers_per_identity - 1) / 2;
    let weight = 1.0 / (2 * n_pairs.max(1)) as f64;
    let above_diagonal =
        Matrix::from_fn(
            [centers_per_identity; 2],
            |one, other| {
                if one < other { weight } else { 0.0 }
            },
        );
    for identity in 0..n_identities {
        let place = identity * size..(identity + 1) * size;
        let centers = Matrix::new(rows.data()[place.clone()].to_vec(), shape);
        // √(2 - 2 cos), but right where two centers are close.
        let compared = Distance::EUCLIDEAN.compare(&centers, None);
        let pairs = compared.values.data().iter().zip(above_diagonal.data());
        value += pairs.map(|(distance, weight)| distance * weight).sum::<f64>();
        let (to_centers, _) = compared.backward(&above_diagonal);
        gradient.data_mut()[place].copy_from_slice(to_centers.data());
    }
    (value, gradient)
}

fn zero_mean(rows: &Matrix) -> (f64, Matrix) {
    let (mut value, mut gradient) = (0.0, Matrix::zeros(rows.shape()));
    for (index, row) in rows.rows().enumerate() {
        let sum: f64 = row.iter().sum();
        value += share(rows) * sum.abs();
        let slope = if sum == 0.0 { 0.0 } else { sum.signum() };
        gradient.row_mut(index).fill(share(rows) * slope);
    }
    (value, gradient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::clustered;
    use crate::metric::worked;

    fn all() -> Vec<Regularizer> {
        let mut all: Vec<Regularizer> = [(2.0, 1.0), (1.0, 1.0), (3.0, 2.0), (1.5, 0.5)]
            .map(|(p, power)| Regularizer::Lp { p, power })
            .to_vec();
        all.extend([
            Regularizer::CenterInvariant,
            Regularizer::RegularFace,
            Regularizer::SparseCenters { centers_per_identity: 3 },
            Regularizer::ZeroMean,
        ]);
        all
    }

    #[test]
    fn values_agree_with_the_reference() {
        let rows = worked::embeddings();
        for (regularizer, expected) in [
            (Regularizer::Lp { p: 2.0, power: 1.0 }, 2.097_843_213_939_912),
            (Regularizer::ZeroMean, 1.494_079_087_321_915_4),
            (Regularizer::CenterInvariant, 0.167_118_096_372_899_4),
            (Regularizer::RegularFace, 0.539_221_360_707_707_5),
            (Regularizer::SparseCenters { centers_per_identity: 3 }, SPARSE_CENTERS),
        ] {
            let (found, _) = regularizer.evaluate(&rows);
            assert!((found - expected).abs() < 1e-9, "{regularizer:?}: {found}, not {expected}");
        }
    }

    /// SparseCentersRegularizer(4, 3) on the same rows, in float64.
    const SPARSE_CENTERS: f64 = 0.605_489_637_118_530_2;

    #[test]
    fn gradients_agree_with_differences() {
        let rows = clustered(&[0, 0, 0, 1, 1, 1, 2, 2, 2], 4, 0.8, 4);
        for regularizer in all() {
            regularizer.check().unwrap();
            let (_, gradient) = regularizer.evaluate(&rows);
            for index in 0..rows.data().len() {
                let moved = |by: f64| {
                    let mut rows = rows.clone();
                    rows.data_mut()[index] += by;
                    regularizer.evaluate(&rows).0
                };
                let (found, slope) = (gradient.data()[index], (moved(1e-6) - moved(-1e-6)) / 2e-6);
                let allowed = 1e-6 * slope.abs().max(1.0);
                assert!((found - slope).abs() < allowed, "{regularizer:?}: {found}, not {slope}");
            }
        }
    }

    #[test]
    fn degenerate_rows_are_finite() {
        let equal = Matrix::new([1.0, 2.0].repeat(6), [6, 2]);
        let mut huge = equal.clone();
        huge.scale(1e15);
        let some =
            [Matrix::zeros([6, 2]), equal, huge, Matrix::zeros([1, 2]), Matrix::zeros([0, 2])];
        for (regularizer, rows) in
            all().iter().flat_map(|it| some.iter().map(move |rows| (it, rows)))
        {
            let (value, gradient) = regularizer.evaluate(rows);
            assert!(value.is_finite() && gradient.is_finite(), "{regularizer:?} on {rows:?}");
            assert_eq!(gradient.shape(), rows.shape());
        }
    }

    #[test]
    fn one_center_of_an_identity_is_refused() {
        let error = Regularizer::SparseCenters { centers_per_identity: 1 }.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "regularizer.centers_per_identity is 1, but must be at least 2"
        );
    }
}

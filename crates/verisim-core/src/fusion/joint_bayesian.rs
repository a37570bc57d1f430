//! Joint Bayesian: whether two vectors share a hidden identity; it does not know where vectors come from.

use std::collections::BTreeMap;

use super::InvalidFusion;
use super::matrix::{Cholesky, Matrix, dot};

/// Passes of expectation and maximization at most.
const MAX_PASSES: usize = 200;
/// Growth of the mean log-likelihood of a sample below which there is no need for another.
const SETTLED: f64 = 1e-7;
/// Share of the mean variance that the first covariances have in every direction.
const FIRST_SPREAD: f64 = 1e-3;

/// Covariances of identities and of the samples of one.
///
/// A vector is the sum of two hidden ones, both of a normal distribution around 0: `μ`, which all samples of
/// an identity share, of covariance `S_μ`, and `ε`, of covariance `S_ε`.
///
/// Chen et al., *Bayesian Face Revisited: A Joint Formulation*, ECCV 2012,
/// <https://doi.org/10.1007/978-3-642-33712-3_41>. Their expectation step takes the hidden vectors for their
/// means; here their own covariance is kept, so that no pass lowers the likelihood.
#[derive(Clone, Debug, PartialEq)]
struct Covariances {
    between: Matrix, // S_μ
    within: Matrix,  // S_ε
}

/// The samples of identities, so far as fitting needs them.
struct Scatter {
    /// By the number of samples: the sum of the samples of each identity, a row each.
    sums: BTreeMap<usize, Matrix>,
    /// Sum of `x x'` over all samples.
    total: Matrix,
    n_samples: f64,
    n_identities: f64,
}

impl Scatter {
    fn new(rows: &Matrix, labels: &[u64]) -> Self {
        let dim = rows.n_columns();
        let mut identities = BTreeMap::<u64, (usize, Vec<f64>)>::new();
        for (row, &label) in rows.rows().zip(labels) {
            let (n, sum) = identities.entry(label).or_insert_with(|| (0, vec![0.0; dim]));
            *n += 1;
            sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
        }
        let n_identities = identities.len() as f64;
        let mut sums = BTreeMap::<usize, Vec<f64>>::new();
        for (n, sum) in identities.into_values() {
            sums.entry(n).or_default().extend(sum);
        }
        let sums = sums.into_iter().map(|(n, sums)| (n, Matrix::new(sums, dim))).collect();
        let total = rows.transposed().times(rows);
        Self { sums, total, n_samples: rows.n_rows() as f64, n_identities }
    }
}

impl Covariances {
    /// Half of the variance to each, and a little in every direction.
    fn first(scatter: &Scatter) -> Self {
        let covariance = scatter.total.clone().scaled(0.5 / scatter.n_samples);
        let dim = covariance.n_rows();
        let spread = FIRST_SPREAD * covariance.trace() / dim as f64;
        let start = covariance.plus(&Matrix::identity(dim), spread);
        Self { between: start.clone(), within: start }
    }

    /// The covariances that explain the samples better than these, and the log-likelihood of these.
    fn improved(&self, scatter: &Scatter) -> Result<(Self, f64), InvalidFusion> {
        let dim = self.within.n_rows();
        let within = Cholesky::of(&self.within).ok_or(InvalidFusion::Singular)?;
        let precision = within.inverse();
        let mut between_sum = Matrix::zeros(dim, dim);
        let mut within_sum = scatter.total.clone();
        let constant = dim as f64 * (2.0 * std::f64::consts::PI).ln();
        let traced = scatter.total.times(&precision).trace();
        let mut log_likelihood = -0.5 * (traced + scatter.n_samples * constant);
        for (&n, sums) in &scatter.sums {
            let (n_identities, n) = (sums.n_rows() as f64, n as f64);
            let mean = Cholesky::of(&self.within.clone().plus(&self.between, n));
            let mean = mean.ok_or(InvalidFusion::Singular)?;
            let of_mean = mean.inverse();
            // Mean and covariance of the hidden identity, given its samples.
            let gain = self.between.times(&of_mean);
            let identities = sums.times(&gain.transposed());
            let doubt = gain.times(&self.within).symmetrized();
            let squares = identities.transposed().times(&identities);
            let crossed = identities.transposed().times(sums).symmetrized();
            between_sum = between_sum.plus(&squares, 1.0).plus(&doubt, n_identities);
            within_sum =
                within_sum.plus(&crossed, -2.0).plus(&squares, n).plus(&doubt, n * n_identities);
            let shrunk = of_mean.plus(&precision, -1.0);
            let explained: f64 =
                sums.rows().map(|sum| dot(&shrunk.times_vector(sum), sum)).sum::<f64>() / n;
            let determinants = (n - 1.0) * within.log_determinant() + mean.log_determinant();
            log_likelihood -= 0.5 * (explained + n_identities * determinants);
        }
        let improved = Self {
            between: between_sum.scaled(1.0 / scatter.n_identities).symmetrized(),
            within: within_sum.scaled(1.0 / scatter.n_samples).symmetrized(),
        };
        Ok((improved, log_likelihood))
    }

    fn fit(scatter: &Scatter) -> Result<Self, InvalidFusion> {
        let mut found = Self::first(scatter);
        let mut likelihood = f64::NEG_INFINITY;
        for _ in 0..MAX_PASSES {
            let (improved, now) = found.improved(scatter)?;
            if now - likelihood <= SETTLED * scatter.n_samples {
                break;
            }
            (found, likelihood) = (improved, now);
        }
        Ok(found)
    }
}

/// The logarithm of how much more probable two vectors are together than apart:
///
/// ```text
/// r(x₁, x₂) = x₁' A x₁ + x₂' A x₂ - 2 x₁' G x₂
/// log odds  = r / 2 + offset
/// ```
///
/// with `A = (S_μ + S_ε)⁻¹ - (F + G)`, where `F + G = ((2 S_μ + S_ε)⁻¹ + S_ε⁻¹) / 2` and
/// `G = ((2 S_μ + S_ε)⁻¹ - S_ε⁻¹) / 2` are the blocks of the inverse covariance of two samples of an
/// identity. Chen et al. write the ratio without half and offset.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct JointBayesian {
    pub(super) alone: Matrix, // A
    pub(super) cross: Matrix, // G
    pub(super) offset: f64,
}

impl JointBayesian {
    /// Fits it to rows of mean 0, with a label each.
    pub(super) fn fit(rows: &Matrix, labels: &[u64]) -> Result<Self, InvalidFusion> {
        Self::new(&Covariances::fit(&Scatter::new(rows, labels))?)
    }

    fn new(Covariances { between, within }: &Covariances) -> Result<Self, InvalidFusion> {
        let single = Cholesky::of(&within.clone().plus(between, 1.0));
        let pair = Cholesky::of(&within.clone().plus(between, 2.0));
        let within = Cholesky::of(within);
        let (Some(single), Some(pair), Some(within)) = (single, pair, within) else {
            return Err(InvalidFusion::Singular);
        };
        let (of_pair, of_within) = (pair.inverse(), within.inverse());
        let together = of_pair.clone().plus(&of_within, 1.0).scaled(0.5);
        let offset = 2.0 * single.log_determinant() - pair.log_determinant();
        Ok(Self {
            alone: single.inverse().plus(&together, -1.0),
            cross: of_pair.plus(&of_within, -1.0).scaled(0.5),
            offset: 0.5 * (offset - within.log_determinant()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three identities of two samples, on a line, of mean 0.
    fn line() -> (Matrix, Vec<u64>) {
        (Matrix::new(vec![-4.0, -2.0, 0.0, 1.0, 2.0, 3.0], 1), vec![0, 0, 1, 1, 2, 2])
    }

    #[test]
    fn variances_on_a_line_are_those_worked_by_hand() {
        let (rows, labels) = line();
        let found = Covariances::fit(&Scatter::new(&rows, &labels)).unwrap();
        // Within: (2 + 1/2 + 1/2) / 3; between: ((9 + 1/4 + 25/4) / 3 - 1/2).
        let [within, between] = [found.within[(0, 0)], found.between[(0, 0)]];
        assert!((within - 1.0).abs() < 1e-2, "{within}");
        assert!((between - (15.5 / 3.0 - 0.5)).abs() < 1e-2, "{between}");
    }

    #[test]
    fn a_ratio_on_a_line_is_that_of_the_densities() {
        let (between, within) = (Matrix::new(vec![2.0], 1), Matrix::new(vec![1.5], 1));
        let joint = JointBayesian::new(&Covariances { between, within }).unwrap();
        let (a, b) = (0.7, 1.9);
        // Covariance [[3.5, 2], [2, 3.5]], of determinant 8.25, against one of 3.5 for each.
        let together = (3.5 * a * a + 3.5 * b * b - 4.0 * a * b) / 8.25;
        let apart = (a * a + b * b) / 3.5;
        let expected = -0.5 * (together + 8.25f64.ln()) + 0.5 * (apart + 12.25f64.ln());
        let [alone, cross] = [joint.alone[(0, 0)], joint.cross[(0, 0)]];
        let found = 0.5 * (alone * (a * a + b * b) - 2.0 * cross * a * b) + joint.offset;
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }

    #[test]
    fn no_pass_lowers_the_likelihood() {
        let values = (0..66).map(|it| f64::from(it * it % 37) - 16.0 + f64::from(it / 12));
        let rows = Matrix::new(values.collect(), 3);
        let labels: Vec<u64> = (0..22).map(|it| it / 3 + it / 10).collect();
        let scatter = Scatter::new(&rows, &labels);
        assert!(scatter.sums.len() > 1, "all identities have as many samples");
        let mut found = Covariances::first(&scatter);
        let mut likelihood = f64::NEG_INFINITY;
        for _ in 0..30 {
            let (improved, now) = found.improved(&scatter).unwrap();
            assert!(now >= likelihood - 1e-9, "{now} after {likelihood}");
            (found, likelihood) = (improved, now);
        }
    }

    #[test]
    fn the_likelihood_is_that_of_the_joint_density() {
        let covariances =
            Covariances { between: Matrix::new(vec![2.0], 1), within: Matrix::new(vec![1.5], 1) };
        let rows = Matrix::new(vec![0.7, 1.9, -0.4], 1);
        let (_, found) = covariances.improved(&Scatter::new(&rows, &[0, 0, 1])).unwrap();
        let (a, b, c) = (0.7, 1.9, -0.4);
        let pair = (3.5 * a * a + 3.5 * b * b - 4.0 * a * b) / 8.25 + 8.25f64.ln();
        let single = c * c / 3.5 + 3.5f64.ln();
        let expected = -0.5 * (pair + single + 3.0 * (2.0 * std::f64::consts::PI).ln());
        assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
    }
}

//! `VICReg`: two views alike, each dimension spread out, no two dimensions telling the same.

use serde::{Deserialize, Serialize};

use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Variance, invariance and covariance regularization.
///
/// With `Z` the embeddings and `Z'` the references, the second view of the same samples in the same
/// order, `n` samples of `d` numbers each,
///
/// ```text
/// L = λ s(Z, Z') + μ (v(Z) + v(Z')) / 2 + ν (c(Z) + c(Z'))
/// s = 1/(n d) Σ_i |z_i - z'_i|²
/// v = 1/d Σ_k (1 - √(var_k + ε))₊
/// c = 1/d Σ_{k≠l} cov_kl²
/// ```
///
/// as in the authors' code, with variances and covariances over `n - 1`; a view of one sample has neither. Labels, distances
/// and reductions have no part in it. If one view is longer, its last samples have no partner in `s`.
///
/// A batch against itself has no second view: there, the other samples of the same identity are the
/// other views of a sample, `s` is the mean over them, and then over all samples that have any, and
/// `Z' = Z` in the rest.
///
/// Bardes et al., *`VICReg`: Variance-Invariance-Covariance Regularization for Self-Supervised
/// Learning*, ICLR 2022, <https://arxiv.org/abs/2105.04906>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VicRegLoss {
    /// Weight `λ` of the two views being alike, 0 or more; 25 in the paper.
    #[serde(default = "paper_weight")]
    pub invariance: f64,
    /// Weight `μ` of each dimension being spread out, 0 or more; 25 in the paper.
    #[serde(default = "paper_weight")]
    pub variance: f64,
    /// Weight `ν` of dimensions being uncorrelated, 0 or more; 1 in the paper.
    #[serde(default = "paper_covariance")]
    pub covariance: f64,
    /// What `ε` adds to a variance, above 0; 1e-4 in the paper.
    #[serde(default = "paper_epsilon")]
    pub epsilon: f64,
}

fn paper_weight() -> f64 {
    25.0
}

fn paper_covariance() -> f64 {
    1.0
}

fn paper_epsilon() -> f64 {
    1e-4
}

impl TupleLoss for VicRegLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("invariance", self.invariance, self.invariance >= 0.0, "0 or more")?;
        require("variance", self.variance, self.variance >= 0.0, "0 or more")?;
        require("covariance", self.covariance, self.covariance >= 0.0, "0 or more")?;
        require("epsilon", self.epsilon, self.epsilon > 0.0, "above 0")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let batch = scene.batch;
        let mut to_embeddings = Matrix::zeros(batch.embeddings.shape());
        let Some(second) = batch.references else {
            let spread = self.spread(batch.embeddings, 2.0, &mut to_embeddings);
            let alike = self.alike_among_mates(scene, &mut to_embeddings);
            return Slope {
                value: spread + alike,
                embeddings: Some(to_embeddings),
                ..Slope::default()
            };
        };
        let mut to_references = Matrix::zeros(second.shape());
        let n = batch.embeddings.n_rows().min(second.n_rows());
        let scale = self.invariance / (n * second.n_columns()).max(1) as f64;
        let mut value = self.spread(batch.embeddings, 1.0, &mut to_embeddings)
            + self.spread(second, 1.0, &mut to_references);
        for sample in 0..n {
            let pairs = batch.embeddings.row(sample).iter().zip(second.row(sample)).enumerate();
            for (column, (one, other)) in pairs {
                let difference = one - other;
                value += scale * difference * difference;
                to_embeddings[(sample, column)] += 2.0 * scale * difference;
                to_references[(sample, column)] -= 2.0 * scale * difference;
            }
        }
        Slope {
            value,
            embeddings: Some(to_embeddings),
            references: Some(to_references),
            ..Slope::default()
        }
    }
}

impl VicRegLoss {
    /// The terms of variance and covariance of one view, `n_views` times; adds their slope.
    fn spread(&self, rows: &Matrix, n_views: f64, to: &mut Matrix) -> f64 {
        let [n, dim] = rows.shape();
        if n < 2 || dim == 0 {
            return 0.0;
        }
        let mut means = vec![0.0; dim];
        for row in rows.rows() {
            means.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / n as f64);
        }
        let centered =
            Matrix::from_fn(rows.shape(), |row, column| rows[(row, column)] - means[column]);
        let mut covariances = centered.transposed_times(&centered);
        covariances.scale(1.0 / (n - 1) as f64);
        let (variance, covariance) = (self.variance / 2.0 * n_views, self.covariance * n_views);
        let mut value = 0.0;
        // What each dimension's variance pulls at it.
        let mut pulls = vec![0.0; dim];
        for (column, pull) in pulls.iter_mut().enumerate() {
            let deviation = (covariances[(column, column)] + self.epsilon).sqrt();
            if deviation < 1.0 {
                value += variance * (1.0 - deviation) / dim as f64;
                *pull = -variance / (dim as f64 * deviation * (n - 1) as f64);
            }
            covariances[(column, column)] = 0.0;
        }
        let squares: f64 = covariances.data().iter().map(|it| it * it).sum();
        value += covariance * squares / dim as f64;
        let mut shared = centered.times(&covariances);
        shared.scale(4.0 * covariance / (dim as f64 * (n - 1) as f64));
        to.add(&shared);
        to.add(&Matrix::from_fn(rows.shape(), |row, column| {
            pulls[column] * centered[(row, column)]
        }));
        value
    }

    /// How unlike the samples of an identity are; adds its slope.
    fn alike_among_mates(&self, scene: &Scene<'_>, to: &mut Matrix) -> f64 {
        let (rows, relations) = (scene.batch.embeddings, scene.batch.relations);
        let [n, dim] = rows.shape();
        let n_mated: Vec<usize> = (0..n).map(|sample| relations.mated(sample).count()).collect();
        let n_counted = n_mated.iter().filter(|n| **n > 0).count();
        let mut value = 0.0;
        for sample in 0..n {
            let divisor = n_mated[sample] * n_counted * dim;
            let scale = self.invariance / divisor.max(1) as f64;
            for mated in relations.mated(sample) {
                for column in 0..dim {
                    let difference = rows[(sample, column)] - rows[(mated, column)];
                    value += scale * difference * difference;
                    to[(sample, column)] += 2.0 * scale * difference;
                    to[(mated, column)] -= 2.0 * scale * difference;
                }
            }
        }
        value
    }
}

//! The manifold loss: similarity of samples and proxies along the data, by random walks.

mod walk;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use self::walk::Walk;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};
use crate::random;

/// Manifold similarity loss, with learned proxies.
///
/// Samples and `K` learned proxies are the nodes of a graph with edges `S_ij = exp(2 (s_ij)₊)`, `S_ii = 0`.
/// A random walk that goes on with probability `α` reaches from each node
///
/// ```text
/// F = (1 - α) (I - α D^(-1/2) S D^(-1/2))^(-1),   D_ii = Σ_j S_ij
/// ```
///
/// Every identity belongs to one proxy. With `x_k` the entry of a sample at proxy `k` (intrinsic), or
/// the cosine of the rows of sample and proxy in `F` (context), and `y` the proxy of the sample, each
/// of the two parts is, averaged over samples,
///
/// ```text
/// log(1 + Σ exp(x_k - x_y + m))   over proxies k ≠ y with x_k - x_y + m ≥ 0
/// ```
///
/// References, if the batch has any, are no nodes: they have no part in the loss, and neither have a
/// miner, relations and reductions. Without labels the position of a sample takes the place of its
/// label. Time is cubic in the number of nodes, memory quadratic.
///
/// The proxies are the learned numbers, row by row. An identity's proxy is its label modulo `K`; in
/// the paper it is drawn once, which says the same of labels in no order, and pytorch-metric-learning
/// draws another for every sample at each step, or takes them from its caller. An ensemble, as in the
/// paper, gives its members different labels.
///
/// Aziere and Todorovic, *Ensemble Deep Manifold Similarity Learning Using Hard Proxies*, CVPR 2019,
/// <https://openaccess.thecvf.com/content_CVPR_2019/html/Aziere_Ensemble_Deep_Manifold_Similarity_Learning_Using_Hard_Proxies_CVPR_2019_paper.html>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifoldLoss {
    /// Number of proxies `K`, at least 1; 50 in pytorch-metric-learning.
    #[serde(default = "library_proxies")]
    pub n_proxies: usize,
    /// Weight of the intrinsic part, 0 or more; 1 in the paper.
    #[serde(default = "one")]
    pub intrinsic: f64,
    /// Weight of the context part, 0 or more; 1 in pytorch-metric-learning.
    #[serde(default = "one")]
    pub context: f64,
    /// Probability `α` of going on, in `(0, 1)`; 0.8 in pytorch-metric-learning.
    #[serde(default = "library_alpha")]
    pub alpha: f64,
    /// Margin `m`, 0 or more; 5e-4 in pytorch-metric-learning.
    #[serde(default = "library_margin")]
    pub margin: f64,
    /// Seed of the first proxies.
    #[serde(default)]
    pub seed: u64,
}

fn library_proxies() -> usize {
    50
}

fn one() -> f64 {
    1.0
}

fn library_alpha() -> f64 {
    0.8
}

fn library_margin() -> f64 {
    5e-4
}

impl TupleLoss for ManifoldLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("n_proxies", self.n_proxies as f64, self.n_proxies >= 1, "at least 1")?;
        require("intrinsic", self.intrinsic, self.intrinsic >= 0.0, "0 or more")?;
        require("context", self.context, self.context >= 0.0, "0 or more")?;
        require("alpha", self.alpha, self.alpha > 0.0 && self.alpha < 1.0, "in (0, 1)")?;
        require("margin", self.margin, self.margin >= 0.0, "0 or more")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn parameters(&self, _n_identities: usize, dim: usize) -> Vec<f64> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        let draws = self.n_proxies * dim;
        (0..draws).map(|_| f64::from(random::symmetric(&mut rng, 1.0))).collect()
    }

    /// # Panics
    ///
    /// Panics if embeddings are not as long as the parameters say.
    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let embeddings = scene.batch.embeddings;
        let [n, dim] = embeddings.shape();
        let proxies = match scene.parameters {
            [] => self.parameters(0, dim),
            learned => learned.to_vec(),
        };
        let expected = self.n_proxies * dim;
        assert_eq!(proxies.len(), expected, "embeddings and proxies are not equally long");
        let rows = [embeddings.data(), &proxies].concat();
        let nodes = Matrix::new(rows, [n + self.n_proxies, dim]);
        let compared = scene.distance.compare(&nodes, None);
        let walk = Walk::new(&compared.values, scene.distance, self.alpha);
        let mut to_reached = Matrix::zeros(walk.reached.shape());
        let own = |sample: usize| {
            let label = scene.batch.labels.map_or(sample as u64, |labels| labels[sample]);
            (label % self.n_proxies as u64) as usize
        };
        let mut value = 0.0;
        for sample in 0..n {
            let (loss, slopes) = self.beyond(&walk.reached.row(sample)[n..], own(sample));
            let factor = self.intrinsic / n as f64;
            value += factor * loss;
            let to = &mut to_reached.row_mut(sample)[n..];
            to.iter_mut().zip(slopes).for_each(|(to, slope)| *to += factor * slope);
        }
        value += self.context_part(&walk.reached, n, own, &mut to_reached);
        let (gradient, _) = compared.backward(&walk.backward(&to_reached));
        let (to_embeddings, to_proxies) = gradient.data().split_at(n * dim);
        let is_learned = !scene.parameters.is_empty();
        Slope {
            value,
            embeddings: Some(Matrix::new(to_embeddings.to_vec(), [n, dim])),
            parameters: if is_learned { to_proxies.to_vec() } else { Vec::new() },
            ..Slope::default()
        }
    }
}

impl ManifoldLoss {
    /// By how much proxies are nearer than the own one, and how that changes with each entry.
    fn beyond(&self, x: &[f64], own: usize) -> (f64, Vec<f64>) {
        let mut slopes = vec![0.0; x.len()];
        let term = |k: usize| x[k] - x[own] + self.margin;
        for (k, slope) in slopes.iter_mut().enumerate() {
            if k != own && term(k) >= 0.0 {
                *slope = term(k).exp();
            }
        }
        let total = 1.0 + slopes.iter().sum::<f64>();
        for slope in &mut slopes {
            *slope /= total;
        }
        slopes[own] = -slopes.iter().sum::<f64>();
        (total.ln(), slopes)
    }

    /// The part of how alike the walks from samples and proxies are; adds its slope.
    fn context_part(
        &self,
        reached: &Matrix,
        n: usize,
        own: impl Fn(usize) -> usize,
        to_reached: &mut Matrix,
    ) -> f64 {
        let n_nodes = reached.n_rows();
        let part = |from: usize, to: usize| {
            Matrix::new(reached.data()[from * n_nodes..to * n_nodes].to_vec(), [to - from, n_nodes])
        };
        let compared = Distance::Cosine.compare(&part(0, n), Some(&part(n, n_nodes)));
        let mut gradient = Matrix::zeros(compared.values.shape());
        let factor = self.context / n.max(1) as f64;
        let mut value = 0.0;
        for sample in 0..n {
            let (loss, slopes) = self.beyond(compared.values.row(sample), own(sample));
            value += factor * loss;
            let to = gradient.row_mut(sample);
            to.iter_mut().zip(slopes).for_each(|(to, slope)| *to = factor * slope);
        }
        let (to_samples, to_proxies) = compared.backward(&gradient);
        let parts = to_proxies.iter().fold(to_samples.data().to_vec(), |mut all, proxies| {
            all.extend_from_slice(proxies.data());
            all
        });
        to_reached.add(&Matrix::new(parts, [n_nodes, n_nodes]));
        value
    }
}

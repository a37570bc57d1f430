//! What several networks say of a face, joined: principal components, and Joint Bayesian over them. It knows
//! embeddings, no network.
//!
//! As in *Deep Learning Face Representation by Joint Identification-Verification* (Sun et al., NIPS 2014,
//! <https://arxiv.org/abs/1406.4773>), where features of 25 networks, each for a patch of its own, are joined
//! and brought to 180 components.

mod eigen;
mod joint_bayesian;
mod matrix;

use std::fmt;

use self::joint_bayesian::JointBayesian;
use self::matrix::{Matrix, dot};
use crate::identities::Identities;
use crate::{Embedding, InvalidEmbedding};

/// Share of the variance of a component below which it holds nothing but rounding.
const NEGLIGIBLE: f64 = 1e-12;

/// Joins the embeddings that several models made of one face; each counts alike.
///
/// # Errors
///
/// Fails if there is none.
pub fn join(embeddings: &[&Embedding]) -> Result<Embedding, InvalidEmbedding> {
    Embedding::new(embeddings.iter().flat_map(|it| it.as_slice()).copied().collect())
}

/// Principal components of joined embeddings, and the odds of Joint Bayesian over them.
#[derive(Clone, PartialEq)]
pub struct Fusion {
    mean: Vec<f64>,
    axes: Matrix, // [n_components, dim]
    joint: JointBayesian,
}

/// The numbers of a [`Fusion`], for whoever stores it.
#[derive(Clone, PartialEq)]
pub struct FusionParts {
    /// Mean of the embeddings that it was fitted to.
    pub mean: Vec<f64>,
    /// The principal components, scaled to unit variance, `[n_components, dim]`, row by row.
    pub axes: Vec<f64>,
    /// `A` of Joint Bayesian, `[n_components, n_components]`, row by row.
    pub alone: Vec<f64>,
    /// `G` of Joint Bayesian, `[n_components, n_components]`, row by row.
    pub cross: Vec<f64>,
    /// What the halved ratio is added to.
    pub offset: f64,
}

/// An embedding as a [`Fusion`] compares it.
///
/// It is personal data like the embedding, hence without `Debug`.
#[derive(Clone)]
pub struct Projection {
    components: Vec<f64>,
    /// `G x`.
    crossed: Vec<f64>,
    /// `x' A x`.
    alone: f64,
}

/// Why there is no [`Fusion`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFusion {
    /// Nobody was seen twice, or there is nobody else.
    #[error(
        "a fusion learns from identities with two images or more, and from two identities or more; \
         there are {n_images} images of {n_identities} identities"
    )]
    TooFew {
        /// Images to learn from.
        n_images: usize,
        /// Their identities.
        n_identities: usize,
    },
    /// More components were asked for than the images can tell apart.
    #[error("n_components is {found}, but must be from 1 to {most} for these images")]
    Components {
        /// Components asked for.
        found: usize,
        /// The most that there can be.
        most: usize,
    },
    /// Samples do not differ in some direction, so that their covariance has no inverse.
    #[error(
        "the images, or those of every identity, do not differ in all components; ask for fewer, or \
         give images that differ"
    )]
    Singular,
    /// Stored numbers do not belong together.
    #[error("the numbers of the fusion do not fit each other, or are not finite")]
    Parts,
}

impl fmt::Debug for Fusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fusion({} of {} components)", self.n_components(), self.dim())
    }
}

impl Fusion {
    /// The most components that so many images of so many identities, embedded in `dim`, can fit.
    pub fn most_components(n_images: usize, n_identities: usize, dim: usize) -> usize {
        dim.min(n_images.saturating_sub(n_identities))
    }

    /// Fits it to embeddings with a label each.
    ///
    /// There are fewer components than asked for where embeddings differ in fewer.
    ///
    /// # Errors
    ///
    /// Fails if nobody has two images, or if there are too few for so many components.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each embedding, or if embeddings are of different dimensions,
    /// which is a bug of the caller.
    pub fn fit(
        embeddings: &[Embedding],
        labels: &[u64],
        n_components: usize,
    ) -> Result<Self, InvalidFusion> {
        assert_eq!(embeddings.len(), labels.len(), "not one label for each embedding");
        let n_identities = Identities::new(labels.iter().copied()).len();
        let n_images = embeddings.len();
        let dim = embeddings.first().map_or(0, Embedding::dim);
        assert!(embeddings.iter().all(|it| it.dim() == dim), "embeddings of different models");
        if n_identities < 2 || n_images == n_identities {
            return Err(InvalidFusion::TooFew { n_images, n_identities });
        }
        let most = Self::most_components(n_images, n_identities, dim);
        if n_components == 0 || n_components > most {
            return Err(InvalidFusion::Components { found: n_components, most });
        }
        let values = embeddings.iter().flat_map(Embedding::as_slice).map(|&it| f64::from(it));
        let mut rows = Matrix::new(values.collect(), dim);
        let mut mean = vec![0.0; dim];
        for row in rows.rows() {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / n_images as f64);
        }
        for row in 0..n_images {
            rows.row_mut(row).iter_mut().zip(&mean).for_each(|(value, mean)| *value -= mean);
        }
        let scatter = rows.transposed().times(&rows);
        let mut axes = Vec::new();
        for axis in eigen::leading(&scatter, n_components).rows() {
            let square = dot(&scatter.times_vector(axis), axis);
            if square > NEGLIGIBLE * scatter.trace() {
                // To unit variance: the odds are the same, and rounding is far from every component.
                let scale = (n_images as f64 / square).sqrt();
                axes.extend(axis.iter().map(|it| it * scale));
            }
        }
        if axes.is_empty() {
            return Err(InvalidFusion::Singular);
        }
        let axes = Matrix::new(axes, dim);
        let joint = JointBayesian::fit(&rows.times(&axes.transposed()), labels)?;
        Ok(Self { mean, axes, joint })
    }

    /// Takes stored numbers.
    ///
    /// # Errors
    ///
    /// Fails if they do not fit each other, or if one is not finite.
    pub fn from_parts(parts: FusionParts) -> Result<Self, InvalidFusion> {
        let FusionParts { mean, axes, alone, cross, offset } = parts;
        let dim = mean.len();
        let n = axes.len().checked_div(dim).unwrap_or(0);
        let fit =
            n > 0 && axes.len() == n * dim && [&alone, &cross].iter().all(|it| it.len() == n * n);
        let numbers = mean.iter().chain(&axes).chain(&alone).chain(&cross).chain([&offset]);
        if !fit || !numbers.into_iter().all(|it| it.is_finite()) {
            return Err(InvalidFusion::Parts);
        }
        let [alone, cross] = [alone, cross].map(|values| Matrix::new(values, n));
        let joint = JointBayesian { alone, cross, offset };
        Ok(Self { mean, axes: Matrix::new(axes, dim), joint })
    }

    /// Its numbers, to be stored.
    pub fn parts(&self) -> FusionParts {
        let JointBayesian { alone, cross, offset } = &self.joint;
        let [axes, alone, cross] = [&self.axes, alone, cross].map(|it| it.values().to_vec());
        FusionParts { mean: self.mean.clone(), axes, alone, cross, offset: *offset }
    }

    /// Components of the joined embeddings that it takes.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Principal components that it compares by.
    pub fn n_components(&self) -> usize {
        self.axes.n_rows()
    }

    /// Brings a joined embedding to its principal components.
    ///
    /// # Panics
    ///
    /// Panics if it is not of [`dim`](Self::dim): it comes from other models, which is a bug of the caller.
    pub fn project(&self, joined: &Embedding) -> Projection {
        assert_eq!(joined.dim(), self.dim(), "a fusion was asked about other models' embeddings");
        let centered = joined.as_slice().iter().zip(&self.mean);
        let centered: Vec<f64> = centered.map(|(value, mean)| f64::from(*value) - mean).collect();
        let components = self.axes.times_vector(&centered);
        let alone = dot(&self.joint.alone.times_vector(&components), &components);
        Projection { crossed: self.joint.cross.times_vector(&components), components, alone }
    }

    /// Logarithm of how much more probable two embeddings are if they show the same person than if not: any
    /// number, above 0 if that is more probable, where both are as frequent.
    ///
    /// Chen et al., *Bayesian Face Revisited: A Joint Formulation*, ECCV 2012,
    /// <https://doi.org/10.1007/978-3-642-33712-3_41>.
    pub fn log_odds(&self, a: &Projection, b: &Projection) -> f32 {
        let ratio = a.alone + b.alone - 2.0 * dot(&a.components, &b.crossed);
        (0.5 * ratio + self.joint.offset) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{Comparison, Verification};
    use crate::random::Random;

    /// Identities told apart by two components; four others, which rule the cosine, differ from picture to
    /// picture.
    fn scene(first: u64, n_identities: u64) -> (Vec<Embedding>, Vec<u64>) {
        let mut embeddings = Vec::new();
        let mut labels = Vec::new();
        for label in first..first + n_identities {
            let mut random = Random::of_job(5, label as usize);
            let mut draw = || random.below(1 << 30) as f32 / (1 << 29) as f32 - 1.0;
            let identity = [draw(), draw()];
            for _ in 0..6 {
                let mut values: Vec<f32> =
                    identity.iter().map(|it| 0.3 * it + 0.02 * draw()).collect();
                values.extend((0..4).map(|_| draw()));
                // Of about the same length, so that scaling to unit length does not mix them up.
                values.push(4.0);
                embeddings.push(Embedding::new(values).unwrap());
                labels.push(label);
            }
        }
        (embeddings, labels)
    }

    fn auc(labels: &[u64], score: impl Fn(usize, usize) -> f32) -> f64 {
        let mut comparisons = Vec::new();
        for a in 0..labels.len() {
            for b in 0..a {
                let score = score(a, b);
                comparisons.push(Comparison { score, reference: labels[a], probe: labels[b] });
            }
        }
        Verification::new(&comparisons).unwrap().auc()
    }

    #[test]
    fn odds_order_pairs_of_unseen_identities_better_than_the_cosine() {
        let (embeddings, labels) = scene(0, 60);
        let fusion = Fusion::fit(&embeddings, &labels, 6).unwrap();
        let (embeddings, labels) = scene(1000, 20);
        let by_cosine = auc(&labels, |a, b| embeddings[a].similarity(&embeddings[b]));
        let projections: Vec<Projection> = embeddings.iter().map(|it| fusion.project(it)).collect();
        let log_odds = |a: usize, b: usize| fusion.log_odds(&projections[a], &projections[b]);
        let by_odds = auc(&labels, log_odds);
        assert!(by_cosine < 0.75, "{by_cosine}");
        assert!(by_odds > 0.95, "{by_odds} by the odds, {by_cosine} by the cosine");
        // Both ways, and on the right side of 0 more often than not.
        assert!((log_odds(3, 9) - log_odds(9, 3)).abs() < 1e-4);
        assert!(log_odds(0, 1) > 0.0);
    }

    #[test]
    fn a_fusion_survives_its_numbers() {
        let (embeddings, labels) = scene(0, 10);
        let fusion = Fusion::fit(&embeddings, &labels, 4).unwrap();
        assert_eq!((fusion.dim(), fusion.n_components()), (7, 4));
        assert!(Fusion::from_parts(fusion.parts()).unwrap() == fusion);
        let refused = |change: fn(&mut FusionParts)| {
            let mut parts = fusion.parts();
            change(&mut parts);
            Fusion::from_parts(parts).err()
        };
        assert_eq!(refused(|parts| parts.offset = f64::NAN), Some(InvalidFusion::Parts));
        assert_eq!(refused(|parts| parts.axes.truncate(27)), Some(InvalidFusion::Parts));
        assert_eq!(refused(|parts| parts.cross.clear()), Some(InvalidFusion::Parts));
        assert_eq!(refused(|parts| parts.mean.clear()), Some(InvalidFusion::Parts));
    }

    #[test]
    fn components_that_never_differ_are_left_out() {
        let (embeddings, labels) = scene(0, 10);
        let longer = |it: &Embedding| {
            let values = [it.as_slice(), &[0.0, 0.0]].concat();
            Embedding::new(values).unwrap()
        };
        let wide: Vec<Embedding> = embeddings.iter().map(longer).collect();
        let [fusion, other] = [&wide, &embeddings].map(|it| Fusion::fit(it, &labels, it[0].dim()));
        let (fusion, other) = (fusion.unwrap(), other.unwrap());
        assert_eq!((fusion.n_components(), other.n_components()), (7, 7));
        let odds = |fusion: &Fusion, it: &[Embedding]| {
            fusion.log_odds(&fusion.project(&it[0]), &fusion.project(&it[1]))
        };
        let (found, expected) = (odds(&fusion, &wide), odds(&other, &embeddings));
        assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
    }

    #[test]
    fn what_cannot_be_learned_from_is_refused() {
        let (embeddings, labels) = scene(0, 3);
        let refusal = |labels: &[u64], n| Fusion::fit(&embeddings, labels, n).err().unwrap();
        let strangers: Vec<u64> = (0..18).collect();
        let too_few = InvalidFusion::TooFew { n_images: 18, n_identities: 18 };
        assert_eq!(refusal(&strangers, 2), too_few);
        let too_few = InvalidFusion::TooFew { n_images: 18, n_identities: 1 };
        assert_eq!(refusal(&[0; 18], 2), too_few);
        assert_eq!(refusal(&labels, 0), InvalidFusion::Components { found: 0, most: 7 });
        assert_eq!(refusal(&labels, 8), InvalidFusion::Components { found: 8, most: 7 });
        let alike = vec![embeddings[0].clone(); 18];
        assert_eq!(Fusion::fit(&alike, &labels, 2).err(), Some(InvalidFusion::Singular));
    }

    #[test]
    fn joined_embeddings_count_alike() {
        let embedding = |values: &[f32]| Embedding::new(values.to_vec()).unwrap();
        let (a, b) = (embedding(&[3.0, 4.0]), embedding(&[0.0, 7.0]));
        let (same, other) =
            (join(&[&a, &b]).unwrap(), join(&[&a, &embedding(&[1.0, 0.0])]).unwrap());
        // Cosines of 1 and 0.
        assert!((same.similarity(&other) - 0.5).abs() < 1e-6);
        assert_eq!(join(&[]), Err(InvalidEmbedding::Empty));
    }
}

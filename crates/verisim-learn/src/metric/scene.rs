//! What a loss over pairs or triplets sees, and what it answers; it does not know which loss.

use std::sync::OnceLock;

use super::InvalidLoss;
use super::distance::{Compared, Distance};
use super::matrix::Matrix;
use super::miner::Miner;
use super::reducer::{Elements, Reduced, Reducer};
use super::relevance::Relations;
use super::tuples::{Pairs, Tuples};

/// A loss over pairs or triplets of a batch.
pub trait TupleLoss {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    fn check(&self) -> Result<(), InvalidLoss>;

    /// The distance that is used if none is asked for.
    fn distance(&self) -> Distance {
        Distance::EUCLIDEAN
    }

    /// The reduction that is used if none is asked for.
    fn reducer(&self) -> Reducer {
        Reducer::NonZeroMean
    }

    /// First values of the numbers that the loss learns, for identities and embeddings of so many
    /// components; most learn none.
    fn parameters(&self, _n_identities: usize, _dim: usize) -> Vec<f64> {
        Vec::new()
    }

    /// Value and slope on a batch.
    ///
    /// Finite wherever the embeddings are: equal ones, zeros, one identity, one sample.
    fn evaluate(&self, scene: &Scene<'_>) -> Slope;
}

/// A batch and what it is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// What the network made of each sample, of any length: `[n, dim]`.
    pub embeddings: &'a Matrix,
    /// What they are compared with, `[m, dim]`; none compares the batch with itself.
    pub references: Option<&'a Matrix>,
    /// Who belongs together: `[n, m]`.
    pub relations: &'a Relations,
    /// Label of each sample, for losses and reductions that know classes.
    pub labels: Option<&'a [u64]>,
}

/// How a batch is compared, where it is not as the loss itself would.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The distance; the loss's own if none.
    pub distance: Option<&'a Distance>,
    /// The reduction; the loss's own if none.
    pub reducer: Option<&'a Reducer>,
    /// What chooses pairs or triplets; all if none.
    pub miner: Option<&'a Miner>,
    /// The distance that the miner looks at; its own, or the loss's, if none.
    pub miner_distance: Option<&'a Distance>,
    /// The numbers that the loss learns.
    pub parameters: &'a [f64],
    /// What the loss remembers from the step before; nothing at the first.
    pub state: &'a [f64],
    /// Seed of random choices.
    pub seed: u64,
}

/// What a loss sees of a batch.
pub struct Scene<'a> {
    /// The batch.
    pub batch: Batch<'a>,
    /// The distance in use.
    pub distance: Distance,
    /// The reduction in use.
    pub reducer: &'a Reducer,
    /// What a miner chose.
    pub tuples: Option<Tuples>,
    /// The numbers that the loss learns.
    pub parameters: &'a [f64],
    /// What the loss remembers from the step before; nothing at the first.
    pub state: &'a [f64],
    /// Seed of random choices.
    pub seed: u64,
    compared: OnceLock<Compared>,
    between_references: OnceLock<Compared>,
}

/// The value of a loss, and how it changes.
///
/// A loss answers by whichever it is a function of: the distances, the embeddings, or both.
#[derive(Clone, Debug, Default)]
pub struct Slope {
    /// The loss.
    pub value: f64,
    /// Change with [`Scene::values`]: `[n, m]`.
    pub values: Option<Matrix>,
    /// Change with [`Scene::between_references`]: `[m, m]`; for a batch against itself it goes into
    /// `values` instead.
    pub between_references: Option<Matrix>,
    /// Change with the embeddings themselves: `[n, dim]`.
    pub embeddings: Option<Matrix>,
    /// Change with the references themselves: `[m, dim]`; none for a batch against itself, where
    /// `embeddings` holds both.
    pub references: Option<Matrix>,
    /// Change with the numbers that the loss learns.
    pub parameters: Vec<f64>,
    /// What the loss remembers for the next step; most remember nothing.
    pub state: Vec<f64>,
    /// Pairs or triplets that still pull, of a loss that can say.
    pub n_active: Option<usize>,
}

/// The value of a loss, and its gradients.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The loss.
    pub value: f64,
    /// Gradient of the embeddings: `[n, dim]`.
    pub embeddings: Matrix,
    /// Gradient of the references: `[m, dim]`; none if the batch was compared with itself.
    pub references: Option<Matrix>,
    /// Gradient of the numbers that the loss learns.
    pub parameters: Vec<f64>,
    /// What the loss remembers for the next step.
    pub state: Vec<f64>,
    /// Pairs or triplets that still pull, of a loss that can say.
    pub n_active: Option<usize>,
}

impl<'a> Scene<'a> {
    /// Distances or similarities of all embeddings and references: `[n, m]`.
    pub fn values(&self) -> &Matrix {
        &self.compared().values
    }

    /// Distances or similarities of the references among themselves: `[m, m]`.
    pub fn between_references(&self) -> &Matrix {
        &self.compared_references().values
    }

    /// Whether the batch is compared with itself.
    pub fn is_within(&self) -> bool {
        self.batch.references.is_none()
    }

    /// The references: the embeddings, for a batch against itself.
    pub fn references(&self) -> &'a Matrix {
        self.batch.references.unwrap_or(self.batch.embeddings)
    }

    /// The pairs in question: those mined, or all.
    pub fn pairs(&self) -> Pairs {
        let mined = self.tuples.as_ref().map(|tuples| tuples.pairs().into_owned());
        mined.unwrap_or_else(|| Pairs::all(self.batch.relations))
    }

    /// Reduces losses of pairs, triplets or samples, each with the position of its anchor.
    pub fn reduce(&self, losses: &[f64], anchors: &[usize]) -> Reduced {
        self.reduce_over(losses, anchors, losses.len() as f64)
    }

    /// As [`Scene::reduce`], with what the loss itself would divide by.
    pub fn reduce_over(&self, losses: &[f64], anchors: &[usize], divisor: f64) -> Reduced {
        self.reducer.reduce(&Elements {
            losses,
            anchors,
            n_anchors: self.batch.embeddings.n_rows(),
            labels: self.batch.labels,
            divisor,
        })
    }

    fn compared(&self) -> &Compared {
        self.compared
            .get_or_init(|| self.distance.compare(self.batch.embeddings, self.batch.references))
    }

    fn compared_references(&self) -> &Compared {
        self.between_references.get_or_init(|| self.distance.compare(self.references(), None))
    }
}

/// Looks at a batch as a loss with these options would.
///
/// # Panics
///
/// Panics if relations, labels or references do not fit the embeddings.
pub fn scene<'a>(batch: Batch<'a>, distance: Distance, reducer: &'a Reducer) -> Scene<'a> {
    let n = batch.embeddings.n_rows();
    let m = batch.references.unwrap_or(batch.embeddings).n_rows();
    let relations = [batch.relations.n_anchors(), batch.relations.n_references()];
    assert_eq!(relations, [n, m], "not one relation for each pair");
    assert!(batch.labels.is_none_or(|labels| labels.len() == n), "not one label for each row");
    Scene {
        batch,
        distance,
        reducer,
        tuples: None,
        parameters: &[],
        state: &[],
        seed: 0,
        compared: OnceLock::new(),
        between_references: OnceLock::new(),
    }
}

/// Value and gradients of a loss on a batch.
///
/// # Panics
///
/// Panics if relations, labels or references do not fit the embeddings.
pub fn evaluate(
    loss: &(impl TupleLoss + ?Sized),
    batch: Batch<'_>,
    options: &Options<'_>,
) -> Evaluation {
    let reducer = options.reducer.cloned().unwrap_or_else(|| loss.reducer());
    let distance = options.distance.copied().unwrap_or_else(|| loss.distance());
    let mut scene = scene(batch, distance, &reducer);
    (scene.parameters, scene.state) = (options.parameters, options.state);
    scene.seed = options.seed;
    scene.tuples = options.miner.map(|miner| {
        let asked = options.miner_distance.copied().or_else(|| miner.distance());
        match asked.filter(|asked| *asked != distance) {
            Some(other) => {
                let mut looked_at = self::scene(batch, other, &reducer);
                looked_at.seed = options.seed;
                miner.mine(&looked_at)
            }
            None => miner.mine(&scene),
        }
    });
    let slope = loss.evaluate(&scene);
    let shape = batch.embeddings.shape();
    let mut embeddings = slope.embeddings.unwrap_or_else(|| Matrix::zeros(shape));
    let mut references = slope.references;
    if let Some(values) = &slope.values {
        let (to_embeddings, to_references) = scene.compared().backward(values);
        embeddings.add(&to_embeddings);
        references = sum(references, to_references);
    }
    if let Some(values) = &slope.between_references {
        let (to_references, _) = scene.compared_references().backward(values);
        if scene.is_within() {
            embeddings.add(&to_references);
        } else {
            references = sum(references, Some(to_references));
        }
    }
    Evaluation {
        value: slope.value,
        embeddings,
        references,
        parameters: slope.parameters,
        state: slope.state,
        n_active: slope.n_active,
    }
}

fn sum(one: Option<Matrix>, other: Option<Matrix>) -> Option<Matrix> {
    match (one, other) {
        (Some(mut one), Some(other)) => {
            one.add(&other);
            Some(one)
        }
        (one, other) => one.or(other),
    }
}

//! Losses that shape embeddings: the choice among them by recipe, and their way into a network.
//!
//! What is computed stands in [`crate::metric`]; here features and centers leave the device, and
//! gradients come back to it.
//!
//! # Many identities
//!
//! With `sample_rate` below 1, a step of a loss over identities looks at those of the batch and at others
//! drawn by chance, together that share of all: An et al., *Partial FC*, 2021,
//! <https://arxiv.org/abs/2010.05222>, and *Killing Two Birds with One Stone*, CVPR 2022,
//! <https://arxiv.org/abs/2203.15565>. With `shards` above 0, centers are kept in so many parts, each of
//! which is compared with the batch by itself; the rows of cosines meet on the host. In both cases the
//! [`Trainer`](crate::train::Trainer) moves the centers row by row; an optimizer of one's own, given the
//! loss as a module, would not see them.
#![doc = include_str!("table.md")]

pub(crate) mod centers;
#[cfg(test)]
mod centers_tests;
mod classify;
pub mod config;
pub mod kind;
#[cfg(test)]
mod random_tests;
mod sampling;
pub mod state;
#[cfg(test)]
mod tests;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

pub use self::config::{LossConfig, Term, WeightedRegularizer};
pub use self::kind::LossKind;
pub use self::state::{InvalidState, LossState};

use self::centers::{Centers, Touched};
use self::kind::Form;
use crate::backbone::WeightSource;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::miner::Miner;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relations;
use crate::metric::scene::{Batch, Options, TupleLoss, evaluate, scene};
use crate::metric::{InvalidLoss, require};
use crate::ops::carry;
use crate::random::derive_seed;

/// Deviation of the first centers where their length does not matter: their direction is random.
const CENTER_DEVIATION: f32 = 0.01;

/// A loss with what it learns.
#[derive(Module, Debug)]
pub struct Loss {
    /// Centers of identities: `[n_centers, embedding_dim]`; none for a loss over tuples.
    centers: Option<Param<Tensor<2>>>,
    /// The same, of a loss that touches them in part or keeps them in parts.
    table: Option<Centers>,
    /// What else is learned: a bias, a boundary.
    parameters: Option<Param<Tensor<1>>>,
    /// The losses of a sum.
    terms: Vec<Loss>,
    #[module(skip)]
    config: LossConfig,
}

/// What a loss found in a batch.
#[derive(Clone, Debug)]
pub struct LossValue {
    /// The loss: `[1]`.
    pub loss: Tensor<1>,
    /// Pairs or triplets that still pull, of a loss that has them.
    pub n_active: Option<usize>,
    /// Centers that were touched in part, of each loss that does so.
    pub(crate) touched: Vec<Vec<Touched>>,
}

impl LossConfig {
    /// Creates the loss for `n_identities` identities and features of `embedding_dim` components.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range.
    pub fn init(
        &self,
        n_identities: usize,
        embedding_dim: usize,
        weights: &mut WeightSource,
    ) -> Result<Loss, InvalidLoss> {
        self.check()?;
        let mut loss = Loss {
            centers: None,
            table: None,
            parameters: None,
            terms: Vec::new(),
            config: self.clone(),
        };
        let parameters = match self.kind.form() {
            Form::Tuples(tuples) => tuples.parameters(n_identities, embedding_dim),
            Form::Classes(classes) => {
                let n_centers = n_identities * classes.centers_per_identity();
                let unit = (1.0 / embedding_dim.max(1) as f32).sqrt();
                let deviation = if classes.needs_norms() { unit } else { CENTER_DEVIATION };
                let centers = weights.normal([n_centers, embedding_dim], deviation);
                if self.sample_rate < 1.0 || self.shards > 0 {
                    let devices = vec![weights.device().clone(); self.shards.max(1)];
                    loss.table = Some(Centers::new(centers.into_value()).split(&devices));
                } else {
                    loss.centers = Some(centers);
                }
                classes.parameters(n_identities)
            }
            Form::Sum(terms) => {
                let init = |term: &Term| {
                    let seen = term.seen(embedding_dim);
                    let expected = "up to the number of an embedding's";
                    require("components", seen.end as f64, seen.end <= embedding_dim, expected)?;
                    term.loss.init(n_identities, seen.len(), weights)
                };
                loss.terms = terms.iter().map(init).collect::<Result<_, _>>()?;
                Vec::new()
            }
        };
        if !parameters.is_empty() {
            let first = parameters.iter().map(|&value| value as f32).collect::<Vec<_>>();
            let data = TensorData::new(first, [parameters.len()]);
            loss.parameters = Some(Param::from_tensor(Tensor::from_data(data, weights.device())));
        }
        Ok(loss)
    }
}

impl Loss {
    /// Loss of a batch.
    ///
    /// `state` is what the loss remembers from the batches before; `seed` is of the random choices of
    /// those losses and miners that make any.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`, of any length
    /// - labels: `batch` of them; below `n_identities` for a loss that classifies
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row, or if a loss that classifies does not know one.
    pub fn forward(
        &self,
        features: Tensor<2>,
        labels: &[u64],
        state: &mut LossState,
        seed: u64,
    ) -> LossValue {
        assert_eq!(features.dims()[0], labels.len(), "not one label for each row of features");
        let value = match self.config.kind.form() {
            Form::Tuples(loss) => self.compare(loss, features.clone(), labels, state, seed),
            Form::Classes(loss) => self.classify(loss, &features, labels, state, seed),
            Form::Sum(terms) => self.add(terms, &features, labels, state, seed),
        };
        let value = self.regularized(value, features);
        state.n_steps += 1;
        value
    }

    /// Centers of the identities, of a loss that has them: `[n_centers, embedding_dim]`.
    pub fn centers(&self) -> Option<Tensor<2>> {
        let of_table = || self.table.as_ref().map(Centers::rows);
        self.centers.as_ref().map(Param::val).or_else(of_table)
    }

    /// Centers that are touched in part or kept in parts, of this loss and of those that it adds.
    pub(crate) fn tables(&mut self) -> Vec<&mut Centers> {
        let of_terms = self.terms.iter_mut().flat_map(Self::tables);
        self.table.iter_mut().chain(of_terms).collect()
    }

    /// The same with all centers in one part: the form that checkpoints have.
    pub(crate) fn joined(mut self) -> Self {
        self.table = self.table.map(Centers::joined);
        self.terms = self.terms.into_iter().map(Self::joined).collect();
        self
    }

    /// The same with centers in as many parts as the recipe asks for, dealt out to these devices.
    pub(crate) fn split(mut self, devices: &[Device]) -> Self {
        let n_parts = self.config.shards.max(1);
        let devices_of_parts: Vec<Device> = devices.iter().cycle().take(n_parts).cloned().collect();
        self.table = self.table.map(|table| table.split(&devices_of_parts));
        self.terms = self.terms.into_iter().map(|term| term.split(devices)).collect();
        self
    }

    fn compare(
        &self,
        loss: &dyn TupleLoss,
        features: Tensor<2>,
        labels: &[u64],
        state: &mut LossState,
        seed: u64,
    ) -> LossValue {
        let rows = matrix(&features);
        let remembered = state.numbers.take().unwrap_or_default();
        let bank = state.remember(self.config.memory, &rows, labels);
        let (references, relations) = match bank {
            Some(bank) => (Some(bank.references()), bank.relations(labels)),
            None => (None, Relations::within(labels)),
        };
        let parameters = self.parameters.as_ref().map(|it| widened(it.val())).unwrap_or_default();
        let batch = Batch {
            embeddings: &rows,
            references: references.as_ref(),
            relations: &relations,
            labels: Some(labels),
        };
        let found = evaluate(
            loss,
            batch,
            &Options {
                distance: self.config.distance.as_ref(),
                reducer: self.config.reducer.as_ref(),
                miner: self.config.miner.as_ref(),
                miner_distance: self.config.miner_distance.as_ref(),
                parameters: &parameters,
                state: &remembered,
                seed,
            },
        );
        state.numbers = (!found.state.is_empty()).then_some(found.state);
        let mut value =
            with_gradient(constant(&features, found.value), features, found.embeddings.data());
        if let Some(parameters) = &self.parameters {
            value = with_gradient(value, parameters.val(), &found.parameters);
        }
        LossValue { loss: value, n_active: found.n_active, touched: Vec::new() }
    }

    fn add(
        &self,
        terms: &[Term],
        features: &Tensor<2>,
        labels: &[u64],
        state: &mut LossState,
        seed: u64,
    ) -> LossValue {
        let loss = constant(features, 0.0);
        let mut sum = LossValue { loss, n_active: None, touched: Vec::new() };
        state.terms.resize_with(terms.len(), LossState::default);
        for (index, (term, loss)) in terms.iter().zip(&self.terms).enumerate() {
            let seed = derive_seed(seed, index as u64);
            let seen = term.seen(features.dims()[1]);
            let seen = features.clone().narrow(1, seen.start, seen.len());
            let found = loss.forward(seen, labels, &mut state.terms[index], seed);
            sum.loss = sum.loss + found.loss * term.weight;
            sum.touched.extend(found.touched);
            let counts = [sum.n_active, found.n_active];
            sum.n_active = counts.into_iter().flatten().reduce(|one, other| one + other);
        }
        sum
    }

    /// How much each sample counts, by how often a miner chose it.
    fn sample_weights(&self, miner: &Miner, rows: &Matrix, labels: &[u64], seed: u64) -> Vec<f64> {
        let relations = Relations::within(labels);
        let batch = Batch {
            embeddings: rows,
            references: None,
            relations: &relations,
            labels: Some(labels),
        };
        let asked = self.config.miner_distance.or(self.config.distance);
        let distance = asked.or_else(|| miner.distance()).unwrap_or(Distance::Cosine);
        let reducer = Reducer::Mean;
        let mut scene = scene(batch, distance, &reducer);
        scene.seed = seed;
        miner.mine(&scene).shares(labels.len())
    }

    fn regularized(&self, value: LossValue, features: Tensor<2>) -> LossValue {
        let mut loss = value.loss;
        let config = &self.config;
        let of_features = (!config.regularizers.is_empty()).then_some(features);
        // Asked for only where they are needed: centers in parts are all copied into one.
        let is_asked = !config.center_regularizers.is_empty();
        let of_centers = is_asked.then(|| self.centers()).flatten();
        let terms =
            [(&config.regularizers, of_features), (&config.center_regularizers, of_centers)];
        for (regularizers, rows) in terms {
            let Some(rows) = rows else { continue };
            let on_host = matrix(&rows);
            for it in regularizers {
                let (found, mut gradient) = it.regularizer.evaluate(&on_host);
                gradient.scale(it.weight);
                loss = loss + constant(&rows, found * it.weight);
                loss = with_gradient(loss, rows.clone(), gradient.data());
            }
        }
        LossValue { loss, ..value }
    }
}

fn constant(like: &Tensor<2>, value: f64) -> Tensor<1> {
    Tensor::from_floats([value as f32], &like.device())
}

/// Adds to a loss the gradient by a tensor, which was found on the host.
fn with_gradient<const D: usize>(
    loss: Tensor<1>,
    tensor: Tensor<D>,
    gradient: &[f64],
) -> Tensor<1> {
    loss + carry_values(tensor, gradient.iter().map(|&value| value as f32).collect())
}

fn carry_values<const D: usize>(tensor: Tensor<D>, gradient: Vec<f32>) -> Tensor<1> {
    let data = TensorData::new(gradient, tensor.dims());
    // Without derivatives: the gradient is a number like any other.
    let gradient = Tensor::from_data(data, &tensor.device()).detach();
    carry(tensor, gradient)
}

/// Numbers of a tensor, on the host.
fn on_host<const D: usize>(tensor: Tensor<D>) -> TensorData {
    tensor.into_data().convert::<f32>()
}

fn floats(data: &TensorData) -> &[f32] {
    data.as_slice().unwrap_or_else(|_| unreachable!("the numbers were converted"))
}

fn widened<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    floats(&on_host(tensor)).iter().map(|&value| f64::from(value)).collect()
}

fn matrix(rows: &Tensor<2>) -> Matrix {
    Matrix::new(widened(rows.clone()), rows.dims())
}

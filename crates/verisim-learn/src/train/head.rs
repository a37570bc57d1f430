//! The last stage of `DeepFace`: one unit over the distances of two embeddings; it knows no network.
//!
//! Taigman et al., *DeepFace*, CVPR 2014, section 4: the same network sees both pictures, and logistic
//! regression on the distances of the features tells whether they show the same person. Only this last
//! layer is trained. The paper fits the χ² distance by a linear support vector machine; here both are
//! fitted by cross-entropy, so that both give probabilities.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use verisim_core::measure::Comparison;
use verisim_core::{Embedding, Head, HeadKind, InvalidHead};

use super::error::TrainError;
use super::validation::EmbedError;
use crate::random::{below, derive_seed, shuffle};

/// Pairs of one step.
const BATCH: usize = 128;
/// Step of a weight at the beginning, for distances scaled to a mean square of 1; it falls to 0 along a cosine.
const RATE: f64 = 0.01;
/// Adam's averages, and what keeps its division finite.
const BETAS: [f64; 2] = [0.9, 0.999];
const EPSILON: f64 = 1e-8;
/// Keeps the scale finite of a component that never differs.
const MIN_MEAN_SQUARE: f64 = 1e-24;

/// What is learned over the distances of two embeddings, once the network is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeadConfig {
    /// How distances are taken.
    pub kind: HeadForm,
    /// Pairs of training pictures to learn from, half of them of the same identity.
    #[serde(default = "many")]
    pub pairs: usize,
    /// Passes over them.
    #[serde(default = "twenty")]
    pub epochs: usize,
    /// Pull of the weights towards 0, for distances scaled to a mean square of 1.
    #[serde(default = "slight")]
    pub weight_decay: f64,
}

/// How a head takes distances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HeadForm {
    /// By `|a - b|`.
    Siamese,
    /// By `(a - b)² / (|a| + |b|)`.
    ChiSquared,
}

fn many() -> usize {
    20_000
}

fn twenty() -> usize {
    20
}

fn slight() -> f64 {
    1e-3
}

impl HeadConfig {
    /// What is wrong with it, if anything: parameter, value, expectation.
    pub(crate) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        if self.pairs < 2 {
            return Some(("head.pairs", self.pairs.to_string(), "2 or more"));
        }
        if self.epochs == 0 {
            return Some(("head.epochs", "0".to_owned(), "1 or more"));
        }
        (!(0.0..f64::INFINITY).contains(&self.weight_decay))
            .then(|| ("head.weight_decay", self.weight_decay.to_string(), "0 or more"))
    }

    fn kind(&self) -> HeadKind {
        match self.kind {
            HeadForm::Siamese => HeadKind::Siamese,
            HeadForm::ChiSquared => HeadKind::ChiSquared,
        }
    }
}

/// A head, and what it makes of unseen identities.
pub struct TrainedHead {
    /// The head.
    pub head: Head,
    /// The comparisons of the validation identities, by the labels of the source; a score is the logarithm
    /// of the odds.
    pub comparisons: Vec<Comparison>,
}

/// Trains a head on pairs of chips, which `embed` embeds.
pub(crate) fn train(
    config: &HeadConfig,
    chips: &[usize],
    classes: &[u64],
    embed: impl Fn(&[usize]) -> Result<Vec<Embedding>, EmbedError>,
    seed: u64,
) -> Result<Head, TrainError> {
    let mut pairs = draw_pairs(classes, config.pairs, seed);
    let mut drawn: Vec<usize> = pairs.iter().flat_map(|pair| pair.samples).collect();
    drawn.sort_unstable();
    drawn.dedup();
    if drawn.is_empty() {
        return Err(TrainError::NoPairs);
    }
    let chips: Vec<usize> = drawn.iter().map(|&sample| chips[sample]).collect();
    let embeddings = embed(&chips)?;
    for pair in &mut pairs {
        pair.samples = pair.samples.map(|it| drawn.partition_point(|drawn| *drawn < it));
    }
    Ok(fit(config, &embeddings, &pairs, seed)?)
}

/// Two samples by their positions, and whether they show the same identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct LabeledPair {
    samples: [usize; 2],
    is_mated: bool,
}

/// Draws pairs from samples of known classes, mated and non-mated in turn; none if no class has two
/// samples, or if there is only one class.
fn draw_pairs(classes: &[u64], n: usize, seed: u64) -> Vec<LabeledPair> {
    let mut members = BTreeMap::<u64, Vec<usize>>::new();
    for (sample, class) in classes.iter().enumerate() {
        members.entry(*class).or_default().push(sample);
    }
    let all: Vec<Vec<usize>> = members.into_values().collect();
    let paired: Vec<&Vec<usize>> = all.iter().filter(|samples| samples.len() >= 2).collect();
    if paired.is_empty() || all.len() < 2 {
        return Vec::new();
    }
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut pairs = Vec::with_capacity(n);
    for index in 0..n {
        let is_mated = index % 2 == 0;
        let samples = if is_mated {
            let samples = paired[below(&mut rng, paired.len())];
            two_below(samples.len(), &mut rng).map(|it| samples[it])
        } else {
            let classes = two_below(all.len(), &mut rng);
            classes.map(|class| all[class][below(&mut rng, all[class].len())])
        };
        pairs.push(LabeledPair { samples, is_mated });
    }
    pairs
}

/// Two different numbers below `n`.
fn two_below(n: usize, rng: &mut Pcg64Mcg) -> [usize; 2] {
    let first = below(rng, n);
    [first, (first + 1 + below(rng, n - 1)) % n]
}

/// Fits a head to pairs of embeddings.
///
/// # Errors
///
/// Fails if the embeddings are such that the weights do not stay finite.
fn fit(
    config: &HeadConfig,
    embeddings: &[Embedding],
    pairs: &[LabeledPair],
    seed: u64,
) -> Result<Head, InvalidHead> {
    let kind = config.kind();
    let dim = embeddings.first().map_or(0, Embedding::dim);
    let scales = scales(kind, embeddings, pairs, dim);
    // The bias comes last, as the weight of a distance that is always 1.
    let mut adam = Adam::new(dim + 1);
    let mut order: Vec<usize> = (0..pairs.len()).collect();
    let n_steps = config.epochs * pairs.len().div_ceil(BATCH);
    let mut distances = vec![1.0; dim + 1];
    for epoch in 0..config.epochs {
        shuffle(&mut order, &mut Pcg64Mcg::seed_from_u64(derive_seed(seed, epoch as u64)));
        for batch in order.chunks(BATCH) {
            let mut gradient = vec![0.0; dim + 1];
            for pair in batch.iter().map(|&pair| pairs[pair]) {
                let [a, b] = pair.samples.map(|sample| embeddings[sample].as_slice());
                for ((distance, scale), (a, b)) in
                    distances.iter_mut().zip(&scales).zip(a.iter().zip(b))
                {
                    *distance = f64::from(kind.distance(*a, *b)) * scale;
                }
                let log_odds: f64 =
                    adam.weights.iter().zip(&distances).map(|(weight, it)| weight * it).sum();
                let found = 1.0 / (1.0 + (-log_odds).exp());
                let slope = (found - f64::from(u8::from(pair.is_mated))) / batch.len() as f64;
                gradient.iter_mut().zip(&distances).for_each(|(it, x)| *it += slope * x);
            }
            for (slope, weight) in gradient.iter_mut().zip(&adam.weights[..dim]) {
                *slope += config.weight_decay * weight;
            }
            let progress = f64::from(adam.n_steps) / n_steps as f64;
            adam.step(&gradient, RATE * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()));
        }
    }
    let weights = adam.weights.iter().zip(&scales).map(|(weight, scale)| (weight * scale) as f32);
    Head::new(kind, weights.collect(), adam.weights[dim] as f32)
}

/// What brings the distances of every component to a mean square of 1.
fn scales(kind: HeadKind, embeddings: &[Embedding], pairs: &[LabeledPair], dim: usize) -> Vec<f64> {
    let mut sums = vec![0.0; dim];
    for pair in pairs {
        let [a, b] = pair.samples.map(|sample| embeddings[sample].as_slice());
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += f64::from(kind.distance(*a, *b)).powi(2);
        }
    }
    let scale = |sum: f64| {
        let mean = sum / pairs.len() as f64;
        if mean > MIN_MEAN_SQUARE { 1.0 / mean.sqrt() } else { 0.0 }
    };
    sums.into_iter().map(scale).collect()
}

/// *Adam: A Method for Stochastic Optimization*, 2015, <https://arxiv.org/abs/1412.6980>.
struct Adam {
    weights: Vec<f64>,
    means: Vec<f64>,
    squares: Vec<f64>,
    n_steps: i32,
}

impl Adam {
    fn new(n: usize) -> Self {
        Self { weights: vec![0.0; n], means: vec![0.0; n], squares: vec![0.0; n], n_steps: 0 }
    }

    fn step(&mut self, gradient: &[f64], rate: f64) {
        self.n_steps += 1;
        let [mean_bias, square_bias] = BETAS.map(|beta| 1.0 - beta.powi(self.n_steps));
        let averages = self.means.iter_mut().zip(&mut self.squares);
        for ((weight, slope), (mean, square)) in self.weights.iter_mut().zip(gradient).zip(averages)
        {
            *mean = BETAS[0] * *mean + (1.0 - BETAS[0]) * slope;
            *square = BETAS[1] * *square + (1.0 - BETAS[1]) * slope * slope;
            *weight -= rate * (*mean / mean_bias) / ((*square / square_bias).sqrt() + EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::symmetric;

    const DIM: usize = 6;

    /// Twenty identities told apart by the smallest two components; the others, which rule the cosine, are
    /// noise.
    fn scene() -> (Vec<Embedding>, Vec<u64>) {
        let mut rng = Pcg64Mcg::seed_from_u64(3);
        let mut embeddings = Vec::new();
        let mut classes = Vec::new();
        for class in 0..20u64 {
            let (sin, cos) = (class as f32 * 0.314_159).sin_cos();
            for _ in 0..8 {
                let mut values = vec![0.05 * cos, 0.05 * sin];
                values.extend((2..DIM).map(|_| 0.5 + symmetric(&mut rng, 0.4)));
                embeddings.push(Embedding::new(values).unwrap());
                classes.push(class);
            }
        }
        (embeddings, classes)
    }

    fn config(kind: HeadForm) -> HeadConfig {
        HeadConfig { kind, pairs: 2000, epochs: 20, weight_decay: 1e-4 }
    }

    /// Share of pairs on the right side of the best of many thresholds.
    fn accuracy(pairs: &[LabeledPair], score: impl Fn(&LabeledPair) -> f32) -> f64 {
        let scores: Vec<(f32, bool)> = pairs.iter().map(|it| (score(it), it.is_mated)).collect();
        let right_at = |threshold: f32| {
            scores.iter().filter(|(score, mated)| (*score >= threshold) == *mated).count()
        };
        let best = scores.iter().map(|(threshold, _)| right_at(*threshold)).max().unwrap();
        best as f64 / pairs.len() as f64
    }

    #[test]
    fn a_head_learns_what_the_cosine_does_not_see() {
        let (embeddings, classes) = scene();
        let training = draw_pairs(&classes, 2000, 1);
        let others = draw_pairs(&classes, 400, 2);
        let by_cosine = accuracy(&others, |pair| {
            let [a, b] = pair.samples.map(|it| &embeddings[it]);
            a.similarity(b)
        });
        assert!(by_cosine < 0.65, "{by_cosine}");
        for kind in [HeadForm::Siamese, HeadForm::ChiSquared] {
            let head = fit(&config(kind), &embeddings, &training, 1).unwrap();
            let log_odds = |pair: &LabeledPair| {
                let [a, b] = pair.samples.map(|it| &embeddings[it]);
                head.log_odds(a, b)
            };
            let right = others.iter().filter(|it| (log_odds(it) >= 0.0) == it.is_mated).count();
            let by_head = right as f64 / others.len() as f64;
            assert!(by_head > 0.85, "{kind:?}: {by_head} by the head, {by_cosine} by the cosine");
        }
    }

    #[test]
    fn a_seed_decides_the_pairs_and_the_weights() {
        let (embeddings, classes) = scene();
        let fitted = |seed| {
            let pairs = draw_pairs(&classes, 300, seed);
            fit(&config(HeadForm::Siamese), &embeddings, &pairs, seed).unwrap()
        };
        assert_eq!(fitted(1), fitted(1));
        assert_ne!(fitted(1), fitted(2));
    }

    #[test]
    fn pairs_are_half_mated_and_never_of_one_sample() {
        let classes = [0, 0, 1, 2, 2, 2];
        let pairs = draw_pairs(&classes, 600, 1);
        assert_eq!(pairs.iter().filter(|it| it.is_mated).count(), 300);
        for LabeledPair { samples: [a, b], is_mated } in &pairs {
            assert!(a != b && (classes[*a] == classes[*b]) == *is_mated);
        }
        for sample in 0..6 {
            assert!(pairs.iter().any(|it| it.samples.contains(&sample)), "{sample}");
        }
        assert_eq!(draw_pairs(&[0, 1, 2], 10, 1), []);
        assert_eq!(draw_pairs(&[0, 0, 0], 10, 1), []);
    }

    #[test]
    fn a_component_that_never_differs_gets_no_weight() {
        let embeddings: Vec<Embedding> = [[0.0, 0.6, 0.8], [0.0, 0.8, 0.6]]
            .iter()
            .map(|it| Embedding::new(it.to_vec()).unwrap())
            .collect();
        let pairs = [([0, 0], true), ([0, 1], false)]
            .map(|(samples, is_mated)| LabeledPair { samples, is_mated });
        let head = fit(&config(HeadForm::Siamese), &embeddings, &pairs, 1).unwrap();
        assert_eq!(head.weights()[0], 0.0);
        assert!(head.weights()[1] < 0.0);
    }
}

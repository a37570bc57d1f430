//! How tight identities are and how far apart: distances within and between; it does not know
//! thresholds.
//!
//! The distance of two embeddings is `|x - y|`, in `[0, 2]`: for unit vectors `sqrt(2 - 2 cos)`. The
//! *center* of an identity is the mean of its samples, scaled to unit length; if the mean is zero,
//! there is none. Of one identity,
//!
//! ```text
//! mean within      mean distance of two of its samples         (of identities with 2 samples)
//! max within       distance of the two that are farthest apart
//! mean between     mean distance of a sample of it and a sample of another identity
//! min between      distance of the nearest two such samples    (its nearest non-mated pair)
//! mean, min center distance of its center to those of others: the mean, the least
//! misplaced        a sample that is nearer to the center of another identity than to the center of
//!                  the other samples of its own
//! ```
//!
//! and of a set, each identity counting once, whatever the number of its samples,
//!
//! ```text
//! means            means of those of the identities
//! max and min      the worst of all: the greatest within, the least between
//! ratio            mean between / mean within    1: identity means nothing; the higher the better
//! Dunn's index     min between / max within      above 1: one threshold tells all pairs apart
//! misplaced        share of the samples whose identity has others
//! ```
//!
//! The ratio is Fisher's, *The Use of Multiple Measurements in Taxonomic Problems*, 1936, with
//! distances in place of variances; the index is that of Dunn, *Well-Separated Clusters and Optimal
//! Fuzzy Partitions*, 1974, <https://doi.org/10.1080/01969727408546059>.

mod neighbors;

use std::array;

use super::interval::{Bootstrap, Estimate};
use crate::identities::Identities;
use crate::knn::{PackedEmbeddings, kernel};
use crate::parallel;
use neighbors::{Others, distance, others};

/// Distances are at most 2; ratios have no bound; a share is at most 1.
const RANGES: [[f64; 2]; 9] = {
    let (distance, ratio) = ([0.0, 2.0], [0.0, f64::INFINITY]);
    [distance, distance, distance, distance, distance, distance, ratio, ratio, [0.0, 1.0]]
};

/// How tight the identities of a set are, and how far apart.
#[derive(Clone, Debug)]
pub struct Spread {
    identities: Vec<IdentitySpread>,
}

/// How tight one identity is, and how far from the others.
#[derive(Clone, Debug, PartialEq)]
pub struct IdentitySpread {
    /// Its label.
    pub label: u64,
    /// Number of its samples.
    pub n_samples: usize,
    /// Mean and greatest distance within; `None` if there is one sample.
    pub within: Option<Within>,
    /// Distances to the samples of others; `None` if there is no other identity.
    pub between: Option<Between>,
    /// Distances of its center to those of others; `None` if either has none.
    pub centers: Option<Between>,
    /// How many samples are nearer to the center of another identity than to that of the other
    /// samples of their own; `None` if there is one sample, or no other identity.
    pub n_misplaced: Option<usize>,
}

/// Distances of the samples of one identity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Within {
    /// Their mean.
    pub mean: f64,
    /// The greatest.
    pub max: f64,
}

/// Distances of one identity to others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Between {
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub min: f64,
    /// Label of the identity at the least distance; of several, that of the earliest row.
    pub nearest: u64,
}

/// The measures of spread of a set: plain (`Option<f64>`), or with intervals
/// (`Option<`[`Estimate`]`>`); none where no identity allows them.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SpreadFigures<T> {
    /// Mean distance within an identity.
    pub mean_within: T,
    /// Distance of the farthest mated pair.
    pub max_within: T,
    /// Mean distance of samples of different identities.
    pub mean_between: T,
    /// Distance of the nearest non-mated pair.
    pub min_between: T,
    /// Mean distance of the centers of different identities.
    pub mean_centers: T,
    /// Distance of the nearest two centers.
    pub min_centers: T,
    /// Mean distance between identities by that within; none if the latter is 0.
    pub ratio: T,
    /// Dunn's index: `min_between` by `max_within`; none if the latter is 0.
    pub dunn: T,
    /// Share of samples nearer to the center of another identity.
    pub misplaced: T,
}

impl Spread {
    /// Measures all pairs of samples; `labels` are the labels of the rows.
    ///
    /// Takes time quadratic in the number of samples, on all cores, and memory linear in it.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row.
    pub fn new(samples: &PackedEmbeddings, labels: &[u64]) -> Self {
        assert_eq!(labels.len(), samples.len(), "each sample has one label");
        let numbers = Identities::new(labels.iter().copied());
        let identity_of_row: Vec<usize> = labels.iter().map(|&it| numbers.number(it)).collect();
        let mut rows = vec![Vec::new(); numbers.len()];
        for (row, &identity) in identity_of_row.iter().enumerate() {
            rows[identity].push(row);
        }
        let set = Set { samples, identity_of_row: &identity_of_row, rows: &rows };
        let sums: Vec<Vec<f64>> = rows.iter().map(|rows| sum(samples, rows)).collect();
        let label_of = |identity: usize| numbers.labels()[identity];

        let between_samples = others(samples, &identity_of_row);
        let (centers, identity_of_center) = centers(&sums, samples.dim());
        let between_centers = others(&centers, &identity_of_center);
        let is_misplaced = parallel::map(samples.len(), |row| {
            set.is_misplaced(row, &sums, &centers, &identity_of_center)
        });

        let identity = |identity: usize| {
            let rows = &rows[identity];
            let of_samples = rows.iter().filter_map(|&row| between_samples[row]);
            let row = identity_of_center.binary_search(&identity).ok();
            let of_center = row.and_then(|row| between_centers[row]);
            let misplaced = rows.iter().map(|&row| is_misplaced[row].map(usize::from));
            IdentitySpread {
                label: label_of(identity),
                n_samples: rows.len(),
                within: set.within(identity),
                between: between(of_samples, |row| label_of(identity_of_row[row])),
                centers: between(of_center.into_iter(), |row| label_of(identity_of_center[row])),
                n_misplaced: misplaced.sum(),
            }
        };
        Self { identities: parallel::map(numbers.len(), identity) }
    }

    /// Each identity by itself, in the order of the labels.
    pub fn identities(&self) -> &[IdentitySpread] {
        &self.identities
    }

    /// The figures of the set.
    pub fn figures(&self) -> SpreadFigures<Option<f64>> {
        SpreadFigures::from_array(self.weighted(&vec![1; self.identities.len()]))
    }

    /// The figures of the set with their intervals.
    ///
    /// Identities are resampled; the others, which they are compared with, stay as they are. The
    /// interval of an extreme (`max_within`, `min_between`, `min_centers`, `dunn`) reaches from it
    /// to the harmless side only: no replicate has a worse pair than the worst there is.
    pub fn estimates(&self, bootstrap: &Bootstrap) -> SpreadFigures<Option<Estimate>> {
        let figures = |weights: &[u32]| self.weighted(weights);
        let n_identities = self.identities.len();
        SpreadFigures::from_array(bootstrap.estimates_each(n_identities, RANGES, figures))
    }

    /// How much each figure is above that of `before`, with intervals; `None` if the two are not
    /// of the same identities.
    ///
    /// A replicate draws the same identities in both: before and after training, say.
    pub fn change_from(
        &self,
        before: &Self,
        bootstrap: &Bootstrap,
    ) -> Option<SpreadFigures<Option<Estimate>>> {
        let labels = |it: &Self| it.identities.iter().map(|it| it.label).collect::<Vec<u64>>();
        if labels(self) != labels(before) {
            return None;
        }
        let change = |weights: &[u32]| {
            let [after, before] = [self, before].map(|it| it.weighted(weights));
            array::from_fn(|idx| Some(after[idx]? - before[idx]?))
        };
        let ranges = RANGES.map(|[_, highest]| [-highest, highest]);
        let changes = bootstrap.estimates_each(self.identities.len(), ranges, change);
        Some(SpreadFigures::from_array(changes))
    }

    fn weighted(&self, weights: &[u32]) -> [Option<f64>; 9] {
        let drawn = || self.identities.iter().zip(weights).filter(|&(_, &weight)| weight > 0);
        let mean = |figure: fn(&IdentitySpread) -> Option<f64>| {
            let figures = drawn().filter_map(|(it, &weight)| Some((figure(it)?, weight.into())));
            weighted_mean(figures)
        };
        let worst = |figure: fn(&IdentitySpread) -> Option<f64>, worse: fn(f64, f64) -> f64| {
            drawn().filter_map(|(it, _)| figure(it)).reduce(worse)
        };
        let mean_within = mean(|it| Some(it.within?.mean));
        let max_within = worst(|it| Some(it.within?.max), f64::max);
        let mean_between = mean(|it| Some(it.between?.mean));
        let min_between = worst(|it| Some(it.between?.min), f64::min);
        let ratio = |between: Option<f64>, within: Option<f64>| {
            Some(between? / within.filter(|&within| within > 0.0)?)
        };
        let misplaced = weighted_mean(drawn().filter_map(|(it, &weight)| {
            let n_samples = it.n_samples as f64;
            Some((it.n_misplaced? as f64 / n_samples, f64::from(weight) * n_samples))
        }));
        [
            mean_within,
            max_within,
            mean_between,
            min_between,
            mean(|it| Some(it.centers?.mean)),
            worst(|it| Some(it.centers?.min), f64::min),
            ratio(mean_between, mean_within),
            ratio(min_between, max_within),
            misplaced,
        ]
    }
}

impl<T> SpreadFigures<T> {
    fn from_array(figures: [T; 9]) -> Self {
        let [
            mean_within,
            max_within,
            mean_between,
            min_between,
            mean_centers,
            min_centers,
            ratio,
            dunn,
            misplaced,
        ] = figures;
        Self {
            mean_within,
            max_within,
            mean_between,
            min_between,
            mean_centers,
            min_centers,
            ratio,
            dunn,
            misplaced,
        }
    }
}

/// Samples together with who shows whom.
struct Set<'a> {
    samples: &'a PackedEmbeddings,
    identity_of_row: &'a [usize],
    rows: &'a [Vec<usize>], // of each identity
}

impl Set<'_> {
    fn within(&self, identity: usize) -> Option<Within> {
        let rows = &self.rows[identity];
        let (mut sum, mut max, mut n_pairs) = (0.0, 0.0f64, 0);
        for (idx, &a) in rows.iter().enumerate() {
            for &b in &rows[idx + 1..] {
                let distance = distance(self.samples.row(a), self.samples.row(b));
                sum += distance;
                max = max.max(distance);
                n_pairs += 1;
            }
        }
        (n_pairs > 0).then(|| Within { mean: sum / f64::from(n_pairs), max })
    }

    /// Whether a sample is nearer to the center of another identity than to that of the other
    /// samples of its own; `None` if there are no such samples, or no other identity.
    fn is_misplaced(
        &self,
        row: usize,
        sums: &[Vec<f64>],
        centers: &PackedEmbeddings,
        identity_of_center: &[usize],
    ) -> Option<bool> {
        let (sample, identity) = (self.samples.row(row), self.identity_of_row[row]);
        if self.rows.len() < 2 || self.rows[identity].len() < 2 {
            return None;
        }
        // With the sample itself in it, its own center would be nearer than it should be.
        let rest = sums[identity].iter().zip(sample).map(|(sum, &it)| sum - f64::from(it));
        // Without a direction, neither near nor far.
        let own =
            unit(&rest.collect::<Vec<f64>>()).map_or(0.0, |it| kernel::similarity(&it, sample));
        let is_other = |&(_, &other): &(usize, &usize)| other != identity;
        let mut foreign = identity_of_center.iter().enumerate().filter(is_other);
        Some(foreign.any(|(center, _)| kernel::similarity(centers.row(center), sample) > own))
    }
}

fn between(
    of_rows: impl Iterator<Item = Others>,
    label_of: impl Fn(usize) -> u64,
) -> Option<Between> {
    let (mut sum, mut n, mut nearest) = (0.0, 0, None::<Others>);
    for others in of_rows {
        sum += others.sum;
        n += others.n;
        nearest = nearest.filter(|it| it.min <= others.min).or(Some(others));
    }
    let Others { min, nearest, .. } = nearest?;
    Some(Between { mean: sum / n as f64, min, nearest: label_of(nearest) })
}

/// The centers of all identities that have one, and whose they are, ascending.
fn centers(sums: &[Vec<f64>], dim: usize) -> (PackedEmbeddings, Vec<usize>) {
    let mut centers = PackedEmbeddings::new(dim);
    let mut identities = Vec::new();
    for (identity, sum) in sums.iter().enumerate() {
        if let Some(center) = unit(sum) {
            centers.push_row(&center);
            identities.push(identity);
        }
    }
    (centers, identities)
}

fn sum(samples: &PackedEmbeddings, rows: &[usize]) -> Vec<f64> {
    let mut sum = vec![0.0; samples.dim()];
    for &row in rows {
        for (sum, &value) in sum.iter_mut().zip(samples.row(row)) {
            *sum += f64::from(value);
        }
    }
    sum
}

/// A sum of unit vectors scaled to unit length, unless nothing but rounding is left of it.
fn unit(sum: &[f64]) -> Option<Vec<f32>> {
    let norm = sum.iter().map(|it| it * it).sum::<f64>().sqrt();
    (norm > 1e-6).then(|| sum.iter().map(|it| (it / norm) as f32).collect())
}

/// The mean of weighted figures.
fn weighted_mean(figures: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (sum, all) = figures
        .fold((0.0, 0.0), |(sum, all), (figure, weight)| (sum + weight * figure, all + weight));
    (all > 0.0).then(|| sum / all)
}

#[cfg(test)]
mod tests;

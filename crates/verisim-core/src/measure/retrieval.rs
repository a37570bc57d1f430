//! Measures of retrieval, every sample searching for all others; it does not know what a gallery
//! is.
//!
//! Let `R` be the number of other samples of the probe's identity (the *relevant* ones), and let
//! `rel_k` be 1 if the `k`-th nearest of all other samples is relevant, else 0. With
//! `P@k = (rel_1 + ... + rel_k) / k`, the figures of one probe are
//!
//! ```text
//! recall@1        rel_1
//! R-precision     P@R
//! MAP@R           1/R sum_{k=1..R} P@k rel_k
//! MAP             1/R sum_{k>=1}   P@k rel_k
//! MRR             1 / min{k : rel_k = 1}
//! ```
//!
//! and the figures of a set are their means over all probes with `R > 0`.
//!
//! Musgrave, Belongie, Lim, *A Metric Learning Reality Check*, ECCV 2020,
//! <https://arxiv.org/abs/2003.08505>. The figures are those of pytorch-metric-learning's
//! `AccuracyCalculator`, which calls recall@1 `precision_at_1`.

use std::cmp::Ordering;

use super::interval::{Bootstrap, Estimate};
use crate::identities::Identities;
use crate::knn::PackedEmbeddings;
use crate::parallel;

/// How well the samples of a set find those of the same identity.
#[derive(Clone, Debug)]
pub struct Retrieval {
    probes: Vec<(usize, RetrievalFigures<f64>)>, // with the number of the probe's identity
    n_identities: usize,
    n_without_relevant: usize,
}

/// The measures of retrieval: of one probe or a set (`f64`), or with intervals ([`Estimate`]).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetrievalFigures<T> {
    /// Whether the nearest sample is relevant.
    pub recall_at_1: T,
    /// Share of relevant samples among the nearest `R`.
    pub r_precision: T,
    /// Mean average precision among the nearest `R`.
    pub map_at_r: T,
    /// Mean average precision.
    pub map: T,
    /// Mean reciprocal rank of the first relevant sample.
    pub mrr: T,
}

/// One sample as seen from the probe.
#[derive(Clone, Copy)]
struct Seen {
    score: f32,
    row: usize,
}

impl Retrieval {
    /// Lets every sample search for all others; `labels` are the labels of the rows.
    ///
    /// The probe is left out by its position, so that a copy of it is found like any other sample.
    /// Of equal scores the earlier row is nearer. Takes time quadratic in the number of samples, on
    /// all cores, and memory linear in it.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row.
    pub fn leave_one_out(samples: &PackedEmbeddings, labels: &[u64]) -> Self {
        assert_eq!(labels.len(), samples.len(), "each sample has one label");
        let identities = Identities::new(labels.iter().copied());
        let mut rows_of_identity = vec![Vec::new(); identities.len()];
        for (row, &label) in labels.iter().enumerate() {
            rows_of_identity[identities.number(label)].push(row);
        }
        let probes = parallel::map(samples.len(), |probe| {
            let identity = identities.number(labels[probe]);
            let ranks = ranks_of_relevant(samples, labels, probe, &rows_of_identity[identity]);
            RetrievalFigures::of_ranks(&ranks).map(|figures| (identity, figures))
        });
        let n_samples = probes.len();
        let probes: Vec<_> = probes.into_iter().flatten().collect();
        let n_without_relevant = n_samples - probes.len();
        Self { probes, n_identities: identities.len(), n_without_relevant }
    }

    /// Number of probes that the figures are means over.
    pub fn n_probes(&self) -> usize {
        self.probes.len()
    }

    /// Number of samples left out of the means, as no other sample shows their identity.
    pub fn n_without_relevant(&self) -> usize {
        self.n_without_relevant
    }

    /// The figures of the set; `None` if no probe has anything to find.
    pub fn figures(&self) -> Option<RetrievalFigures<f64>> {
        self.weighted(&vec![1; self.n_identities]).map(RetrievalFigures::from_array)
    }

    /// The figures of the set with their intervals; `None` if no probe has anything to find.
    ///
    /// The identities of the probes are resampled; what they search stays as it is.
    pub fn estimates(&self, bootstrap: &Bootstrap) -> Option<RetrievalFigures<Estimate>> {
        let figures = |weights: &[u32]| self.weighted(weights).map(Vec::from);
        let estimates = bootstrap.estimates(self.n_identities, figures)?;
        estimates.try_into().ok().map(RetrievalFigures::from_array)
    }

    fn weighted(&self, weights: &[u32]) -> Option<[f64; 5]> {
        let mut sums = [0.0; 5];
        let mut all = 0.0;
        for &(identity, figures) in &self.probes {
            let weight = f64::from(weights[identity]);
            all += weight;
            for (sum, figure) in sums.iter_mut().zip(figures.into_array()) {
                *sum += weight * figure;
            }
        }
        (all > 0.0).then(|| sums.map(|sum| sum / all))
    }
}

impl RetrievalFigures<f64> {
    /// The figures of a probe whose relevant samples have these ranks, ascending and from 1.
    fn of_ranks(ranks: &[usize]) -> Option<Self> {
        let first = *ranks.first()?;
        let n_relevant = ranks.len();
        let share = |sum: f64| sum / n_relevant as f64;
        let is_near = |rank: usize| rank <= n_relevant;
        // At the rank of the k-th relevant sample, k of `rank` samples are relevant.
        let precisions = || (1..).zip(ranks).map(|(k, &rank)| (rank, f64::from(k) / rank as f64));
        let near = precisions().filter(|&(rank, _)| is_near(rank));
        Some(Self {
            recall_at_1: if first == 1 { 1.0 } else { 0.0 },
            r_precision: share(near.clone().count() as f64),
            map_at_r: share(near.map(|(_, precision)| precision).sum()),
            map: share(precisions().map(|(_, precision)| precision).sum()),
            mrr: 1.0 / first as f64,
        })
    }
}

impl<T> RetrievalFigures<T> {
    fn from_array([recall_at_1, r_precision, map_at_r, map, mrr]: [T; 5]) -> Self {
        Self { recall_at_1, r_precision, map_at_r, map, mrr }
    }

    fn into_array(self) -> [T; 5] {
        [self.recall_at_1, self.r_precision, self.map_at_r, self.map, self.mrr]
    }
}

impl Seen {
    fn nearest_first(self, other: Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

/// Ranks of the samples of the probe's identity among all but the probe, ascending and from 1.
///
/// No list of all samples is sorted: what ranks before a relevant sample is counted.
fn ranks_of_relevant(
    samples: &PackedEmbeddings,
    labels: &[u64],
    probe: usize,
    rows_of_identity: &[usize],
) -> Vec<usize> {
    let see = |row| Seen { score: samples.similarity(probe, row), row };
    let mut relevant: Vec<Seen> =
        rows_of_identity.iter().filter(|&&row| row != probe).map(|&row| see(row)).collect();
    if relevant.is_empty() {
        return Vec::new();
    }
    relevant.sort_unstable_by(|a, b| a.nearest_first(*b));

    // How many others lie between the relevant sample before and this one.
    let mut n_between = vec![0; relevant.len() + 1];
    for row in (0..samples.len()).filter(|&row| labels[row] != labels[probe]) {
        let other = see(row);
        n_between[relevant.partition_point(|it| it.nearest_first(other).is_lt())] += 1;
    }
    let mut rank = 0;
    let ranks = n_between[..relevant.len()].iter().map(|n_others| {
        rank += n_others + 1;
        rank
    });
    ranks.collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Embedding;

    /// Written by pytorch-metric-learning.
    #[derive(serde::Deserialize)]
    struct Golden {
        embeddings: Vec<Vec<f32>>,
        labels: Vec<u64>,
        figures: GoldenFigures,
    }

    #[derive(serde::Deserialize)]
    struct GoldenFigures {
        precision_at_1: f64,
        r_precision: f64,
        mean_average_precision_at_r: f64,
        mean_average_precision: f64,
        mean_reciprocal_rank: f64,
    }

    fn golden() -> Golden {
        serde_json::from_str(include_str!("../../testdata/retrieval_self.json")).unwrap()
    }

    fn packed(embeddings: Vec<Vec<f32>>) -> PackedEmbeddings {
        let mut rows = PackedEmbeddings::new(embeddings[0].len());
        for values in embeddings {
            rows.push(&Embedding::new(values).unwrap());
        }
        rows
    }

    /// Samples on the unit circle, at angles in degrees.
    fn at_angles(samples: &[(f32, u64)]) -> Retrieval {
        let point =
            |&(angle, _): &(f32, u64)| vec![angle.to_radians().cos(), angle.to_radians().sin()];
        let labels: Vec<u64> = samples.iter().map(|&(_, label)| label).collect();
        Retrieval::leave_one_out(&packed(samples.iter().map(point).collect()), &labels)
    }

    #[track_caller]
    fn check_ranks(ranks: &[usize], expected: [f64; 5]) {
        let found = RetrievalFigures::of_ranks(ranks).unwrap().into_array();
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-12, "{found} is not {expected}");
        }
    }

    #[test]
    fn agrees_with_pytorch_metric_learning() {
        // Labels near 2^63 are distinct too, though no float tells them apart.
        for offset in [0, (1 << 63) - 3] {
            let golden = golden();
            let labels: Vec<u64> = golden.labels.iter().map(|label| label + offset).collect();
            let found = Retrieval::leave_one_out(&packed(golden.embeddings), &labels).figures();
            let expected = [
                golden.figures.precision_at_1,
                golden.figures.r_precision,
                golden.figures.mean_average_precision_at_r,
                golden.figures.mean_average_precision,
                golden.figures.mean_reciprocal_rank,
            ];
            for (found, expected) in found.unwrap().into_array().iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
            }
        }
    }

    #[test]
    fn ranks_decide_the_figures() {
        check_ranks(&[1, 2, 3], [1.0; 5]);
        check_ranks(&[1, 3, 6], [1.0, 2.0 / 3.0, 5.0 / 9.0, 13.0 / 18.0, 1.0]);
        check_ranks(&[4], [0.0, 0.0, 0.0, 0.25, 0.25]);
    }

    #[test]
    fn a_sample_alone_is_left_out_of_the_means_but_counted() {
        let retrieval = at_angles(&[(0.0, 1), (10.0, 1), (5.0, 2)]);
        assert_eq!((retrieval.n_probes(), retrieval.n_without_relevant()), (2, 1));
        let figures = retrieval.figures().unwrap();
        assert_eq!((figures.recall_at_1, figures.mrr), (0.0, 0.5));
        assert_eq!(at_angles(&[(0.0, 1), (10.0, 2)]).figures(), None);
    }

    #[test]
    fn of_equal_scores_the_earlier_row_is_nearer() {
        let first = |samples: &[(f32, u64)]| at_angles(samples).probes[0].1.recall_at_1;
        assert_eq!(first(&[(0.0, 1), (20.0, 1), (20.0, 2)]), 1.0);
        assert_eq!(first(&[(0.0, 1), (20.0, 2), (20.0, 1)]), 0.0);
    }

    #[test]
    fn a_copy_of_the_probe_is_found() {
        let figures = at_angles(&[(0.0, 1), (0.0, 1), (90.0, 2)]).figures();
        assert_eq!(figures, Some(RetrievalFigures::from_array([1.0; 5])));
    }

    #[test]
    fn a_weight_counts_as_that_many_probes() {
        // Identity 1 finds itself; 2 and 3 find each other.
        let samples = [(0.0, 1), (1.0, 1), (90.0, 2), (180.0, 2), (100.0, 3), (170.0, 3)];
        let recall = |weights: &[u32]| at_angles(&samples).weighted(weights).map(|it| it[0]);
        assert_eq!(recall(&[1, 1, 1]), Some(1.0 / 3.0));
        assert_eq!(recall(&[3, 1, 0]), Some(0.75));
        assert_eq!(recall(&[0, 0, 0]), None);
    }

    #[test]
    fn intervals_hold_the_figures() {
        let golden = golden();
        let retrieval = Retrieval::leave_one_out(&packed(golden.embeddings), &golden.labels);
        let estimates = retrieval.estimates(&Bootstrap::default()).unwrap().into_array();
        for (estimate, figure) in estimates.iter().zip(retrieval.figures().unwrap().into_array()) {
            assert_eq!(estimate.value, figure);
            assert!(estimate.lower < figure && figure < estimate.upper, "{estimate:?}");
        }
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_sorting_everything(
            samples in prop::collection::vec((0u8..12, 0u64..3), 2..30),
        ) {
            let labels: Vec<u64> = samples.iter().map(|&(_, label)| label).collect();
            let points = samples.iter().map(|&(angle, _)| {
                let angle = f32::from(angle) * 0.5;
                vec![angle.cos(), angle.sin()]
            });
            let packed = packed(points.collect());
            for probe in 0..samples.len() {
                let score = |row| packed.similarity(probe, row);
                let is_relevant = |row: usize| labels[row] == labels[probe];
                let mut others: Vec<usize> = (0..labels.len()).filter(|&it| it != probe).collect();
                // Stable: of equal scores the earlier row stays first.
                others.sort_by(|&a, &b| score(b).total_cmp(&score(a)));
                let expected: Vec<usize> = (1..)
                    .zip(&others)
                    .filter(|&(_, &row)| is_relevant(row))
                    .map(|(rank, _)| rank)
                    .collect();
                let rows: Vec<usize> = (0..labels.len()).filter(|&row| is_relevant(row)).collect();
                prop_assert_eq!(ranks_of_relevant(&packed, &labels, probe, &rows), expected);
            }
        }
    }
}

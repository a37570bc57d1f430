//! How far clusters agree with identities; it does not know who made the clusters, nor from what.
//!
//! Let `n_ij` of the `N` samples be of identity `i` and in cluster `j`, `a_i` of identity `i`, and
//! `b_j` in cluster `j`. With natural logarithms and `0 ln 0 = 0`,
//!
//! ```text
//! MI    = sum_ij n_ij/N ln(N n_ij / (a_i b_j))                mutual information
//! H(a)  = -sum_i a_i/N ln(a_i/N)                              entropy, H(b) likewise
//! E[MI] = the mean of MI if samples were dealt to clusters of these sizes at random:
//!         sum_ij sum_n n/N ln(N n / (a_i b_j)) P(n),  P(n) = C(b_j, n) C(N - b_j, a_i - n) / C(N, a_i)
//!
//! NMI = MI / m               with m = (H(a) + H(b)) / 2
//! AMI = (MI - E[MI]) / (m - E[MI])
//! ```
//!
//! Both are 1 if each cluster is an identity, and 0 if there is a single cluster, or all samples
//! are of one identity. Otherwise NMI rises with the number of clusters, whatever they hold; AMI is
//! 0 on average if they mean nothing, and may be below.
//!
//! Vinh, Epps, Bailey, *Information Theoretic Measures for Clusterings Comparison*, JMLR 2010,
//! <https://jmlr.org/papers/v11/vinh10a.html>. The figures are those of scikit-learn, whose default
//! is the arithmetic mean too.

use std::collections::BTreeMap;

use super::interval::{Bootstrap, Estimate};
use crate::identities::Identities;

/// The samples of a set, each with its identity and its cluster.
#[derive(Clone, Debug)]
pub struct Clusters {
    cells: Vec<Cell>,
    n_identities: usize,
    n_clusters: usize,
}

/// Samples of one identity in one cluster.
#[derive(Clone, Copy, Debug)]
struct Cell {
    identity: usize,
    cluster: usize,
    n_samples: u64,
}

/// The measures of clusters: plain (`f64`), or with intervals ([`Estimate`]).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClusterFigures<T> {
    /// Normalized mutual information, in `[0, 1]`.
    pub nmi: T,
    /// Adjusted mutual information, at most 1.
    pub ami: T,
}

impl Clusters {
    /// Joins the label of each sample with its cluster; the numbers of clusters mean nothing.
    ///
    /// # Panics
    ///
    /// Panics if there is not one cluster for each label.
    pub fn new(labels: &[u64], clusters: &[usize]) -> Self {
        assert_eq!(labels.len(), clusters.len(), "each sample has one label and one cluster");
        let numbers = Identities::new(labels.iter().copied());
        let of_cluster = Identities::new(clusters.iter().map(|&cluster| cluster as u64));
        let mut cells = BTreeMap::new();
        for (&label, &cluster) in labels.iter().zip(clusters) {
            let cell = (numbers.number(label), of_cluster.number(cluster as u64));
            *cells.entry(cell).or_insert(0) += 1;
        }
        let cell = |((identity, cluster), n_samples)| Cell { identity, cluster, n_samples };
        Self {
            cells: cells.into_iter().map(cell).collect(),
            n_identities: numbers.len(),
            n_clusters: of_cluster.len(),
        }
    }

    /// Number of identities.
    pub fn n_identities(&self) -> usize {
        self.n_identities
    }

    /// Number of clusters that hold a sample.
    pub fn n_clusters(&self) -> usize {
        self.n_clusters
    }

    /// How far clusters and identities agree; `None` if there are no samples.
    ///
    /// Takes time in the product of the distinct sizes of identities and of clusters, and of the
    /// smaller of two sizes: there are few distinct ones, however many identities there are.
    pub fn figures(&self) -> Option<ClusterFigures<f64>> {
        self.weighted(&vec![1; self.n_identities]).map(|[nmi, ami]| ClusterFigures { nmi, ami })
    }

    /// The figures with their intervals; `None` if there are no samples.
    ///
    /// The identities are resampled; an identity that comes twice is one of twice as many samples,
    /// in the same clusters. A replicate therefore mixes fewer identities than the set does, and its
    /// figures are too high. The mean of the replicates says by how much, and the interval is moved
    /// down by that (Efron, Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 10). It
    /// does not hold what clustering other samples anew would add: where that was simulated, on 20
    /// identities of 6, the spread of NMI was right, and that of AMI a fifth too small.
    pub fn estimates(&self, bootstrap: &Bootstrap) -> Option<ClusterFigures<Estimate>> {
        let values = self.weighted(&vec![1; self.n_identities])?;
        let replicates = bootstrap.replicates(self.n_identities, |weights| self.weighted(weights));
        let n_replicates = replicates.len().max(1) as f64;
        let estimate = |idx: usize| {
            let value = values[idx];
            let sum: f64 = replicates.iter().map(|figures| figures[idx] - value).sum();
            let bias = sum / n_replicates;
            let unbiased = replicates.iter().map(|figures| (figures[idx] - bias).min(1.0));
            // No bound below is known for AMI; that of NMI is 0.
            let lowest = [0.0, f64::NEG_INFINITY][idx];
            Estimate::within(value, unbiased.collect(), [lowest, 1.0])
        };
        Some(ClusterFigures { nmi: estimate(0), ami: estimate(1) })
    }

    fn weighted(&self, weights: &[u32]) -> Option<[f64; 2]> {
        let mut of_identity = vec![0; self.n_identities];
        let mut of_cluster = vec![0; self.n_clusters];
        let weigh = |cell: &Cell| Cell {
            n_samples: cell.n_samples * u64::from(weights[cell.identity]),
            ..*cell
        };
        let cells: Vec<Cell> =
            self.cells.iter().map(weigh).filter(|cell| cell.n_samples > 0).collect();
        for cell in &cells {
            of_identity[cell.identity] += cell.n_samples;
            of_cluster[cell.cluster] += cell.n_samples;
        }
        let n_samples: u64 = of_identity.iter().sum();
        let is_whole = |cell: &Cell| {
            cell.n_samples == of_identity[cell.identity]
                && cell.n_samples == of_cluster[cell.cluster]
        };
        if cells.is_empty() {
            return None;
        }
        if cells.iter().all(is_whole) {
            return Some([1.0; 2]);
        }
        let sizes = [of_identity.as_slice(), of_cluster.as_slice()].map(Sizes::new);
        if sizes.iter().any(|sizes| sizes.n_parts() == 1) {
            return Some([0.0; 2]);
        }

        let information = |cell: &Cell| {
            let sizes = [of_identity[cell.identity], of_cluster[cell.cluster]];
            information(cell.n_samples, sizes, n_samples)
        };
        let mutual = cells.iter().map(information).sum::<f64>();
        let mean = sizes.iter().map(|sizes| sizes.entropy(n_samples)).sum::<f64>() / 2.0;
        let expected = expected_information(&sizes, n_samples);
        // Rounding may carry the information of independent parts below 0 by an ulp.
        Some([(mutual / mean).clamp(0.0, 1.0), ((mutual - expected) / (mean - expected)).min(1.0)])
    }
}

/// How many parts of a set there are of each size above 0.
struct Sizes(BTreeMap<u64, u64>);

impl Sizes {
    fn new(sizes: &[u64]) -> Self {
        let mut counts = BTreeMap::new();
        for &size in sizes.iter().filter(|&&size| size > 0) {
            *counts.entry(size).or_insert(0) += 1;
        }
        Self(counts)
    }

    fn n_parts(&self) -> u64 {
        self.0.values().sum()
    }

    fn entropy(&self, n_samples: u64) -> f64 {
        let term = |(&size, &count): (&u64, &u64)| {
            let share = size as f64 / n_samples as f64;
            -(count as f64) * share * share.ln()
        };
        self.0.iter().map(term).sum()
    }
}

/// What `n_common` samples in parts of the given sizes add to the mutual information.
fn information(n_common: u64, [a, b]: [u64; 2], n_samples: u64) -> f64 {
    let (common, all) = (n_common as f64, n_samples as f64);
    common / all * (common * all / (a as f64 * b as f64)).ln()
}

/// The mean of the mutual information over all ways to deal samples to parts of these sizes.
fn expected_information([identities, clusters]: &[Sizes; 2], n_samples: u64) -> f64 {
    let factorials = LogFactorials::new(n_samples);
    let mut expected = 0.0;
    for (&a, &n_a) in &identities.0 {
        for (&b, &n_b) in &clusters.0 {
            let least = (a + b).saturating_sub(n_samples).max(1);
            let terms = (least..=a.min(b)).map(|n_common| {
                let probability = factorials.hypergeometric(n_common, [a, b], n_samples);
                information(n_common, [a, b], n_samples) * probability
            });
            expected += (n_a * n_b) as f64 * terms.sum::<f64>();
        }
    }
    expected
}

/// `ln(n!)` of all numbers up to a greatest.
struct LogFactorials(Vec<f64>);

impl LogFactorials {
    fn new(greatest: u64) -> Self {
        // Compensated (Neumaier): the rounding of a million plain sums would show in the figures.
        let (mut sum, mut lost) = (0.0f64, 0.0f64);
        let mut add = |number: u64| {
            let term = (number as f64).ln();
            let next = sum + term;
            lost += if sum > term { (sum - next) + term } else { (term - next) + sum };
            sum = next;
            sum + lost
        };
        Self([0.0].into_iter().chain((1..=greatest).map(&mut add)).collect())
    }

    /// The probability that `a` samples drawn from `n` have `common` among the `b` marked ones.
    fn hypergeometric(&self, common: u64, [a, b]: [u64; 2], n: u64) -> f64 {
        let ln = |number: u64| self.0[number as usize];
        let numerator = ln(a) + ln(b) + ln(n - a) + ln(n - b);
        // n - a - b may be below 0.
        let neither = n + common - a - b;
        (numerator - ln(n) - ln(common) - ln(a - common) - ln(b - common) - ln(neither)).exp()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn figures(labels: &[u64], clusters: &[usize]) -> [f64; 2] {
        let figures = Clusters::new(labels, clusters).figures().unwrap();
        [figures.nmi, figures.ami]
    }

    #[track_caller]
    fn check(found: [f64; 2], expected: [f64; 2]) {
        let close = found.iter().zip(expected).all(|(found, it)| (found - it).abs() < 1e-10);
        assert!(close, "{found:?} is not {expected:?}");
    }

    /// Samples `0..n`, with the label and the cluster of each by formula.
    #[track_caller]
    fn check_formula(
        n: u64,
        label: impl Fn(u64) -> u64,
        cluster: impl Fn(u64) -> u64,
        expected: [f64; 2],
    ) {
        let labels: Vec<u64> = (0..n).map(label).collect();
        let clusters: Vec<usize> = (0..n).map(|i| cluster(i) as usize).collect();
        check(figures(&labels, &clusters), expected);
    }

    #[test]
    fn agrees_with_scikit_learn() {
        // Printed by `reference/clusters.py`, scikit-learn 1.9.1.
        check_formula(12, |i| i / 3, |i| (i * i + 1) % 5, [0.170_459_273_033, -0.169_913_086_999]);
        check_formula(
            60,
            |i| i / 6,
            |i| (i + i % 5 / 4 * 2) / 6,
            [0.930_893_657_119, 0.893_040_908_127],
        );
        check_formula(100, |i| i % 10, |i| i / 10, [0.0, -0.275_562_838_224]);
        check_formula(50, |i| i / 2, |i| i * 7 % 31, [0.815_275_699_991, -0.017_941_454_202]);
        check_formula(10, |i| i / 2, |_| 0, [0.0, 0.0]);
        check_formula(10, |i| i / 2, |i| i, [0.822_816_179_864, 0.0]);
        let large = [0.060_747_047_592, -0.064_316_992_060];
        check_formula(5000, |i| i * i % 97, |i| i * i * i % 89, large);
    }

    #[test]
    fn two_identities_in_two_clusters_are_worked_by_hand() {
        // Of identity 1 two samples in the first cluster and one in the second; of 2 one in it.
        let ln = f64::ln;
        let mutual = 0.5 * ln(4.0 / 3.0) + 0.25 * ln(2.0 / 3.0) + 0.25 * ln(2.0);
        let mean = f64::midpoint(ln(4.0) - 0.75 * ln(3.0), ln(2.0));
        // The odd one out is in either cluster with probability 1/2, and both ways look alike:
        // no table but this one is possible, and agreement is what chance expects.
        check(figures(&[1, 1, 1, 2], &[0, 0, 1, 1]), [mutual / mean, 0.0]);
    }

    #[test]
    fn clusters_that_are_identities_are_perfect_whatever_their_number() {
        assert_eq!(figures(&[5, 6, 5], &[9, 0, 9]), [1.0; 2]);
        assert_eq!(figures(&[5, 5], &[3, 3]), [1.0; 2]);
        assert_eq!(figures(&[5, 6], &[3, 4]), [1.0; 2]);
        assert_eq!(Clusters::new(&[], &[]).figures(), None);
        assert_eq!(Clusters::new(&[], &[]).estimates(&Bootstrap::default()), None);
    }

    #[test]
    fn a_weight_counts_as_that_many_times_the_samples() {
        let (labels, clusters) = ([1, 1, 2, 2, 3], [0, 1, 1, 1, 0]);
        let twice = figures(&[1, 1, 1, 1, 2, 2], &[0, 1, 0, 1, 1, 1]);
        check(Clusters::new(&labels, &clusters).weighted(&[2, 1, 0]).unwrap(), twice);
        assert_eq!(Clusters::new(&labels, &clusters).weighted(&[0, 0, 0]), None);
    }

    #[test]
    fn a_hypergeometric_distribution_adds_up_to_one() {
        let factorials = LogFactorials::new(1_000_000);
        for (sizes, n) in [([3u64, 4], 5), ([700, 900], 1000), ([300, 5000], 1_000_000)] {
            let least = (sizes[0] + sizes[1]).saturating_sub(n);
            let possible = least..=sizes[0].min(sizes[1]);
            let sum: f64 = possible.map(|it| factorials.hypergeometric(it, sizes, n)).sum();
            assert!((sum - 1.0).abs() < 1e-8, "{sum}");
        }
    }

    #[test]
    fn intervals_hold_the_figures_though_replicates_are_biased() {
        let labels: Vec<u64> = (0..120).map(|i| i / 6).collect();
        let clusters: Vec<usize> = (0..120).map(|i| (i + i % 5) / 6).collect();
        let clusters = Clusters::new(&labels, &clusters);
        let estimates = clusters.estimates(&Bootstrap::default()).unwrap();
        assert_eq!(Some(estimates.ami.value), clusters.figures().map(|it| it.ami));
        for Estimate { value, lower, upper } in [estimates.nmi, estimates.ami] {
            assert!(lower < value && value < upper && upper <= 1.0, "{lower} {value} {upper}");
        }
        let perfect = Clusters::new(&[1, 2, 2], &[3, 4, 4]).estimates(&Bootstrap::default());
        let one = Estimate { value: 1.0, lower: 1.0, upper: 1.0 };
        assert_eq!(perfect, Some(ClusterFigures { nmi: one, ami: one }));
    }

    proptest! {
        #[test]
        fn names_and_order_do_not_matter_nor_which_side_is_which(
            samples in prop::collection::vec((0u64..6, 0usize..6), 1..60),
        ) {
            let (labels, clusters): (Vec<u64>, Vec<usize>) = samples.iter().copied().unzip();
            let found = figures(&labels, &clusters);
            let renamed: Vec<(u64, usize)> =
                samples.iter().rev().map(|&(label, cluster)| (u64::MAX - label * 3, 7 * (9 - cluster))).collect();
            let (labels, clusters): (Vec<u64>, Vec<usize>) = renamed.into_iter().unzip();
            let swapped: (Vec<u64>, Vec<usize>) =
                samples.iter().map(|&(label, cluster)| (cluster as u64, label as usize)).unzip();
            for other in [figures(&labels, &clusters), figures(&swapped.0, &swapped.1)] {
                for (found, other) in found.iter().zip(other) {
                    prop_assert!((found - other).abs() < 1e-10, "{} {}", found, other);
                }
            }
            prop_assert!((0.0..=1.0).contains(&found[0]) && found[1] <= 1.0 && found[1].is_finite());
        }

        #[test]
        fn only_clusters_that_are_identities_are_perfect(
            labels in prop::collection::vec(0u64..5, 2..30), moved: prop::sample::Index,
        ) {
            let mut clusters: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
            prop_assert_eq!(figures(&labels, &clusters), [1.0; 2]);
            let moved = moved.index(labels.len());
            prop_assume!(labels.iter().filter(|&&label| label == labels[moved]).count() > 1);
            clusters[moved] = 5;
            let [nmi, ami] = figures(&labels, &clusters);
            prop_assert!(nmi < 1.0 && ami < 1.0);
        }
    }
}

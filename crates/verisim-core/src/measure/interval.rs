//! Intervals of figures, by resampling identities; it does not know which figures.

use std::array;

use crate::parallel;
use crate::random::Random;

/// The share of replicates that is cut off at each end of a 95 % interval.
const TAIL: f64 = 0.025;

/// A figure together with its 95 % interval.
///
/// The interval says how far the figure would move if other identities of the same population had
/// been measured. It knows nothing of other cameras, other populations or mistaken labels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure on what was measured.
    pub value: f64,
    /// The 2.5 % quantile of the replicates.
    pub lower: f64,
    /// The 97.5 % quantile of the replicates.
    pub upper: f64,
}

/// How intervals are computed: the bootstrap over identities.
///
/// Comparisons that share an identity stand and fall together, and so do the images of one
/// identity: resampling comparisons or images would make intervals far too narrow. A replicate
/// therefore draws as many *identities* as there are, with replacement. If identity `i` came `w_i`
/// times, a figure of one identity (a mated comparison, a probe) weighs `w_i`, and a non-mated
/// comparison of `i` and `j` weighs `w_i w_j`. For the latter the interval errs on the wide side.
///
/// A replicate on which a figure is undefined (it drew no identity with a mated comparison, say) is
/// left out. That happens with a handful of identities only.
///
/// The same seed gives the same interval to the bit, whatever the number of threads.
///
/// Efron, *Bootstrap Methods: Another Look at the Jackknife*, 1979 (percentile interval); Owen,
/// *The Pigeonhole Bootstrap*, 2007, <https://arxiv.org/abs/0712.1111> (the products of weights).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of replicates. The default, 1000, settles a 95 % interval to about a tenth of its
    /// width.
    pub n_replicates: usize,
    /// Seed of the draws; 0 by default.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { n_replicates: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// Computes `figures` on every replicate of `n_identities` identities.
    ///
    /// `figures` is called with the weight of each identity, in `0..=n_identities`, and returns
    /// `None` where it is undefined; that replicate is left out. The results come in the order of
    /// the replicates.
    pub fn replicates<T: Send>(
        &self,
        n_identities: usize,
        figures: impl Fn(&[u32]) -> Option<T> + Sync,
    ) -> Vec<T> {
        let replicate = |number| figures(&self.weights(n_identities, number));
        parallel::map(self.n_replicates, replicate).into_iter().flatten().collect()
    }

    /// Computes several figures with their intervals, in one pass over each replicate.
    ///
    /// `figures` is as for [`replicates`](Self::replicates), and returns equally many values each
    /// time. The values of the estimates are those with every weight 1; if they are undefined, the
    /// result is `None`.
    pub fn estimates(
        &self,
        n_identities: usize,
        figures: impl Fn(&[u32]) -> Option<Vec<f64>> + Sync,
    ) -> Option<Vec<Estimate>> {
        let values = figures(&vec![1; n_identities])?;
        let replicates = self.replicates(n_identities, figures);
        let column = |idx| replicates.iter().map(|figures: &Vec<f64>| figures[idx]).collect();
        let estimates =
            values.iter().enumerate().map(|(idx, &value)| Estimate::new(value, column(idx)));
        Some(estimates.collect())
    }

    /// As [`estimates`](Self::estimates), of figures that all lie within `range`.
    pub(crate) fn estimates_in<const N: usize>(
        &self,
        n_identities: usize,
        range: [f64; 2],
        figures: impl Fn(&[u32]) -> Option<[f64; N]> + Sync,
    ) -> Option<[Estimate; N]> {
        let values = figures(&vec![1; n_identities])?;
        let replicates = self.replicates(n_identities, figures);
        Some(array::from_fn(|idx| {
            let column = replicates.iter().map(|figures| figures[idx]).collect();
            Estimate::within(values[idx], column, range)
        }))
    }

    /// Computes several figures with their intervals, each of which may be undefined by itself.
    ///
    /// `figures` is as for [`replicates`](Self::replicates). A figure whose value is undefined has
    /// no estimate, and a replicate that leaves a figure undefined is left out for that figure
    /// alone. `ranges` holds the least and the greatest possible value of each.
    pub(crate) fn estimates_each<const N: usize>(
        &self,
        n_identities: usize,
        ranges: [[f64; 2]; N],
        figures: impl Fn(&[u32]) -> [Option<f64>; N] + Sync,
    ) -> [Option<Estimate>; N] {
        let values = figures(&vec![1; n_identities]);
        let replicates = self.replicates(n_identities, |weights| Some(figures(weights)));
        array::from_fn(|idx| {
            let column = replicates.iter().filter_map(|figures| figures[idx]).collect();
            values[idx].map(|value| Estimate::within(value, column, ranges[idx]))
        })
    }

    /// How often each identity is drawn into a replicate.
    fn weights(&self, n_identities: usize, number: usize) -> Vec<u32> {
        let mut random = Random::of_job(self.seed, number);
        let mut weights = vec![0; n_identities];
        for _ in 0..n_identities {
            weights[random.below(n_identities as u64) as usize] += 1;
        }
        weights
    }
}

impl Estimate {
    /// The percentile interval of `replicates` around a figure that is a rate in `[0, 1]`.
    ///
    /// Quantiles are interpolated linearly between the two nearest replicates. Without replicates
    /// nothing is known: the interval is 0 to 1.
    pub fn new(value: f64, replicates: Vec<f64>) -> Self {
        Self::within(value, replicates, [0.0, 1.0])
    }

    /// As [`new`](Self::new), around a figure from `lowest` to `highest`, which is what is known
    /// without replicates.
    pub fn within(value: f64, mut replicates: Vec<f64>, [lowest, highest]: [f64; 2]) -> Self {
        replicates.sort_unstable_by(f64::total_cmp);
        let Some(last) = replicates.len().checked_sub(1) else {
            return Self { value, lower: lowest, upper: highest };
        };
        let quantile = |share: f64| {
            let position = share * last as f64;
            let below = replicates[position.floor() as usize];
            let above = replicates[position.ceil() as usize];
            below + (above - below) * position.fract()
        };
        Self { value, lower: quantile(TAIL), upper: quantile(1.0 - TAIL) }
    }
}

/// The highest error rate that `n_trials` trials without an error leave possible, at 95 %.
///
/// It is the exact bound `1 - 0.05^(1/n)`, close to `3/n` (the rule of three of ISO/IEC 19795-1),
/// and 1 if there were no trials. A bootstrap cannot know it: all its replicates are without an
/// error too. It takes the trials for independent; comparisons that share identities are not, and
/// say less.
pub fn error_rate_bound_without_errors(n_trials: usize) -> f64 {
    if n_trials == 0 {
        return 1.0;
    }
    // As 1 - exp(ln(0.05) / n), which keeps its digits where n is large.
    -(0.05f64.ln() / n_trials as f64).exp_m1()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_interval(replicates: Vec<f64>, lower: f64, upper: f64) {
        let estimate = Estimate::new(0.5, replicates);
        let close =
            (estimate.lower - lower).abs() < 1e-12 && (estimate.upper - upper).abs() < 1e-12;
        assert!(close, "{estimate:?}");
        assert_eq!(estimate.value, 0.5);
    }

    #[test]
    fn an_interval_spans_the_middle_95_percent() {
        check_interval((0..=200).rev().map(f64::from).collect(), 5.0, 195.0);
    }

    #[test]
    fn a_quantile_between_two_replicates_is_interpolated() {
        check_interval(vec![1.0, 0.0], 0.025, 0.975);
    }

    #[test]
    fn without_replicates_nothing_is_known() {
        check_interval(vec![], 0.0, 1.0);
    }

    #[test]
    fn every_replicate_draws_as_many_identities_as_there_are() {
        let bootstrap = Bootstrap { n_replicates: 50, seed: 3 };
        let sums = bootstrap.replicates(17, |weights| Some(weights.iter().sum::<u32>()));
        assert_eq!(sums, [17; 50]);
    }

    #[test]
    fn a_replicate_without_a_figure_is_left_out() {
        let bootstrap = Bootstrap { n_replicates: 200, seed: 0 };
        let drawn = bootstrap.replicates(2, |weights| (weights[0] > 0).then_some(weights[0]));
        assert!(drawn.len() < 200 && drawn.contains(&1) && drawn.contains(&2), "{drawn:?}");
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_normal_distribution() {
        let share = |weights: &[u32]| {
            let n_ones: u32 = weights[..40].iter().sum();
            Some(vec![f64::from(n_ones) / 100.0])
        };
        let bootstrap = Bootstrap { n_replicates: 4000, seed: 1 };
        let estimate = bootstrap.estimates(100, share).unwrap()[0];
        // 0.4 of 100: standard error sqrt(0.4 * 0.6 / 100) = 0.049, times 1.96 is 0.096.
        assert_eq!(estimate.value, 0.4);
        assert!((estimate.lower - 0.304).abs() < 0.015, "{estimate:?}");
        assert!((estimate.upper - 0.496).abs() < 0.015, "{estimate:?}");
    }

    #[test]
    fn a_figure_may_be_undefined_where_another_is_not() {
        // The first is 1 wherever it is defined, though half of the replicates lack it.
        let figures = |weights: &[u32]| {
            let first = (weights[0] > 0).then_some(1.0);
            [first, None, Some(f64::from(weights[0]))]
        };
        let bootstrap = Bootstrap { n_replicates: 100, seed: 0 };
        let found = bootstrap.estimates_each(2, [[0.0, 9.0]; 3], figures);
        let one = Estimate { value: 1.0, lower: 1.0, upper: 1.0 };
        assert_eq!(found, [Some(one), None, Some(Estimate { lower: 0.0, upper: 2.0, ..one })]);
        let none = Bootstrap { n_replicates: 0, seed: 0 };
        let found = none.estimates_each(2, [[-3.0, 9.0]; 3], figures)[0];
        assert_eq!(found, Some(Estimate { value: 1.0, lower: -3.0, upper: 9.0 }));
    }

    #[test]
    fn an_undefined_figure_has_no_estimate() {
        assert_eq!(Bootstrap::default().estimates(3, |_| None), None);
    }

    #[test]
    fn no_error_in_n_trials_bounds_the_rate_by_about_three_in_n() {
        assert_eq!(error_rate_bound_without_errors(0), 1.0);
        assert!((error_rate_bound_without_errors(1) - 0.95).abs() < 1e-12);
        assert!((error_rate_bound_without_errors(2) - (1.0 - 0.05f64.sqrt())).abs() < 1e-12);
        assert!((error_rate_bound_without_errors(3_000_000) * 1e6 - 0.998_577).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn a_seed_decides_the_replicates_whatever_the_number_of_threads(
            seed: u64, n_identities in 1usize..30, n_threads in 1usize..9,
        ) {
            let bootstrap = Bootstrap { n_replicates: 20, seed };
            let weights = |number| bootstrap.weights(n_identities, number);
            let on_all_cores = bootstrap.replicates(n_identities, |weights| Some(weights.to_vec()));
            prop_assert_eq!(parallel::map_on(n_threads, 20, weights), on_all_cores);
        }
    }
}

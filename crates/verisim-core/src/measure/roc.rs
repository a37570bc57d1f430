//! What a whole curve of error rates says: AUC, equal error rate, ROC; it does not know intervals.

use std::iter;

use super::verification::{OperatingPoint, Verification, n_matches};

/// Where false matches and false non-matches are equally frequent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EqualErrorRate {
    /// The rate, in `[0, 1]`.
    pub rate: f64,
    /// The threshold at which it is reached.
    pub threshold: f32,
}

/// How much matches at or above one score: comparisons, or weights of comparisons.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Matches {
    pub(super) mated: u64,
    pub(super) non_mated: u64,
}

impl Verification {
    /// Probability that a mated comparison scores higher than a non-mated one; a tie counts one
    /// half.
    ///
    /// This is the area under the ROC curve, and the statistic of Mann and Whitney over the product
    /// of the two numbers, exactly. It says little where FMR is low, where systems work.
    pub fn auc(&self) -> f64 {
        let non_mated = &self.non_mated.scores;
        let (mut n_above, mut n_at_or_above) = (0, 0);
        let mut n_misordered_twice = 0u128;
        for &score in &self.mated.scores {
            n_above += non_mated[n_above..].iter().take_while(|&&other| other > score).count();
            let rest = &non_mated[n_at_or_above..];
            n_at_or_above += rest.iter().take_while(|&&other| other >= score).count();
            n_misordered_twice += (n_above + n_at_or_above) as u128;
        }
        auc_of(n_misordered_twice, self.all())
    }

    /// The rate at which FMR and FNMR meet.
    ///
    /// Both are step functions, and need not take the same value anywhere. Where they do not, one
    /// jumps over the other between two thresholds; of the two, the one with the smaller sum of FMR
    /// and FNMR is taken (the lower one if they are equal), and the rate is the mean of its FMR and
    /// FNMR.
    ///
    /// Maio et al., *FVC2000: Fingerprint Verification Competition*, IEEE TPAMI 24(3), 2002.
    pub fn eer(&self) -> EqualErrorRate {
        equal_error_rate(self.steps(), self.all())
    }

    /// Error rates at every threshold that changes any, from all matching to none.
    ///
    /// The thresholds are the distinct scores in ascending order, and one just above the highest.
    /// There may be as many points as comparisons: for a plot, see
    /// [`roc_thinned`](Self::roc_thinned).
    pub fn roc(&self) -> Vec<OperatingPoint> {
        let all = self.all();
        let point = |(threshold, matches): (f32, Matches)| OperatingPoint {
            threshold,
            fmr: matches.fmr(all),
            fnmr: matches.fnmr(all),
        };
        let mut points = vec![self.none_matching()];
        points.extend(self.steps().map(point));
        points.reverse();
        points
    }

    /// At most `max_points` points of [`roc`](Self::roc), for a plot or a table.
    ///
    /// If there are more, the two ends stay, the lowest threshold without a false match, and
    /// between them points whose FMR is spread evenly on a logarithmic axis. `max_points` is at
    /// least 2: the ends are always returned.
    pub fn roc_thinned(&self, max_points: usize) -> Vec<OperatingPoint> {
        if self.steps().take(max_points).count() < max_points {
            return self.roc();
        }
        let n_between = max_points.saturating_sub(2);
        // From 1 (exclusive) to 1/n evenly, and the last one 0.
        let n_spread = n_between.saturating_sub(1) as f64;
        let fmrs = (1..n_between).map(|k| (self.n_non_mated() as f64).powf(-(k as f64) / n_spread));
        let last = (n_between > 0).then_some(0.0);
        let mut points = vec![self.all_matching()];
        points.extend(fmrs.chain(last).map(|fmr| self.lowest_step(self.at_fmr(fmr).threshold)));
        points.push(self.none_matching());
        points.dedup();
        points
    }

    /// All comparisons.
    pub(super) fn all(&self) -> Matches {
        Matches { mated: self.n_mated() as u64, non_mated: self.n_non_mated() as u64 }
    }

    /// The distinct scores in descending order, with the comparisons at or above each.
    fn steps(&self) -> impl Iterator<Item = (f32, Matches)> {
        let (mut mated, mut non_mated) =
            (self.mated.scores.as_slice(), self.non_mated.scores.as_slice());
        let all = self.all();
        iter::from_fn(move || {
            let score = match (mated.first(), non_mated.first()) {
                (Some(mated), Some(non_mated)) => mated.max(*non_mated),
                (Some(score), None) | (None, Some(score)) => *score,
                (None, None) => return None,
            };
            for scores in [&mut mated, &mut non_mated] {
                while scores.first() == Some(&score) {
                    *scores = &scores[1..];
                }
            }
            let matches = Matches {
                mated: all.mated - mated.len() as u64,
                non_mated: all.non_mated - non_mated.len() as u64,
            };
            Some((score, matches))
        })
    }

    /// The same error rates as at `threshold`, at the score that is the next to change them.
    fn lowest_step(&self, threshold: f32) -> OperatingPoint {
        let last_match =
            |scores: &[f32]| n_matches(scores, threshold).checked_sub(1).map(|idx| scores[idx]);
        let lowest = [last_match(&self.mated.scores), last_match(&self.non_mated.scores)];
        match lowest.into_iter().flatten().reduce(f32::min) {
            Some(score) => self.at_threshold(score),
            None => self.none_matching(),
        }
    }

    fn all_matching(&self) -> OperatingPoint {
        self.lowest_step(f32::NEG_INFINITY)
    }

    fn none_matching(&self) -> OperatingPoint {
        let highest = self.mated.scores[0].max(self.non_mated.scores[0]);
        self.at_threshold(highest.next_up())
    }
}

impl Matches {
    /// False match rate, if `all` are all comparisons.
    pub(super) fn fmr(self, all: Self) -> f64 {
        self.non_mated as f64 / all.non_mated as f64
    }

    /// False non-match rate, if `all` are all comparisons.
    pub(super) fn fnmr(self, all: Self) -> f64 {
        (all.mated - self.mated) as f64 / all.mated as f64
    }

    /// FNMR less FMR, times a positive constant; exact, so that an equality is seen.
    pub(super) fn excess_of_non_matches(self, all: Self) -> i128 {
        let product = |a: u64, b: u64| i128::from(a) * i128::from(b);
        product(all.mated - self.mated, all.non_mated) - product(self.non_mated, all.mated)
    }
}

/// AUC from the sum, over all mated comparisons, of the non-mated above it and at or above it.
pub(super) fn auc_of(n_misordered_twice: u128, all: Matches) -> f64 {
    1.0 - n_misordered_twice as f64 / 2.0 / (all.mated as f64 * all.non_mated as f64)
}

/// The convention of [`Verification::eer`], on scores in descending order, at least to the last
/// mated.
pub(super) fn equal_error_rate(
    steps: impl Iterator<Item = (f32, Matches)>,
    all: Matches,
) -> EqualErrorRate {
    let sum = |matches: Matches| matches.fmr(all) + matches.fnmr(all);
    let mut above = Matches::default();
    let mut threshold = f32::INFINITY;
    for (score, matches) in steps {
        let excess = matches.excess_of_non_matches(all);
        if excess == 0 || (excess < 0 && sum(matches) <= sum(above)) {
            return EqualErrorRate { rate: sum(matches) / 2.0, threshold: score };
        }
        threshold = score.next_up();
        if excess < 0 {
            break;
        }
        above = matches;
    }
    EqualErrorRate { rate: sum(above) / 2.0, threshold }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::verification::Comparison;
    use super::super::verification::tests::{comparisons, experiment};
    use super::*;

    #[track_caller]
    fn check_eer(mated: &[f32], non_mated: &[f32], rate: f64, threshold: f32) {
        assert_eq!(experiment(mated, non_mated).eer(), EqualErrorRate { rate, threshold });
    }

    #[track_caller]
    fn check_auc(mated: &[f32], non_mated: &[f32], auc: f64) {
        assert_eq!(experiment(mated, non_mated).auc(), auc);
    }

    #[test]
    fn auc_is_the_share_of_pairs_in_the_right_order() {
        check_auc(&[0.9, 0.8], &[0.1, 0.2, 0.3], 1.0);
        check_auc(&[0.1], &[0.8, 0.9], 0.0);
        // Of six pairs, only 0.4 below 0.6 is misordered.
        check_auc(&[0.8, 0.4], &[0.6, 0.3, 0.2], 1.0 - 1.0 / 6.0);
    }

    #[test]
    fn a_tie_counts_one_half_in_the_auc() {
        check_auc(&[0.5], &[0.5], 0.5);
        check_auc(&[0.5, 0.5, 0.7], &[0.5, 0.1], 1.0 - 1.0 / 6.0);
    }

    #[test]
    fn separated_scores_have_no_equal_error() {
        check_eer(&[0.8, 0.9], &[0.1, 0.2], 0.0, 0.8);
    }

    #[test]
    fn rates_that_meet_are_the_equal_error_rate() {
        // At 0.6: one of two non-mated at or above, one of two mated below.
        check_eer(&[0.8, 0.4], &[0.6, 0.2], 0.5, 0.6);
        // At 0.5: one of four non-mated at or above, one of four mated below.
        check_eer(&[0.9, 0.8, 0.5, 0.4], &[0.7, 0.3, 0.2, 0.1], 0.25, 0.5);
    }

    #[test]
    fn rates_that_jump_over_each_other_meet_at_the_mean_of_the_better_side() {
        // At 0.5: FMR 1/3, FNMR 0; above it: FMR 1/3, FNMR 1/2.
        check_eer(&[0.9, 0.5], &[0.7, 0.3, 0.2], 1.0 / 6.0, 0.5);
        // At 0.5: FMR 2/2, FNMR 1/3; above it: FMR 0/2, FNMR 1/3.
        check_eer(&[0.9, 0.8, 0.2], &[0.5, 0.5], 1.0 / 6.0, 0.5f32.next_up());
    }

    #[test]
    fn equal_scores_leave_the_equal_error_at_one_half() {
        check_eer(&[0.5], &[0.5], 0.5, 0.5);
    }

    #[test]
    fn a_curve_runs_from_all_matching_to_none() {
        let points: Vec<_> = experiment(&[0.9, 0.5], &[0.5, 0.1])
            .roc()
            .into_iter()
            .map(|point| (point.threshold, point.fmr, point.fnmr))
            .collect();
        let above = 0.9f32.next_up();
        assert_eq!(points, [(0.1, 1.0, 0.0), (0.5, 0.5, 0.0), (0.9, 0.0, 0.5), (above, 0.0, 1.0)]);
    }

    #[test]
    fn a_thinned_curve_is_even_on_the_logarithmic_axis() {
        let non_mated: Vec<f32> = (0..10_000u16).map(|score| f32::from(score) / 20_000.0).collect();
        let points = experiment(&[0.6, 0.7], &non_mated).roc_thinned(7);
        let fmrs: Vec<f64> = points.iter().map(|point| point.fmr).collect();
        assert_eq!(fmrs, [1.0, 0.1, 0.01, 0.001, 0.0001, 0.0, 0.0]);
        assert_eq!((points[5].threshold, points[5].fnmr, points[6].fnmr), (0.6, 0.0, 1.0));
    }

    proptest! {
        #[test]
        fn auc_is_that_of_counting_all_pairs(comparisons in comparisons()) {
            let split = |mated| comparisons.iter().filter(move |it| it.is_mated() == mated);
            let mut halves = 0;
            for (mated, non_mated) in split(true).flat_map(|a| split(false).map(move |b| (a, b))) {
                halves += 2 * i32::from(mated.score > non_mated.score);
                halves += i32::from(mated.score == non_mated.score);
            }
            let n_pairs = split(true).count() * split(false).count();
            let expected = f64::from(halves) / 2.0 / n_pairs as f64;
            prop_assert!((Verification::new(&comparisons).unwrap().auc() - expected).abs() < 1e-12);
        }

        #[test]
        fn reversed_scores_reverse_the_auc(comparisons in comparisons()) {
            let reversed: Vec<Comparison> =
                comparisons.iter().map(|it| Comparison { score: -it.score, ..*it }).collect();
            let sum = Verification::new(&comparisons).unwrap().auc()
                + Verification::new(&reversed).unwrap().auc();
            prop_assert!((sum - 1.0).abs() < 1e-12);
        }

        #[test]
        fn figures_do_not_depend_on_the_order_of_the_comparisons(
            (comparisons, shuffled) in comparisons()
                .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let one = Verification::new(&comparisons).unwrap();
            let other = Verification::new(&shuffled).unwrap();
            prop_assert_eq!(one.auc(), other.auc());
            prop_assert_eq!(one.eer(), other.eer());
            prop_assert_eq!(one.roc(), other.roc());
        }

        #[test]
        fn the_equal_error_rate_is_that_of_the_better_side(comparisons in comparisons()) {
            let experiment = Verification::new(&comparisons).unwrap();
            let eer = experiment.eer();
            let point = experiment.at_threshold(eer.threshold);
            prop_assert_eq!(eer.rate, f64::midpoint(point.fmr, point.fnmr));
            let at = experiment.roc().into_iter().rev().find(|it| it.fnmr <= it.fmr).unwrap();
            let above = experiment.roc().into_iter().find(|it| it.fnmr >= it.fmr).unwrap();
            let sums = [at, above].map(|it| it.fmr + it.fnmr);
            prop_assert_eq!(eer.rate, sums[0].min(sums[1]) / 2.0);
        }

        #[test]
        fn a_thinned_curve_is_part_of_the_whole(
            comparisons in comparisons(), max_points in 0usize..12,
        ) {
            let experiment = Verification::new(&comparisons).unwrap();
            let (whole, thinned) = (experiment.roc(), experiment.roc_thinned(max_points));
            prop_assert!(thinned.len() <= max_points.max(2));
            prop_assert!(thinned.is_sorted_by(|a, b| a.threshold < b.threshold));
            prop_assert!(thinned.iter().all(|point| whole.contains(point)));
            prop_assert_eq!((thinned.first(), thinned.last()), (whole.first(), whole.last()));
        }
    }
}

//! Verification (1:1) error rates in the terms of ISO/IEC 19795-1; it does not know embeddings.
//!
//! A comparison *matches* if its score is at or above the threshold. It is *mated* if both samples
//! show the same identity. Hence
//!
//! ```text
//! FMR(t)  = |{s in non-mated : s >= t}| / |non-mated|     false match rate
//! FNMR(t) = |{s in mated     : s <  t}| / |mated|         false non-match rate
//! ```
//!
//! The literature on face recognition writes FAR for FMR, and TAR for `1 - FNMR`.

use crate::identities::Identities;

/// One comparison of two samples, and which identities they show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// Similarity of the two samples, in `[-1, 1]`.
    pub score: f32,
    /// Label of the reference's identity.
    pub reference: u64,
    /// Label of the probe's identity. If it equals the reference's, the comparison is mated.
    pub probe: u64,
}

/// The comparisons of one verification experiment.
#[derive(Clone, Debug)]
pub struct Verification {
    pub(super) mated: Ranked<u32>,
    pub(super) non_mated: Ranked<[u32; 2]>,
    n_identities: usize,
}

/// Scores in descending order, each with the numbers of the identities compared; never empty.
#[derive(Clone, Debug)]
pub(super) struct Ranked<T> {
    pub(super) scores: Vec<f32>,
    pub(super) identities: Vec<T>,
}

/// One threshold and the error rates it leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperatingPoint {
    /// Score at or above which a comparison matches.
    pub threshold: f32,
    /// False match rate, in `[0, 1]`.
    pub fmr: f64,
    /// False non-match rate, in `[0, 1]`.
    pub fnmr: f64,
}

/// Why comparisons cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidComparisons {
    /// A score is NaN or an infinity.
    #[error("the score of comparison {index} is not a finite number, but a similarity is")]
    NotFinite {
        /// Position of the first such comparison.
        index: usize,
    },
    /// Nothing can be said about false non-matches.
    #[error("none of {n_comparisons} comparisons is mated, but at least one must be")]
    NoMated {
        /// Number of comparisons, all of them non-mated.
        n_comparisons: usize,
    },
    /// Nothing can be said about false matches.
    #[error("all of {n_comparisons} comparisons are mated, but at least one must be non-mated")]
    NoNonMated {
        /// Number of comparisons, all of them mated.
        n_comparisons: usize,
    },
}

impl Comparison {
    /// Whether both samples show the same identity.
    pub fn is_mated(&self) -> bool {
        self.reference == self.probe
    }
}

impl Verification {
    /// Sorts the comparisons of an experiment. Their order does not matter.
    ///
    /// # Errors
    ///
    /// Fails if a score is NaN or infinite, or if no comparison is mated, or none non-mated.
    pub fn new(comparisons: &[Comparison]) -> Result<Self, InvalidComparisons> {
        let n_comparisons = comparisons.len();
        if let Some(index) = comparisons.iter().position(|it| !it.score.is_finite()) {
            return Err(InvalidComparisons::NotFinite { index });
        }
        let identities =
            Identities::new(comparisons.iter().flat_map(|it| [it.reference, it.probe]));
        let number = |label| identities.number(label) as u32;
        let (mut mated, mut non_mated) = (Vec::new(), Vec::new());
        for it in comparisons {
            if it.is_mated() {
                mated.push((it.score, number(it.probe)));
            } else {
                non_mated.push((it.score, [number(it.reference), number(it.probe)]));
            }
        }
        if mated.is_empty() {
            return Err(InvalidComparisons::NoMated { n_comparisons });
        }
        if non_mated.is_empty() {
            return Err(InvalidComparisons::NoNonMated { n_comparisons });
        }
        let n_identities = identities.len();
        Ok(Self { mated: Ranked::new(mated), non_mated: Ranked::new(non_mated), n_identities })
    }

    /// Number of mated comparisons.
    pub fn n_mated(&self) -> usize {
        self.mated.scores.len()
    }

    /// Number of non-mated comparisons.
    pub fn n_non_mated(&self) -> usize {
        self.non_mated.scores.len()
    }

    /// Number of identities that take part in any comparison.
    pub fn n_identities(&self) -> usize {
        self.n_identities
    }

    /// Error rates at `threshold`. Nothing matches a threshold that is NaN.
    pub fn at_threshold(&self, threshold: f32) -> OperatingPoint {
        let n_false_matches = n_matches(&self.non_mated.scores, threshold);
        let n_false_non_matches = self.n_mated() - n_matches(&self.mated.scores, threshold);
        OperatingPoint {
            threshold,
            fmr: n_false_matches as f64 / self.n_non_mated() as f64,
            fnmr: n_false_non_matches as f64 / self.n_mated() as f64,
        }
    }

    /// Error rates at the lowest threshold whose false match rate is at most `max_fmr`.
    ///
    /// Equal scores are never split: if they do not fit under `max_fmr` together, none matches. A
    /// `max_fmr` of 1 or more lets everything match, at a threshold of minus infinity. This is the
    /// *TAR at FAR* of the literature: `1 - fnmr`.
    ///
    /// Any `max_fmr` has an answer here, however few comparisons stand behind it;
    /// [`Threshold`](crate::threshold::Threshold) refuses what they cannot support.
    pub fn at_fmr(&self, max_fmr: f64) -> OperatingPoint {
        self.at_threshold(lowest_threshold(&self.non_mated.scores, max_fmr))
    }
}

impl<T> Ranked<T> {
    fn new(mut comparisons: Vec<(f32, T)>) -> Self {
        comparisons.sort_unstable_by(|(a, _), (b, _)| b.total_cmp(a));
        let (scores, identities) = comparisons.into_iter().unzip();
        Self { scores, identities }
    }
}

/// How many of the descending `scores` are at or above `threshold`.
pub(super) fn n_matches(scores: &[f32], threshold: f32) -> usize {
    scores.partition_point(|&score| score >= threshold)
}

/// The lowest threshold that at most `max_rate` of the descending `scores` reach.
pub(super) fn lowest_threshold(scores: &[f32], max_rate: f64) -> f32 {
    let n = scores.len();
    let allowed = |n_matches: usize| n_matches as f64 / n as f64 <= max_rate;
    // The product alone is wrong by rounding: 0.29 of 100 would be 28.
    let mut n_allowed = ((max_rate * n as f64) as usize).min(n);
    while n_allowed < n && allowed(n_allowed + 1) {
        n_allowed += 1;
    }
    while n_allowed > 0 && !allowed(n_allowed) {
        n_allowed -= 1;
    }
    // Just above the highest score that must be rejected.
    scores.get(n_allowed).map_or(f32::NEG_INFINITY, |score| score.next_up())
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Comparisons with the given scores, each of two identities of its own.
    pub(in crate::measure) fn experiment(mated: &[f32], non_mated: &[f32]) -> Verification {
        let mated = (0u64..).zip(mated).map(|(label, &score)| (score, label, label));
        let non_mated = (1000u64..).zip(non_mated).map(|(label, &score)| (score, label, label + 1));
        let comparisons: Vec<Comparison> = mated
            .chain(non_mated)
            .map(|(score, reference, probe)| Comparison { score, reference, probe })
            .collect();
        Verification::new(&comparisons).unwrap()
    }

    /// Comparisons among five identities, with scores that often tie, at least one of each kind.
    pub(in crate::measure) fn comparisons() -> impl Strategy<Value = Vec<Comparison>> {
        let some = prop::collection::vec((-8i8..=8, 0u64..5, 0u64..5), 0..60);
        (some, -8i8..=8, -8i8..=8).prop_map(|(mut comparisons, mated, non_mated)| {
            comparisons.extend([(mated, 3, 3), (non_mated, 3, 4)]);
            let scored = |(score, reference, probe)| Comparison {
                score: f32::from(score) / 8.0,
                reference,
                probe,
            };
            comparisons.into_iter().map(scored).collect()
        })
    }

    #[track_caller]
    fn check_at_fmr(non_mated: &[f32], max_fmr: f64, n_matches: usize) {
        let point = experiment(&[0.0], non_mated).at_fmr(max_fmr);
        assert_eq!(point.fmr, n_matches as f64 / non_mated.len() as f64, "{point:?}");
    }

    #[test]
    fn rates_count_what_is_on_the_wrong_side_of_the_threshold() {
        let experiment = experiment(&[0.9, 0.5, 0.3], &[0.5, 0.2, 0.1, -0.4]);
        let rates = |threshold| {
            let point = experiment.at_threshold(threshold);
            (point.fmr, point.fnmr)
        };
        assert_eq!(rates(0.5), (0.25, 1.0 / 3.0)); // at the threshold is a match
        assert_eq!(rates(0.5f32.next_up()), (0.0, 2.0 / 3.0));
        assert_eq!(rates(-1.0), (1.0, 0.0));
        assert_eq!(rates(f32::NAN), (0.0, 1.0));
    }

    #[test]
    fn the_counts_are_those_of_the_comparisons() {
        let compared = |reference, probe| Comparison { score: 0.5, reference, probe };
        let huge = 1 << 63;
        let all = [compared(7, 7), compared(7, 2), compared(huge, huge + 1), compared(huge, huge)];
        let experiment = Verification::new(&all).unwrap();
        assert_eq!((experiment.n_mated(), experiment.n_non_mated()), (2, 2));
        assert_eq!(experiment.n_identities(), 4);
    }

    #[test]
    fn the_demanded_rate_itself_is_allowed() {
        check_at_fmr(&[0.4, 0.3, 0.2, 0.1], 0.25, 1);
        check_at_fmr(&[0.4, 0.3, 0.2, 0.1], 0.24, 0);
        check_at_fmr(&[0.4, 0.3, 0.2, 0.1], 1.0, 4);
        check_at_fmr(&[0.4, 0.3, 0.2, 0.1], 0.0, 0);
    }

    #[test]
    fn rounding_neither_loses_an_allowed_match_nor_adds_one() {
        let hundred: Vec<f32> = (0u8..100).map(|score| f32::from(score) / 100.0).collect();
        for n_matches in 1..=100 {
            let fmr = n_matches as f64 / 100.0;
            check_at_fmr(&hundred, fmr, n_matches);
            check_at_fmr(&hundred, fmr.next_down(), n_matches - 1);
        }
        check_at_fmr(&hundred, f64::NAN, 0);
        check_at_fmr(&hundred, -1.0, 0);
    }

    #[test]
    fn a_tie_at_the_threshold_is_not_split() {
        check_at_fmr(&[0.4, 0.3, 0.3, 0.1], 0.5, 1);
    }

    #[test]
    fn zeros_of_either_sign_tie() {
        check_at_fmr(&[0.0, -0.0, -0.0, -0.5], 0.5, 0);
    }

    #[test]
    fn what_cannot_be_measured_is_refused() {
        let refusal = |scores: &[(f32, u64)]| {
            let compared = |&(score, probe)| Comparison { score, reference: 1, probe };
            let comparisons: Vec<Comparison> = scores.iter().map(compared).collect();
            Verification::new(&comparisons).unwrap_err().to_string()
        };
        assert_eq!(refusal(&[]), "none of 0 comparisons is mated, but at least one must be");
        assert_eq!(
            refusal(&[(0.1, 2)]),
            "none of 1 comparisons is mated, but at least one must be"
        );
        assert_eq!(
            refusal(&[(0.1, 1), (0.2, 1)]),
            "all of 2 comparisons are mated, but at least one must be non-mated"
        );
        assert_eq!(
            refusal(&[(0.1, 1), (f32::NAN, 2)]),
            "the score of comparison 1 is not a finite number, but a similarity is"
        );
    }

    proptest! {
        #[test]
        fn the_threshold_of_an_fmr_is_the_lowest_that_keeps_it(
            comparisons in comparisons(), max_fmr in 0.0..1.2f64,
        ) {
            let experiment = Verification::new(&comparisons).unwrap();
            let point = experiment.at_fmr(max_fmr);
            prop_assert!(point.fmr <= max_fmr);
            if point.threshold.is_finite() {
                prop_assert!(experiment.at_threshold(point.threshold.next_down()).fmr > max_fmr);
            }
        }

        #[test]
        fn raising_the_threshold_trades_false_matches_for_false_non_matches(
            comparisons in comparisons(), threshold in -1.0f32..1.0, step in 0.0f32..1.0,
        ) {
            let experiment = Verification::new(&comparisons).unwrap();
            let low = experiment.at_threshold(threshold);
            let high = experiment.at_threshold(threshold + step);
            prop_assert!(high.fmr <= low.fmr && high.fnmr >= low.fnmr);
        }
    }
}

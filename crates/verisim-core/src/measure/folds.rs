//! Accuracy over folds, as LFW defines it; it does not know pictures, nor which pairs make a fold.
//!
//! The accuracy of a fold is the share of its comparisons that are decided rightly, at the
//! threshold that decides most of all *other* folds rightly. Reported are the mean over the folds
//! and their standard deviation. (The paper gives the standard error of the mean, which is the
//! deviation over the square root of the number of folds; the literature on face recognition prints
//! the deviation.)
//!
//! Huang et al., *Labeled Faces in the Wild*, University of Massachusetts, Amherst, report 07-49,
//! 2007, view 2.

use std::collections::BTreeSet;

/// One comparison of a protocol with folds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldedComparison {
    /// Similarity of the two samples, in `[-1, 1]`.
    pub score: f32,
    /// Whether both samples show the same identity.
    pub mated: bool,
    /// The fold it belongs to, from 0.
    pub fold: usize,
}

/// What the folds of a protocol say together.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedAccuracy {
    /// Mean of the accuracies of the folds, in `[0, 1]`.
    pub mean: f64,
    /// Population standard deviation of the accuracies of the folds (divided by their number).
    pub standard_deviation: f64,
    /// Each fold, in order.
    pub folds: Vec<FoldAccuracy>,
}

/// How one fold was decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FoldAccuracy {
    /// The threshold, chosen on the other folds.
    pub threshold: f32,
    /// Share of the fold's comparisons that are decided rightly, in `[0, 1]`.
    pub accuracy: f64,
}

/// Why comparisons are not a protocol with folds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFolds {
    /// A score is NaN or an infinity.
    #[error("the score of comparison {index} is not a finite number, but a similarity is")]
    NotFinite {
        /// Position of the first such comparison.
        index: usize,
    },
    /// There is no other fold to choose a threshold on.
    #[error("found {n_folds} folds, but a threshold chosen on other folds needs at least 2")]
    TooFew {
        /// Number of folds that have a comparison.
        n_folds: usize,
    },
    /// A fold is missing below the last one.
    #[error("fold {fold} is empty, but the folds go up to {last}")]
    Empty {
        /// The first empty fold, from 0.
        fold: usize,
        /// The last fold that has a comparison.
        last: usize,
    },
}

/// Computes the accuracy over folds. The order of the comparisons does not matter.
///
/// A threshold between two scores decides as the higher of them does, so the candidates are the
/// scores of the other folds and one threshold just above them all. Of equally good ones the lowest
/// is taken.
///
/// # Errors
///
/// Fails if a score is NaN or infinite, if there are fewer than two folds, or if a fold is empty.
pub fn folded_accuracy(comparisons: &[FoldedComparison]) -> Result<FoldedAccuracy, InvalidFolds> {
    if let Some(index) = comparisons.iter().position(|it| !it.score.is_finite()) {
        return Err(InvalidFolds::NotFinite { index });
    }
    let n_folds = count_folds(comparisons)?;
    let mut sorted = comparisons.to_vec();
    sorted.sort_unstable_by(|a, b| a.score.total_cmp(&b.score));
    let folds: Vec<FoldAccuracy> = (0..n_folds).map(|fold| accuracy_of(fold, &sorted)).collect();

    let mean_of = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / n_folds as f64;
    let mean = mean_of(&mut folds.iter().map(|fold| fold.accuracy));
    let variance = mean_of(&mut folds.iter().map(|fold| (fold.accuracy - mean).powi(2)));
    Ok(FoldedAccuracy { mean, standard_deviation: variance.sqrt(), folds })
}

/// The accuracy of comparisons at the threshold that decides most of *them* rightly, whatever their folds.
///
/// It flatters: the threshold has seen what it decides. A list of one fold has no others to choose a
/// threshold on, so this is what is told of it. `None` if there is no comparison, or if a score is no
/// finite number.
pub fn fitted_accuracy(comparisons: &[FoldedComparison]) -> Option<FoldAccuracy> {
    if comparisons.is_empty() || comparisons.iter().any(|it| !it.score.is_finite()) {
        return None;
    }
    let mut sorted = comparisons.to_vec();
    sorted.sort_unstable_by(|a, b| a.score.total_cmp(&b.score));
    let threshold = best_threshold(&sorted);
    Some(FoldAccuracy { threshold, accuracy: share_decided_rightly(sorted.iter(), threshold) })
}

fn count_folds(comparisons: &[FoldedComparison]) -> Result<usize, InvalidFolds> {
    let present: BTreeSet<usize> = comparisons.iter().map(|it| it.fold).collect();
    if let Some((fold, _)) = present.iter().enumerate().find(|(expected, fold)| expected != *fold) {
        let last = present.last().copied().unwrap_or(fold);
        return Err(InvalidFolds::Empty { fold, last });
    }
    match present.len() {
        n_folds @ 0..2 => Err(InvalidFolds::TooFew { n_folds }),
        n_folds => Ok(n_folds),
    }
}

/// Decides a fold at the best threshold of the others; `sorted` holds all folds.
fn accuracy_of(fold: usize, sorted: &[FoldedComparison]) -> FoldAccuracy {
    let others: Vec<FoldedComparison> =
        sorted.iter().filter(|it| it.fold != fold).copied().collect();
    let threshold = best_threshold(&others);
    let own = sorted.iter().filter(|it| it.fold == fold);
    FoldAccuracy { threshold, accuracy: share_decided_rightly(own, threshold) }
}

fn share_decided_rightly<'a>(
    comparisons: impl Iterator<Item = &'a FoldedComparison> + Clone,
    threshold: f32,
) -> f64 {
    let n_right = comparisons.clone().filter(|it| (it.score >= threshold) == it.mated).count();
    n_right as f64 / comparisons.count() as f64
}

/// The lowest of the thresholds that decide most of `sorted`, in ascending order, rightly.
fn best_threshold(sorted: &[FoldedComparison]) -> f32 {
    // Where everything matches, the mated are right.
    let mut n_right = sorted.iter().filter(|it| it.mated).count();
    let mut best = (0, f32::NEG_INFINITY);
    for tied in sorted.chunk_by(|a, b| a.score == b.score) {
        if n_right > best.0 {
            best = (n_right, tied[0].score);
        }
        let n_mated = tied.iter().filter(|it| it.mated).count();
        n_right = n_right - n_mated + (tied.len() - n_mated);
    }
    match sorted.last() {
        Some(highest) if n_right > best.0 => highest.score.next_up(),
        _ => best.1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Folds given as their mated and non-mated scores.
    fn folded(folds: &[(&[f32], &[f32])]) -> Vec<FoldedComparison> {
        let mut comparisons = Vec::new();
        for (fold, (mated_scores, non_mated_scores)) in folds.iter().enumerate() {
            for (scores, mated) in [(mated_scores, true), (non_mated_scores, false)] {
                comparisons.extend(scores.iter().map(|&score| FoldedComparison {
                    score,
                    mated,
                    fold,
                }));
            }
        }
        comparisons
    }

    #[track_caller]
    fn check(folds: &[(&[f32], &[f32])], expected: &[(f32, f64)]) {
        let found = folded_accuracy(&folded(folds)).unwrap();
        let pairs: Vec<_> = found.folds.iter().map(|it| (it.threshold, it.accuracy)).collect();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn each_fold_is_decided_at_the_threshold_of_the_others() {
        // The other fold is separated by 0.6, which is too high here; and by 0.4, too low there.
        check(
            &[(&[0.4, 0.7], &[0.1, 0.2]), (&[0.6, 0.8], &[0.3, 0.5])],
            &[(0.6, 0.75), (0.4, 0.75)],
        );
    }

    #[test]
    fn mean_and_deviation_are_those_of_the_population() {
        let folds: [(&[f32], &[f32]); 2] = [(&[0.4, 0.7], &[0.1, 0.2]), (&[0.6, 0.8], &[0.3, 0.3])];
        let found = folded_accuracy(&folded(&folds)).unwrap();
        assert_eq!(found.folds.iter().map(|it| it.accuracy).collect::<Vec<_>>(), [0.75, 1.0]);
        assert_eq!((found.mean, found.standard_deviation), (0.875, 0.125));
    }

    #[test]
    fn of_equally_good_thresholds_the_lowest_is_taken() {
        // On the first fold, 0.3 and 0.8 decide three of four rightly.
        check(&[(&[0.3, 0.8], &[0.2, 0.5]), (&[0.4], &[0.1])], &[(0.4, 0.5), (0.3, 1.0)]);
    }

    #[test]
    fn a_tie_is_not_split() {
        check(&[(&[0.5, 0.5], &[0.5, 0.2]), (&[0.5], &[0.4])], &[(0.5, 0.75), (0.5, 1.0)]);
    }

    #[test]
    fn refusing_everything_may_be_the_best() {
        let above = 0.9f32.next_up();
        check(
            &[(&[0.1], &[0.5, 0.9]), (&[0.2], &[0.9, 0.9])],
            &[(above, 2.0 / 3.0), (above, 2.0 / 3.0)],
        );
    }

    #[test]
    fn one_fold_is_decided_at_its_own_best_threshold() {
        let one = folded(&[(&[0.3, 0.6, 0.8], &[0.1, 0.5])]);
        let found = fitted_accuracy(&one).unwrap();
        assert_eq!((found.threshold, found.accuracy), (0.3, 0.8));
        assert_eq!(fitted_accuracy(&[]), None);
        assert_eq!(fitted_accuracy(&folded(&[(&[f32::NAN], &[0.1])])), None);
    }

    #[test]
    fn what_is_no_protocol_with_folds_is_refused() {
        let at = |score, fold| FoldedComparison { score, mated: true, fold };
        let refusal = |comparisons: &[_]| folded_accuracy(comparisons).unwrap_err();
        assert_eq!(refusal(&[]), InvalidFolds::TooFew { n_folds: 0 });
        assert_eq!(refusal(&[at(0.1, 0), at(0.2, 0)]), InvalidFolds::TooFew { n_folds: 1 });
        assert_eq!(
            refusal(&[at(0.1, 0), at(0.2, usize::MAX)]),
            InvalidFolds::Empty { fold: 1, last: usize::MAX }
        );
        assert_eq!(refusal(&[at(0.1, 0), at(f32::NAN, 1)]), InvalidFolds::NotFinite { index: 1 });
    }

    proptest! {
        #[test]
        fn no_threshold_is_better_than_the_best(
            scored in prop::collection::vec((-8i8..=8, any::<bool>()), 1..40),
        ) {
            let mut all: Vec<FoldedComparison> = scored
                .iter()
                .map(|&(score, mated)| FoldedComparison { score: f32::from(score), mated, fold: 0 })
                .collect();
            all.sort_unstable_by(|a, b| a.score.total_cmp(&b.score));
            let n_right = |t: f32| all.iter().filter(|it| (it.score >= t) == it.mated).count();
            let best = best_threshold(&all);
            for threshold in (-9i8..=9).map(f32::from) {
                let is_same = all.iter().all(|it| (it.score >= threshold) == (it.score >= best));
                prop_assert!(n_right(threshold) <= n_right(best));
                prop_assert!(is_same || threshold > best || n_right(threshold) < n_right(best));
            }
        }
    }
}

//! The figures of a verification experiment with their intervals; it does not know where scores
//! come from.

use std::iter;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use super::interval::{Bootstrap, Estimate};
use super::roc::{Matches, auc_of, equal_error_rate};
use super::verification::{Verification, n_matches};

/// What a report says of a verification experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct VerificationFigures {
    /// Number of mated comparisons.
    pub n_mated: usize,
    /// Number of non-mated comparisons.
    pub n_non_mated: usize,
    /// Number of identities, which is what the intervals rest on.
    pub n_identities: usize,
    /// See [`Verification::auc`].
    pub auc: Estimate,
    /// See [`Verification::eer`].
    pub eer: Estimate,
    /// The threshold at which the equal error rate is reached.
    pub eer_threshold: f32,
    /// One for each FMR that was demanded, in that order.
    pub at_fmr: Vec<FiguresAtFmr>,
}

/// How well mated comparisons match where the false match rate is bounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiguresAtFmr {
    /// The bound on the false match rate.
    pub demanded_fmr: f64,
    /// The lowest threshold that keeps it; see [`Verification::at_fmr`].
    pub threshold: f32,
    /// The false match rate at that very threshold. If it is 0, so is it in every replicate, and
    /// [`error_rate_bound_without_errors`](super::error_rate_bound_without_errors) says more.
    pub fmr: Estimate,
    /// True match rate, `1 - FNMR`; each replicate chooses its own threshold, so the interval holds
    /// what the choice of the threshold adds.
    pub tar: Estimate,
}

impl Verification {
    /// AUC, equal error rate, and the true match rate at each of `fmrs`, with their intervals.
    ///
    /// Every replicate is one sweep over all comparisons: 1000 replicates of 5 million comparisons
    /// take some seconds on two cores. For more comparisons, ask for fewer replicates; that is
    /// never done silently.
    pub fn figures(&self, bootstrap: &Bootstrap, fmrs: &[f64]) -> VerificationFigures {
        let sweep = Sweep::new(self, fmrs);
        let replicates =
            bootstrap.replicates(self.n_identities(), |weights| sweep.figures(weights));
        let estimate = |value, column: usize| {
            Estimate::new(value, replicates.iter().map(|figures| figures[column]).collect())
        };
        let eer = self.eer();
        let at_fmr = fmrs.iter().enumerate().map(|(idx, &demanded_fmr)| {
            let point = self.at_fmr(demanded_fmr);
            let n_matches = n_matches(&self.mated.scores, point.threshold);
            FiguresAtFmr {
                demanded_fmr,
                threshold: point.threshold,
                fmr: estimate(point.fmr, 2 + 2 * idx),
                tar: estimate(n_matches as f64 / self.n_mated() as f64, 3 + 2 * idx),
            }
        });
        VerificationFigures {
            n_mated: self.n_mated(),
            n_non_mated: self.n_non_mated(),
            n_identities: self.n_identities(),
            auc: estimate(self.auc(), 0),
            eer: estimate(eer.rate, 1),
            eer_threshold: eer.threshold,
            at_fmr: at_fmr.collect(),
        }
    }
}

/// All figures of weighted comparisons in one pass, without looking at a score twice.
///
/// FNMR changes at mated scores alone, so the non-mated comparisons between two of them are summed
/// up in one go; only the stretch in which the error rates cross is looked at again.
struct Sweep<'a> {
    experiment: &'a Verification,
    steps: Vec<Step>,
    /// Each demanded FMR, and how many non-mated comparisons match at its threshold.
    demanded: Vec<(f64, usize)>,
    /// Buffers of finished replicates: with many steps, fresh memory costs more than the sums.
    buffers: Mutex<Vec<Vec<Matches>>>,
}

/// One distinct mated score, and how many comparisons lie where. Scores are in descending order.
struct Step {
    score: f32,
    mated: Range<usize>,
    n_non_mated_above: usize,
    n_non_mated: usize, // at or above
}

impl<'a> Sweep<'a> {
    fn new(experiment: &'a Verification, fmrs: &[f64]) -> Self {
        let (mated, non_mated) = (&experiment.mated.scores, &experiment.non_mated.scores);
        let mut steps = Vec::new();
        let mut start = 0;
        for tied in mated.chunk_by(|a, b| a == b) {
            steps.push(Step {
                score: tied[0],
                mated: start..start + tied.len(),
                n_non_mated_above: non_mated.partition_point(|&score| score > tied[0]),
                n_non_mated: n_matches(non_mated, tied[0]),
            });
            start += tied.len();
        }
        let n_allowed = |fmr| n_matches(non_mated, experiment.at_fmr(fmr).threshold);
        let demanded = fmrs.iter().map(|&fmr| (fmr, n_allowed(fmr))).collect();
        Self { experiment, steps, demanded, buffers: Mutex::default() }
    }

    /// AUC, equal error rate, then FMR and TAR for each demanded FMR; `None` if a kind has no
    /// weight.
    fn figures(&self, weights: &[u32]) -> Option<Vec<f64>> {
        let buffers = || self.buffers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut points = buffers().pop().unwrap_or_default();
        let figures = self.figures_with(&mut points, weights);
        buffers().push(points);
        figures
    }

    fn figures_with(&self, points: &mut Vec<Matches>, weights: &[u32]) -> Option<Vec<f64>> {
        points.clear();
        let mut n_misordered_twice = 0u128;
        let (mut at, mut end) = (Matches::default(), 0);
        for step in &self.steps {
            let tied = self.mated(step.mated.clone(), weights);
            let above = at.non_mated + self.non_mated(end..step.n_non_mated_above, weights);
            end = step.n_non_mated;
            at.non_mated = above + self.non_mated(step.n_non_mated_above..end, weights);
            at.mated += tied;
            n_misordered_twice += u128::from(tied) * u128::from(above + at.non_mated);
            points.push(at);
        }
        at.non_mated += self.non_mated(end..self.experiment.n_non_mated(), weights);
        let all = at;
        if all.mated == 0 || all.non_mated == 0 {
            return None;
        }
        let mut figures = vec![auc_of(n_misordered_twice, all), self.eer(points, all, weights)];
        for &(demanded_fmr, n_allowed) in &self.demanded {
            let fmr = self.non_mated(0..n_allowed, weights) as f64 / all.non_mated as f64;
            let n_kept = points.partition_point(|it| it.fmr(all) <= demanded_fmr);
            let n_matches = n_kept.checked_sub(1).map_or(0, |last| points[last].mated);
            let tar = n_matches as f64 / all.mated as f64;
            figures.extend([fmr, tar]);
        }
        Some(figures)
    }

    /// The convention of [`Verification::eer`], within the stretch in which the rates cross.
    fn eer(&self, points: &[Matches], all: Matches, weights: &[u32]) -> f64 {
        let crossing = points.partition_point(|point| point.excess_of_non_matches(all) > 0);
        let step = &self.steps[crossing];
        let (mut at, mut end) = (Matches::default(), 0);
        if let Some(previous) = crossing.checked_sub(1) {
            (at, end) = (points[previous], self.steps[previous].n_non_mated);
        }
        let before = iter::once((f32::INFINITY, at));
        let between = &self.experiment.non_mated.scores[end..step.n_non_mated_above];
        let between = between.chunk_by(|a, b| a == b).map(|tied| {
            at.non_mated += self.non_mated(end..end + tied.len(), weights);
            end += tied.len();
            (tied[0], at)
        });
        let after = iter::once((step.score, points[crossing]));
        equal_error_rate(before.chain(between).chain(after), all).rate
    }

    /// Weight of mated comparisons: that of their identity.
    fn mated(&self, range: Range<usize>, weights: &[u32]) -> u64 {
        let identities = &self.experiment.mated.identities[range];
        identities.iter().map(|&identity| u64::from(weights[identity as usize])).sum()
    }

    /// Weight of non-mated comparisons: the product of those of their identities.
    fn non_mated(&self, range: Range<usize>, weights: &[u32]) -> u64 {
        let weight = |identity: u32| u64::from(weights[identity as usize]);
        let identities = &self.experiment.non_mated.identities[range];
        identities.iter().map(|&[reference, probe]| weight(reference) * weight(probe)).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::verification::tests::{comparisons, experiment};
    use super::super::verification::{Comparison, InvalidComparisons};
    use super::*;

    const FMRS: [f64; 4] = [0.0, 0.1, 0.3, 1.0];

    /// The figures as [`Sweep::figures`] orders them, from the plain functions.
    fn plain(experiment: &Verification) -> Vec<f64> {
        let mut figures = vec![experiment.auc(), experiment.eer().rate];
        for fmr in FMRS {
            let point = experiment.at_fmr(fmr);
            let n_matches =
                experiment.mated.scores.iter().filter(|it| **it >= point.threshold).count();
            figures.extend([point.fmr, n_matches as f64 / experiment.n_mated() as f64]);
        }
        figures
    }

    /// Every comparison repeated as often as it weighs.
    fn repeated(
        comparisons: &[Comparison],
        weights: &[u32; 5],
    ) -> Result<Verification, InvalidComparisons> {
        let weight = |label: u64| weights[label as usize];
        let mut repeated = Vec::new();
        for it in comparisons {
            let mated = weight(it.probe);
            let n = if it.is_mated() { mated } else { mated * weight(it.reference) };
            repeated.extend((0..n).map(|_| *it));
        }
        Verification::new(&repeated)
    }

    #[test]
    fn figures_are_those_of_the_plain_functions() {
        let experiment = experiment(&[0.9, 0.7, 0.4, 0.2], &[0.5, 0.4, 0.3, 0.0, -0.2]);
        let figures = experiment.figures(&Bootstrap { n_replicates: 100, seed: 1 }, &[0.2, 0.4]);
        assert_eq!(figures.auc.value, 1.0 - 4.5 / 20.0);
        assert_eq!((figures.eer.value, figures.eer_threshold), (0.325, 0.4));
        assert_eq!((figures.n_mated, figures.n_non_mated, figures.n_identities), (4, 5, 10));
        let first = figures.at_fmr[0];
        assert_eq!((first.demanded_fmr, first.threshold), (0.2, 0.4f32.next_up()));
        assert_eq!((first.fmr.value, first.tar.value), (0.2, 0.5));
        assert_eq!((figures.at_fmr[1].fmr.value, figures.at_fmr[1].tar.value), (0.4, 0.75));
        for estimate in [figures.auc, figures.eer, first.fmr, first.tar] {
            assert!(
                estimate.lower < estimate.value && estimate.value < estimate.upper,
                "{estimate:?}"
            );
        }
    }

    #[test]
    fn each_figure_has_its_own_interval() {
        let separated = experiment(&[0.9; 20], &[0.5, 0.4, 0.3, 0.2]);
        let figures = separated.figures(&Bootstrap::default(), &[0.25]);
        let certain = |value| Estimate { value, lower: value, upper: value };
        assert_eq!((figures.auc, figures.eer), (certain(1.0), certain(0.0)));
        assert_eq!(figures.at_fmr[0].tar, certain(1.0));
        let fmr = figures.at_fmr[0].fmr;
        assert!(fmr.lower == 0.0 && fmr.value == 0.25 && fmr.upper > 0.5, "{fmr:?}");
    }

    #[test]
    fn many_images_of_one_identity_do_not_narrow_the_interval() {
        let identities = |n_images: usize| {
            let scores = [0.9, 0.8, 0.7, 0.2].into_iter().zip(0..);
            let mated =
                scores.map(|(score, label)| Comparison { score, reference: label, probe: label });
            let non_mated = (0..4).map(|label| Comparison {
                score: 0.5,
                reference: label,
                probe: (label + 1) % 4,
            });
            let all: Vec<_> = mated.chain(non_mated).collect();
            Verification::new(&all.repeat(n_images)).unwrap()
        };
        let auc = |n_images| identities(n_images).figures(&Bootstrap::default(), &[]).auc;
        assert_eq!(auc(1), auc(50));
        assert!(auc(50).upper - auc(50).lower > 0.4);
    }

    proptest! {
        #[test]
        fn weights_of_one_change_nothing(comparisons in comparisons()) {
            let experiment = Verification::new(&comparisons).unwrap();
            let weights = vec![1; experiment.n_identities()];
            let weighted = Sweep::new(&experiment, &FMRS).figures(&weights);
            prop_assert_eq!(weighted, Some(plain(&experiment)));
        }

        #[test]
        fn a_weight_counts_as_that_many_comparisons(
            comparisons in comparisons(), weights: [u8; 5],
        ) {
            let weights = weights.map(|weight| u32::from(weight) % 4);
            let mut all = comparisons;
            // Every label occurs, so that labels and numbers are the same.
            let mated = |label| Comparison { score: 0.3, reference: label, probe: label };
            all.extend((0..5).map(mated));
            let experiment = Verification::new(&all).unwrap();
            let weighted = Sweep::new(&experiment, &FMRS).figures(&weights);
            let repeated = repeated(&all, &weights);
            prop_assert_eq!(weighted.is_some(), repeated.is_ok());
            let (Some(weighted), Ok(repeated)) = (weighted, repeated) else { return Ok(()) };
            let mut expected = plain(&repeated);
            // The false match rate of the weighted figures is taken at the threshold of all.
            for (idx, fmr) in FMRS.iter().enumerate() {
                let threshold = experiment.at_fmr(*fmr).threshold;
                expected[2 + 2 * idx] = repeated.at_threshold(threshold).fmr;
            }
            prop_assert_eq!(weighted, expected);
        }
    }
}

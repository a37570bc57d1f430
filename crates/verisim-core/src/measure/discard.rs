//! Whether a quality value means something: error versus discard; it knows no pictures and no model.
//!
//! A quality value is to say which samples will not be recognized. If it does, false non-matches become rarer as the
//! samples of the lowest quality are discarded, at a threshold that stays (ISO/IEC 29794-1, *error versus discard
//! characteristic*; Grother and Tabassi, *Performance of Biometric Quality Measures*, TPAMI 2007):
//!
//! ```text
//! discarded(q) = |{samples : quality < q}| / |samples|
//! FNMR(q)      = |{mated, both samples of quality >= q : score < t}| / |{mated, both of quality >= q}|
//! ```
//!
//! Samples of one quality are kept or discarded together, so the curve is a flight of steps. Samples count that take
//! part in a mated comparison; no other can change a false non-match rate.

use super::interval::{Bootstrap, Estimate};
use crate::identities::Identities;

/// A mated comparison of two samples, by their positions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MatedComparison {
    /// Similarity of the two samples, in `[-1, 1]`.
    pub score: f32,
    /// The samples.
    pub samples: [usize; 2],
}

/// False non-matches of mated comparisons, by the quality of their samples.
#[derive(Clone, Debug)]
pub struct ErrorVersusDiscard {
    n_identities: usize,
    steps: Vec<Step>,
}

/// What is lost where all samples of one quality are discarded; steps come from the lowest quality up.
#[derive(Clone, Debug, Default)]
struct Step {
    /// The identity of each sample of this quality.
    samples: Vec<u32>,
    /// Comparisons whose worse sample is of this quality: the identity, and whether it is a false non-match.
    comparisons: Vec<(u32, bool)>,
}

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiscardPoint {
    /// Share of samples that are discarded, in `[0, 1]`.
    pub discarded: f64,
    /// False non-match rate of the comparisons that are left, in `[0, 1]`.
    pub fnmr: f64,
}

/// Figures of the curve with their intervals.
#[derive(Clone, Debug, PartialEq)]
pub struct DiscardFigures {
    /// False non-match rate where nothing is discarded.
    pub fnmr: Estimate,
    /// False non-match rate where at most so large a share of samples is discarded.
    pub at_discard: Vec<(f64, Estimate)>,
    /// Mean false non-match rate from no sample to `max_discard` discarded, as a multiple of `fnmr`: 1 if quality says
    /// nothing, 0 at best, above 1 if good samples are discarded first. `None` if there is no false non-match.
    pub relative_area: Option<Estimate>,
    /// The share up to which the area is taken.
    pub max_discard: f64,
}

/// Why qualities and comparisons have no curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidQualities {
    /// A quality is no number.
    #[error("the quality of sample {index} is not a number")]
    NotANumber {
        /// Position of the first such sample.
        index: usize,
    },
    /// There is nothing that could be recognized.
    #[error("there is no mated comparison, but false non-matches are counted among those")]
    NoMated,
}

impl ErrorVersusDiscard {
    /// Counts the false non-matches at `threshold`; higher is better for `qualities`, one a sample, as `labels` are.
    ///
    /// Where no sample could be made of a picture, its quality is minus infinity, and it is discarded first.
    ///
    /// # Errors
    ///
    /// Fails if a quality is not a number, or if there is no comparison.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each quality, or if a comparison names a sample that is not there.
    pub fn new(
        qualities: &[f32],
        labels: &[u64],
        mated: &[MatedComparison],
        threshold: f32,
    ) -> Result<Self, InvalidQualities> {
        assert_eq!(qualities.len(), labels.len(), "each sample has a quality and a label");
        if let Some(index) = qualities.iter().position(|it| it.is_nan()) {
            return Err(InvalidQualities::NotANumber { index });
        }
        if mated.is_empty() {
            return Err(InvalidQualities::NoMated);
        }
        let mut samples: Vec<usize> = mated.iter().flat_map(|it| it.samples).collect();
        samples.sort_unstable();
        samples.dedup();
        let identities = Identities::new(samples.iter().map(|&it| labels[it]));
        let number = |sample: usize| identities.number(labels[sample]) as u32;
        let mut levels: Vec<f32> = samples.iter().map(|&it| qualities[it]).collect();
        levels.sort_unstable_by(f32::total_cmp);
        levels.dedup();
        let step_of = |quality: f32| levels.partition_point(|level| *level < quality);
        let mut steps = vec![Step::default(); levels.len()];
        for &sample in &samples {
            steps[step_of(qualities[sample])].samples.push(number(sample));
        }
        for MatedComparison { score, samples: [a, b] } in mated {
            let worse = qualities[*a].min(qualities[*b]);
            // Written so that a score that is no number is a false non-match.
            let is_match = *score >= threshold;
            steps[step_of(worse)].comparisons.push((number(*a), !is_match));
        }
        Ok(Self { n_identities: identities.len(), steps })
    }

    /// The curve, from nothing discarded to the last comparison that is left; at least one point.
    pub fn points(&self) -> Vec<DiscardPoint> {
        self.curve(&vec![1; self.n_identities])
    }

    /// Figures with intervals by bootstrap over identities; the threshold stays in every replicate.
    ///
    /// `shares` are those of `at_discard`, in `[0, 1]`.
    ///
    /// # Panics
    ///
    /// Panics if `max_discard` is not above 0.
    pub fn figures(
        &self,
        bootstrap: &Bootstrap,
        shares: &[f64],
        max_discard: f64,
    ) -> Option<DiscardFigures> {
        assert!(max_discard > 0.0, "an area has a width");
        let rates = |weights: &[u32]| {
            let curve = self.curve(weights);
            let first = curve.first()?.fnmr;
            let shares = shares.iter().map(|share| at(&curve, *share));
            Some(std::iter::once(first).chain(shares).collect::<Vec<f64>>())
        };
        let area = |weights: &[u32]| {
            let curve = self.curve(weights);
            let first = curve.first()?.fnmr;
            (first > 0.0).then(|| mean(&curve, max_discard) / first)
        };
        let mut rates = bootstrap.estimates(self.n_identities, rates)?.into_iter();
        let fnmr = rates.next()?;
        let at_discard = shares.iter().copied().zip(rates).collect();
        let any = [[0.0, f64::INFINITY]];
        let [relative_area] = bootstrap.estimates_each(self.n_identities, any, |it| [area(it)]);
        Some(DiscardFigures { fnmr, at_discard, relative_area, max_discard })
    }

    /// The curve where identities weigh so much; empty if none that has a comparison weighs anything.
    fn curve(&self, weights: &[u32]) -> Vec<DiscardPoint> {
        let weight = |identity: u32| f64::from(weights[identity as usize]);
        // Sums of whole numbers, which are exact.
        let sums: Vec<[f64; 3]> = self
            .steps
            .iter()
            .map(|step| {
                let samples = step.samples.iter().map(|&it| weight(it)).sum();
                let comparisons = step.comparisons.iter().map(|&(it, _)| weight(it)).sum();
                let errors = step.comparisons.iter().filter(|(_, is_error)| *is_error);
                [samples, comparisons, errors.map(|&(it, _)| weight(it)).sum()]
            })
            .collect();
        let total = |which: usize| sums.iter().map(|it| it[which]).sum::<f64>();
        let (n_samples, mut n_left, mut n_errors) = (total(0), total(1), total(2));
        let (mut n_discarded, mut points) = (0.0, Vec::new());
        for [samples, comparisons, errors] in sums {
            if n_left <= 0.0 {
                break;
            }
            if samples > 0.0 {
                points.push(DiscardPoint {
                    discarded: n_discarded / n_samples,
                    fnmr: n_errors / n_left,
                });
            }
            n_discarded += samples;
            n_left -= comparisons;
            n_errors -= errors;
        }
        points
    }
}

/// The rate where at most this share is discarded.
fn at(curve: &[DiscardPoint], share: f64) -> f64 {
    let reached = curve.partition_point(|point| point.discarded <= share);
    curve[reached.saturating_sub(1)].fnmr
}

/// The mean rate from nothing discarded up to this share.
fn mean(curve: &[DiscardPoint], max_discard: f64) -> f64 {
    let ends = curve.iter().skip(1).map(|point| point.discarded.min(max_discard));
    let ends = ends.chain(std::iter::once(max_discard));
    let widths = curve.iter().zip(ends).map(|(point, end)| {
        let width = (end - point.discarded).max(0.0);
        width * point.fnmr
    });
    widths.sum::<f64>() / max_discard
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Identity 7 has samples 0, 1, 2, identity 8 has 3 and 4, identity 9 has 5 and no comparison.
    const LABELS: [u64; 6] = [7, 7, 7, 8, 8, 9];
    const QUALITIES: [f32; 6] = [10.0, 50.0, 30.0, 30.0, 80.0, 0.0];

    fn mated(scores: [f32; 4]) -> Vec<MatedComparison> {
        let pairs = [[0, 1], [0, 2], [1, 2], [3, 4]];
        let pairs = pairs.into_iter().zip(scores);
        pairs.map(|(samples, score)| MatedComparison { score, samples }).collect()
    }

    fn point(discarded: f64, fnmr: f64) -> DiscardPoint {
        DiscardPoint { discarded, fnmr }
    }

    #[test]
    fn a_curve_worked_by_hand() {
        // Both comparisons with sample 0 fail, and one of those with a sample of quality 30.
        let mated = mated([0.1, 0.2, 0.3, 0.9]);
        let curve = ErrorVersusDiscard::new(&QUALITIES, &LABELS, &mated, 0.4).unwrap();
        // 3 of 4; without sample 0, which is one of five, 1 of 2; without those of quality 30 none is left.
        assert_eq!(curve.points(), [point(0.0, 0.75), point(0.2, 0.5)]);
        let figures = curve.figures(&Bootstrap::default(), &[0.1, 0.2, 0.9], 0.4).unwrap();
        assert_eq!(figures.fnmr.value, 0.75);
        let at: Vec<f64> = figures.at_discard.iter().map(|(_, it)| it.value).collect();
        assert_eq!(at, [0.75, 0.5, 0.5]);
        // (0.2 · 0.75 + 0.2 · 0.5) / 0.4 = 0.625, of 0.75.
        assert!((figures.relative_area.unwrap().value - 0.625 / 0.75).abs() < 1e-12);
    }

    #[test]
    fn a_score_at_the_threshold_matches() {
        let curve = ErrorVersusDiscard::new(&QUALITIES, &LABELS, &mated([0.4; 4]), 0.4).unwrap();
        assert!(curve.points().iter().all(|it| it.fnmr == 0.0));
        let figures = curve.figures(&Bootstrap::default(), &[0.5], 0.2).unwrap();
        assert_eq!((figures.fnmr.value, figures.relative_area), (0.0, None));
    }

    #[test]
    fn what_could_not_be_made_is_discarded_first() {
        let mut qualities = QUALITIES;
        qualities[3] = f32::NEG_INFINITY;
        let mated = mated([0.9, 0.9, 0.9, -1.0]);
        let curve = ErrorVersusDiscard::new(&qualities, &LABELS, &mated, 0.4).unwrap();
        assert_eq!(curve.points()[..2], [point(0.0, 0.25), point(0.2, 0.0)]);
    }

    #[test]
    fn what_has_no_curve_is_refused() {
        let refused = |qualities: &[f32], mated: &[MatedComparison]| {
            ErrorVersusDiscard::new(qualities, &LABELS, mated, 0.4).unwrap_err()
        };
        assert_eq!(refused(&QUALITIES, &[]), InvalidQualities::NoMated);
        let mut qualities = QUALITIES;
        qualities[2] = f32::NAN;
        let expected = InvalidQualities::NotANumber { index: 2 };
        assert_eq!(refused(&qualities, &mated([0.9; 4])), expected);
    }

    proptest! {
        /// Quality that does not differ discards nothing, and the order of comparisons does not matter; where every
        /// error has a sample of the lowest quality, none is left without those.
        #[test]
        fn a_curve_begins_with_all_and_ends_with_what_is_left(
            qualities in prop::collection::vec(0u8..5, 6),
            scores in prop::array::uniform4(0.0f32..1.0),
        ) {
            let qualities: Vec<f32> = qualities.iter().map(|it| f32::from(*it)).collect();
            let mut comparisons = mated(scores);
            let new = |qualities: &[f32], mated: &[MatedComparison]| {
                ErrorVersusDiscard::new(qualities, &LABELS, mated, 0.5).unwrap().points()
            };
            let points = new(&qualities, &comparisons);
            let n_errors = scores.iter().filter(|score| **score < 0.5).count();
            prop_assert_eq!(points[0], point(0.0, n_errors as f64 / 4.0));
            prop_assert!(points.is_sorted_by(|a, b| a.discarded < b.discarded));
            prop_assert!(points.iter().all(|it| (0.0..=1.0).contains(&it.fnmr)));
            comparisons.reverse();
            prop_assert_eq!(new(&qualities, &comparisons), points);
            prop_assert_eq!(new(&[3.0; 6], &comparisons).len(), 1);
        }

        #[test]
        fn quality_that_knows_the_errors_lowers_the_area(seed in 0u64..50) {
            let mut random = crate::random::Random::of_job(seed, 0);
            // A hundred identities of two samples; the score is as the worse quality.
            let labels: Vec<u64> = (0..200).map(|it| it / 2).collect();
            let qualities: Vec<f32> =
                labels.iter().map(|_| random.below(1000) as f32 / 1000.0).collect();
            let pairs: Vec<MatedComparison> = (0..100)
                .map(|it| [2 * it, 2 * it + 1])
                .map(|samples| {
                    let score = qualities[samples[0]].min(qualities[samples[1]]);
                    MatedComparison { score, samples }
                })
                .collect();
            let area = |qualities: &[f32]| {
                let curve = ErrorVersusDiscard::new(qualities, &labels, &pairs, 0.3).unwrap();
                let bootstrap = Bootstrap { n_replicates: 0, seed: 0 };
                curve.figures(&bootstrap, &[], 0.2).unwrap().relative_area.unwrap().value
            };
            let backwards: Vec<f32> = qualities.iter().map(|it| -it).collect();
            prop_assert!(area(&qualities) < 0.9);
            prop_assert!(area(&backwards) > 1.0);
        }
    }
}

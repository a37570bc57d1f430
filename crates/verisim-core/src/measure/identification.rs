//! Identification (1:N) error rates, closed and open set; it does not know galleries.
//!
//! A *mated* search is for a probe whose identity is enrolled, a *non-mated* one for a stranger.
//! With a closed set every search is mated, and the question is at which rank the right identity
//! comes:
//!
//! ```text
//! CMC(k) = |{mated searches : rank <= k}| / |mated searches|
//! ```
//!
//! With an open set a search may have to come to nothing, and a threshold decides:
//!
//! ```text
//! FNIR(t) = |{mated searches : rank > 1 or score < t}| / |mated searches|
//! FPIR(t) = |{non-mated searches : best score >= t}| / |non-mated searches|
//! ```
//!
//! Terms and definitions are those of ISO/IEC 19795-1 and of NIST FRTE 1:N (FNIR there is at rank
//! 1). The literature writes TPIR for `1 - FNIR`.

use super::interval::{Bootstrap, Estimate};
use super::search::SearchOutcome;
use super::verification::lowest_threshold;
use crate::identities::Identities;

/// The searches of one identification experiment.
#[derive(Clone, Debug)]
pub struct Identification {
    mated: Vec<Mated>,
    non_mated: Vec<NonMated>, // best score first
    n_identities: usize,
}

#[derive(Clone, Copy, Debug)]
struct Mated {
    identity: usize,
    rank: usize,
    score: f32,
}

#[derive(Clone, Copy, Debug)]
struct NonMated {
    identity: usize,
    best_score: f32,
}

/// One threshold and the error rates of identification it leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdentificationPoint {
    /// Score at or above which an identity is reported.
    pub threshold: f32,
    /// False positive identification rate, in `[0, 1]`; `None` without non-mated searches.
    pub fpir: Option<f64>,
    /// False negative identification rate, in `[0, 1]`; `None` without mated searches.
    pub fnir: Option<f64>,
}

/// How well enrolled identities are found where the false positive identification rate is bounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FiguresAtFpir {
    /// The bound on the false positive identification rate.
    pub demanded_fpir: f64,
    /// The lowest threshold that keeps it; see [`Identification::at_fpir`].
    pub threshold: f32,
    /// The false positive identification rate at that very threshold.
    pub fpir: Estimate,
    /// False negative identification rate; each replicate chooses its own threshold.
    pub fnir: Estimate,
}

/// Why searches cannot be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSearches {
    /// A score is NaN or an infinity (only the best score of nobody may be minus infinity).
    #[error("a score of search {index} is not a finite number, but a similarity is")]
    NotFinite {
        /// Position of the first such search.
        index: usize,
    },
    /// A rank is 0.
    #[error("the rank of search {index} is 0, but ranks are from 1")]
    RankZero {
        /// Position of the first such search.
        index: usize,
    },
}

impl Identification {
    /// Collects the searches of an experiment, each with the label of the probe's identity. Their
    /// order does not matter.
    ///
    /// # Errors
    ///
    /// Fails if a score is not a finite number or a rank is 0.
    pub fn new(searches: &[(u64, SearchOutcome)]) -> Result<Self, InvalidSearches> {
        let identities = Identities::new(searches.iter().map(|&(label, _)| label));
        let (mut mated, mut non_mated) = (Vec::new(), Vec::new());
        for (index, &(label, outcome)) in searches.iter().enumerate() {
            let identity = identities.number(label);
            match outcome {
                SearchOutcome::Mated { rank: 0, .. } => {
                    return Err(InvalidSearches::RankZero { index });
                }
                SearchOutcome::Mated { rank, score, best_score }
                    if score.is_finite() && best_score.is_finite() =>
                {
                    mated.push(Mated { identity, rank, score });
                }
                SearchOutcome::NonMated { best_score } if best_score < f32::INFINITY => {
                    non_mated.push(NonMated { identity, best_score });
                }
                _ => return Err(InvalidSearches::NotFinite { index }),
            }
        }
        non_mated.sort_unstable_by(|a, b| b.best_score.total_cmp(&a.best_score));
        Ok(Self { mated, non_mated, n_identities: identities.len() })
    }

    /// Number of searches for probes whose identity is enrolled.
    pub fn n_mated(&self) -> usize {
        self.mated.len()
    }

    /// Number of searches for strangers.
    pub fn n_non_mated(&self) -> usize {
        self.non_mated.len()
    }

    /// Number of identities that the probes show.
    pub fn n_identities(&self) -> usize {
        self.n_identities
    }

    /// Share of mated searches with the right identity among the first `k`; `None` without any.
    pub fn rank_k(&self, k: usize) -> Option<f64> {
        self.weighted_rank_k(k, &self.ones())
    }

    /// The cumulative match characteristic: the rates for ranks 1 to `max_rank`; `None` without
    /// mated searches.
    pub fn cmc(&self, max_rank: usize) -> Option<Vec<f64>> {
        let mut n_at_rank = vec![0usize; max_rank];
        for search in self.mated.iter().filter(|search| search.rank <= max_rank) {
            n_at_rank[search.rank - 1] += 1;
        }
        let mut n_found = 0;
        let rates = n_at_rank.into_iter().map(|n| {
            n_found += n;
            n_found as f64 / self.n_mated() as f64
        });
        (self.n_mated() > 0).then(|| rates.collect())
    }

    /// Error rates at `threshold`.
    pub fn at_threshold(&self, threshold: f32) -> IdentificationPoint {
        let weights = self.ones();
        IdentificationPoint {
            threshold,
            fpir: self.weighted_fpir(threshold, &weights),
            fnir: self.weighted_fnir(threshold, &weights),
        }
    }

    /// Error rates at the lowest threshold whose false positive identification rate is at most
    /// `max_fpir`; `None` without non-mated searches. Equal scores are never split.
    pub fn at_fpir(&self, max_fpir: f64) -> Option<IdentificationPoint> {
        let scores: Vec<f32> = self.non_mated.iter().map(|search| search.best_score).collect();
        (!scores.is_empty()).then(|| self.at_threshold(lowest_threshold(&scores, max_fpir)))
    }

    /// The rates of [`rank_k`](Self::rank_k) for each of `ranks`, with their intervals; `None`
    /// without mated searches.
    ///
    /// The identities of the probes are resampled; the gallery stays as it is.
    pub fn ranks(&self, bootstrap: &Bootstrap, ranks: &[usize]) -> Option<Vec<Estimate>> {
        bootstrap.estimates(self.n_identities, |weights| {
            ranks.iter().map(|&k| self.weighted_rank_k(k, weights)).collect()
        })
    }

    /// Error rates at each of `fpirs`, with their intervals; `None` without mated or without
    /// non-mated searches.
    ///
    /// The identities of the probes are resampled; the gallery stays as it is.
    pub fn figures(&self, bootstrap: &Bootstrap, fpirs: &[f64]) -> Option<Vec<FiguresAtFpir>> {
        let points: Vec<IdentificationPoint> =
            fpirs.iter().map(|&fpir| self.at_fpir(fpir)).collect::<Option<_>>()?;
        let demanded = || fpirs.iter().zip(&points);
        let estimates = bootstrap.estimates(self.n_identities, |weights| {
            let mut rates = Vec::with_capacity(2 * fpirs.len());
            for (&fpir, point) in demanded() {
                rates.push(self.weighted_fpir(point.threshold, weights)?);
                rates.push(self.weighted_fnir(self.weighted_threshold(fpir, weights)?, weights)?);
            }
            Some(rates)
        })?;
        let figures =
            demanded().zip(estimates.chunks_exact(2)).map(|((&fpir, point), estimates)| {
                FiguresAtFpir {
                    demanded_fpir: fpir,
                    threshold: point.threshold,
                    fpir: estimates[0],
                    fnir: estimates[1],
                }
            });
        Some(figures.collect())
    }

    fn ones(&self) -> Vec<u32> {
        vec![1; self.n_identities]
    }

    fn weighted_rank_k(&self, k: usize, weights: &[u32]) -> Option<f64> {
        share(self.mated.iter().map(|it| (weights[it.identity], it.rank <= k)))
    }

    fn weighted_fnir(&self, threshold: f32, weights: &[u32]) -> Option<f64> {
        let found = |it: &Mated| it.rank == 1 && it.score >= threshold;
        share(self.mated.iter().map(|it| (weights[it.identity], !found(it))))
    }

    fn weighted_fpir(&self, threshold: f32, weights: &[u32]) -> Option<f64> {
        let alarm = |it: &NonMated| it.best_score >= threshold;
        share(self.non_mated.iter().map(|it| (weights[it.identity], alarm(it))))
    }

    /// The lowest threshold whose weighted FPIR is at most `max_fpir`.
    fn weighted_threshold(&self, max_fpir: f64, weights: &[u32]) -> Option<f32> {
        let weight = |search: &NonMated| u64::from(weights[search.identity]);
        let all: u64 = self.non_mated.iter().map(weight).sum();
        if all == 0 {
            return None;
        }
        let mut n_alarms = 0;
        for search in &self.non_mated {
            n_alarms += weight(search);
            if n_alarms as f64 / all as f64 > max_fpir {
                return Some(search.best_score.next_up());
            }
        }
        Some(f32::NEG_INFINITY)
    }
}

/// The weight of those that are counted over the weight of all; `None` if there is none.
fn share(weighed: impl Iterator<Item = (u32, bool)>) -> Option<f64> {
    let (mut counted, mut all) = (0u64, 0u64);
    for (weight, is_counted) in weighed {
        all += u64::from(weight);
        counted += u64::from(weight) * u64::from(is_counted);
    }
    (all > 0).then(|| counted as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mated(label: u64, rank: usize, score: f32) -> (u64, SearchOutcome) {
        (label, SearchOutcome::Mated { rank, score, best_score: 1.0 })
    }

    fn non_mated(label: u64, best_score: f32) -> (u64, SearchOutcome) {
        (label, SearchOutcome::NonMated { best_score })
    }

    fn open_set() -> Identification {
        let mated = [mated(1, 1, 0.9), mated(1, 1, 0.4), mated(2, 2, 0.8), mated(3, 4, 0.1)];
        let non_mated = [0.7, 0.5, 0.5, 0.3, 0.2].map(|score| non_mated(9, score));
        Identification::new(&[mated.as_slice(), &non_mated].concat()).unwrap()
    }

    #[track_caller]
    fn check(threshold: f32, fpir: f64, expected_fnir: f64) {
        let expected =
            IdentificationPoint { threshold, fpir: Some(fpir), fnir: Some(expected_fnir) };
        assert_eq!(open_set().at_threshold(threshold), expected);
    }

    #[test]
    fn a_mate_must_rank_first_and_reach_the_threshold() {
        check(0.0, 1.0, 0.5);
        check(0.4, 0.6, 0.5);
        check(0.5, 0.6, 0.75);
        check(0.91, 0.0, 1.0);
    }

    #[test]
    fn rates_of_ranks_accumulate() {
        assert_eq!(open_set().cmc(5), Some(vec![0.5, 0.75, 0.75, 1.0, 1.0]));
        assert_eq!(open_set().rank_k(2), Some(0.75));
        assert_eq!((open_set().rank_k(0), open_set().cmc(0)), (Some(0.0), Some(vec![])));
    }

    #[test]
    fn a_tie_of_strangers_is_not_split() {
        let point = |fpir| open_set().at_fpir(fpir).unwrap();
        assert_eq!((point(0.2).threshold, point(0.2).fpir), (0.5f32.next_up(), Some(0.2)));
        assert_eq!(point(0.59), point(0.2));
        assert_eq!((point(0.6).fpir, point(0.6).fnir), (Some(0.6), Some(0.5)));
        assert_eq!(point(1.0).threshold, f32::NEG_INFINITY);
    }

    #[test]
    fn a_closed_set_has_no_false_positives_to_speak_of() {
        let closed = Identification::new(&[mated(1, 1, 0.9), mated(2, 3, 0.4)]).unwrap();
        let point = closed.at_threshold(0.5);
        assert_eq!((point.fpir, point.fnir), (None, Some(0.5)));
        assert_eq!(closed.at_fpir(0.1), None);
        assert_eq!(closed.figures(&Bootstrap::default(), &[0.1]), None);
        assert_eq!(closed.ranks(&Bootstrap::default(), &[1]).unwrap()[0].value, 0.5);
    }

    #[test]
    fn strangers_alone_have_no_rank() {
        let strangers = Identification::new(&[non_mated(1, 0.9), non_mated(1, 0.4)]).unwrap();
        let point = strangers.at_threshold(0.5);
        assert_eq!((point.fpir, point.fnir), (Some(0.5), None));
        assert_eq!((strangers.rank_k(1), strangers.cmc(3)), (None, None));
        assert_eq!(strangers.ranks(&Bootstrap::default(), &[1]), None);
        assert_eq!(strangers.figures(&Bootstrap::default(), &[0.5]), None);
    }

    #[test]
    fn estimates_hold_the_plain_rates() {
        let figures = open_set().figures(&Bootstrap::default(), &[0.2, 0.6]).unwrap();
        for (figures, fpir) in figures.iter().zip([0.2, 0.6]) {
            let point = open_set().at_fpir(fpir).unwrap();
            assert_eq!((figures.demanded_fpir, figures.threshold), (fpir, point.threshold));
            assert_eq!(
                (Some(figures.fpir.value), Some(figures.fnir.value)),
                (point.fpir, point.fnir)
            );
            assert!(figures.fnir.lower < figures.fnir.upper);
        }
    }

    #[test]
    fn every_replicate_chooses_its_own_threshold() {
        // At the threshold of all searches, just above 0.4, every mate is found. A replicate that
        // draws the stranger of 0.6 alone must reject it, and the mates with it.
        let mates = (10..20).map(|label| mated(label, 1, 0.5));
        let strangers = [non_mated(1, 0.6), non_mated(2, 0.4)];
        let searches: Vec<_> = mates.chain(strangers).collect();
        let figures =
            Identification::new(&searches).unwrap().figures(&Bootstrap::default(), &[0.5]);
        let expected = Estimate { value: 0.0, lower: 0.0, upper: 1.0 };
        assert_eq!(figures.unwrap()[0].fnir, expected);
    }

    #[test]
    fn probes_of_one_identity_stand_and_fall_together() {
        let probes: Vec<_> = (0..100).map(|k| mated(k % 2, 1 + (k % 2) as usize, 0.5)).collect();
        let ranks =
            Identification::new(&probes).unwrap().ranks(&Bootstrap::default(), &[1]).unwrap();
        assert_eq!(ranks, [Estimate { value: 0.5, lower: 0.0, upper: 1.0 }]);
    }

    #[test]
    fn what_is_no_search_is_refused() {
        let refusal = |search| Identification::new(&[mated(1, 1, 0.5), search]).unwrap_err();
        assert_eq!(refusal(mated(1, 0, 0.5)), InvalidSearches::RankZero { index: 1 });
        assert_eq!(refusal(mated(1, 1, f32::NAN)), InvalidSearches::NotFinite { index: 1 });
        assert_eq!(refusal(non_mated(1, f32::INFINITY)), InvalidSearches::NotFinite { index: 1 });
        assert!(Identification::new(&[non_mated(1, f32::NEG_INFINITY)]).is_ok());
    }

    proptest! {
        #[test]
        fn the_threshold_of_an_fpir_is_the_lowest_that_keeps_it(
            scores in prop::collection::vec(-8i8..8, 1..30),
            max_fpir in 0.0..1.2f64,
            weights: [u8; 4],
        ) {
            let mut searches: Vec<_> = (0..4).map(|label| mated(label, 1, 0.0)).collect();
            for (k, score) in (0..).zip(scores) {
                searches.push(non_mated(k % 4, f32::from(score)));
            }
            let all = Identification::new(&searches).unwrap();
            let weights = weights.map(u32::from);
            let fpir = |threshold| all.weighted_fpir(threshold, &weights).unwrap();
            if let Some(threshold) = all.weighted_threshold(max_fpir, &weights) {
                prop_assert!(fpir(threshold) <= max_fpir);
                if threshold.is_finite() {
                    prop_assert!(fpir(threshold.next_down()) > max_fpir);
                }
            }
            let plain = all.at_fpir(max_fpir).map(|point| point.threshold);
            prop_assert_eq!(all.weighted_threshold(max_fpir, &[1; 4]), plain);
        }
    }
}

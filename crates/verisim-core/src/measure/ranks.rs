//! At which ranks a probe finds what it should; it does not know which figures follow from that.

use std::cmp::Ordering;
use std::ops::Range;

use super::relevance::{Relation, Relevance};
use crate::parallel;

/// How many probes look at a tile of references together, while it is in the processor's cache.
const N_PROBES: usize = 16;
/// How many references a tile has: 64 embeddings of 512 components are 128 KiB.
const N_REFERENCES: usize = 64;

/// Probes, each ranking all references by score.
pub(super) struct Ranking<'a, R: ?Sized, S> {
    pub(super) n_probes: usize,
    pub(super) n_references: usize,
    pub(super) relevance: &'a R,
    /// Score of a probe and a reference; higher is nearer.
    pub(super) score: S,
}

/// One reference as seen from the probe.
#[derive(Clone, Copy)]
struct Seen {
    score: f32,
    reference: usize,
}

/// A probe on its way through the references.
struct Search {
    probe: usize,
    relevant: Vec<Seen>, // nearest first
    /// How many others lie between the relevant reference before and this one.
    n_between: Vec<usize>,
}

impl<R, S> Ranking<'_, R, S>
where
    R: Relevance + Sync + ?Sized,
    S: Fn(usize, usize) -> f32 + Sync,
{
    /// Calls `judge` with each probe and the ranks of its relevant references, ascending and from
    /// 1; the results come in the order of the probes.
    ///
    /// Of equal scores the earlier reference ranks first. No list of all references is sorted or
    /// kept: what ranks before a relevant one is counted.
    pub(super) fn map<T: Send>(&self, judge: impl Fn(usize, &[usize]) -> T + Sync) -> Vec<T> {
        let blocks = parallel::map(self.n_probes.div_ceil(N_PROBES), |block| {
            let start = block * N_PROBES;
            let searches = self.search(start..self.n_probes.min(start + N_PROBES));
            let judged = searches.iter().map(|search| judge(search.probe, &search.ranks()));
            judged.collect::<Vec<T>>()
        });
        blocks.into_iter().flatten().collect()
    }

    fn search(&self, probes: Range<usize>) -> Vec<Search> {
        let mut searches: Vec<Search> = probes.map(|probe| self.relevant(probe)).collect();
        for start in (0..self.n_references).step_by(N_REFERENCES) {
            let tile = start..self.n_references.min(start + N_REFERENCES);
            for search in searches.iter_mut().filter(|it| !it.relevant.is_empty()) {
                for reference in tile.clone() {
                    if self.relevance.relation(search.probe, reference) == Relation::NonMated {
                        search.see(self.see(search.probe, reference));
                    }
                }
            }
        }
        searches
    }

    fn relevant(&self, probe: usize) -> Search {
        let is_mated =
            |&reference: &usize| self.relevance.relation(probe, reference) == Relation::Mated;
        let relevant = (0..self.n_references).filter(is_mated);
        let mut relevant: Vec<Seen> =
            relevant.map(|reference| self.see(probe, reference)).collect();
        relevant.sort_unstable_by(|a, b| a.nearest_first(*b));
        let n_between = vec![0; relevant.len() + 1];
        Search { probe, relevant, n_between }
    }

    fn see(&self, probe: usize, reference: usize) -> Seen {
        Seen { score: (self.score)(probe, reference), reference }
    }
}

impl Search {
    fn see(&mut self, other: Seen) {
        let n_nearer = self.relevant.partition_point(|it| it.nearest_first(other).is_lt());
        self.n_between[n_nearer] += 1;
    }

    fn ranks(&self) -> Vec<usize> {
        let mut rank = 0;
        let n_between = &self.n_between[..self.relevant.len()];
        let ranks = n_between.iter().map(|n_others| {
            rank += n_others + 1;
            rank
        });
        ranks.collect()
    }
}

impl Seen {
    fn nearest_first(self, other: Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.reference.cmp(&other.reference))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn relation(number: u8) -> Relation {
        [Relation::Mated, Relation::NonMated, Relation::Ignored][usize::from(number)]
    }

    proptest! {
        #[test]
        fn ranks_are_those_of_sorting_everything(
            // More references than a tile and more probes than a block; few scores, many ties.
            n_probes in 1usize..40,
            references in prop::collection::vec((0u8..5, 0u8..3), 0..200),
        ) {
            let score = |probe: usize, reference: usize| {
                f32::from(references[reference].0) * if probe.is_multiple_of(2) { 1.0 } else { -1.0 }
            };
            let relevance = |probe: usize, reference: usize| {
                relation((references[reference].1 + (probe % 3) as u8) % 3)
            };
            let n_references = references.len();
            let ranking = Ranking { n_probes, n_references, relevance: &relevance, score };
            let found = ranking.map(|probe, ranks| (probe, ranks.to_vec()));
            for (probe, (number, found)) in found.into_iter().enumerate() {
                let mut seen: Vec<usize> = (0..n_references)
                    .filter(|&reference| relevance(probe, reference) != Relation::Ignored)
                    .collect();
                // Stable: of equal scores the earlier reference stays first.
                seen.sort_by(|&a, &b| score(probe, b).total_cmp(&score(probe, a)));
                let expected: Vec<usize> = (1..)
                    .zip(&seen)
                    .filter(|&(_, &reference)| relevance(probe, reference) == Relation::Mated)
                    .map(|(rank, _)| rank)
                    .collect();
                prop_assert_eq!((number, found), (probe, expected));
            }
        }
    }
}

//! All pairs of a labeled set, or a seeded sample of them; it does not know what the labels name.

use std::collections::BTreeSet;

use crate::identities::Identities;
use crate::random::Random;

/// Two samples to compare, by their positions in the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexPair {
    /// Position of the first sample.
    pub reference: usize,
    /// Position of the second sample, greater than that of the first.
    pub probe: usize,
}

/// The pairs of a labeled set, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllPairs {
    /// All pairs of samples of the same identity.
    pub mated: Vec<IndexPair>,
    /// Pairs of samples of different identities: all there are, or some drawn from them.
    pub non_mated: Vec<IndexPair>,
    /// How many pairs of samples of different identities there are.
    pub n_non_mated_in_all: u64,
}

/// Lists all mated pairs of the samples with these labels, and at most `max_non_mated` non-mated
/// ones.
///
/// If there are more, exactly that many are drawn without replacement: every choice is equally
/// likely, and `seed` decides which it is. However many there are in all, only those drawn take
/// time and memory.
pub fn all_pairs(labels: &[u64], max_non_mated: usize, seed: u64) -> AllPairs {
    let groups = Groups::new(labels);
    let n_in_all = groups.n_non_mated();
    let mut non_mated: Vec<IndexPair> = if n_in_all <= max_non_mated as u64 {
        (0..n_in_all).map(|number| groups.non_mated(number)).collect()
    } else {
        let drawn = draw(max_non_mated as u64, n_in_all, seed);
        drawn.into_iter().map(|number| groups.non_mated(number)).collect()
    };
    non_mated.sort_unstable();
    AllPairs { mated: groups.mated(), non_mated, n_non_mated_in_all: n_in_all }
}

/// Draws `n` different numbers below `n_all`, each set of them equally likely.
///
/// Floyd's algorithm: Bentley, Floyd, *Programming Pearls: A Sample of Brilliance*, 1987.
fn draw(n: u64, n_all: u64, seed: u64) -> BTreeSet<u64> {
    let mut random = Random::new(seed);
    let mut drawn = BTreeSet::new();
    for last in n_all - n..n_all {
        if !drawn.insert(random.below(last + 1)) {
            drawn.insert(last);
        }
    }
    drawn
}

/// Positions ordered by identity, so that every non-mated pair has a number.
struct Groups {
    positions: Vec<usize>,
    /// For each place in `positions`, where the group of its identity ends.
    ends: Vec<usize>,
    /// For each place, and the end: how many non-mated pairs begin at an earlier place.
    n_before: Vec<u64>,
}

impl Groups {
    fn new(labels: &[u64]) -> Self {
        let mut positions: Vec<usize> = (0..labels.len()).collect();
        positions.sort_by_key(|&position| labels[position]); // stable: ascending in each group
        let identities = Identities::new(labels.iter().copied());
        let mut ends = vec![0; identities.len()];
        for (place, &position) in positions.iter().enumerate() {
            ends[identities.number(labels[position])] = place + 1;
        }
        let end = |&position: &usize| ends[identities.number(labels[position])];
        let ends: Vec<usize> = positions.iter().map(end).collect();
        let mut n_before = vec![0];
        let mut sum = 0;
        for end in &ends {
            sum += (positions.len() - end) as u64;
            n_before.push(sum);
        }
        Self { positions, ends, n_before }
    }

    fn n_non_mated(&self) -> u64 {
        self.n_before[self.positions.len()]
    }

    /// The non-mated pair of that number, from 0.
    fn non_mated(&self, number: u64) -> IndexPair {
        let place = self.n_before.partition_point(|&n_before| n_before <= number) - 1;
        let other = self.ends[place] + (number - self.n_before[place]) as usize;
        IndexPair::new(self.positions[place], self.positions[other])
    }

    fn mated(&self) -> Vec<IndexPair> {
        let mut pairs = Vec::new();
        for (place, &end) in self.ends.iter().enumerate() {
            for other in place + 1..end {
                pairs.push(IndexPair::new(self.positions[place], self.positions[other]));
            }
        }
        pairs.sort_unstable();
        pairs
    }
}

impl IndexPair {
    fn new(a: usize, b: usize) -> Self {
        Self { reference: a.min(b), probe: a.max(b) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAR: u64 = (1 << 63) + 1;

    #[track_caller]
    fn check(labels: &[u64], mated: &[(usize, usize)], non_mated: &[(usize, usize)]) {
        let pairs = |pairs: &[(usize, usize)]| -> Vec<IndexPair> {
            pairs.iter().map(|&(reference, probe)| IndexPair { reference, probe }).collect()
        };
        let expected = AllPairs {
            mated: pairs(mated),
            non_mated: pairs(non_mated),
            n_non_mated_in_all: non_mated.len() as u64,
        };
        assert_eq!(all_pairs(labels, non_mated.len(), 0), expected);
    }

    #[test]
    fn every_pair_is_listed_once() {
        check(&[], &[], &[]);
        check(&[5], &[], &[]);
        check(&[5, 5, 5], &[(0, 1), (0, 2), (1, 2)], &[]);
        check(&[FAR, 1, FAR, FAR - 1], &[(0, 2)], &[(0, 1), (0, 3), (1, 2), (1, 3), (2, 3)]);
    }

    #[test]
    fn every_choice_is_equally_likely() {
        // Two of the five non-mated pairs: ten choices.
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..10_000 {
            let non_mated = all_pairs(&[1, 2, 1, 3], 2, seed).non_mated;
            *counts.entry(non_mated).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 10);
        // Five standard deviations of a binomial of 10,000 and 1/10.
        assert!(counts.values().all(|count: &i32| (count - 1000).abs() < 150), "{counts:?}");
    }

    #[test]
    fn few_of_very_many_are_drawn_at_once() {
        let labels: Vec<u64> = (0..100_000).collect();
        let pairs = all_pairs(&labels, 10, 1);
        assert_eq!((pairs.non_mated.len(), pairs.n_non_mated_in_all), (10, 4_999_950_000));
        assert!(pairs.non_mated.last().unwrap().probe > 10_000);
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_part_of_the_whole(
            labels in prop::collection::vec(0u64..4, 0..20),
            max_non_mated in 0usize..200,
            seed: u64,
        ) {
            let whole = all_pairs(&labels, usize::MAX, 0);
            let drawn = all_pairs(&labels, max_non_mated, seed);
            prop_assert_eq!(&drawn, &all_pairs(&labels, max_non_mated, seed));
            prop_assert_eq!(&drawn.mated, &whole.mated);
            prop_assert_eq!(drawn.non_mated.len(), whole.non_mated.len().min(max_non_mated));
            prop_assert!(drawn.non_mated.is_sorted_by(|a, b| a < b));
            prop_assert!(drawn.non_mated.iter().all(|pair| whole.non_mated.contains(pair)));

            let is_mated = |pair: &IndexPair| labels[pair.reference] == labels[pair.probe];
            prop_assert!(whole.mated.iter().all(is_mated) && !whole.non_mated.iter().any(is_mated));
            let n_pairs = labels.len() * labels.len().saturating_sub(1) / 2;
            prop_assert_eq!(whole.mated.len() + whole.non_mated.len(), n_pairs);
            prop_assert_eq!(whole.n_non_mated_in_all, whole.non_mated.len() as u64);
        }
    }
}

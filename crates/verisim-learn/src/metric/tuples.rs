//! Pairs and triplets of a batch, as lists; it knows relations, no distances.

use std::borrow::Cow;

use super::relevance::Relations;

/// An anchor, a reference that is mated with it and one that is not, by position.
pub type Triplet = [usize; 3];

/// Pairs of an anchor and a reference, by position.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs {
    /// Mated pairs.
    pub mated: Vec<[usize; 2]>,
    /// Non-mated pairs.
    pub non_mated: Vec<[usize; 2]>,
}

/// What a miner chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tuples {
    /// Pairs.
    Pairs(Pairs),
    /// Triplets.
    Triplets(Vec<Triplet>),
}

impl Pairs {
    /// All pairs, by anchor, then by reference.
    pub fn all(relations: &Relations) -> Self {
        let anchors = 0..relations.n_anchors();
        let mated =
            anchors.clone().flat_map(|a| relations.mated(a).map(move |other| [a, other])).collect();
        let non_mated =
            anchors.flat_map(|a| relations.non_mated(a).map(move |other| [a, other])).collect();
        Self { mated, non_mated }
    }

    /// The pairs of triplets; a pair that is in several of them is listed as often.
    pub fn of_triplets(triplets: &[Triplet]) -> Self {
        Self {
            mated: triplets.iter().map(|&[anchor, mated, _]| [anchor, mated]).collect(),
            non_mated: triplets.iter().map(|&[anchor, _, other]| [anchor, other]).collect(),
        }
    }
}

impl Tuples {
    /// As pairs.
    pub fn pairs(&self) -> Cow<'_, Pairs> {
        match self {
            Self::Pairs(pairs) => Cow::Borrowed(pairs),
            Self::Triplets(triplets) => Cow::Owned(Pairs::of_triplets(triplets)),
        }
    }

    /// As triplets: every mated pair with every non-mated pair of the same anchor.
    pub fn triplets(&self) -> Cow<'_, [Triplet]> {
        match self {
            Self::Triplets(triplets) => Cow::Borrowed(triplets),
            Self::Pairs(Pairs { mated, non_mated }) => {
                // By anchor first: a search for each mated pair would take hours on large batches.
                let n_anchors = non_mated.iter().map(|pair| pair[0] + 1).max().unwrap_or(0);
                let mut others = vec![Vec::new(); n_anchors];
                for &[anchor, other] in non_mated {
                    others[anchor].push(other);
                }
                let joined = mated.iter().flat_map(|&[anchor, positive]| {
                    let others = others.get(anchor).into_iter().flatten();
                    others.map(move |&negative| [anchor, positive, negative])
                });
                Cow::Owned(joined.collect())
            }
        }
    }

    /// How often each sample of a batch is in a tuple, in shares of the most frequent one; all alike if
    /// there are no tuples.
    ///
    /// # Panics
    ///
    /// Panics if a tuple names a sample beyond `n`.
    pub fn shares(&self, n: usize) -> Vec<f64> {
        let mut counts = vec![0.0f64; n];
        let mut count = |positions: &[usize]| positions.iter().for_each(|&it| counts[it] += 1.0);
        match self {
            Self::Pairs(pairs) => {
                pairs.mated.iter().chain(&pairs.non_mated).for_each(|pair| count(pair));
            }
            Self::Triplets(triplets) => triplets.iter().for_each(|triplet| count(triplet)),
        }
        let most = counts.iter().copied().fold(0.0, f64::max);
        if most == 0.0 { vec![1.0; n] } else { counts.iter().map(|it| it / most).collect() }
    }
}

/// All triplets: by anchor, then by mated, then by non-mated reference.
pub fn all_triplets(relations: &Relations) -> impl Iterator<Item = Triplet> {
    (0..relations.n_anchors()).flat_map(move |anchor| {
        relations.mated(anchor).flat_map(move |mated| {
            relations.non_mated(anchor).map(move |other| [anchor, mated, other])
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_tuples_come_in_order() {
        let relations = Relations::within(&[0, 1, 0]);
        let pairs = Pairs::all(&relations);
        assert_eq!(pairs.mated, [[0, 2], [2, 0]]);
        assert_eq!(pairs.non_mated, [[0, 1], [1, 0], [1, 2], [2, 1]]);
        assert_eq!(all_triplets(&relations).collect::<Vec<_>>(), [[0, 2, 1], [2, 0, 1]]);
    }

    #[test]
    fn pairs_of_one_anchor_make_triplets_and_back() {
        let pairs = Pairs { mated: vec![[0, 2], [2, 0]], non_mated: vec![[0, 1], [0, 3]] };
        let tuples = Tuples::Pairs(pairs);
        assert_eq!(*tuples.triplets(), [[0, 2, 1], [0, 2, 3]]);
        let back = Tuples::Triplets(tuples.triplets().into_owned());
        assert_eq!(back.pairs().mated, [[0, 2], [0, 2]]);
        assert_eq!(back.pairs().non_mated, [[0, 1], [0, 3]]);
    }

    #[test]
    fn shares_are_of_the_most_frequent_sample() {
        let triplets = Tuples::Triplets(vec![[0, 1, 2], [0, 1, 3]]);
        assert_eq!(triplets.shares(5), [1.0, 1.0, 0.5, 0.5, 0.0]);
        assert_eq!(Tuples::Triplets(Vec::new()).shares(2), [1.0, 1.0]);
    }
}

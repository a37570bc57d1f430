//! Which comparisons and which identities are hardest; it knows scores and labels, no pictures.

use std::collections::{BTreeMap, BTreeSet};

use super::ScoredPair;

/// Comparisons among which different pairs of identities are looked for: the highest scores often
/// all belong to the same two.
const MAX_SEARCHED: usize = 20_000;

/// Two identities and the scores of the comparisons between them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NearIdentities {
    /// Their labels, the lower one first.
    pub(crate) labels: [u64; 2],
    /// The highest score of all comparisons.
    pub(crate) highest: f32,
    /// The mean score.
    pub(crate) mean: f32,
}

/// The non-mated comparisons with the highest scores, one for each pair of identities.
pub(crate) fn worst_non_mated(pairs: &[ScoredPair], labels: &[u64], n: usize) -> Vec<ScoredPair> {
    let non_mated = pairs.iter().filter(|pair| !pair.is_mated).copied().collect();
    one_each(first(non_mated, |a, b| b.score.total_cmp(&a.score)), labels, n)
}

/// The mated comparisons with the lowest scores, one for each identity.
pub(crate) fn worst_mated(pairs: &[ScoredPair], labels: &[u64], n: usize) -> Vec<ScoredPair> {
    let mated = pairs.iter().filter(|pair| pair.is_mated).copied().collect();
    one_each(first(mated, |a, b| a.score.total_cmp(&b.score)), labels, n)
}

/// The first of each pair of labels.
fn one_each(pairs: Vec<ScoredPair>, labels: &[u64], n: usize) -> Vec<ScoredPair> {
    let mut seen = BTreeSet::new();
    pairs.into_iter().filter(|pair| seen.insert(label_pair(pair, labels))).take(n).collect()
}

/// The pairs of identities with the highest single scores, in that order.
pub(crate) fn nearest_identities(
    pairs: &[ScoredPair],
    labels: &[u64],
    n: usize,
) -> Vec<NearIdentities> {
    let worst = worst_non_mated(pairs, labels, n);
    let wanted = worst.iter().map(|pair| label_pair(pair, labels)).collect();
    let means = means(pairs, labels, &wanted);
    let near = |pair: &ScoredPair| {
        let labels = label_pair(pair, labels);
        Some(NearIdentities { labels, highest: pair.score, mean: *means.get(&labels)? })
    };
    worst.iter().filter_map(near).collect()
}

/// Mean scores between identities, and within each on the diagonal; `None` where none were compared.
pub(crate) fn mean_scores(
    pairs: &[ScoredPair],
    labels: &[u64],
    shown: &[u64],
) -> Vec<Vec<Option<f32>>> {
    let cells = shown.iter().flat_map(|&a| shown.iter().map(move |&b| ordered(a, b)));
    let means = means(pairs, labels, &cells.collect());
    let cell = |a: u64, b: u64| means.get(&ordered(a, b)).copied();
    shown.iter().map(|&a| shown.iter().map(|&b| cell(a, b)).collect()).collect()
}

fn means(
    pairs: &[ScoredPair],
    labels: &[u64],
    wanted: &BTreeSet<[u64; 2]>,
) -> BTreeMap<[u64; 2], f32> {
    let mut sums = BTreeMap::<[u64; 2], (f64, u32)>::new();
    for pair in pairs {
        let labels = label_pair(pair, labels);
        if wanted.contains(&labels) {
            let (sum, n) = sums.entry(labels).or_default();
            *sum += f64::from(pair.score);
            *n += 1;
        }
    }
    sums.into_iter().map(|(labels, (sum, n))| (labels, (sum / f64::from(n)) as f32)).collect()
}

/// The first of `pairs` in an order, sorted; the others are not worth sorting.
fn first(
    mut pairs: Vec<ScoredPair>,
    order: impl Fn(&ScoredPair, &ScoredPair) -> std::cmp::Ordering,
) -> Vec<ScoredPair> {
    // Equal scores stand in the order of their samples, whatever the selection does to them.
    let order = |a: &ScoredPair, b: &ScoredPair| order(a, b).then(a.samples.cmp(&b.samples));
    if pairs.len() > MAX_SEARCHED {
        pairs.select_nth_unstable_by(MAX_SEARCHED, order);
        pairs.truncate(MAX_SEARCHED);
    }
    pairs.sort_unstable_by(order);
    pairs
}

fn label_pair(pair: &ScoredPair, labels: &[u64]) -> [u64; 2] {
    let [a, b] = pair.samples.map(|sample| labels[sample]);
    ordered(a, b)
}

fn ordered(a: u64, b: u64) -> [u64; 2] {
    [a.min(b), a.max(b)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three identities of two samples each: 0 0 1 1 2 2.
    const LABELS: [u64; 6] = [0, 0, 1, 1, 2, 2];

    fn pair(a: usize, b: usize, score: f32) -> ScoredPair {
        ScoredPair { samples: [a, b], score, is_mated: LABELS[a] == LABELS[b] }
    }

    /// Scores whose means are exact.
    fn pairs() -> Vec<ScoredPair> {
        vec![
            pair(0, 1, 0.875),
            pair(2, 3, 0.25),
            pair(4, 5, 0.5),
            pair(0, 2, 0.75),
            pair(3, 1, 0.5),
            pair(0, 4, 0.625),
            pair(2, 4, -0.1),
        ]
    }

    fn samples(pairs: &[ScoredPair]) -> Vec<[usize; 2]> {
        pairs.iter().map(|pair| pair.samples).collect()
    }

    #[test]
    fn the_worst_are_one_for_each_pair_of_identities() {
        let worst = worst_non_mated(&pairs(), &LABELS, 2);
        assert_eq!(samples(&worst), [[0, 2], [0, 4]]);
        assert_eq!(samples(&worst_mated(&pairs(), &LABELS, 2)), [[2, 3], [4, 5]]);
        assert_eq!(worst_non_mated(&pairs(), &LABELS, 9).len(), 3);
    }

    #[test]
    fn near_identities_have_their_highest_and_their_mean_score() {
        let near = nearest_identities(&pairs(), &LABELS, 1);
        assert_eq!(near, [NearIdentities { labels: [0, 1], highest: 0.75, mean: 0.625 }]);
    }

    #[test]
    fn the_matrix_is_symmetric_and_has_gaps_where_nothing_was_compared() {
        let mut compared = pairs();
        compared.pop();
        let found = mean_scores(&compared, &LABELS, &[1, 0, 2]);
        let expected = [
            [Some(0.25), Some(0.625), None],
            [Some(0.625), Some(0.875), Some(0.625)],
            [None, Some(0.625), Some(0.5)],
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn few_of_many_are_the_right_ones() {
        let many: Vec<ScoredPair> = (0..50_000)
            .map(|index| pair(index % 2, 2 + index % 2, (index % 49_999) as f32 / 50_000.0))
            .collect();
        let worst = worst_non_mated(&many, &LABELS, 1);
        assert_eq!(worst[0].score, 49_998.0 / 50_000.0);
    }
}

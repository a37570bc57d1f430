//! The pairs in question by anchor; a pair that was mined several times is listed as often.

use crate::metric::scene::Scene;

/// References by anchor, by position.
pub(super) struct Neighbors {
    /// Mated references of each anchor.
    pub(super) mated: Vec<Vec<usize>>,
    /// Non-mated references of each anchor.
    pub(super) non_mated: Vec<Vec<usize>>,
}

impl Neighbors {
    /// Those of the pairs that were mined, or of all.
    pub(super) fn of(scene: &Scene<'_>) -> Self {
        let relations = scene.batch.relations;
        let n = relations.n_anchors();
        match &scene.tuples {
            None => Self {
                mated: (0..n).map(|anchor| relations.mated(anchor).collect()).collect(),
                non_mated: (0..n).map(|anchor| relations.non_mated(anchor).collect()).collect(),
            },
            Some(tuples) => {
                let pairs = tuples.pairs();
                Self { mated: grouped(&pairs.mated, n), non_mated: grouped(&pairs.non_mated, n) }
            }
        }
    }
}

fn grouped(pairs: &[[usize; 2]], n_anchors: usize) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); n_anchors];
    for &[anchor, other] in pairs {
        groups[anchor].push(other);
    }
    groups
}

/// The other way round: anchors by reference.
pub(super) fn reversed(by_anchor: &[Vec<usize>], n_references: usize) -> Vec<Vec<usize>> {
    let mut groups = vec![Vec::new(); n_references];
    for (anchor, others) in by_anchor.iter().enumerate() {
        for &other in others {
            groups[other].push(anchor);
        }
    }
    groups
}

/// `log Σ exp(x)`; negative infinity without terms.
pub(super) fn log_sum_exp(terms: impl Iterator<Item = f64> + Clone) -> f64 {
    let max = terms.clone().fold(f64::NEG_INFINITY, f64::max);
    if max == f64::NEG_INFINITY {
        return max;
    }
    max + terms.map(|term| (term - max).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_keep_repeated_pairs_and_can_be_reversed() {
        let groups = grouped(&[[1, 0], [0, 2], [1, 0]], 2);
        assert_eq!(groups, [vec![2], vec![0, 0]]);
        assert_eq!(reversed(&groups, 3), [vec![1, 1], vec![], vec![0]]);
    }

    #[test]
    fn sums_of_nothing_and_of_huge_terms_are_no_nan() {
        assert_eq!(log_sum_exp([].into_iter()), f64::NEG_INFINITY);
        assert_eq!(log_sum_exp([1e5, 1e5].into_iter()), 1e5 + std::f64::consts::LN_2);
    }
}

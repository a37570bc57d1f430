//! Which triplets of an anchor count, by how far its non-mated references lie beyond a mated one.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Which triplets of a batch a loss is made of.
///
/// With `d` the distance (a similarity with its sign turned), `g = d(a, n) - d(a, p)` how much farther
/// the non-mated reference lies, and `m` the margin of mining. All but the last are the rules of
/// pytorch-metric-learning's `TripletMarginMiner`, whose `"all"` is `violating` here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// `0 < g <= m`: the non-mated reference is farther, but within the margin.
    #[default]
    SemiHard,
    /// All.
    All,
    /// `g <= m`: semi-hard and hard ones.
    Violating,
    /// `g <= 0`: the non-mated reference is nearer, or as near.
    Hard,
    /// `g > m`.
    Easy,
    /// FaceNet's selection: for every mated pair the hardest semi-hard triplet, which is that of the
    /// nearest non-mated reference with `0 < g <= m`, the first of equally near ones. A pair without
    /// any is left out.
    Facenet,
}

impl Mining {
    /// Whether a triplet counts as far as it alone can tell.
    pub(super) fn allows(self, gap: f64, margin: f64) -> bool {
        match self {
            Self::All => true,
            Self::Violating => gap <= margin,
            Self::Hard => gap <= 0.0,
            Self::Easy => gap > margin,
            Self::SemiHard | Self::Facenet => gap > 0.0 && gap <= margin,
        }
    }

    /// Hands out the chosen among the non-mated references of a pair, each with its distance.
    pub(super) fn each(
        self,
        mated: f64,
        others: impl Iterator<Item = (usize, f64)>,
        margin: f64,
        mut take: impl FnMut(usize, f64),
    ) {
        let allowed = others.filter(|&(_, other)| self.allows(other - mated, margin));
        if self == Self::Facenet {
            let nearest = allowed.reduce(|best, it| if it.1 < best.1 { it } else { best });
            if let Some((other, far)) = nearest {
                take(other, far);
            }
        } else {
            for (other, far) in allowed {
                take(other, far);
            }
        }
    }

    /// The same among distances in ascending order, where the chosen are always a range.
    pub(super) fn range(self, mated: f64, others: &[f64], margin: f64) -> Range<usize> {
        let n_nearer = || others.partition_point(|other| other - mated <= 0.0);
        let n_within = || others.partition_point(|other| other - mated <= margin);
        match self {
            Self::All => 0..others.len(),
            Self::Violating => 0..n_within(),
            Self::Hard => 0..n_nearer(),
            Self::Easy => n_within()..others.len(),
            Self::SemiHard => n_nearer()..n_within(),
            Self::Facenet => {
                let first = n_nearer();
                first..n_within().min(first + 1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHERS: [f64; 6] = [0.5, 1.0, 1.25, 1.25, 1.5, 2.0];

    #[track_caller]
    fn check(mining: Mining, expected: &[usize]) {
        let mut found = Vec::new();
        mining.each(1.0, OTHERS.into_iter().enumerate(), 0.5, |other, _| found.push(other));
        assert_eq!(found, expected);
        assert_eq!(mining.range(1.0, &OTHERS, 0.5).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn bounds_belong_where_the_reference_puts_them() {
        check(Mining::All, &[0, 1, 2, 3, 4, 5]);
        check(Mining::Violating, &[0, 1, 2, 3, 4]);
        check(Mining::Hard, &[0, 1]);
        check(Mining::SemiHard, &[2, 3, 4]);
        check(Mining::Easy, &[5]);
        check(Mining::Facenet, &[2]);
    }

    #[test]
    fn a_pair_without_semi_hard_references_has_no_triplet() {
        assert!(Mining::Facenet.range(2.0, &OTHERS, 0.5).is_empty());
        assert!(Mining::Facenet.range(-1.0, &OTHERS, 0.5).is_empty());
    }
}

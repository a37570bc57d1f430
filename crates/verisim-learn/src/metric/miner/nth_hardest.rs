//! A window of the hardest pairs of every anchor: from the n-th hardest on, so that wrong labels stay out.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, Other, pairs_by_anchor, sorted};
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Chooses, for each anchor, a window of its mated references, farthest first, and a window of its
/// non-mated references, nearest first.
///
/// With both windows `1..=1` it is [`BatchHardMiner`](super::BatchHardMiner). A window that begins later
/// passes over the very hardest, which are often wrong labels or two pictures of one person under two
/// names. A window that reaches beyond the end takes what there is; an anchor for which one of the two is
/// empty is left out.
///
/// The idea of moderate mining is that of Shi et al., *Embedding Deep Metric for Person Re-identification:
/// A Study Against Large Variations*, ECCV 2016, <https://arxiv.org/abs/1611.00137>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NthHardestMiner {
    /// First and last rank of the mated references, from 1 for the farthest; `[1, 1]` if not given.
    #[serde(default = "hardest")]
    pub mated_ranks: [usize; 2],
    /// First and last rank of the non-mated references, from 1 for the nearest; `[1, 1]` if not given.
    #[serde(default = "hardest")]
    pub non_mated_ranks: [usize; 2],
}

fn hardest() -> [usize; 2] {
    [1, 1]
}

impl Default for NthHardestMiner {
    fn default() -> Self {
        Self { mated_ranks: hardest(), non_mated_ranks: hardest() }
    }
}

/// Positions, in ascending order, of what lies in a window.
fn within(others: impl Iterator<Item = Other>, [first, last]: [usize; 2]) -> Vec<usize> {
    let window = others.take(last).skip(first.saturating_sub(1));
    let mut positions: Vec<usize> = window.map(|(index, _)| index).collect();
    positions.sort_unstable();
    positions
}

impl Mine for NthHardestMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        let windows =
            [("mated_ranks", self.mated_ranks), ("non_mated_ranks", self.non_mated_ranks)];
        windows.into_iter().try_for_each(|(parameter, [first, last])| {
            require(parameter, first as f64, first >= 1, "at least 1")?;
            require(parameter, last as f64, last >= first, "in ascending order")
        })
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        Tuples::Pairs(pairs_by_anchor(farness.n_anchors(), |anchor| {
            // Sorted by nearness, so that the lower position of equally far ones comes first, too.
            let by_nearness = sorted(farness.mated(anchor).map(|(index, far)| (index, -far)));
            let mated = within(by_nearness.into_iter(), self.mated_ranks);
            let by_farness = sorted(farness.non_mated(anchor));
            let non_mated = within(by_farness.into_iter(), self.non_mated_ranks);
            if mated.is_empty() || non_mated.is_empty() {
                return [Vec::new(), Vec::new()];
            }
            [mated, non_mated]
        }))
    }
}

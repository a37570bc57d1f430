//! A share of the hardest pairs of a whole batch.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::Farness;
use crate::metric::scene::Scene;
use crate::metric::tuples::{Pairs, Tuples};
use crate::metric::{InvalidLoss, require};

/// Chooses the hardest `⌈share * n⌉` of all `n` mated pairs of a batch, and as large a share of its
/// non-mated pairs.
///
/// Of equally hard pairs at the end of the share, those of the lower anchor, then reference, are kept.
///
/// Yuan et al., *Hard-Aware Deeply Cascaded Embedding*, ICCV 2017, <https://arxiv.org/abs/1611.05720>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HdcMiner {
    /// Share, in `(0, 1]`; 0.5, the paper's second level, if not given.
    #[serde(default = "half")]
    pub share: f64,
}

fn half() -> f64 {
    0.5
}

impl HdcMiner {
    /// Keeps the share with the smallest keys.
    fn keep(&self, pairs: &mut Vec<[usize; 2]>, key: impl Fn(&[usize; 2]) -> f64 + Sync) {
        let count = (self.share * pairs.len() as f64).ceil() as usize;
        let order = |one: &[usize; 2], other: &[usize; 2]| {
            key(one).total_cmp(&key(other)).then_with(|| one.cmp(other))
        };
        if count < pairs.len() {
            pairs.select_nth_unstable_by(count, order);
            pairs.truncate(count);
            pairs.par_sort_unstable();
        }
    }
}

impl Mine for HdcMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("share", self.share, self.share > 0.0 && self.share <= 1.0, "in (0, 1]")
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let mut pairs = Pairs::all(scene.batch.relations);
        self.keep(&mut pairs.mated, |&[anchor, other]| -farness.at(anchor, other));
        self.keep(&mut pairs.non_mated, |&[anchor, other]| farness.at(anchor, other));
        Tuples::Pairs(pairs)
    }
}

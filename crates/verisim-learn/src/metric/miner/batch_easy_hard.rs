//! One mated and one non-mated pair of every anchor, each as easy or hard as asked.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, Other, farthest, nearest, pairs_by_anchor};
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Chooses, for each anchor, a mated and a non-mated pair.
///
/// ```text
///             mated                                    non-mated
/// easy        the nearest                              the farthest
/// hard        the farthest                             the nearest
/// semi-hard   the farthest that is nearer than         the nearest that is farther than
///             the chosen non-mated                     the chosen mated
/// all         all                                      all
/// ```
///
/// An anchor without one of the two is left out, unless one side takes all: then each side stands for
/// itself. Semi-hard looks at one chosen pair of the other side, which rules out semi-hard and all there.
///
/// Xuan et al., *Improved Embeddings with Easy Positive Triplet Mining*, WACV 2020,
/// <https://arxiv.org/abs/1904.04370>; the strategies and their defaults are those of
/// pytorch-metric-learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchEasyHardMiner {
    /// Which mated pair; the easy one, if not given, as in the paper.
    #[serde(default = "easy")]
    pub mated: Strategy,
    /// Which non-mated pair; the semi-hard one, if not given, as in the paper.
    #[serde(default = "semi_hard")]
    pub non_mated: Strategy,
    /// Lowest and highest distance, or similarity, of a mated pair; any, if not given.
    ///
    /// It does not bind a side that takes all.
    #[serde(default)]
    pub mated_range: Option<[f64; 2]>,
    /// Lowest and highest distance, or similarity, of a non-mated pair; any, if not given.
    #[serde(default)]
    pub non_mated_range: Option<[f64; 2]>,
}

/// Which pair of an anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// The one that needs the least change.
    Easy,
    /// The one that needs the most change.
    Hard,
    /// The hardest that is still in the right order with the other side's.
    SemiHard,
    /// All.
    All,
}

fn easy() -> Strategy {
    Strategy::Easy
}

fn semi_hard() -> Strategy {
    Strategy::SemiHard
}

fn check_range(parameter: &'static str, range: Option<[f64; 2]>) -> Result<(), InvalidLoss> {
    let Some([low, high]) = range else { return Ok(()) };
    require(parameter, low, true, "finite")?;
    require(parameter, high, low <= high, "in ascending order")
}

impl Mine for BatchEasyHardMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        let strategies = [self.mated, self.non_mated];
        let count = |it| strategies.iter().filter(|strategy| **strategy == it).count();
        let n_semi_hard = count(Strategy::SemiHard);
        require("number of semi-hard sides", n_semi_hard as f64, n_semi_hard < 2, "at most 1")?;
        let n_all = if n_semi_hard > 0 { count(Strategy::All) } else { 0 };
        require(
            "number of sides that take all beside a semi-hard one",
            n_all as f64,
            n_all == 0,
            "0",
        )?;
        check_range("mated_range", self.mated_range)?;
        check_range("non_mated_range", self.non_mated_range)
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let sign = scene.distance.sign();
        let takes_all = [self.mated, self.non_mated].contains(&Strategy::All);
        Tuples::Pairs(pairs_by_anchor(farness.n_anchors(), |anchor| {
            let allowed = |range: Option<[f64; 2]>| {
                move |other: &Other| {
                    range.is_none_or(|[low, high]| (low..=high).contains(&(sign * other.1)))
                }
            };
            let mated = || farness.mated(anchor).filter(allowed(self.mated_range));
            let non_mated = || farness.non_mated(anchor).filter(allowed(self.non_mated_range));
            let choose_mated = |bound: Option<Other>| match self.mated {
                Strategy::Easy => nearest(mated()),
                Strategy::Hard => farthest(mated()),
                Strategy::SemiHard => {
                    farthest(mated().filter(|it| bound.is_some_and(|at| it.1 < at.1)))
                }
                Strategy::All => None,
            };
            let choose_non_mated = |bound: Option<Other>| match self.non_mated {
                Strategy::Easy => farthest(non_mated()),
                Strategy::Hard => nearest(non_mated()),
                Strategy::SemiHard => {
                    nearest(non_mated().filter(|it| bound.is_some_and(|at| it.1 > at.1)))
                }
                Strategy::All => None,
            };
            let (one, other) = if self.mated == Strategy::SemiHard {
                let other = choose_non_mated(None);
                (choose_mated(other), other)
            } else {
                let one = choose_mated(None);
                (one, choose_non_mated(one))
            };
            let only = |it: Option<Other>| it.map(|(index, _)| index).into_iter().collect();
            if takes_all {
                let all_mated = farness.mated(anchor).map(|(index, _)| index);
                let all_others = farness.non_mated(anchor).map(|(index, _)| index);
                let is_all = |strategy| strategy == Strategy::All;
                [
                    if is_all(self.mated) { all_mated.collect() } else { only(one) },
                    if is_all(self.non_mated) { all_others.collect() } else { only(other) },
                ]
            } else {
                match one.zip(other) {
                    Some((one, other)) => [vec![one.0], vec![other.0]],
                    None => [Vec::new(), Vec::new()],
                }
            }
        }))
    }
}

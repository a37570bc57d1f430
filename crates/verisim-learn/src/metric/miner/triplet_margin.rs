//! Triplets by whether, and how, they violate a margin.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, Other, counted_triplets};
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Chooses triplets by their gap `g = d(a, n) - d(a, p)`, or `s(a, p) - s(a, n)` of a similarity.
///
/// ```text
/// easy        g > m
/// all         g ≤ m
/// semi-hard   0 < g ≤ m
/// hard        g ≤ 0 and g ≤ m
/// ```
///
/// Easy ones and all are every triplet; semi-hard and hard ones are all, if the margin is not below 0.
/// Memory grows with the batch squared and with what is chosen, not with the number of triplets.
///
/// Semi-hard triplets are those of Schroff et al., *FaceNet: A Unified Embedding for Face Recognition and
/// Clustering*, CVPR 2015, <https://arxiv.org/abs/1503.03832>; these definitions are those of
/// pytorch-metric-learning. For FaceNet's choice of one non-mated sample a pair, see
/// [`FaceNetMiner`](super::FaceNetMiner).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripletMarginMiner {
    /// Margin `m`, any number; 0.2, FaceNet's, if not given.
    #[serde(default = "facenet_margin")]
    pub margin: f64,
    /// Which triplets; all that violate the margin, if not given.
    #[serde(default)]
    pub triplets: TripletKind,
}

/// Which triplets of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TripletKind {
    /// Those that violate the margin.
    #[default]
    All,
    /// Those that do not violate the margin.
    Easy,
    /// Those that violate the margin, though the non-mated sample is the farther one.
    SemiHard,
    /// Those whose non-mated sample is as near as the mated one, or nearer.
    Hard,
}

fn facenet_margin() -> f64 {
    0.2
}

impl TripletMarginMiner {
    fn chooses(&self, gap: f64) -> bool {
        match self.triplets {
            TripletKind::Easy => gap > self.margin,
            TripletKind::All => gap <= self.margin,
            TripletKind::SemiHard => gap <= self.margin && gap > 0.0,
            TripletKind::Hard => gap <= self.margin && gap <= 0.0,
        }
    }
}

impl Mine for TripletMarginMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, true, "a number")
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        Tuples::Triplets(counted_triplets(farness.n_anchors(), |anchor, choose| {
            let others: Vec<Other> = farness.non_mated(anchor).collect();
            for (mated, near) in farness.mated(anchor) {
                for &(other, _) in others.iter().filter(|(_, far)| self.chooses(far - near)) {
                    choose([anchor, mated, other]);
                }
            }
        }))
    }
}

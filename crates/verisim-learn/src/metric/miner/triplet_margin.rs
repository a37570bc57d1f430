//! Triplets by whether, and how, they violate a margin.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::Farness;
use crate::metric::scene::Scene;
use crate::metric::tuples::{Triplet, Tuples};
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
        // Counted first: a list that grows would need twice its size for a while.
        let counts: Vec<usize> = (0..farness.n_anchors())
            .into_par_iter()
            .map(|anchor| {
                let others: Vec<f64> = farness.non_mated(anchor).map(|(_, far)| far).collect();
                let chosen =
                    |near: f64| others.iter().filter(|far| self.chooses(*far - near)).count();
                farness.mated(anchor).map(|(_, near)| chosen(near)).sum()
            })
            .collect();
        let mut triplets: Vec<Triplet> = vec![[0; 3]; counts.iter().sum()];
        let mut parts = Vec::with_capacity(counts.len());
        let mut rest = triplets.as_mut_slice();
        for &count in &counts {
            let (part, after) = rest.split_at_mut(count);
            parts.push(part);
            rest = after;
        }
        parts.into_par_iter().enumerate().for_each(|(anchor, part)| {
            let others: Vec<_> = farness.non_mated(anchor).collect();
            let chosen = farness.mated(anchor).flat_map(|(mated, near)| {
                let chosen = others.iter().filter(move |(_, far)| self.chooses(far - near));
                chosen.map(move |&(other, _)| [anchor, mated, other])
            });
            part.iter_mut().zip(chosen).for_each(|(place, triplet)| *place = triplet);
        });
        Tuples::Triplets(triplets)
    }
}

//! The hardest triplet of every anchor.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, farthest, nearest};
use crate::metric::InvalidLoss;
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;

/// Chooses one triplet for each anchor: its farthest mated and its nearest non-mated reference.
///
/// An anchor without either is left out.
///
/// Hermans et al., *In Defense of the Triplet Loss for Person Re-Identification*, 2017,
/// <https://arxiv.org/abs/1703.07737>.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchHardMiner {}

impl Mine for BatchHardMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let triplets = (0..farness.n_anchors()).filter_map(|anchor| {
            let (mated, _) = farthest(farness.mated(anchor))?;
            let (other, _) = nearest(farness.non_mated(anchor))?;
            Some([anchor, mated, other])
        });
        Tuples::Triplets(triplets.collect())
    }
}

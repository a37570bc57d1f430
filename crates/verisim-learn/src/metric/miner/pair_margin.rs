//! Pairs that are on the wrong side of a margin.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, pairs_by_anchor};
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Chooses the mated pairs that are farther than a margin, and the non-mated pairs that are nearer than
/// another.
///
/// With a similarity, those are the mated pairs below a margin, and the non-mated pairs above another.
/// The defaults are those of pytorch-metric-learning, for the distance of unit vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PairMarginMiner {
    /// Distance, or similarity, within which a mated pair is left out; 0.2 if not given.
    #[serde(default = "mated_margin")]
    pub mated_margin: f64,
    /// Distance, or similarity, beyond which a non-mated pair is left out; 0.8 if not given.
    #[serde(default = "margin")]
    pub margin: f64,
}

fn mated_margin() -> f64 {
    0.2
}

fn margin() -> f64 {
    0.8
}

impl Mine for PairMarginMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let sign = scene.distance.sign();
        let (near, far) = (sign * self.mated_margin, sign * self.margin);
        Tuples::Pairs(pairs_by_anchor(farness.n_anchors(), |anchor| {
            let mated = farness.mated(anchor).filter(|it| it.1 > near);
            let non_mated = farness.non_mated(anchor).filter(|it| it.1 < far);
            [mated.map(|(index, _)| index).collect(), non_mated.map(|(index, _)| index).collect()]
        }))
    }
}

//! Triplets in which the mated pair is seen under a wide angle from the non-mated sample.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::counted_triplets;
use crate::metric::distance::Distance;
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

/// Distances of the vectors as they are, squared.
const RAW: Distance = Distance::Lp { p: 2.0, power: 2.0, normalize: false };

/// Chooses the triplets whose angle is wide.
///
/// With `c = (a + p) / 2`,
///
/// ```text
/// arctan( |a - p| / (2 |n - c|) ) > α
/// ```
///
/// The angle is that of the embeddings as they are, of any length; the distance in use plays no part.
/// pytorch-metric-learning adds 1e-6 to each component of the differences, which is left out here. Memory
/// grows with the batch, and the references, squared.
///
/// Wang et al., *Deep Metric Learning with Angular Loss*, ICCV 2017, <https://arxiv.org/abs/1708.01682>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AngularMiner {
    /// Angle `α`, in radians, in `[0, pi/2)`; 20 degrees, that of pytorch-metric-learning, if not given.
    #[serde(default = "twenty_degrees")]
    pub angle: f64,
}

fn twenty_degrees() -> f64 {
    PI / 9.0
}

impl Mine for AngularMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        let is_valid = (0.0..FRAC_PI_2).contains(&self.angle);
        require("angle", self.angle, is_valid, "in [0, pi/2), in radians")
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let relations = scene.batch.relations;
        let squared = &RAW.compare(scene.batch.embeddings, scene.batch.references).values;
        let apart = scene.batch.references.map(|references| RAW.compare(references, None).values);
        let between = apart.as_ref().unwrap_or(squared);
        let factor = 4.0 * self.angle.tan().powi(2);
        Tuples::Triplets(counted_triplets(relations.n_anchors(), |anchor, choose| {
            let others: Vec<usize> = relations.non_mated(anchor).collect();
            for mated in relations.mated(anchor) {
                let to_mated = squared[(anchor, mated)];
                for &other in &others {
                    // The length of a median from the sides of its triangle.
                    let sides = squared[(anchor, other)] + between[(mated, other)];
                    let to_middle = (sides / 2.0 - to_mated / 4.0).max(0.0);
                    if to_mated > factor * to_middle {
                        choose([anchor, mated, other]);
                    }
                }
            }
        }))
    }
}

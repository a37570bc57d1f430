//! Every pair of a batch.

use serde::{Deserialize, Serialize};

use super::Mine;
use crate::metric::InvalidLoss;
use crate::metric::scene::Scene;
use crate::metric::tuples::{Pairs, Tuples};

/// Chooses every pair.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllPairs {}

impl Mine for AllPairs {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        Tuples::Pairs(Pairs::all(scene.batch.relations))
    }
}

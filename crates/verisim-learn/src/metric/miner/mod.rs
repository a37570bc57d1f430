//! Which pairs or triplets of a batch a loss is made of.

mod all;

use serde::{Deserialize, Serialize};

use super::InvalidLoss;
use super::distance::Distance;
use super::scene::Scene;
use super::tuples::Tuples;

pub use self::all::AllPairs;

/// Chooses pairs or triplets of a batch.
pub trait Mine {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    fn check(&self) -> Result<(), InvalidLoss>;

    /// The distance that the miner needs; whatever the loss uses, if none.
    fn distance(&self) -> Option<Distance> {
        None
    }

    /// The chosen, in order of anchor, then mated, then non-mated reference; ties go to the lower
    /// position.
    fn mine(&self, scene: &Scene<'_>) -> Tuples;
}

/// Which miner, and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Miner {
    /// Every pair.
    All(AllPairs),
}

impl Miner {
    fn choice(&self) -> &dyn Mine {
        match self {
            Self::All(miner) => miner,
        }
    }

    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    pub fn check(&self) -> Result<(), InvalidLoss> {
        self.choice().check()
    }

    /// The distance that the miner needs, as [`Mine::distance`].
    pub fn distance(&self) -> Option<Distance> {
        self.choice().distance()
    }

    /// Chooses pairs or triplets, as [`Mine::mine`].
    pub fn mine(&self, scene: &Scene<'_>) -> Tuples {
        self.choice().mine(scene)
    }
}

//! Which pairs or triplets of a batch a loss is made of.

mod all;
mod angular;
mod batch_easy_hard;
mod batch_hard;
mod distance_weighted;
mod facenet;
mod farness;
mod hdc;
mod multi_similarity;
mod nth_hardest;
mod pair_margin;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
mod triplet_margin;
mod uniform_histogram;

use serde::{Deserialize, Serialize};

use super::InvalidLoss;
use super::distance::Distance;
use super::scene::Scene;
use super::tuples::Tuples;

pub use self::all::AllPairs;
pub use self::angular::AngularMiner;
pub use self::batch_easy_hard::{BatchEasyHardMiner, Strategy};
pub use self::batch_hard::BatchHardMiner;
pub use self::distance_weighted::{DistanceWeightedMiner, MatedDraw};
pub use self::facenet::{FaceNetMiner, Hopeless, SemiHardPick};
pub use self::hdc::HdcMiner;
pub use self::multi_similarity::MultiSimilarityMiner;
pub use self::nth_hardest::NthHardestMiner;
pub use self::pair_margin::PairMarginMiner;
pub use self::triplet_margin::{TripletKind, TripletMarginMiner};
pub use self::uniform_histogram::UniformHistogramMiner;

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

    /// The chosen, in order of anchor, then mated, then non-mated reference, unless the miner says
    /// otherwise; ties go to the lower position.
    fn mine(&self, scene: &Scene<'_>) -> Tuples;
}

/// Which miner, and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Miner {
    /// Every pair.
    All(AllPairs),
    /// Triplets whose angle is wide.
    Angular(AngularMiner),
    /// One mated and one non-mated pair of each anchor, as easy or hard as asked.
    BatchEasyHard(BatchEasyHardMiner),
    /// The hardest triplet of each anchor.
    BatchHard(BatchHardMiner),
    /// Mated pairs with a non-mated sample of a random distance.
    DistanceWeighted(DistanceWeightedMiner),
    /// Mated pairs, each with its nearest semi-hard sample.
    #[serde(rename = "facenet")]
    FaceNet(FaceNetMiner),
    /// A share of the hardest pairs of the batch.
    Hdc(HdcMiner),
    /// Pairs that are hard beside the hardest of the other kind.
    MultiSimilarity(MultiSimilarityMiner),
    /// A window of the hardest pairs of each anchor.
    NthHardest(NthHardestMiner),
    /// Pairs on the wrong side of a margin.
    PairMargin(PairMarginMiner),
    /// Triplets by whether, and how, they violate a margin.
    TripletMargin(TripletMarginMiner),
    /// Random pairs, as many from every range of distances.
    UniformHistogram(UniformHistogramMiner),
}

impl Miner {
    fn choice(&self) -> &dyn Mine {
        match self {
            Self::All(miner) => miner,
            Self::Angular(miner) => miner,
            Self::BatchEasyHard(miner) => miner,
            Self::BatchHard(miner) => miner,
            Self::DistanceWeighted(miner) => miner,
            Self::FaceNet(miner) => miner,
            Self::Hdc(miner) => miner,
            Self::MultiSimilarity(miner) => miner,
            Self::NthHardest(miner) => miner,
            Self::PairMargin(miner) => miner,
            Self::TripletMargin(miner) => miner,
            Self::UniformHistogram(miner) => miner,
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

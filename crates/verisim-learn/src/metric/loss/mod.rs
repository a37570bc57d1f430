//! Losses over pairs and triplets, one file each.

mod angular;
#[cfg(test)]
pub(crate) mod contract;
mod contrastive;
mod nca;
mod npairs;
#[cfg(test)]
mod tests;
mod triplet;

pub use self::angular::AngularLoss;
pub use self::contrastive::ContrastiveLoss;
pub use self::nca::NcaLoss;
pub use self::npairs::NPairsLoss;
pub use self::triplet::{Mining, TripletLoss};

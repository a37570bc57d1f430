//! Losses over pairs and triplets, one file each.

#[cfg(test)]
pub(crate) mod contract;
mod contrastive;
#[cfg(test)]
mod tests;
mod triplet;

pub use self::contrastive::ContrastiveLoss;
pub use self::triplet::{Mining, TripletLoss};

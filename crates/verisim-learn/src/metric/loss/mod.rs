//! Losses over pairs and triplets, one file each.

mod circle;
#[cfg(test)]
pub(crate) mod contract;
mod contrastive;
mod exp;
mod generalized_lifted_structure;
mod intra_pair_variance;
mod lifted_structure;
#[cfg(test)]
mod mined_tests;
mod multi_similarity;
mod neighbors;
mod ntxent;
mod pair_term;
mod row;
mod snr_contrastive;
mod squared_contrastive;
mod supcon;
#[cfg(test)]
mod tests;
mod threshold_consistent_margin;
mod unbounded_contrastive;

pub use self::circle::{CircleLoss, CircleWeights};
pub use self::contrastive::ContrastiveLoss;
pub use self::generalized_lifted_structure::GeneralizedLiftedStructureLoss;
pub use self::intra_pair_variance::IntraPairVarianceLoss;
pub use self::lifted_structure::LiftedStructureLoss;
pub use self::multi_similarity::MultiSimilarityLoss;
pub use self::ntxent::{NtxentCompat, NtxentLoss};
pub use self::snr_contrastive::SnrContrastiveLoss;
pub use self::squared_contrastive::SquaredContrastiveLoss;
pub use self::supcon::SupConLoss;
pub use self::threshold_consistent_margin::ThresholdConsistentMarginLoss;
pub use self::unbounded_contrastive::UnboundedContrastiveLoss;

//! Losses over pairs and triplets, one file each.

mod bins;
mod chosen;
mod circle;
mod closeness;
#[cfg(test)]
pub(crate) mod contract;
mod contrastive;
mod dynamic_soft_margin;
mod exp;
mod fast_ap;
mod generalized_lifted_structure;
mod histogram;
mod instance;
mod intra_pair_variance;
mod lifted_structure;
mod manifold;
mod margin;
#[cfg(test)]
mod mined_tests;
mod multi_similarity;
mod neighbors;
mod ntxent;
mod pair_term;
mod pnp;
mod rank;
mod ranked_list;
mod row;
mod smooth_ap;
mod snr_contrastive;
mod squared_contrastive;
mod supcon;
#[cfg(test)]
mod tests;
mod threshold_consistent_margin;
mod tuplet_margin;
mod unbounded_contrastive;
mod vicreg;

pub use self::circle::{CircleLoss, CircleWeights};
pub use self::contrastive::ContrastiveLoss;
pub use self::dynamic_soft_margin::DynamicSoftMarginLoss;
pub use self::fast_ap::FastApLoss;
pub use self::generalized_lifted_structure::GeneralizedLiftedStructureLoss;
pub use self::histogram::HistogramLoss;
pub use self::instance::InstanceLoss;
pub use self::intra_pair_variance::IntraPairVarianceLoss;
pub use self::lifted_structure::LiftedStructureLoss;
pub use self::manifold::ManifoldLoss;
pub use self::margin::{LearnedBoundary, MarginLoss};
pub use self::multi_similarity::MultiSimilarityLoss;
pub use self::ntxent::{NtxentCompat, NtxentLoss};
pub use self::pnp::{PnpLoss, PnpVariant};
pub use self::ranked_list::RankedListLoss;
pub use self::smooth_ap::SmoothApLoss;
pub use self::snr_contrastive::SnrContrastiveLoss;
pub use self::squared_contrastive::SquaredContrastiveLoss;
pub use self::supcon::SupConLoss;
pub use self::threshold_consistent_margin::ThresholdConsistentMarginLoss;
pub use self::tuplet_margin::TupletMarginLoss;
pub use self::unbounded_contrastive::UnboundedContrastiveLoss;
pub use self::vicreg::VicRegLoss;

//! Losses over pairs and triplets, one file each.

mod bins;
mod chosen;
mod closeness;
#[cfg(test)]
pub(crate) mod contract;
mod contrastive;
mod dynamic_soft_margin;
mod fast_ap;
mod histogram;
mod instance;
mod manifold;
mod margin;
mod pnp;
mod rank;
mod ranked_list;
mod smooth_ap;
#[cfg(test)]
mod tests;
mod tuplet_margin;
mod vicreg;

pub use self::contrastive::ContrastiveLoss;
pub use self::dynamic_soft_margin::DynamicSoftMarginLoss;
pub use self::fast_ap::FastApLoss;
pub use self::histogram::HistogramLoss;
pub use self::instance::InstanceLoss;
pub use self::manifold::ManifoldLoss;
pub use self::margin::{LearnedBoundary, MarginLoss};
pub use self::pnp::{PnpLoss, PnpVariant};
pub use self::ranked_list::RankedListLoss;
pub use self::smooth_ap::SmoothApLoss;
pub use self::tuplet_margin::TupletMarginLoss;
pub use self::vicreg::VicRegLoss;

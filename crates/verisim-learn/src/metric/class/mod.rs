//! Losses that classify the identities of the training set, one file each, given the cosines of features
//! and centers; they know no features.

mod adaface;
mod arcface;
mod center_loss;
mod combined_margin;
#[cfg(test)]
mod contract;
mod cosface;
mod curricularface;
mod elasticface;
mod exp;
mod large_margin_softmax;
mod magface;
mod margin;
mod multiple;
mod normalized_softmax;
mod p2sgrad;
mod proxy_anchor;
mod proxy_nca;
mod pruning;
mod row;
pub mod scene;
mod soft_triple;
mod softmax;
mod sphereface;
mod subcenter_arcface;
#[cfg(test)]
mod tests;
mod uniface;

pub use self::adaface::AdaFaceLoss;
pub use self::arcface::ArcFaceLoss;
pub use self::center_loss::CenterLoss;
pub use self::combined_margin::CombinedMarginLoss;
pub use self::cosface::CosFaceLoss;
pub use self::curricularface::CurricularFaceLoss;
pub use self::elasticface::{ElasticFaceLoss, ElasticKind};
pub use self::large_margin_softmax::LargeMarginSoftmaxLoss;
pub use self::magface::MagFaceLoss;
pub use self::margin::MarginGradient;
pub use self::normalized_softmax::NormalizedSoftmaxLoss;
pub use self::p2sgrad::P2SGradLoss;
pub use self::proxy_anchor::ProxyAnchorLoss;
pub use self::proxy_nca::ProxyNcaLoss;
pub use self::pruning::{Pruning, prune};
pub use self::soft_triple::SoftTripleLoss;
pub use self::softmax::SoftmaxLoss;
pub use self::sphereface::SphereFaceLoss;
pub use self::subcenter_arcface::SubCenterArcFaceLoss;
pub use self::uniface::UniFaceLoss;

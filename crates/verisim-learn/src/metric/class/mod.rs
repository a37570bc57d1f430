//! Losses that classify the identities of the training set, one file each, given the cosines of features
//! and centers; they know no features.

mod arcface;
mod row;
pub mod scene;

pub use self::arcface::{ArcFaceLoss, MarginGradient};

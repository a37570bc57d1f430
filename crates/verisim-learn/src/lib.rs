//! Placeholder.
pub mod backbone;
pub mod bench;
pub mod data;
pub mod device;
pub mod export;
pub mod loss;
pub mod metric;
mod ops;
mod random;
pub mod sampler;
pub mod train;

//! Placeholder.
pub mod backbone;
pub mod bench;
pub mod data;
pub mod device;
mod distance;
pub mod export;
pub mod loss;
mod miner;
mod ops;
mod random;
pub mod sampler;
pub mod train;

//! Forward and backward passes on slices, for the CPU; they know shapes, not tensors or Burn.

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod gemm;
pub(crate) mod prelu;
mod simd;
#[cfg(test)]
mod tests;
pub(crate) mod winograd;
mod winograd_tile;

//! Forward and backward passes on slices, for the CPU; they know shapes, not tensors or Burn.

#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen at run time by a function around the kernels, and reach \
              only what is inlined into it"
)]

pub(crate) mod batch_norm;
pub(crate) mod conv;
pub(crate) mod cosine;
pub(crate) mod depthwise;
pub(crate) mod gemm;
pub(crate) mod local;
pub(crate) mod prelu;
pub(crate) mod simd;
#[cfg(test)]
mod tests;
pub(crate) mod transpose;
pub(crate) mod winograd;
mod winograd_tile;
pub(crate) mod zeros;

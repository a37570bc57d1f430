//! Distances between all pairs of a batch.

use burn::tensor::Tensor;

use crate::backbone::l2_normalize;

/// Squared distance below which two embeddings count as equal: the root has no gradient at 0.
const MIN_SQUARED_DISTANCE: f32 = 1e-12;

/// Euclidean distances between the directions of all pairs of rows, in `[0, 2]`.
///
/// Rows are scaled to unit length first, so that `d² = 2 - 2 cos θ`. Two equal rows are at distance
/// 1e-6, and pull at nothing.
///
/// # Shapes
///
/// - rows: `[n, dim]`, of any length
/// - output: `[n, n]`
pub(crate) fn euclidean(rows: Tensor<2>) -> Tensor<2> {
    squared_euclidean(rows).clamp_min(MIN_SQUARED_DISTANCE).sqrt()
}

/// Squares of [`euclidean`], in `[0, 4]`: the distance of FaceNet.
///
/// # Shapes
///
/// As [`euclidean`].
pub(crate) fn squared_euclidean(rows: Tensor<2>) -> Tensor<2> {
    let units = l2_normalize(rows);
    let cosine = units.clone().matmul(units.transpose());
    (cosine * -2.0 + 2.0).clamp_min(0.0)
}

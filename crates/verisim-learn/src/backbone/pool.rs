//! What pools maps or weighs channels by their neighbors; nothing in it is learned.

use burn::tensor::module::{avg_pool2d, max_pool2d};
use burn::tensor::ops::{AvgPoolOptions, MaxPoolOptions};
use burn::tensor::{Tensor, TensorData};

use crate::export::graph::{ConvNode, Graph, Value};
use crate::ops;

/// Added under the root of a sum of squares: where all is zero, the root has no slope.
const MIN_SUM: f32 = 1e-10;
/// Channels that a local response normalization looks at, its own in the middle.
const NEIGHBORS: usize = 5;
/// Weight of their squares, before it is divided by their number; the exponent is 3/4.
const ALPHA: f32 = 1e-4;

/// Largest value of windows of 3 x 3, with so many pixels around that are passed over.
///
/// # Shapes
///
/// - maps: `[batch, channels, height, width]`
/// - output: `[batch, channels, ...]`, of sides `(side + 2 * padding - 3) / stride + 1`
pub(super) fn max_pool_three(maps: Tensor<4>, stride: usize, padding: usize) -> Tensor<4> {
    let options = MaxPoolOptions::new([3, 3]).with_stride([stride; 2]).with_padding([padding; 2]);
    max_pool2d(maps, options)
}

/// Largest value of windows of 2 x 2 that do not overlap; what is left over at the far edges is passed over.
///
/// # Shapes
///
/// - maps: `[batch, channels, height, width]`
/// - output: `[batch, channels, height / 2, width / 2]`
pub(super) fn max_pool_two(maps: Tensor<4>) -> Tensor<4> {
    max_pool2d(maps, MaxPoolOptions::new([2, 2]).with_stride([2, 2]))
}

/// Largest value of windows of 3 x 3 at stride 2, the last of which may hang over the edge.
///
/// # Shapes
///
/// - maps: `[batch, channels, height, width]`
/// - output: `[batch, channels, ...]`, of sides [`rounded_up_side`]
pub(super) fn max_pool_three_rounded_up(maps: Tensor<4>) -> Tensor<4> {
    let options = MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_ceil_mode(true);
    max_pool2d(maps, options)
}

/// The side that [`max_pool_three_rounded_up`] leaves of one of 3 or more.
pub(super) fn rounded_up_side(side: usize) -> usize {
    (side - 3).div_ceil(2) + 1
}

/// Root of the sum of squares of windows of 3 x 3 at stride 1, after Sermanet et al. 2012, as
/// `FaceNet` pools.
///
/// # Shapes
///
/// - maps and output: `[batch, channels, height, width]`
pub(super) fn l2_pool_three(maps: Tensor<4>) -> Tensor<4> {
    let options = AvgPoolOptions::new([3, 3]).with_stride([1, 1]).with_padding([1, 1]);
    (avg_pool2d(maps.square(), options) * 9.0 + MIN_SUM).sqrt()
}

/// As [`l2_pool_three`], for a graph.
pub(super) fn export_l2_pool_three(graph: &mut Graph, maps: Value, channels: usize) -> Value {
    let squares = graph.multiply(maps, maps);
    let sums = graph.conv(
        squares,
        ConvNode {
            weight: vec![1.0; channels * 9],
            shape: [channels, 1, 3, 3],
            bias: vec![MIN_SUM; channels],
            stride: 1,
            padding: [1, 1],
            groups: channels,
        },
    );
    graph.sqrt(sums)
}

/// Divides every value by `(1 + alpha / 5 * sum of squares of five channels)^(3/4)`: the local response
/// normalization across channels of Krizhevsky et al. 2012, with the numbers of `GoogLeNet`.
///
/// # Shapes
///
/// - maps and output: `[batch, channels, height, width]`
pub(super) fn normalize_response(maps: Tensor<4>) -> Tensor<4> {
    let channels = maps.dims()[1];
    let band = TensorData::new(band(channels), [channels, channels, 1, 1]);
    let band = Tensor::from_data(band, &maps.device());
    // Squares and their sums, of single precision whatever the maps are.
    let size = ops::conv2d(ops::in_single(maps.clone()).square(), band, 1, [0, 0]) + 1.0;
    let root = size.sqrt();
    let root = ops::as_precise_as(&maps, root.clone() * root.sqrt());
    maps / root
}

/// As [`normalize_response`], for a graph.
pub(super) fn export_response(graph: &mut Graph, maps: Value, channels: usize) -> Value {
    let squares = graph.multiply(maps, maps);
    let size = graph.conv(
        squares,
        ConvNode {
            weight: band(channels),
            shape: [channels, channels, 1, 1],
            bias: vec![1.0; channels],
            stride: 1,
            padding: [0, 0],
            groups: 1,
        },
    );
    let root = graph.sqrt(size);
    let fourth_root = graph.sqrt(root);
    let divisor = graph.multiply(root, fourth_root);
    graph.divide(maps, divisor)
}

/// Weight of every channel's square, for every channel.
fn band(channels: usize) -> Vec<f32> {
    let near = |a: usize, b: usize| a.abs_diff(b) <= NEIGHBORS / 2;
    let weight = |a, b| if near(a, b) { ALPHA / NEIGHBORS as f32 } else { 0.0 };
    (0..channels).flat_map(|a| (0..channels).map(move |b| weight(a, b))).collect()
}

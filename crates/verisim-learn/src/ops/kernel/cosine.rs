//! Cosines of all features and centers, and the way back; it knows slices of rows, no tensors.

use rayon::prelude::*;

use super::gemm::{Matrix, Output, multiply};
use super::simd::{Lanes, WIDTH, vectorized};
use super::transpose::transposed;
use super::zeros::zeros;

/// Squared length below which a row has no direction: its cosines are 0, and nothing moves it.
const MIN_SQUARED_NORM: f32 = 1e-24;
/// Centers that one thread takes at a time, and brings through all it does with them while they are in
/// its cache.
const BLOCK: usize = 128;
/// Parts that a sum over all centers is cut into, so that it does not depend on the number of threads.
const PARTS: usize = 16;
/// Features whose cosines are brought into their rows together: as many as memory hands out at once.
const LINE: usize = 16;

/// Cosine of each feature and each center, `[n, n_centers]`; rows have `dim` components.
pub(crate) fn forward(features: &[f32], centers: &[f32], dim: usize) -> Vec<f32> {
    let (n, n_centers) = (features.len() / dim, centers.len() / dim);
    let mut cosines = zeros(n * n_centers);
    if cosines.is_empty() {
        return cosines;
    }
    let across = transposed(&scaled(features, &inverse_norms(features, dim), dim), dim);
    let across = Matrix::packed(&across, [dim, n]);
    let blocks = in_blocks(&mut cosines, n_centers).into_par_iter();
    let centers = centers.par_chunks(BLOCK * dim);
    blocks.zip(centers).for_each_init(Vec::new, |products, (mut rows, centers)| {
        let scales = inverse_norms(centers, dim);
        products.resize(scales.len() * n, 0.0);
        // Centers down, features across: either way round, one of the two is turned, and the features
        // are turned already.
        let centers = Matrix::packed(centers, [scales.len(), dim]);
        multiply(products, n, centers, across, Output::Replace);
        for (line, rows) in rows.chunks_mut(LINE).enumerate() {
            for (center, (products, scale)) in products.chunks(n).zip(&scales).enumerate() {
                for (row, product) in rows.iter_mut().zip(&products[line * LINE..]) {
                    row[center] = product * scale;
                }
            }
        }
    });
    cosines
}

/// Gradients of features and centers from that of the cosines.
pub(crate) fn backward(
    features: &[f32],
    centers: &[f32],
    dim: usize,
    gradient: &[f32],
) -> [Vec<f32>; 2] {
    let (n, n_centers) = (features.len() / dim, centers.len() / dim);
    let mut to_features = vec![0.0; features.len()];
    let mut to_centers = zeros(centers.len());
    if gradient.is_empty() {
        return [to_features, to_centers];
    }
    let norms = inverse_norms(features, dim);
    let units = scaled(features, &norms, dim);
    let units = Matrix::packed(&units, [n, dim]);
    let part = n_centers.div_ceil(PARTS).next_multiple_of(BLOCK) * dim;
    let parts = to_centers.par_chunks_mut(part).zip(centers.par_chunks(part)).enumerate();
    let sums: Vec<Vec<f32>> = parts
        .map(|(index, (to_centers, centers))| {
            let mut sum = vec![0.0; features.len()];
            let mut slopes = Vec::new();
            let blocks = to_centers.chunks_mut(BLOCK * dim).zip(centers.chunks(BLOCK * dim));
            for (block, (to_centers, centers)) in blocks.enumerate() {
                let first = index * part / dim + block * BLOCK;
                let scales = inverse_norms(centers, dim);
                slopes.clear();
                for row in gradient.chunks(n_centers) {
                    slopes.extend(row[first..].iter().zip(&scales).map(|(it, scale)| it * scale));
                }
                let slopes = Matrix::packed(&slopes, [n, scales.len()]);
                multiply(to_centers, dim, slopes.transposed(), units, Output::Replace);
                turn(to_centers, centers, &scales, dim);
                let centers = Matrix::packed(centers, [scales.len(), dim]);
                multiply(&mut sum, dim, slopes, centers, Output::Add);
            }
            sum
        })
        .collect();
    to_features.par_chunks_mut(dim).enumerate().for_each(|(row, to_feature)| {
        for sum in &sums {
            let sum = &sum[row * dim..(row + 1) * dim];
            to_feature.iter_mut().zip(sum).for_each(|(value, sum)| *value += sum);
        }
        for value in to_feature {
            *value *= norms[row];
        }
    });
    turn(&mut to_features, features, &norms, dim);
    [to_features, to_centers]
}

/// The columns of a matrix in blocks: of each, its part of every row.
fn in_blocks(matrix: &mut [f32], n_columns: usize) -> Vec<Vec<&mut [f32]>> {
    let mut blocks: Vec<Vec<&mut [f32]>> = Vec::new();
    blocks.resize_with(n_columns.div_ceil(BLOCK), Vec::new);
    for row in matrix.chunks_mut(n_columns) {
        row.chunks_mut(BLOCK).zip(&mut blocks).for_each(|(part, block)| block.push(part));
    }
    blocks
}

fn inverse_norms(rows: &[f32], dim: usize) -> Vec<f32> {
    let inverse = |row: &[f32]| {
        let squared = dot(row, row);
        // Beyond the range of the square, the length is found in wider numbers.
        let squared = if squared.is_normal() {
            f64::from(squared)
        } else {
            row.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
        };
        if squared < f64::from(MIN_SQUARED_NORM) { 0.0 } else { squared.sqrt().recip() as f32 }
    };
    rows.chunks(dim).map(inverse).collect()
}

fn scaled(rows: &[f32], scales: &[f32], dim: usize) -> Vec<f32> {
    let mut scaled = rows.to_vec();
    for (row, scale) in scaled.chunks_mut(dim).zip(scales) {
        for value in row {
            *value *= scale;
        }
    }
    scaled
}

/// Turns the gradient of unit vectors, times `scales`, into that of the rows that `scales` made units.
fn turn(gradient: &mut [f32], rows: &[f32], scales: &[f32], dim: usize) {
    for ((gradient, row), &scale) in gradient.chunks_mut(dim).zip(rows.chunks(dim)).zip(scales) {
        // The part along the row only makes it longer, which no cosine notices.
        let along = dot(gradient, row) * scale * scale;
        vectorized(
            #[inline(always)]
            || {
                for (gradient, value) in gradient.iter_mut().zip(row) {
                    *gradient -= along * value;
                }
            },
        );
    }
}

/// Sum of the products, in a fixed order.
fn dot(one: &[f32], other: &[f32]) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            let mut sum = Lanes::ZERO;
            let ((one, rest), (other, other_rest)) =
                (one.as_chunks::<WIDTH>(), other.as_chunks::<WIDTH>());
            for (one, other) in one.iter().zip(other) {
                sum += Lanes::load(one) * Lanes::load(other);
            }
            let rest = rest.iter().zip(other_rest).map(|(one, other)| one * other);
            sum.sum() + rest.sum::<f32>()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_and_slopes_agree_with_those_worked_by_hand() {
        let (features, centers) = ([3.0, 4.0, 0.0, 0.0], [0.0, 2.0, 1.0, 0.0, 5.0, 0.0]);
        let cosines = forward(&features, &centers, 2);
        assert_eq!(cosines, [0.8, 0.6, 0.6, 0.0, 0.0, 0.0]);
        let [to_features, to_centers] =
            backward(&features, &centers, 2, &[1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        // The part of the first center across the feature, over its length of 5.
        let close = |a: f32, b: f32| (a - b).abs() < 1e-6;
        assert!(close(to_features[0], -0.096) && close(to_features[1], 0.072), "{to_features:?}");
        assert_eq!(to_features[2..], [0.0, 0.0]);
        assert!(close(to_centers[0], 0.3) && close(to_centers[1], 0.0), "{to_centers:?}");
        assert_eq!(to_centers[2..], [0.0; 4]);
    }

    #[test]
    fn rows_too_long_for_their_square_have_a_direction() {
        let cosines = forward(&[1e30, 0.0], &[1e25, 1e25], 2);
        assert!((cosines[0] - 0.5f32.sqrt()).abs() < 1e-6, "{cosines:?}");
    }
}

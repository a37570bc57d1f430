//! Cosines of all features and centers, and the way back; it knows slices of rows, no tensors.

use rayon::prelude::*;

use super::gemm::{Matrix, multiply_on_all_threads};

/// Squared length below which a row has no direction: its cosines are 0, and nothing moves it.
const MIN_SQUARED_NORM: f32 = 1e-24;

/// Cosine of each feature and each center, `[n, n_centers]`; rows have `dim` components.
pub(crate) fn forward(features: &[f32], centers: &[f32], dim: usize) -> Vec<f32> {
    let (n, n_centers) = (features.len() / dim, centers.len() / dim);
    let mut cosines = vec![0.0; n * n_centers];
    if cosines.is_empty() {
        return cosines;
    }
    let units = scaled(features, &inverse_norms(features, dim), dim);
    let scales = inverse_norms(centers, dim);
    let (a, b) = (Matrix::packed(&units, [n, dim]), Matrix::packed(centers, [n_centers, dim]));
    multiply_on_all_threads(&mut cosines, n_centers, a, b.transposed());
    times_columns(&mut cosines, &scales);
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
    let mut to_centers = vec![0.0; centers.len()];
    if gradient.is_empty() {
        return [to_features, to_centers];
    }
    let (norms, scales) = (inverse_norms(features, dim), inverse_norms(centers, dim));
    let units = scaled(features, &norms, dim);
    let gradient_shape = [n, n_centers];

    let slopes = Matrix::packed(gradient, gradient_shape).transposed();
    multiply_on_all_threads(&mut to_centers, dim, slopes, Matrix::packed(&units, [n, dim]));
    turn(&mut to_centers, centers, &scales, dim);

    let mut scaled_gradient = gradient.to_vec();
    times_columns(&mut scaled_gradient, &scales);
    let slopes = Matrix::packed(&scaled_gradient, gradient_shape);
    multiply_on_all_threads(
        &mut to_features,
        dim,
        slopes,
        Matrix::packed(centers, [n_centers, dim]),
    );
    turn(&mut to_features, features, &norms, dim);
    [to_features, to_centers]
}

fn inverse_norms(rows: &[f32], dim: usize) -> Vec<f32> {
    let inverse = |row: &[f32]| {
        let squared = row.iter().map(|value| value * value).sum::<f32>();
        // Beyond the range of the square, the length is found in wider numbers.
        let squared = if squared.is_normal() {
            f64::from(squared)
        } else {
            row.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
        };
        if squared < f64::from(MIN_SQUARED_NORM) { 0.0 } else { squared.sqrt().recip() as f32 }
    };
    rows.par_chunks(dim).with_min_len(64).map(inverse).collect()
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

fn times_columns(matrix: &mut [f32], scales: &[f32]) {
    matrix.par_chunks_mut(scales.len()).for_each(|row| {
        for (value, scale) in row.iter_mut().zip(scales) {
            *value *= scale;
        }
    });
}

/// Turns the gradient of unit vectors into that of the rows they were scaled from.
fn turn(gradient: &mut [f32], rows: &[f32], scales: &[f32], dim: usize) {
    let rows = gradient.par_chunks_mut(dim).zip(rows.par_chunks(dim)).zip(scales);
    rows.with_min_len(64).for_each(|((gradient, row), &scale)| {
        let along: f32 = gradient.iter().zip(row).map(|(gradient, value)| gradient * value).sum();
        // The part along the row only makes it longer, which no cosine notices.
        let along = along * scale * scale;
        for (gradient, value) in gradient.iter_mut().zip(row) {
            *gradient = (*gradient - along * value) * scale;
        }
    });
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

//! Random walks over a graph of similarities, and how they change with these.

use rayon::prelude::*;

use super::super::closeness::similarity;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;

/// Sharpness of an edge: pytorch-metric-learning divides by 0.5.
const SHARPNESS: f64 = 2.0;

/// Where walks from each node end.
pub(super) struct Walk {
    /// Probability of ending at each node, up to the degrees of both: `F`, symmetric.
    pub(super) reached: Matrix,
    edges: Matrix,
    /// `1 / √degree` of each node.
    scales: Vec<f64>,
    /// Which edges lie above the least, and change with their value.
    distance: Distance,
    is_above: Vec<bool>,
    alpha: f64,
}

impl Walk {
    /// Walks that go on with probability `alpha`, over edges between all nodes.
    pub(super) fn new(values: &Matrix, distance: Distance, alpha: f64) -> Self {
        let n = values.n_rows();
        let closeness = |i: usize, j: usize| similarity(distance, values[(i, j)]);
        let edges = Matrix::from_fn([n, n], |i, j| {
            if i == j { 0.0 } else { (SHARPNESS * closeness(i, j).max(0.0)).exp() }
        });
        let degrees = edges.rows().map(|row| row.iter().sum::<f64>());
        // A lone node has no edges, and stays.
        let scales: Vec<f64> =
            degrees.map(|degree| if degree > 0.0 { degree.powf(-0.5) } else { 0.0 }).collect();
        let system = Matrix::from_fn([n, n], |i, j| {
            f64::from(i == j) - alpha * scales[i] * edges[(i, j)] * scales[j]
        });
        let mut reached = inverse(system);
        reached.scale(1.0 - alpha);
        let is_above =
            (0..n * n).map(|at| at / n != at % n && closeness(at / n, at % n) > 0.0).collect();
        Self { reached, edges, scales, distance, is_above, alpha }
    }

    /// How a loss changes with the values, given how it changes with `reached`.
    pub(super) fn backward(&self, gradient: &Matrix) -> Matrix {
        let n = gradient.n_rows();
        // d L = L d(αS̄) L with L = F / (1 - α), which is symmetric.
        let mut to_walk = self.reached.times(gradient).times(&self.reached);
        to_walk.scale(self.alpha / (1.0 - self.alpha));
        let pulls: Vec<f64> = (0..n)
            .map(|i| {
                let both = |j: usize| {
                    (to_walk[(i, j)] + to_walk[(j, i)]) * self.edges[(i, j)] * self.scales[j]
                };
                let to_scale: f64 = (0..n).map(both).sum();
                -0.5 * self.scales[i].powi(3) * to_scale
            })
            .collect();
        let sign = -self.distance.sign();
        Matrix::from_fn([n, n], |i, j| {
            if !self.is_above[i * n + j] {
                return 0.0;
            }
            let to_edge = to_walk[(i, j)] * self.scales[i] * self.scales[j] + pulls[i];
            sign * SHARPNESS * self.edges[(i, j)] * to_edge
        })
    }
}

/// Inverse of a symmetric matrix whose eigenvalues are above 0, by elimination in place.
fn inverse(mut matrix: Matrix) -> Matrix {
    let n = matrix.n_rows();
    for pivot in 0..n {
        let mut lead = matrix.row(pivot).to_vec();
        let scale = 1.0 / lead[pivot];
        lead[pivot] = 1.0;
        for value in &mut lead {
            *value *= scale;
        }
        matrix.par_rows_mut().enumerate().for_each(|(index, row)| {
            if index == pivot {
                row.copy_from_slice(&lead);
                return;
            }
            let factor = std::mem::take(&mut row[pivot]);
            row.iter_mut().zip(&lead).for_each(|(value, lead)| *value -= factor * lead);
        });
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_the_unit_matrix() {
        let matrix =
            Matrix::from_fn([5, 5], |i, j| if i == j { 6.0 } else { ((i + j) % 3) as f64 - 0.5 });
        let product = matrix.times(&inverse(matrix.clone()));
        for (at, found) in product.data().iter().enumerate() {
            let expected = f64::from(at / 5 == at % 5);
            assert!((found - expected).abs() < 1e-12, "{found}, not {expected}");
        }
    }
}

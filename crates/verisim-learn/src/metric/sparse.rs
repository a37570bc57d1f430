//! A gradient of few pairs, as a miner leaves it, on its way back to the rows without a product of matrices.

use super::distance::{Distance, slope_along};
use super::matrix::Matrix;

/// Share of the pairs, one in so many, up to which they are taken one by one.
const ONE_IN: usize = 64;

/// The pairs that pull, each with its slope.
pub(super) struct Sparse(Vec<(usize, usize, f64)>);

impl Sparse {
    /// The pairs of a gradient, if they are few.
    pub(super) fn of(gradient: &Matrix) -> Option<Self> {
        let most = gradient.data().len() / ONE_IN;
        let mut pairs = Vec::new();
        for (i, row) in gradient.rows().enumerate() {
            let pulling = row.iter().enumerate().filter(|(_, slope)| **slope != 0.0);
            pairs.extend(pulling.map(|(j, &slope)| (i, j, slope)));
            if pairs.len() > most {
                return None;
            }
        }
        Some(Self(pairs))
    }

    /// Gradients of both sides; none for a distance that is not made of differences or products of rows.
    pub(super) fn backward(
        &self,
        distance: Distance,
        values: &Matrix,
        [a, b]: [&Matrix; 2],
    ) -> Option<(Matrix, Matrix)> {
        let power = match distance {
            Distance::Lp { p: 2.0, power, .. } => Some(power),
            Distance::Cosine | Distance::Dot => None,
            Distance::Lp { .. } | Distance::Snr { .. } => return None,
        };
        let mut to_a = Matrix::zeros(a.shape());
        let mut to_b = Matrix::zeros(b.shape());
        for &(i, j, slope) in &self.0 {
            let factor = power.map(|it| slope * it * slope_along(values[(i, j)], it));
            let (row_a, row_b) = (a.row(i), b.row(j));
            let sides =
                to_a.row_mut(i).iter_mut().zip(to_b.row_mut(j)).zip(row_a.iter().zip(row_b));
            for ((to_a, to_b), (a, b)) in sides {
                if let Some(factor) = factor {
                    *to_a += factor * (a - b);
                    *to_b -= factor * (a - b);
                } else {
                    *to_a += slope * b;
                    *to_b += slope * a;
                }
            }
        }
        Some((to_a, to_b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_pairs_pull_as_they_do_among_many() {
        let element = |row: usize, column: usize| ((row * 5 + column * 3) % 7) as f64 - 2.5;
        let (a, b) = (Matrix::from_fn([20, 4], element), Matrix::from_fn([30, 4], element));
        let mut few = Matrix::zeros([20, 30]);
        few[(3, 7)] = 1.5;
        few[(19, 0)] = -0.5;
        // The same pairs among others that pull at nothing worth mentioning.
        let many = Matrix::from_fn([20, 30], |i, j| few[(i, j)] + 1e-12);
        for distance in [Distance::EUCLIDEAN, Distance::SQUARED, Distance::Cosine, Distance::Dot] {
            for references in [Some(&b), None] {
                let shape = [20, references.map_or(20, Matrix::n_rows)];
                let cut = |it: &Matrix| Matrix::from_fn(shape, |i, j| it[(i, j)]);
                let compared = distance.compare(&a, references);
                let (found, found_b) = compared.backward(&cut(&few));
                let (expected, expected_b) = compared.backward(&cut(&many));
                let close = |one: &Matrix, other: &Matrix| {
                    let pairs = one.data().iter().zip(other.data());
                    pairs.fold(0.0f64, |most, (one, other)| most.max((one - other).abs())) < 1e-9
                };
                assert!(close(&found, &expected), "{distance:?}");
                assert_eq!(found_b.is_some(), references.is_some());
                if let (Some(found), Some(expected)) = (found_b, expected_b) {
                    assert!(close(&found, &expected), "{distance:?} references");
                }
            }
        }
    }
}

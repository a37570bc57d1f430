//! How far each row is from the rows of others, and which is nearest; it does not know samples from
//! centers.

use crate::knn::PackedEmbeddings;
use crate::parallel;

/// How many rows look at a tile of others together, while it is in the processor's cache.
const N_ROWS: usize = 16;
/// How many others a tile has.
const N_OTHERS: usize = 64;
/// How far rounding may carry a similarity in `f32` of up to a few thousand components.
const ROUNDING: f32 = 1e-5;

/// The rows of other identities as seen from a row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Others {
    /// How many there are, above 0.
    pub(super) n: usize,
    /// Sum of the distances to them.
    pub(super) sum: f64,
    /// Distance to the nearest.
    pub(super) min: f64,
    /// Position of the nearest; of several, of the earliest.
    pub(super) nearest: usize,
}

/// Distance of two rows, exact where similarity in `f32` would round it away.
pub(super) fn distance(a: &[f32], b: &[f32]) -> f64 {
    let squares = a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2));
    squares.sum::<f64>().sqrt()
}

/// Compares each row with all rows of other identities; `None` for a row if there are none.
pub(super) fn others(rows: &PackedEmbeddings, identity_of_row: &[usize]) -> Vec<Option<Others>> {
    let n_rows = rows.len();
    let blocks = parallel::map(n_rows.div_ceil(N_ROWS), |block| {
        let start = block * N_ROWS;
        let mut seen: Vec<Seen> = (start..n_rows.min(start + N_ROWS)).map(Seen::none).collect();
        for start in (0..n_rows).step_by(N_OTHERS) {
            let tile = start..n_rows.min(start + N_OTHERS);
            for seen in &mut seen {
                for other in tile.clone() {
                    if identity_of_row[other] != identity_of_row[seen.row] {
                        seen.see(rows, other);
                    }
                }
            }
        }
        seen.into_iter().map(|seen| seen.others).collect::<Vec<_>>()
    });
    blocks.into_iter().flatten().collect()
}

/// What a row has seen of the others so far.
struct Seen {
    row: usize,
    best: f32, // similarity
    others: Option<Others>,
}

impl Seen {
    fn none(row: usize) -> Self {
        Self { row, best: f32::NEG_INFINITY, others: None }
    }

    fn see(&mut self, rows: &PackedEmbeddings, other: usize) {
        let similarity = rows.similarity(self.row, other);
        let others = self.others.get_or_insert(Others {
            n: 0,
            sum: 0.0,
            min: f64::INFINITY,
            nearest: other,
        });
        others.n += 1;
        others.sum += (2.0 - 2.0 * f64::from(similarity)).sqrt();
        if similarity > self.best - ROUNDING {
            self.best = self.best.max(similarity);
            let distance = distance(rows.row(self.row), rows.row(other));
            if distance < others.min {
                (others.min, others.nearest) = (distance, other);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Embedding;

    proptest! {
        #[test]
        fn the_nearest_and_the_sum_are_those_of_looking_at_all(
            // Angles so close that similarities in f32 tie, and distances do not.
            samples in prop::collection::vec((0u16..400, 0usize..4), 1..150),
        ) {
            let mut rows = PackedEmbeddings::new(2);
            for &(angle, _) in &samples {
                let (sin, cos) = (f32::from(angle) * 1e-4).sin_cos();
                rows.push(&Embedding::new(vec![cos, sin]).unwrap());
            }
            let identities: Vec<usize> = samples.iter().map(|&(_, identity)| identity).collect();
            let found = others(&rows, &identities);
            for (row, found) in found.into_iter().enumerate() {
                let distances = (0..rows.len())
                    .filter(|&other| identities[other] != identities[row])
                    .map(|other| (distance(rows.row(row), rows.row(other)), other));
                let distances: Vec<(f64, usize)> = distances.collect();
                let nearest = distances.iter().copied().min_by(|a, b| a.0.total_cmp(&b.0));
                prop_assert_eq!(found.map(|it| (it.min, it.nearest)), nearest);
                let sum: f64 = distances.iter().map(|it| it.0).sum();
                let Some(found) = found else { continue };
                prop_assert_eq!(found.n, distances.len());
                prop_assert!((found.sum - sum).abs() <= 5e-4 * found.n as f64);
            }
        }
    }
}

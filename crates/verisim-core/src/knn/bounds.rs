//! Between what bounds every similarity lies, by codes alone; it does not know what is made of them.

use std::num::NonZero;
use std::thread;

use super::simd::TILE;
use super::view::{CodesView, Probes, Tile};
use crate::{Embedding, parallel};

/// Rows that a thread takes at once: whole tiles.
const PIECE: usize = 256 * TILE;

/// The least and the most that a similarity can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bounds {
    /// The least.
    pub lower: f32,
    /// The most.
    pub upper: f32,
}

/// Bounds of the similarity of every row to each probe: `[probes][rows]`, on all cores.
///
/// The similarity is the one of [`PackedEmbeddings`](super::PackedEmbeddings), to the bit. Whoever
/// adds similarities up can add up bounds in the same order, for rounding keeps the order of sums.
/// Rows that the view does not let be found have bounds, too.
///
/// # Panics
///
/// Panics if a probe is not of the dimension of the codes: it comes from a different model.
pub fn bounds(view: &CodesView<'_>, probes: &[&Embedding]) -> Vec<Vec<Bounds>> {
    for probe in probes {
        assert_eq!(probe.dim(), view.dim(), "the probe comes from a different model");
    }
    let in_codes = Probes::new(view, probes);
    let n_threads = thread::available_parallelism().map_or(1, NonZero::get);
    let of_piece = |piece: usize| {
        let end = view.len().min((piece + 1) * PIECE);
        let mut tile = Tile::new(probes.len());
        let mut found = vec![Vec::with_capacity(PIECE); probes.len()];
        for first in (piece * PIECE..end).step_by(TILE) {
            let beside = tile.multiply(view, first, &in_codes);
            for (idx, (found, bound)) in found.iter_mut().zip(&in_codes.bounds).enumerate() {
                let rows = beside.scales.iter().zip(beside.errors);
                found.extend(tile.products(idx, beside).iter().zip(rows).map(
                    |(&product, (&scale, &error))| {
                        let (lower, upper) = bound.of(product, scale, error);
                        // A similarity lies between these whatever its codes say.
                        Bounds { lower: lower.max(-1.0), upper: upper.min(1.0) }
                    },
                ));
            }
        }
        found
    };
    let mut all = vec![Vec::with_capacity(view.len()); probes.len()];
    for piece in parallel::map_on(n_threads, view.len().div_ceil(PIECE), of_piece) {
        all.iter_mut().zip(piece).for_each(|(all, piece)| all.extend(piece));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::knn::{Codes, Precision};
    use crate::random::Random;

    fn random_embedding(random: &mut Random, dim: usize) -> Embedding {
        let value = |_| random.below(2001) as f32 / 1000.0 - 1.0;
        Embedding::new((0..dim).map(value).collect()).unwrap()
    }

    #[test]
    fn every_similarity_lies_between_its_bounds_which_are_close() {
        let mut random = Random::new(8);
        for (n, dim) in [(1, 3), (TILE + 1, 33), (PIECE + 5, 16)] {
            let rows: Vec<Embedding> = (0..n).map(|_| random_embedding(&mut random, dim)).collect();
            let probes = [rows[n / 2].clone(), random_embedding(&mut random, dim)];
            for (precision, width) in
                [(Precision::Int8, 0.1), (Precision::Bf16, 0.02), (Precision::F32, 0.0)]
            {
                let mut codes = Codes::new(dim, precision).unwrap();
                for row in &rows {
                    codes.push(row);
                }
                let found = bounds(&codes.view(), &[&probes[0], &probes[1]]);
                assert_eq!((found.len(), found[0].len(), found[1].len()), (2, n, n));
                for (probe, found) in probes.iter().zip(&found) {
                    for (row, Bounds { lower, upper }) in rows.iter().zip(found) {
                        let score = row.similarity(probe);
                        assert!((*lower..=*upper).contains(&score), "{lower} {score} {upper}");
                        assert!(upper - lower <= width, "{precision:?}: {lower} {upper}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_bounds_nothing() {
        let view = CodesView::int8(2, &[1, 2], &[f32::NAN], &[0.0]).unwrap();
        let probe = Embedding::new(vec![0.6, 0.8]).unwrap();
        assert_eq!(bounds(&view, &[&probe]), [[Bounds { lower: -1.0, upper: 1.0 }]]);
    }
}

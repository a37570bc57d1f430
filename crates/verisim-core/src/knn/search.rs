//! The most similar rows, found by their codes and told apart by the exact rows; it does not know
//! where these lie.

use std::collections::BinaryHeap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::candidates::{Candidate, Candidates, SharedCut};
use super::row_set::RowSet;
use super::simd::TILE;
use super::view::{CodesView, Probes, Tile};
use super::{Neighbor, WorstFirst, kernel};
use crate::{Embedding, parallel};

/// Tiles that a thread takes at once.
const TILES: usize = 32;

/// A search of codes, whose result is that of comparing every row in full.
///
/// It makes one pass over the codes, which are a quarter as long as the rows. Of each row it knows
/// how far its codes are from it, hence between what bounds its score lies; the rows that may be
/// among the best are scored exactly. No row is missed, and the scores, as well as the order of
/// equal ones, are those of [`PackedEmbeddings::nearest`](super::PackedEmbeddings::nearest), on every
/// machine and whatever the number of threads.
///
/// ```
/// use std::convert::Infallible;
/// use verisim_core::Embedding;
/// use verisim_core::knn::{Codes, Precision, Search};
///
/// let rows = [vec![1.0, 0.0], vec![3.0, 4.0]].map(Embedding::new);
/// let rows = rows.into_iter().collect::<Result<Vec<_>, _>>()?;
/// let mut codes = Codes::new(2, Precision::Int8)?;
/// rows.iter().for_each(|row| _ = codes.push(row));
///
/// let probe = Embedding::new(vec![0.0, 2.0])?;
/// let exact = |row: usize, values: &mut [f32]| {
///     values.copy_from_slice(rows[row].as_slice());
///     Ok::<(), Infallible>(())
/// };
/// let found = Search::new(1).nearest(&codes.view(), &[&probe], exact)?;
/// assert!(found[0].is_exact);
/// assert_eq!((found[0].neighbors[0].row, found[0].neighbors[0].score), (1, 0.8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    k: usize,
    n_threads: Option<NonZero<usize>>,
    filter: Option<&'a RowSet>,
    max_reranked: Option<usize>,
}

/// Candidates, the most promising first, and the highest bound of those left out.
type Sorted = (Vec<Candidate>, f32);

/// What a search found for one probe.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The most similar rows, best first; of equal scores the earlier row comes first.
    pub neighbors: Vec<Neighbor>,
    /// How many rows were scored exactly.
    pub n_reranked: usize,
    /// Whether no other row can belong to the neighbors; false only where
    /// [`Search::max_reranked`] was too low to tell.
    pub is_exact: bool,
}

impl<'a> Search<'a> {
    /// Looks for the `k` most similar rows, on all cores.
    pub fn new(k: usize) -> Self {
        Self { k, n_threads: None, filter: None, max_reranked: None }
    }

    /// Computes on that many threads. The result does not depend on it.
    #[must_use]
    pub fn on(self, n_threads: NonZero<usize>) -> Self {
        Self { n_threads: Some(n_threads), ..self }
    }

    /// Finds rows of a set only, of those that the view lets it find.
    #[must_use]
    pub fn among(self, rows: &'a RowSet) -> Self {
        Self { filter: Some(rows), ..self }
    }

    /// Scores at most that many rows of a probe exactly (though `k` at least), and says whether that
    /// was enough to be sure.
    #[must_use]
    pub fn max_reranked(self, n_rows: usize) -> Self {
        Self { max_reranked: Some(n_rows), ..self }
    }

    /// The most similar rows to each probe.
    ///
    /// `exact` writes the components of a row, the very ones that its codes were made of. It is not
    /// called where the codes are the rows themselves.
    ///
    /// # Errors
    ///
    /// Fails if `exact` does.
    ///
    /// # Panics
    ///
    /// Panics if a probe is not of the dimension of the codes: it comes from a different model.
    pub fn nearest<E: Send>(
        &self,
        view: &CodesView<'_>,
        probes: &[&Embedding],
        exact: impl Fn(usize, &mut [f32]) -> Result<(), E> + Sync,
    ) -> Result<Vec<Found>, E> {
        let (of_probe, n_threads) = self.pass(view, probes);
        let rerank = |idx: usize| self.rerank(view, probes[idx], &of_probe[idx], &exact);
        parallel::map_on(n_threads, probes.len(), rerank).into_iter().collect()
    }

    /// As [`nearest`](Self::nearest), but `exact` is called on this thread alone, a row at a time:
    /// for rows behind something that threads cannot share, such as a database.
    ///
    /// # Errors
    ///
    /// Fails if `exact` does.
    ///
    /// # Panics
    ///
    /// As [`nearest`](Self::nearest).
    pub fn nearest_in_turn<E>(
        &self,
        view: &CodesView<'_>,
        probes: &[&Embedding],
        mut exact: impl FnMut(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<Vec<Found>, E> {
        let (of_probe, _) = self.pass(view, probes);
        let of_probe = probes.iter().zip(&of_probe);
        of_probe.map(|(probe, found)| self.rerank(view, probe, found, &mut exact)).collect()
    }

    /// The candidates of each probe, and on how many threads they were found.
    fn pass(&self, view: &CodesView<'_>, probes: &[&Embedding]) -> (Vec<Sorted>, usize) {
        for probe in probes {
            assert_eq!(probe.dim(), view.dim(), "the probe comes from a different model");
        }
        let n_threads = self.n_threads.or_else(|| thread::available_parallelism().ok());
        let n_threads = n_threads.map_or(1, NonZero::get);
        let candidates = self.candidates(view, &Probes::new(view, probes), n_threads);
        (candidates.into_iter().map(Candidates::into_sorted).collect(), n_threads)
    }

    /// One pass over the codes, which threads share in pieces, so that a busy core delays nobody.
    fn candidates(
        &self,
        view: &CodesView<'_>,
        probes: &Probes<'_>,
        n_threads: usize,
    ) -> Vec<Candidates> {
        let k = self.k.min(view.len());
        let most = self.max_reranked.map_or(usize::MAX, |most| most.max(k));
        let none = || (0..probes.len()).map(|_| Candidates::new(k, most)).collect();
        if k == 0 || probes.len() == 0 {
            return none();
        }
        let cuts: Vec<SharedCut> = (0..probes.len()).map(|_| SharedCut::new()).collect();
        let n_pieces = view.len().div_ceil(TILES * TILE);
        let next = AtomicUsize::new(0);
        let work = |_| {
            let mut found: Vec<Candidates> = none();
            let mut tile = Tile::new(probes.len());
            loop {
                let piece = next.fetch_add(1, Ordering::Relaxed);
                if piece >= n_pieces {
                    return found;
                }
                let first = piece * TILES * TILE;
                let end = view.len().min(first + TILES * TILE);
                for first in (first..end).step_by(TILE) {
                    self.look_at(view, first, probes, &mut tile, &mut found);
                }
                cuts.iter().zip(&mut found).for_each(|(cut, found)| cut.exchange(found));
            }
        };
        let n_threads = n_threads.min(n_pieces);
        let of_threads = parallel::map_on(n_threads, n_threads, work);
        let mut all: Vec<Candidates> = none();
        for found in of_threads {
            all.iter_mut().zip(found).for_each(|(all, found)| all.merge(found));
        }
        all
    }

    fn look_at(
        &self,
        view: &CodesView<'_>,
        first: usize,
        probes: &Probes<'_>,
        tile: &mut Tile,
        found: &mut [Candidates],
    ) {
        let rows = first..view.len().min(first + TILE);
        let sets = [view.live(), self.filter];
        if sets.iter().flatten().any(|set| !set.may_meet(&rows)) {
            return;
        }
        let beside = tile.multiply(view, first, probes);
        for (idx, (found, bound)) in found.iter_mut().zip(&probes.bounds).enumerate() {
            let Some(products) = tile.reaching(idx, beside, bound, found.cut()) else { continue };
            for (row, (product, (scale, error))) in
                rows.clone().zip(products.iter().zip(beside.scales.iter().zip(beside.errors)))
            {
                let bounds = bound.of(*product, *scale, *error);
                let may_be_found = || sets.iter().flatten().all(|set| set.contains(row));
                if found.may_take(bounds.1) && may_be_found() {
                    found.offer(row, bounds);
                }
            }
        }
    }

    fn rerank<E>(
        &self,
        view: &CodesView<'_>,
        probe: &Embedding,
        (candidates, left_out): &Sorted,
        mut exact: impl FnMut(usize, &mut [f32]) -> Result<(), E>,
    ) -> Result<Found, E> {
        // The worst of the best is on top, to be replaced by whatever beats it.
        let mut best: BinaryHeap<WorstFirst> = BinaryHeap::new();
        let mut values = vec![0.0; view.dim()];
        let mut n_reranked = 0;
        let worst = |best: &BinaryHeap<WorstFirst>| {
            best.peek().filter(|_| best.len() == self.k).map(|it| it.0.score)
        };
        for &Candidate { row, upper } in candidates {
            if worst(&best).is_some_and(|worst| upper < worst) {
                break;
            }
            n_reranked += 1;
            let row_values = if let Some(values) = view.exact_row(row) {
                values
            } else {
                exact(row, &mut values)?;
                &values
            };
            let score = kernel::similarity(row_values, probe.as_slice());
            best.push(WorstFirst(Neighbor { row, score }));
            if best.len() > self.k {
                best.pop();
            }
        }
        let is_exact =
            *left_out == f32::NEG_INFINITY || worst(&best).is_some_and(|worst| *left_out < worst);
        let neighbors =
            best.into_sorted_vec().into_iter().map(|WorstFirst(neighbor)| neighbor).collect();
        Ok(Found { neighbors, n_reranked, is_exact })
    }
}

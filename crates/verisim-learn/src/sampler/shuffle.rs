//! Shuffle: all chips in random order, cut into batches.

use rand_pcg::Pcg64Mcg;

use crate::random::shuffle;

/// The batches of an epoch; what is left at the end is not used.
pub(super) fn batches(n_chips: usize, batch: usize, rng: &mut Pcg64Mcg) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..n_chips).collect();
    shuffle(&mut order, rng);
    // Fewer chips than a batch are one batch, not none.
    order.chunks_exact(batch.min(n_chips).max(1)).map(<[usize]>::to_vec).collect()
}

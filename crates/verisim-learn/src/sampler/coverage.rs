//! Coverage: every identity in exactly one batch of an epoch, with a number of images.

use rand_pcg::Pcg64Mcg;

use super::pool::Pool;
use crate::random::shuffle;

/// The batches of an epoch, of `n_identities` or fewer.
///
/// They differ by one identity at most, larger ones first: cut off in full batches, 9 identities of 4
/// would leave one alone, which has no non-mated pair. With `n_identities = 2`, one of an odd number
/// is alone nevertheless.
pub(super) fn batches(
    labels: &[u64],
    n_identities: usize,
    n_images: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Vec<usize>> {
    let mut pool = Pool::new(labels);
    let mut order: Vec<usize> = (0..pool.n_identities()).collect();
    shuffle(&mut order, rng);
    let mut rest = order.as_slice();
    let n_batches = order.len().div_ceil(n_identities.max(1));
    (1..=n_batches)
        .rev()
        .map(|n_left| {
            let (chosen, after) = rest.split_at(rest.len().div_ceil(n_left));
            rest = after;
            let mut batch = Vec::new();
            pool.draw(chosen, n_images, &mut batch, rng);
            batch
        })
        .collect()
}

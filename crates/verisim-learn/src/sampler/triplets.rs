//! Fixed triplets: a list drawn once by the seed, as if no other labels were known.

use rand_pcg::Pcg64Mcg;

use super::pool::Pool;
use crate::random::{below, shuffle};

/// The list: anchor, another chip of its identity, and a chip of another identity.
///
/// First the identity of the anchor is drawn among those with two images or more, then the other one
/// among all others, then their chips; a triplet may be drawn twice. The list is empty where no
/// identity has two images, or where there is only one.
pub(super) fn fixed_set(labels: &[u64], n_triplets: usize, rng: &mut Pcg64Mcg) -> Vec<[usize; 3]> {
    let pool = Pool::new(labels);
    let n_others = pool.n_identities().saturating_sub(1);
    let anchors: Vec<usize> =
        (0..pool.n_identities()).filter(|&identity| pool.chips(identity).len() > 1).collect();
    if anchors.is_empty() || n_others == 0 {
        return Vec::new();
    }
    (0..n_triplets)
        .map(|_| {
            let identity = anchors[below(rng, anchors.len())];
            let [own, other] = [identity, other_than(identity, n_others, rng)]
                .map(|identity| pool.chips(identity));
            let anchor = below(rng, own.len());
            let mated = other_than(anchor, own.len() - 1, rng);
            [own[anchor], own[mated], other[below(rng, other.len())]]
        })
        .collect()
}

/// The batches of an epoch: the list in random order, each triplet as three chips in a row.
pub(super) fn batches(
    mut triplets: Vec<[usize; 3]>,
    batch: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Vec<usize>> {
    shuffle(&mut triplets, rng);
    triplets.chunks_exact(batch.min(triplets.len()).max(1)).map(<[_]>::concat).collect()
}

/// One of the `n_others` positions next to `taken`.
fn other_than(taken: usize, n_others: usize, rng: &mut Pcg64Mcg) -> usize {
    let position = below(rng, n_others);
    position + usize::from(position >= taken)
}

//! The batch of FaceNet: identities with many images each, and random chips of other identities.

use rand_pcg::Pcg64Mcg;

use super::deck::Deck;
use super::pool::Pool;

/// The batches of an epoch: first the images of the chosen identities, then the negatives.
///
/// Negatives go through all chips, round after round, past those of the chosen identities. So an
/// identity is met by its share of chips, and two negatives of a batch may be mated.
pub(super) fn batches(
    labels: &[u64],
    [n_identities, n_images, n_negatives]: [usize; 3],
    rng: &mut Pcg64Mcg,
) -> Vec<Vec<usize>> {
    let mut pool = Pool::new(labels);
    if pool.n_identities() == 0 {
        return Vec::new();
    }
    let n_identities = n_identities.clamp(1, pool.n_identities());
    let batch_size = n_identities.saturating_mul(n_images).saturating_add(n_negatives).max(1);
    let n_batches = (labels.len() / batch_size).max(pool.n_identities().div_ceil(n_identities));
    let identity_of = pool.identity_of_chips(labels.len());
    let (mut identities, mut chips) = (Deck::new(pool.n_identities()), Deck::new(labels.len()));
    (0..n_batches)
        .map(|_| {
            let chosen = identities.deal(n_identities, |_| true, rng);
            let mut batch = Vec::new();
            pool.draw(&chosen, n_images, &mut batch, rng);
            batch.extend(chips.deal(n_negatives, |chip| !chosen.contains(&identity_of[chip]), rng));
            batch
        })
        .collect()
}

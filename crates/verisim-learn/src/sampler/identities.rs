//! Identities: a number of them in a batch, and of images each (P x K).

use rand_pcg::Pcg64Mcg;

use super::deck::Deck;
use super::pool::Pool;

/// The batches of an epoch: as many chips as there are, or more if some identity had no turn yet.
pub(super) fn batches(
    labels: &[u64],
    n_identities: usize,
    n_images: usize,
    rng: &mut Pcg64Mcg,
) -> Vec<Vec<usize>> {
    let mut pool = Pool::new(labels);
    if pool.n_identities() == 0 {
        return Vec::new();
    }
    // No identity twice in a batch: its chips would be taken for those of two.
    let n_identities = n_identities.clamp(1, pool.n_identities());
    let batch_size = n_identities.saturating_mul(n_images).max(1);
    let n_batches = (labels.len() / batch_size).max(pool.n_identities().div_ceil(n_identities));
    let mut deck = Deck::new(pool.n_identities());
    (0..n_batches)
        .map(|_| {
            let chosen = deck.deal(n_identities, |_| true, rng);
            let mut batch = Vec::new();
            pool.draw(&chosen, n_images, &mut batch, rng);
            batch
        })
        .collect()
}

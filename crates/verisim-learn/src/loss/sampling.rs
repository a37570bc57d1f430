//! Which identities a step of a classifying loss looks at: those of the batch, and others by chance.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

use crate::random::below;

/// Draws a share of all identities, in rising order: those of the batch are always among them, and more
/// than the share if the batch has more.
///
/// Every other identity has the same chance (Knuth's algorithm S), and the same seed draws the same ones.
pub(super) fn draw(n_identities: usize, of_batch: &[usize], rate: f64, seed: u64) -> Vec<usize> {
    let mut own = of_batch.to_vec();
    own.sort_unstable();
    own.dedup();
    let asked = (rate * n_identities as f64).round() as usize;
    let n = asked.clamp(own.len(), n_identities.max(own.len()));
    let (mut n_wanted, mut n_left) = (n - own.len(), n_identities - own.len());
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let mut own = own.into_iter().peekable();
    let mut drawn = Vec::with_capacity(n);
    for identity in 0..n_identities {
        if own.next_if_eq(&identity).is_some() {
            drawn.push(identity);
            continue;
        }
        if below(&mut rng, n_left) < n_wanted {
            drawn.push(identity);
            n_wanted -= 1;
        }
        n_left -= 1;
    }
    drawn
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_drawn_as_asked_and_the_batch_is_among_them() {
        let table = [
            (10, &[3, 3, 7][..], 0.5, 5),
            (10, &[3, 7], 0.1, 2),
            (10, &[], 0.1, 1),
            (10, &[9], 1.0, 10),
            (1, &[0], 0.01, 1),
            (1000, &[5], 0.1, 100),
        ];
        for (n_identities, batch, rate, n) in table {
            for seed in 0..20 {
                let drawn = draw(n_identities, batch, rate, seed);
                assert_eq!(drawn.len(), n, "{rate} of {n_identities}");
                assert!(drawn.windows(2).all(|it| it[0] < it[1]) && drawn[n - 1] < n_identities);
                assert!(batch.iter().all(|identity| drawn.contains(identity)), "{batch:?}");
            }
        }
    }

    #[test]
    fn every_other_identity_has_the_same_chance() {
        let mut n_drawn = [0; 20];
        for seed in 0..4000 {
            for identity in draw(20, &[4, 11], 0.3, seed) {
                n_drawn[identity] += 1;
            }
        }
        for (identity, n) in n_drawn.into_iter().enumerate() {
            // 4 of 18 others: 889 times, with a deviation of 26.
            let is_fair =
                if [4, 11].contains(&identity) { n == 4000 } else { (780..1000).contains(&n) };
            assert!(is_fair, "identity {identity} was drawn {n} times");
        }
        assert_eq!(draw(20, &[4], 0.5, 1), draw(20, &[4], 0.5, 1));
        assert_ne!(draw(20, &[4], 0.5, 1), draw(20, &[4], 0.5, 2));
    }
}

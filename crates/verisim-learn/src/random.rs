//! Draws from a seeded generator, the same on every machine.

use rand_pcg::rand_core::Rng;

/// A number in `[0, 1)`.
pub(crate) fn unit(rng: &mut impl Rng) -> f32 {
    // 24 bits: every value is exact.
    (rng.next_u32() >> 8) as f32 / (1 << 24) as f32
}

/// A number in `[-bound, bound)`.
pub(crate) fn symmetric(rng: &mut impl Rng, bound: f32) -> f32 {
    (2.0 * unit(rng) - 1.0) * bound
}

/// A number in `0..n`; the bias of at most `n / 2^64` does not matter.
pub(crate) fn below(rng: &mut impl Rng, n: usize) -> usize {
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Brings the items into random order (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut impl Rng) {
    for last in (1..items.len()).rev() {
        items.swap(last, below(rng, last + 1));
    }
}

/// A seed for one of many streams: neighboring numbers give unrelated seeds (`SplitMix64`).
pub(crate) fn derive_seed(seed: u64, stream: u64) -> u64 {
    let mut mixed = seed.wrapping_add(stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use rand_pcg::Pcg64Mcg;
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn draws_stay_in_range_and_fill_it() {
        let mut rng = Pcg64Mcg::seed_from_u64(1);
        let mut seen = [0; 5];
        for _ in 0..5000 {
            seen[below(&mut rng, 5)] += 1;
            assert!((0.0..1.0).contains(&unit(&mut rng)));
            assert!((-2.0..2.0).contains(&symmetric(&mut rng, 2.0)));
        }
        assert!(seen.iter().all(|n| (800..1200).contains(n)), "{seen:?}");
    }

    #[test]
    fn shuffling_keeps_every_item() {
        let mut items: Vec<usize> = (0..100).collect();
        shuffle(&mut items, &mut Pcg64Mcg::seed_from_u64(2));
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}

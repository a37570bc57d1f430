//! Seeded random choices; it does not know what is chosen.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// A generator that gives the same numbers on every machine for the same seed.
pub(crate) struct Random(Pcg64Mcg);

impl Random {
    /// Begins the numbers of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// Begins the numbers of one of many jobs that share a seed, whichever thread runs it.
    pub(crate) fn of_job(seed: u64, job: usize) -> Self {
        // Through the generator first: otherwise job 1 of seed 0 would repeat job 0 of seed 1.
        let start = Pcg64Mcg::seed_from_u64(seed).next_u64();
        Self::new(start.wrapping_add(job as u64))
    }

    /// A whole number below `n`, each equally likely; `n` is above 0.
    ///
    /// Lemire, *Fast Random Integer Generation in an Interval*, 2019,
    /// <https://arxiv.org/abs/1805.10941>.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        loop {
            let wide = u128::from(self.0.next_u64()) * u128::from(n);
            let low = wide as u64;
            if low >= n || low >= n.wrapping_neg() % n {
                return (wide >> 64) as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_below_is_equally_likely() {
        let mut random = Random::new(1);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[random.below(7) as usize] += 1;
        }
        // Six standard deviations of a binomial of 70,000 and 1/7.
        assert!(counts.iter().all(|count: &i32| (count - 10_000).abs() < 560), "{counts:?}");
    }

    #[test]
    fn a_range_that_does_not_divide_the_generators_is_not_biased() {
        let n = 3 << 62; // without the rejection, every third number would come twice as often
        let mut random = Random::new(2);
        let n_thirds = (0..9_000).filter(|_| random.below(n).is_multiple_of(3)).count();
        assert!((2_730..3_270).contains(&n_thirds), "{n_thirds}");
    }

    #[test]
    fn seeds_and_jobs_differ_and_repeat() {
        let first = |seed, job| Random::of_job(seed, job).below(u64::MAX);
        let mut seen = Vec::new();
        for seed in 0..20 {
            for job in 0..20 {
                assert_eq!(first(seed, job), first(seed, job));
                seen.push(first(seed, job));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 400);
    }
}

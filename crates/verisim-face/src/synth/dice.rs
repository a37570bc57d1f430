//! Random values from a seed; it does not know what they decide.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// The 24 bits that an `f32` holds exactly.
const UNIT_STEPS: f32 = 1.0 / 16_777_216.0;
/// A sum of this many uniform values stands in for the bell curve.
///
/// It needs no logarithm, whose last bit differs between machines, and it cannot run away: no value
/// is farther than `2 * sqrt(3) = 3.46` standard deviations from the mean.
const N_SUMMANDS: u8 = 4;
/// Standard deviations per unit of that sum: a uniform value has variance 1/12, four have 1/3.
const DEVIATIONS_PER_UNIT: f32 = 1.732_050_8;

/// A stream of random values.
pub(super) struct Dice(Pcg64Mcg);

impl Dice {
    /// Begins the stream of `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self(Pcg64Mcg::seed_from_u64(seed))
    }

    /// A value in `[0, 1)`.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 * UNIT_STEPS
    }

    /// A value in `[low, high]`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A bell-shaped value, at most 3.47 deviations from `mean`.
    pub(super) fn normal(&mut self, mean: f32, deviation: f32) -> f32 {
        let sum: f32 = (0..N_SUMMANDS).map(|_| self.unit() - 0.5).sum();
        mean + deviation * DEVIATIONS_PER_UNIT * sum
    }

    /// A bell-shaped value, moved to the nearer end where it is outside `[low, high]`.
    pub(super) fn clipped(&mut self, mean: f32, deviation: f32, low: f32, high: f32) -> f32 {
        self.normal(mean, deviation).clamp(low, high)
    }

    /// True with probability `probability`.
    pub(super) fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// An index into `weights`, in proportion to them.
    pub(super) fn weighted(&mut self, weights: &[f32]) -> usize {
        let mut rest = self.unit() * weights.iter().sum::<f32>();
        for (index, weight) in weights.iter().enumerate() {
            if rest < *weight {
                return index;
            }
            rest -= weight;
        }
        // Rounding only: the weights summed to a little less the second time.
        weights.len() - 1
    }

    /// One of `items`, all equally likely.
    pub(super) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        let index = (self.unit() * items.len() as f32) as usize;
        items[index.min(items.len() - 1)]
    }

    /// The seed of a stream of its own.
    pub(super) fn fork(&mut self) -> u64 {
        self.0.next_u64()
    }
}

/// The seed of stream `stream` under `seed`, by the finalizer of `SplitMix64`.
///
/// Neighboring streams are as different as any two, so indices may be used as they are.
pub(super) fn stream_seed(seed: u64, stream: u64) -> u64 {
    let mut mixed = seed ^ stream.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_values_have_the_mean_and_deviation_asked_for() {
        let mut dice = Dice::new(3);
        let values: Vec<f32> = (0..20_000).map(|_| dice.normal(5.0, 2.0)).collect();
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!((mean - 5.0).abs() < 0.05, "{mean}");
        assert!((variance.sqrt() - 2.0).abs() < 0.05, "{variance}");
    }

    #[test]
    fn weights_are_respected() {
        let mut dice = Dice::new(9);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[dice.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_300..2_700).contains(&counts[0]), "{counts:?}");
    }

    #[test]
    fn neighboring_streams_share_nothing() {
        let bits: Vec<u32> = (0..64)
            .map(|stream| (stream_seed(1, stream) ^ stream_seed(1, stream + 1)).count_ones())
            .collect();
        assert!(bits.iter().all(|differing| (12..52).contains(differing)), "{bits:?}");
    }
}

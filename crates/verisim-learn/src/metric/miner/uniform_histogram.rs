//! Random pairs, as many from every range of distances.

use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::generator;
use crate::metric::matrix::Matrix;
use crate::metric::scene::Scene;
use crate::metric::tuples::{Pairs, Tuples};
use crate::metric::{InvalidLoss, require};
use crate::random::below;

/// Draws the same number of pairs from every bin of a histogram of distances, mated and non-mated ones
/// apart.
///
/// The bins divide the range from the smallest to the largest distance of the pairs of a kind equally; an
/// empty bin gives none. Pairs are drawn with replacement, by the seed of the scene, and listed as often
/// as they were drawn. The numbers, and their defaults, are those of pytorch-metric-learning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniformHistogramMiner {
    /// Number of bins, at least 1; 100 if not given.
    #[serde(default = "hundred")]
    pub n_bins: usize,
    /// Mated pairs of each bin, at least 1; 10 if not given.
    #[serde(default = "ten")]
    pub mated_per_bin: usize,
    /// Non-mated pairs of each bin, at least 1; 10 if not given.
    #[serde(default = "ten")]
    pub non_mated_per_bin: usize,
}

fn hundred() -> usize {
    100
}

fn ten() -> usize {
    10
}

impl UniformHistogramMiner {
    fn draw(
        &self,
        pairs: &[[usize; 2]],
        values: &Matrix,
        per_bin: usize,
        rng: &mut Pcg64Mcg,
    ) -> Vec<[usize; 2]> {
        let value = |&[anchor, other]: &[usize; 2]| values[(anchor, other)];
        let low = pairs.iter().map(value).fold(f64::INFINITY, f64::min);
        let high = pairs.iter().map(value).fold(f64::NEG_INFINITY, f64::max);
        let mut bins = vec![Vec::new(); self.n_bins];
        for pair in pairs {
            let share = (value(pair) - low) / (high - low).max(f64::MIN_POSITIVE);
            // The largest distance is in the last bin.
            bins[((share * self.n_bins as f64) as usize).min(self.n_bins - 1)].push(*pair);
        }
        let mut drawn = Vec::new();
        for bin in bins.iter().filter(|bin| !bin.is_empty()) {
            drawn.extend((0..per_bin).map(|_| bin[below(rng, bin.len())]));
        }
        drawn.sort_unstable();
        drawn
    }
}

impl Mine for UniformHistogramMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        let counts = [
            ("n_bins", self.n_bins),
            ("mated_per_bin", self.mated_per_bin),
            ("non_mated_per_bin", self.non_mated_per_bin),
        ];
        counts.into_iter().try_for_each(|(parameter, count)| {
            require(parameter, count as f64, count >= 1, "at least 1")
        })
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let all = Pairs::all(scene.batch.relations);
        let mut rng = generator(scene.seed, 0);
        let values = scene.values();
        let mated = self.draw(&all.mated, values, self.mated_per_bin, &mut rng);
        let non_mated = self.draw(&all.non_mated, values, self.non_mated_per_bin, &mut rng);
        Tuples::Pairs(Pairs { mated, non_mated })
    }
}

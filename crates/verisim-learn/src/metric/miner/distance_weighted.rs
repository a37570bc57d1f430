//! Mated pairs with a random non-mated sample, drawn so that every distance is equally likely.

use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, Other, generator, triplets_by_anchor};
use crate::metric::distance::Distance;
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};
use crate::random::{below, unit};

/// Draws a non-mated sample for each mated pair, with a probability that makes up for how frequent its
/// distance is among points of the unit sphere.
///
/// In `D` dimensions a distance `d` has the density `q(d) ∝ d^(D-2) (1 - d²/4)^((D-3)/2)`; a sample is
/// drawn with
///
/// ```text
/// w = 1 / q(max(d, cutoff))    if d < nonzero_loss_cutoff, else 0
/// ```
///
/// An anchor for which every weight is 0 is left out. The draws follow the seed of the scene. The distance
/// must be Euclidean and of unit vectors, whatever the loss uses.
///
/// Wu et al., *Sampling Matters in Deep Embedding Learning*, ICCV 2017,
/// <https://arxiv.org/abs/1706.07567>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DistanceWeightedMiner {
    /// Distance below which samples are drawn no more often, in `(0, 2)`; 0.5 in the paper.
    #[serde(default = "paper_cutoff")]
    pub cutoff: f64,
    /// Distance from which on samples are not drawn, above 0; 1.4 in the authors' code, where the loss
    /// is 0 beyond.
    #[serde(default = "paper_nonzero_loss_cutoff")]
    pub nonzero_loss_cutoff: f64,
    /// Which mated samples.
    #[serde(default)]
    pub mated: MatedDraw,
}

/// Which mated samples of an anchor are paired with a drawn one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatedDraw {
    /// Each once, as in the authors' code.
    #[default]
    Each,
    /// Random ones, with replacement, as many as the anchor's identity has references, the anchor's own
    /// included: what pytorch-metric-learning does.
    Random,
}

fn paper_cutoff() -> f64 {
    0.5
}

fn paper_nonzero_loss_cutoff() -> f64 {
    1.4
}

impl DistanceWeightedMiner {
    /// Sums, one after the other, of the weights of an anchor's non-mated samples.
    fn cumulated(&self, others: &[Other], dim: f64) -> Vec<f64> {
        let logarithms: Vec<f64> = others
            .iter()
            .map(|&(_, distance)| {
                let clamped = distance.max(self.cutoff);
                let beyond = (1.0 - 0.25 * clamped * clamped).ln();
                let logarithm = (2.0 - dim) * clamped.ln() - (dim - 3.0) / 2.0 * beyond;
                let counts = clamped < self.nonzero_loss_cutoff && logarithm.is_finite();
                if counts { logarithm } else { f64::NEG_INFINITY }
            })
            .collect();
        let largest = logarithms.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut sum = 0.0;
        let weights = logarithms.iter().map(|&it| {
            // Nothing to draw has no largest.
            if it.is_finite() { (it - largest).exp() } else { 0.0 }
        });
        weights
            .map(|weight| {
                sum += weight;
                sum
            })
            .collect()
    }
}

/// A position, drawn by weights whose sums are given.
fn draw(cumulated: &[f64], rng: &mut Pcg64Mcg) -> Option<usize> {
    let total = *cumulated.last()?;
    // Two draws: 24 bits alone would never reach a weight below 6e-8.
    let share = f64::from(unit(rng)) + f64::from(unit(rng)) / f64::from(1u32 << 24);
    let index = cumulated.partition_point(|&sum| sum <= share * total);
    (total > 0.0 && index < cumulated.len()).then_some(index)
}

impl Mine for DistanceWeightedMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = self.cutoff > 0.0 && self.cutoff < 2.0;
        require("cutoff", self.cutoff, in_range, "in (0, 2)")?;
        let cutoff = self.nonzero_loss_cutoff;
        require("nonzero_loss_cutoff", cutoff, cutoff > 0.0, "above 0")
    }

    fn distance(&self) -> Option<Distance> {
        Some(Distance::EUCLIDEAN)
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let (seed, dim) = (scene.seed, scene.batch.embeddings.n_columns() as f64);
        // The anchor is one of its identity's references only in its own batch.
        let n_own = usize::from(scene.is_within());
        Tuples::Triplets(triplets_by_anchor(farness.n_anchors(), |anchor| {
            let mut rng = generator(seed, anchor);
            let mut mated: Vec<usize> = farness.mated(anchor).map(|(index, _)| index).collect();
            if self.mated == MatedDraw::Random && !mated.is_empty() {
                let n_drawn = mated.len() + n_own;
                mated = (0..n_drawn).map(|_| mated[below(&mut rng, mated.len())]).collect();
                mated.sort_unstable();
            }
            let others: Vec<Other> = farness.non_mated(anchor).collect();
            let cumulated = self.cumulated(&others, dim);
            let triplets = mated.into_iter().filter_map(|mated| {
                let drawn = draw(&cumulated, &mut rng)?;
                Some([anchor, mated, others[drawn].0])
            });
            triplets.collect()
        }))
    }
}

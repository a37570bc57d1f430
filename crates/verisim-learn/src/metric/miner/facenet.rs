//! Every mated pair with one semi-hard non-mated sample: the rule of `FaceNet`.

use serde::{Deserialize, Serialize};

use super::Mine;
use super::farness::{Farness, farthest, generator, sorted, triplets_by_anchor};
use crate::metric::distance::Distance;
use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};
use crate::random::below;

/// Chooses one triplet for each mated pair: the one whose non-mated sample is the nearest that is
/// semi-hard,
///
/// ```text
/// d(a, p) < d(a, n) < d(a, p) + m
/// ```
///
/// A pair without such a sample is left out, as in David Sandberg's implementation: its non-mated samples
/// are either too easy to teach anything, or so near that they let a network collapse early on.
///
/// Distances are squared and of unit vectors, unless another distance is asked for. Schroff et al.,
/// *FaceNet: A Unified Embedding for Face Recognition and Clustering*, CVPR 2015,
/// <https://arxiv.org/abs/1503.03832>. The paper leaves open which semi-hard sample is taken;
/// <https://github.com/davidsandberg/facenet> draws one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaceNetMiner {
    /// Margin `m`, above 0; 0.2 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Which of several semi-hard samples.
    #[serde(default)]
    pub pick: SemiHardPick,
    /// What becomes of a mated pair that is farther than every non-mated sample.
    #[serde(default)]
    pub hopeless: Hopeless,
}

/// Which of several semi-hard samples is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SemiHardPick {
    /// The nearest.
    #[default]
    Nearest,
    /// A random one, as David Sandberg's implementation does it.
    Random,
}

/// What becomes of a mated pair that is farther than every non-mated sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hopeless {
    /// It is left out.
    #[default]
    Drop,
    /// It is taken with the farthest non-mated sample, as `triplet_semihard_loss` of `TensorFlow` Addons
    /// does it.
    Farthest,
}

fn paper_margin() -> f64 {
    0.2
}

impl Mine for FaceNetMiner {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, self.margin > 0.0, "above 0")
    }

    fn distance(&self) -> Option<Distance> {
        Some(Distance::SQUARED)
    }

    fn mine(&self, scene: &Scene<'_>) -> Tuples {
        let farness = Farness::new(scene);
        let seed = scene.seed;
        Tuples::Triplets(triplets_by_anchor(farness.n_anchors(), |anchor| {
            let others = sorted(farness.non_mated(anchor));
            let mut rng = generator(seed, anchor);
            let triplets = farness.mated(anchor).filter_map(|(mated, near)| {
                let start = others.partition_point(|(_, far)| *far <= near);
                let end = others.partition_point(|(_, far)| far - near < self.margin);
                let other = if start < end {
                    let offset = match self.pick {
                        SemiHardPick::Nearest => 0,
                        SemiHardPick::Random => below(&mut rng, end - start),
                    };
                    others[start + offset]
                } else if start == others.len() && self.hopeless == Hopeless::Farthest {
                    farthest(others.iter().copied())?
                } else {
                    return None;
                };
                Some([anchor, mated, other.0])
            });
            triplets.collect()
        }))
    }
}

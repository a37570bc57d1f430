//! Triplet loss: an anchor's mated reference nearer than its non-mated ones, by a margin.

mod hinge;
mod listed;
mod mining;
mod ranked;
mod reduction;
mod streamed;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use self::listed::{draw, over_list};
use self::streamed::over_all;
use crate::metric::compat::Compat;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::tuples::Tuples;
use crate::metric::{InvalidLoss, require};

pub use self::mining::Mining;

/// Triplet loss with mining built in.
///
/// With `d` the distance of an anchor `a` to a mated reference `p` or a non-mated one `n`,
///
/// ```text
/// L = mean⁺ (d(a, p) - d(a, n) + m)₊                 or, with `smooth`,
/// L = mean  log(1 + exp(d(a, p) - d(a, n) + m))
/// ```
///
/// over the mined triplets, where `mean⁺` is taken over those that still have a loss. A similarity
/// takes part with its sign turned. Triplets are never listed: memory grows with the square of the
/// batch, and the hinge takes `O(B² log B)` steps. Only triplets that a miner chose, which takes the
/// place of `mining`, and drawn ones are gone through one by one.
///
/// Schroff et al., *FaceNet: A Unified Embedding for Face Recognition and Clustering*, CVPR 2015,
/// <https://arxiv.org/abs/1503.03832>. The smooth form: Hermans et al., *In Defense of the Triplet Loss
/// for Person Re-Identification*, 2017, <https://arxiv.org/abs/1703.07737>, which has no margin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TripletLoss {
    /// Margin `m`, 0 or more; 0.2 in FaceNet.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Which triplets of a batch count; semi-hard ones, as in FaceNet.
    #[serde(default)]
    pub mining: Mining,
    /// Margin of mining, 0 or more; that of the loss if none. A loss without a margin needs one to
    /// have semi-hard triplets.
    #[serde(default)]
    pub mining_margin: Option<f64>,
    /// Whether the distance, unless another is asked for, is squared, as in FaceNet.
    #[serde(default = "yes")]
    pub squared: bool,
    /// Whether the loss never quite ends (softplus) instead of ending at the margin.
    #[serde(default)]
    pub smooth: bool,
    /// Whether `d(p, n)` takes the place of `d(a, n)` where it is smaller, so that the non-mated
    /// reference is kept away from both; after Balntas et al., BMVC 2016. Mining does not look at it.
    #[serde(default)]
    pub swap: bool,
    /// Triplets drawn for each anchor, above 0: a mated reference with replacement and a non-mated one,
    /// both at random, of which those count that `mining` allows. All triplets if none.
    #[serde(default)]
    pub triplets_per_anchor: Option<usize>,
    /// `"pml"` looks `d(p, n)` up in the distances of embeddings to references, at the row of the
    /// embedding that happens to have the position of `p`; it makes no difference within a batch.
    /// Where there is no such row, and the library fails, nothing is swapped.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn paper_margin() -> f64 {
    0.2
}

fn yes() -> bool {
    true
}

impl Default for TripletLoss {
    fn default() -> Self {
        Self {
            margin: paper_margin(),
            mining: Mining::default(),
            mining_margin: None,
            squared: true,
            smooth: false,
            swap: false,
            triplets_per_anchor: None,
            compat: None,
        }
    }
}

impl TupleLoss for TripletLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, self.margin >= 0.0, "0 or more")?;
        if let Some(margin) = self.mining_margin {
            require("mining_margin", margin, margin >= 0.0, "0 or more")?;
        }
        let Some(n) = self.triplets_per_anchor else { return Ok(()) };
        require("triplets_per_anchor", n as f64, n > 0, "above 0")?;
        let can_draw = self.mining != Mining::Facenet;
        require("triplets_per_anchor", n as f64, can_draw, "left out where mining is facenet")
    }

    fn distance(&self) -> Distance {
        if self.squared { Distance::SQUARED } else { Distance::EUCLIDEAN }
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        match (&scene.tuples, self.triplets_per_anchor) {
            (Some(tuples), _) => over_list(self, scene, &Tuples::triplets(tuples)),
            (None, Some(n)) => over_list(self, scene, &draw(self, scene, n)),
            (None, None) => over_all(self, scene),
        }
    }
}

impl TripletLoss {
    fn mining_margin(&self) -> f64 {
        self.mining_margin.unwrap_or(self.margin)
    }

    /// Loss of a triplet, and its slope, by how much farther the mated reference is.
    fn loss(&self, excess: f64) -> (f64, f64) {
        let violation = excess + self.margin;
        if !self.smooth {
            return (violation.max(0.0), if violation > 0.0 { 1.0 } else { 0.0 });
        }
        let exp = (-violation.abs()).exp();
        let slope = if violation > 0.0 { 1.0 } else { exp } / (1.0 + exp);
        (violation.max(0.0) + exp.ln_1p(), slope)
    }

    /// The distances in which `d(p, n)` is looked up, if it is.
    fn swapped<'a>(&self, scene: &'a Scene<'_>) -> Option<&'a Matrix> {
        self.swap.then(|| {
            let is_same = self.looks_up_among_embeddings(scene);
            if is_same { scene.values() } else { scene.between_references() }
        })
    }

    fn looks_up_among_embeddings(&self, scene: &Scene<'_>) -> bool {
        scene.is_within() || self.compat == Some(Compat::Pml)
    }
}

/// `d(p, n)` if it takes the place of `d(a, n)`, all with the sign of a distance.
fn nearer(
    swapped: Option<&Matrix>,
    sign: f64,
    mated: usize,
    other: usize,
    far: f64,
) -> Option<f64> {
    let table = swapped.filter(|table| mated < table.n_rows())?;
    let between = sign * table[(mated, other)];
    (between < far).then_some(between)
}

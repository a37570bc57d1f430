//! Contrastive loss with a margin: mated pairs together, non-mated pairs apart.

use serde::{Deserialize, Serialize};

use crate::metric::matrix::Matrix;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Contrastive loss over pairs.
///
/// With `d` the distance of a pair,
///
/// ```text
/// L = mean⁺ (d - m_mated)₊ over mated pairs + mean⁺ (m - d)₊ over non-mated pairs
/// ```
///
/// where `mean⁺` is taken over the pairs that still have a loss. Distances are not squared. With a
/// similarity `s` the terms are `(m_mated - s)₊` and `(s - m)₊`; margins of 1 and 0 suit it.
///
/// Hadsell et al., *Dimensionality Reduction by Learning an Invariant Mapping*, CVPR 2006; this form is
/// that of pytorch-metric-learning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContrastiveLoss {
    /// Distance within which a mated pair is left alone, 0 or more.
    #[serde(default)]
    pub mated_margin: f64,
    /// Distance beyond which a non-mated pair is left alone.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl TupleLoss for ContrastiveLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("mated_margin", self.mated_margin, true, "a number")?;
        require("margin", self.margin, true, "a number")
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let distance = scene.distance;
        let pairs = scene.pairs();
        let mut slope = Slope { n_active: Some(0), ..Slope::default() };
        let mut values = Matrix::zeros(scene.values().shape());
        let mated_loss = |value| distance.margin(value, self.mated_margin).max(0.0);
        let other_loss = |value| distance.margin(self.margin, value).max(0.0);
        let sign = distance.sign();
        add_term(scene, &pairs.mated, mated_loss, sign, &mut slope, &mut values);
        add_term(scene, &pairs.non_mated, other_loss, -sign, &mut slope, &mut values);
        Slope { values: Some(values), ..slope }
    }
}

/// Adds the reduced losses of pairs, each a hinge of slope `sign` where it is above 0.
fn add_term(
    scene: &Scene<'_>,
    pairs: &[[usize; 2]],
    loss: impl Fn(f64) -> f64,
    sign: f64,
    slope: &mut Slope,
    values: &mut Matrix,
) {
    let losses: Vec<f64> = pairs.iter().map(|&[i, j]| loss(scene.values()[(i, j)])).collect();
    let anchors: Vec<usize> = pairs.iter().map(|&[anchor, _]| anchor).collect();
    let reduced = scene.reduce(&losses, &anchors);
    slope.value += reduced.value;
    slope.n_active = slope.n_active.map(|n| n + reduced.n_active);
    for ((&[i, j], weight), &loss) in pairs.iter().zip(&reduced.weights).zip(&losses) {
        if loss > 0.0 {
            values[(i, j)] += sign * weight;
        }
    }
}

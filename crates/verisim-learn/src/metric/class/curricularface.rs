//! CurricularFace: hard identities count little at first, and more as training goes on.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::margin::{sine_of, with_margin};
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Adaptive curriculum loss.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity, it is
/// the cross-entropy of the logits `s cos(θ_y + m)`, as in [`ArcFaceLoss`], and, for `j ≠ y`,
///
/// ```text
/// s cos θ_j              where cos θ_j ≤ cos(θ_y + m): an easy one
/// s cos θ_j (t + cos θ_j)    else: a hard one
/// ```
///
/// `t` is the running mean of `cos θ_y`; it starts at 0, moves by `momentum` before it is used, and gets
/// no gradient.
///
/// Huang et al., *CurricularFace: Adaptive Curriculum Learning Loss for Deep Face Recognition*, CVPR 2020,
/// <https://arxiv.org/abs/2004.00288>.
///
/// [`ArcFaceLoss`]: super::ArcFaceLoss
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurricularFaceLoss {
    /// Margin `m`, in radians, in `[0, pi/2)`; 0.5 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Share of the new batch in the running mean, in `[0, 1]`; 0.01 in the paper.
    #[serde(default = "paper_momentum")]
    pub momentum: f64,
}

fn paper_margin() -> f64 {
    0.5
}

fn paper_scale() -> f64 {
    64.0
}

fn paper_momentum() -> f64 {
    0.01
}

impl ClassLoss for CurricularFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        require("margin", self.margin, in_range, "in [0, pi/2), in radians")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        require("momentum", self.momentum, (0.0..=1.0).contains(&self.momentum), "in [0, 1]")
    }

    /// The running mean `t`.
    fn state(&self) -> Vec<f64> {
        vec![0.0]
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let own = |sample: usize| f64::from(scene.row(sample)[scene.labels[sample]]);
        let n = scene.labels.len();
        let mean = (0..n).map(own).sum::<f64>() / n.max(1) as f64;
        let moved = if n == 0 { 0.0 } else { self.momentum };
        let t = mean * moved + (1.0 - moved) * scene.state[0];

        let (sin_m, cos_m) = self.margin.sin_cos();
        let mut weighted = scene.cosines.to_vec();
        let mut hard = Vec::new();
        for (sample, &label) in scene.labels.iter().enumerate() {
            // Without what takes its place past a half turn, as in the authors' code.
            let bound = (own(sample) * cos_m - sine_of(own(sample)) * sin_m) as f32;
            let first = sample * scene.n_centers;
            for (center, cosine) in weighted[first..first + scene.n_centers].iter_mut().enumerate()
            {
                if *cosine > bound && center != label {
                    hard.push((first + center, t as f32 + 2.0 * *cosine));
                    *cosine *= t as f32 + *cosine;
                }
            }
        }
        let scene = ClassScene { cosines: &weighted, ..*scene };
        let entropy = cross_entropy(&scene, self.scale, |_, cosine| {
            Target::new(self.scale, with_margin(cosine, self.margin))
        });
        let mut slope = ClassSlope { state: vec![t], ..entropy.into() };
        for (index, change) in hard {
            slope.cosines[index] *= change;
        }
        slope
    }
}

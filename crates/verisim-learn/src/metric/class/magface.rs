//! MagFace: a margin that grows with the length of the feature, which comes to tell the quality.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::margin::{is_past_turn, sine_of, with_margin};
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Magnitude-aware margin loss.
///
/// With `a` the length of a feature, cut to `[l_a, u_a]`, `θ_j` its angle with the center of identity `j`,
/// and `y` the true identity,
///
/// ```text
/// L = -log( exp(s cos(θ_y + m(a))) / (exp(s cos(θ_y + m(a))) + Σ_{j≠y} exp(s cos θ_j)) ) + λ g(a)
/// m(a) = l_m + (u_m - l_m) (a - l_a) / (u_a - l_a)
/// g(a) = a / u_a² + 1 / a
/// ```
///
/// With `easy_margin` there is a margin only where `cos θ_y > 0`; without it, past `θ_y = π - m(a)`,
/// `cos θ_y - m(a) sin m(a)` takes its place.
///
/// Meng et al., *MagFace: A Universal Representation for Face Recognition and Quality Assessment*, CVPR 2021,
/// <https://arxiv.org/abs/2103.06627>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MagFaceLoss {
    /// Shortest length `l_a` that counts, above 0; 10 in the paper.
    #[serde(default = "paper_shortest")]
    pub min_norm: f64,
    /// Longest length `u_a` that counts, above the shortest; 110 in the paper.
    #[serde(default = "paper_longest")]
    pub max_norm: f64,
    /// Margin `l_m` at the shortest length, in radians, 0 or more; 0.45 in the paper.
    #[serde(default = "paper_lowest")]
    pub min_margin: f64,
    /// Margin `u_m` at the longest length, in radians, at least the other and below `pi/2`; 0.8 in the paper.
    #[serde(default = "paper_highest")]
    pub max_margin: f64,
    /// Weight `λ` of the regularizer `g`, 0 or more; 35 in the paper.
    #[serde(default = "paper_weight")]
    pub norm_weight: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Whether there is a margin only within a right angle; yes in the authors' code.
    #[serde(default = "yes")]
    pub easy_margin: bool,
}

fn paper_shortest() -> f64 {
    10.0
}

fn paper_longest() -> f64 {
    110.0
}

fn paper_lowest() -> f64 {
    0.45
}

fn paper_highest() -> f64 {
    0.8
}

fn paper_weight() -> f64 {
    35.0
}

fn paper_scale() -> f64 {
    64.0
}

fn yes() -> bool {
    true
}

impl MagFaceLoss {
    /// Change of the margin with the length.
    fn growth(&self) -> f64 {
        (self.max_margin - self.min_margin) / (self.max_norm - self.min_norm)
    }

    /// The own cosine with its margin, with its changes with the cosine and with the margin.
    fn with_margin(&self, cosine: f64, margin: f64) -> ((f64, f64), f64) {
        if self.easy_margin && cosine <= 0.0 {
            return ((cosine, 1.0), 0.0);
        }
        let (sin_m, cos_m) = margin.sin_cos();
        let to_margin = if is_past_turn(cosine, margin) {
            -sin_m - margin * cos_m
        } else {
            -sine_of(cosine) * cos_m - cosine * sin_m
        };
        (with_margin(cosine, margin), to_margin)
    }
}

impl ClassLoss for MagFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("min_norm", self.min_norm, self.min_norm > 0.0, "above 0")?;
        require("max_norm", self.max_norm, self.max_norm > self.min_norm, "above min_norm")?;
        require("min_margin", self.min_margin, self.min_margin >= 0.0, "0 or more")?;
        let in_range = (self.min_margin..FRAC_PI_2).contains(&self.max_margin);
        require("max_margin", self.max_margin, in_range, "in [min_margin, pi/2)")?;
        require("norm_weight", self.norm_weight, self.norm_weight >= 0.0, "0 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn needs_norms(&self) -> bool {
        true
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let length =
            |sample: usize| f64::from(scene.norms[sample]).clamp(self.min_norm, self.max_norm);
        let margin = |length: f64| self.min_margin + self.growth() * (length - self.min_norm);
        let longest_squared = self.max_norm * self.max_norm;
        let entropy = cross_entropy(scene, self.scale, |sample, cosine| {
            let length = length(sample);
            let (with_margin, _) = self.with_margin(cosine, margin(length));
            let penalty = self.norm_weight * (length / longest_squared + 1.0 / length);
            Target { penalty, ..Target::new(self.scale, with_margin) }
        });
        let norms = (0..scene.labels.len())
            .map(|sample| {
                let length = length(sample);
                if length != f64::from(scene.norms[sample]) {
                    return 0.0;
                }
                let cosine = f64::from(scene.row(sample)[scene.labels[sample]]);
                let (_, to_margin) = self.with_margin(cosine, margin(length));
                let penalty = self.norm_weight * (1.0 / longest_squared - 1.0 / (length * length));
                let pull = entropy.pulls[sample] * self.scale * to_margin * self.growth();
                (pull + entropy.weights[sample] * penalty) as f32
            })
            .collect();
        ClassSlope { norms, ..entropy.into() }
    }
}

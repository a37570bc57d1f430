//! AdaFace: a margin that follows the quality of the picture, told by the length of the feature.

use std::f64::consts::{FRAC_PI_2, PI};

use serde::{Deserialize, Serialize};

use super::margin::sine_of;
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// The angle stays this far from 0 and from a half turn; 0.001 in the authors' code.
const MIN_ANGLE: f64 = 1e-3;
/// Added to the standard deviation of lengths; 0.001 in the authors' code.
const MIN_DEVIATION: f64 = 1e-3;
/// Lengths are cut to this range, as in the authors' code.
const NORMS: (f64, f64) = (1e-3, 100.0);

/// Quality adaptive margin loss.
///
/// With `|x|` the length of a feature, `μ` and `σ` the running mean and standard deviation of lengths,
/// `θ_j` its angle with the center of identity `j`, and `y` the true identity, it is the cross-entropy of
/// the logits
///
/// ```text
/// s (cos(clip(θ_y - m z, ε, π - ε)) - m - m z)    and    s cos θ_j    for j ≠ y
/// z = clip(h (|x| - μ) / (σ + ε), -1, 1),    ε = 0.001
/// ```
///
/// The lengths are read, and get no gradient. `μ` and `σ` move towards those of each batch by
/// `momentum` before they are used; a batch of one sample, which has no deviation (the authors' code
/// gives NaN), leaves `σ` as it is. The authors cut all cosines to ±0.999 before, for the sake of `acos`;
/// here nothing needs it.
///
/// Kim, Jain and Liu, *AdaFace: Quality Adaptive Margin for Face Recognition*, CVPR 2022,
/// <https://arxiv.org/abs/2204.00964>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaFaceLoss {
    /// Margin `m`, in `[0, pi/2)`; 0.4 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Concentration `h`: how far lengths matter, 0 or more; 0.333 in the paper.
    #[serde(default = "paper_concentration")]
    pub concentration: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Share of the new batch in the running mean and deviation, in `[0, 1]`; 0.01 in the paper and in the
    /// authors' trainer (`t_alpha`).
    #[serde(default = "paper_momentum")]
    pub momentum: f64,
}

fn paper_margin() -> f64 {
    0.4
}

fn paper_concentration() -> f64 {
    0.333
}

fn paper_scale() -> f64 {
    64.0
}

fn paper_momentum() -> f64 {
    0.01
}

impl AdaFaceLoss {
    /// The mean and deviation after a batch.
    fn moved(&self, state: &[f64], norms: &[f64]) -> [f64; 2] {
        let n = norms.len() as f64;
        let [mean, deviation] = [state[0], state[1]];
        let toward = |old: f64, new: f64| new * self.momentum + (1.0 - self.momentum) * old;
        if norms.is_empty() {
            return [mean, deviation];
        }
        let of_batch = norms.iter().sum::<f64>() / n;
        if norms.len() == 1 {
            return [toward(mean, of_batch), deviation];
        }
        let squares: f64 = norms.iter().map(|norm| (norm - of_batch).powi(2)).sum();
        [toward(mean, of_batch), toward(deviation, (squares / (n - 1.0)).sqrt())]
    }

    /// The own cosine with its margins, and its change with the cosine.
    fn with_margins(&self, cosine: f64, quality: f64) -> (f64, f64) {
        let turned_by = -self.margin * quality;
        let angle = cosine.clamp(-1.0, 1.0).acos() + turned_by;
        let kept = angle.clamp(MIN_ANGLE, PI - MIN_ANGLE);
        let sine = sine_of(cosine);
        let slope = if kept != angle {
            0.0
        } else if sine > 0.0 {
            angle.sin() / sine
        } else {
            turned_by.cos()
        };
        (kept.cos() - self.margin - self.margin * quality, slope)
    }
}

impl ClassLoss for AdaFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        require("margin", self.margin, in_range, "in [0, pi/2)")?;
        let concentration = self.concentration;
        require("concentration", concentration, concentration >= 0.0, "0 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        require("momentum", self.momentum, (0.0..=1.0).contains(&self.momentum), "in [0, 1]")
    }

    fn needs_norms(&self) -> bool {
        true
    }

    /// Mean and standard deviation of lengths; the authors' first values.
    fn state(&self) -> Vec<f64> {
        vec![20.0, 100.0]
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let norms: Vec<f64> =
            scene.norms.iter().map(|&norm| f64::from(norm).clamp(NORMS.0, NORMS.1)).collect();
        let [mean, deviation] = self.moved(scene.state, &norms);
        let entropy = cross_entropy(scene, self.scale, |sample, cosine| {
            let relative = (norms[sample] - mean) / (deviation + MIN_DEVIATION);
            let quality = (self.concentration * relative).clamp(-1.0, 1.0);
            Target::new(self.scale, self.with_margins(cosine, quality))
        });
        ClassSlope { state: vec![mean, deviation], ..entropy.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_mean_and_deviation_move_by_the_momentum() {
        let loss: AdaFaceLoss = toml::from_str("momentum = 0.5").unwrap();
        assert_eq!(loss.moved(&[20.0, 100.0], &[1.0, 3.0]), [11.0, 50.0 + 0.5 * 2f64.sqrt()]);
        assert_eq!(loss.moved(&[20.0, 100.0], &[2.0]), [11.0, 100.0]);
        assert_eq!(loss.moved(&[20.0, 100.0], &[]), [20.0, 100.0]);
    }
}

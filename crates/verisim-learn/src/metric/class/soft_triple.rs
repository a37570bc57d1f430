//! SoftTriple: softmax over identities that have several centers each, of which the near ones count most.

use serde::{Deserialize, Serialize};

use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Softmax loss with several centers for each identity, weighted softly.
///
/// With `s_jk` the cosine of a feature and center `k` of identity `j`, and `y` the true identity,
///
/// ```text
/// S_j = Σ_k p_jk s_jk,    p_jk = exp(s_jk / γ) / Σ_l exp(s_jl / γ)
/// L = -log( exp(λ (S_y - δ)) / (exp(λ (S_y - δ)) + Σ_{j≠y} exp(λ S_j)) )
/// ```
///
/// The paper adds a regularizer that merges centers of one identity; it is a function of the centers alone,
/// and not part of this.
///
/// Qian et al., *SoftTriple Loss: Deep Metric Learning Without Triplet Sampling*, ICCV 2019,
/// <https://arxiv.org/abs/1909.05235>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftTripleLoss {
    /// Centers of each identity, 1 or more; 10 in the paper.
    #[serde(default = "paper_centers")]
    pub centers_per_identity: usize,
    /// Scale `λ` of the logits, above 0; 20 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Temperature `γ` among the centers of an identity, above 0; 0.1 in the paper.
    #[serde(default = "paper_temperature")]
    pub temperature: f64,
    /// Margin `δ`, in `[0, 2)`; 0.01 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
}

fn paper_centers() -> usize {
    10
}

fn paper_scale() -> f64 {
    20.0
}

fn paper_temperature() -> f64 {
    0.1
}

fn paper_margin() -> f64 {
    0.01
}

impl SoftTripleLoss {
    /// The similarity of a feature and an identity; `changes` becomes its change with each cosine.
    fn similarity(&self, cosines: &[f32], changes: &mut [f32]) -> f64 {
        let highest = cosines.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let share = |cosine: f32| (f64::from(cosine - highest) / self.temperature).exp();
        let sum: f64 = cosines.iter().map(|&cosine| share(cosine)).sum();
        let weighted: f64 = cosines.iter().map(|&cosine| share(cosine) * f64::from(cosine)).sum();
        let similarity = weighted / sum;
        for (change, &cosine) in changes.iter_mut().zip(cosines) {
            let ahead = (f64::from(cosine) - similarity) / self.temperature;
            *change = (share(cosine) / sum * (1.0 + ahead)) as f32;
        }
        similarity
    }
}

impl ClassLoss for SoftTripleLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let centers = self.centers_per_identity;
        require("centers_per_identity", centers as f64, centers >= 1, "1 or more")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        require("temperature", self.temperature, self.temperature > 0.0, "above 0")?;
        require("margin", self.margin, (0.0..2.0).contains(&self.margin), "in [0, 2)")
    }

    fn centers_per_identity(&self) -> usize {
        self.centers_per_identity
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let per_identity = self.centers_per_identity;
        let mut changes = vec![0.0; scene.cosines.len()];
        let groups = scene.cosines.chunks(per_identity).zip(changes.chunks_mut(per_identity));
        let similarities: Vec<f32> =
            groups.map(|(cosines, changes)| self.similarity(cosines, changes) as f32).collect();
        let n_centers = scene.n_centers / per_identity;
        let of_identities = ClassScene { cosines: &similarities, n_centers, ..*scene };
        let entropy = cross_entropy(&of_identities, self.scale, |_, similarity| {
            Target::new(self.scale, (similarity - self.margin, 1.0))
        });
        for (changes, slope) in changes.chunks_mut(per_identity).zip(&entropy.slopes) {
            for change in changes {
                *change *= slope;
            }
        }
        ClassSlope { value: entropy.value, cosines: changes, ..ClassSlope::default() }
    }
}

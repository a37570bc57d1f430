//! Softmax cross-entropy of a linear classifier: the naive way, which the others must beat.

use serde::{Deserialize, Serialize};

use super::row::cross_entropy_of_logits;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::InvalidLoss;

/// Cross-entropy of a linear classifier over the training identities.
///
/// With `w_j` the center of identity `j`, of any length, `b_j` a bias that is learned and starts at 0, and
/// `y` the true identity,
///
/// ```text
/// L = -log( exp(w_y·x + b_y) / Σ_j exp(w_j·x + b_j) ),    w_j·x = |w_j| |x| cos θ_j
/// ```
///
/// It makes identities separable by planes, not clustered: nothing pulls the features of one identity
/// together beyond what separates them, and their length is free. A feature of zeros has no direction here,
/// and is not moved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftmaxLoss {}

impl ClassLoss for SoftmaxLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn parameters(&self, n_identities: usize) -> Vec<f64> {
        vec![0.0; n_identities]
    }

    fn needs_norms(&self) -> bool {
        true
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let n_identities = scene.n_centers;
        let length = |center: usize| f64::from(scene.center_norms[center]);
        let entropy = cross_entropy_of_logits(scene, n_identities, |sample, logits| {
            let norm = f64::from(scene.norms[sample]);
            for (center, (logit, &cosine)) in logits.iter_mut().zip(scene.row(sample)).enumerate() {
                *logit = norm * length(center) * f64::from(cosine) + scene.parameters[center];
            }
        });
        let mut cosines = entropy.slopes;
        let mut norms = vec![0.0; scene.labels.len()];
        let mut center_norms = vec![0.0; n_identities];
        let mut parameters = vec![0.0; n_identities];
        for (sample, slopes) in cosines.chunks_mut(n_identities.max(1)).enumerate() {
            let norm = f64::from(scene.norms[sample]);
            let mut to_norm = 0.0;
            for (center, slope) in slopes.iter_mut().enumerate() {
                let to_logit = f64::from(*slope);
                let cosine = f64::from(scene.row(sample)[center]);
                *slope = (to_logit * norm * length(center)) as f32;
                to_norm += to_logit * length(center) * cosine;
                center_norms[center] += to_logit * norm * cosine;
                parameters[center] += to_logit;
            }
            norms[sample] = to_norm as f32;
        }
        let center_norms = center_norms.iter().map(|&slope| slope as f32).collect();
        ClassSlope {
            value: entropy.value,
            cosines,
            norms,
            center_norms,
            parameters,
            ..ClassSlope::default()
        }
    }
}

//! Center loss: the distance of a feature from the center of its identity.

use serde::{Deserialize, Serialize};

use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::InvalidLoss;

/// Half the squared distance of a feature from the center of its identity.
///
/// With `x` a feature of any length, and `c_y` the center of the true identity,
///
/// ```text
/// L = ½ |x - c_y|² = ½ (|x| - |c_y|)² + |x| |c_y| (1 - cos θ_y)
/// ```
///
/// It pulls and never pushes: add it to a loss that tells identities apart, with a weight of 0.003 in
/// the paper. The paper moves the centers by a rule of its own; here they follow the gradient. A
/// feature of zeros has no direction, and is not moved.
///
/// Wen et al., *A Discriminative Feature Learning Approach for Deep Face Recognition*, ECCV 2016,
/// <https://ydwen.github.io/papers/WenECCV16.pdf>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CenterLoss {}

impl ClassLoss for CenterLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn needs_norms(&self) -> bool {
        true
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let parts: Vec<[f64; 3]> = (0..scene.labels.len())
            .map(|sample| {
                let label = scene.labels[sample];
                [scene.norms[sample], scene.center_norms[label], scene.row(sample)[label]]
                    .map(f64::from)
            })
            .collect();
        let loss = |&[x, c, cosine]: &[f64; 3]| 0.5 * (x - c) * (x - c) + x * c * (1.0 - cosine);
        let losses: Vec<f64> = parts.iter().map(loss).collect();
        let reduced = scene.reduce(&losses);
        let mut slope = ClassSlope {
            value: reduced.value,
            cosines: vec![0.0; scene.cosines.len()],
            norms: vec![0.0; parts.len()],
            center_norms: vec![0.0; scene.n_centers],
            ..ClassSlope::default()
        };
        for (sample, (&[x, c, cosine], weight)) in parts.iter().zip(&reduced.weights).enumerate() {
            let label = scene.labels[sample];
            slope.cosines[sample * scene.n_centers + label] = (-weight * x * c) as f32;
            slope.norms[sample] = (weight * (x - c * cosine)) as f32;
            slope.center_norms[label] += (weight * (c - x * cosine)) as f32;
        }
        slope
    }
}

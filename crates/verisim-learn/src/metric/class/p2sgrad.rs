//! P2SGrad: the squared error of the cosines, without margin or scale.

use serde::{Deserialize, Serialize};

use super::row::by_row;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::InvalidLoss;
use crate::metric::compat::Compat;

/// Mean squared error of the cosines.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, `y` the true identity and `n` the
/// number of identities,
///
/// ```text
/// L = 1/n Σ_j (cos θ_j - [j = y])²
/// ```
///
/// whose gradient is that of the paper, which prescribes a gradient rather than a loss.
///
/// Zhang et al., *P2SGrad: Refined Gradients for Optimizing Deep Face Models*, CVPR 2019,
/// <https://arxiv.org/abs/1905.02479>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct P2SGradLoss {
    /// With `pml`, the gradient of the centers points along them, too: pytorch-metric-learning brings
    /// them to length 1 behind the back of the gradient, which takes `cos θ` for a product with a
    /// center of any length. None by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compat: Option<Compat>,
}

impl ClassLoss for P2SGradLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn needs_norms(&self) -> bool {
        self.compat.is_some()
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let n = scene.n_centers as f64;
        let (mut slope, _) = by_row(scene, |sample, slopes| {
            let mut loss = 0.0;
            let columns = scene.row(sample).iter().zip(slopes).enumerate();
            for (center, (&cosine, slope)) in columns {
                let wanted = if center == scene.labels[sample] { 1.0 } else { 0.0 };
                let error = f64::from(cosine) - wanted;
                loss += error * error / n;
                *slope = (2.0 * error / n) as f32;
            }
            (loss, 0.0)
        });
        if self.compat == Some(Compat::Pml) {
            let mut center_norms = vec![0.0; scene.n_centers];
            let rows = slope.cosines.chunks(scene.n_centers.max(1));
            for (slopes, cosines) in rows.zip(scene.cosines.chunks(scene.n_centers.max(1))) {
                for ((sum, slope), cosine) in center_norms.iter_mut().zip(slopes).zip(cosines) {
                    *sum += slope * cosine;
                }
            }
            slope.center_norms = center_norms;
        }
        slope
    }
}

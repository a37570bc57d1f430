//! UniFace: one threshold for all comparisons of features with centers, learned beside them.

use serde::{Deserialize, Serialize};

use super::row::by_row;
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Unified cross-entropy loss.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, `y` the true identity, and `b` a
/// bias that all identities share and that is learned,
///
/// ```text
/// L = log(1 + exp(-(s (cos θ_y - m) - b))) + l Σ_{j≠y} log(1 + exp(s cos θ_j - b))
/// ```
///
/// `b` starts at `ln(10 n)` for `n` identities, as in the authors' code. That code cuts the exponents to
/// ±`s`, so that a feature far from its center gets no gradient at all; here nothing is cut.
///
/// Zhou et al., *UniFace: Unified Cross-Entropy Loss for Deep Face Recognition*, ICCV 2023,
/// <https://openaccess.thecvf.com/content/ICCV2023/html/Zhou_UniFace_Unified_Cross-Entropy_Loss_for_Deep_Face_Recognition_ICCV_2023_paper.html>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UniFaceLoss {
    /// Margin `m`, in `[0, 2)`; 0.4 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `s`, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Weight `l` of the other identities, above 0; 1 in the authors' code, less with very many.
    #[serde(default = "one")]
    pub non_mated_weight: f64,
}

fn paper_margin() -> f64 {
    0.4
}

fn paper_scale() -> f64 {
    64.0
}

fn one() -> f64 {
    1.0
}

/// `log(1 + e^x)` and its derivative.
fn softplus(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let derivative = if x > 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (x.max(0.0) + small.ln_1p(), derivative)
}

impl ClassLoss for UniFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, (0.0..2.0).contains(&self.margin), "in [0, 2)")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        let weight = self.non_mated_weight;
        require("non_mated_weight", weight, weight > 0.0, "above 0")
    }

    fn parameters(&self, n_identities: usize) -> Vec<f64> {
        vec![(10.0 * n_identities.max(1) as f64).ln()]
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let bias = scene.parameters[0];
        let (slope, to_bias) = by_row(scene, |sample, slopes| {
            let label = scene.labels[sample];
            let (mut loss, mut to_bias) = (0.0, 0.0);
            let columns = scene.row(sample).iter().zip(slopes).enumerate();
            for (center, (&cosine, slope)) in columns {
                let cosine = f64::from(cosine);
                let (value, change) = if center == label {
                    let (value, change) = softplus(bias - self.scale * (cosine - self.margin));
                    (value, -change)
                } else {
                    let (value, change) = softplus(self.scale * cosine - bias);
                    (self.non_mated_weight * value, self.non_mated_weight * change)
                };
                loss += value;
                *slope = (self.scale * change) as f32;
                to_bias -= change;
            }
            (loss, to_bias)
        });
        ClassSlope { parameters: vec![to_bias], ..slope }
    }
}

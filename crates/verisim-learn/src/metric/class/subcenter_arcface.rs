//! Sub-center ArcFace: ArcFace where an identity has several centers, and the nearest counts.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::margin::with_margin;
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Additive angular margin loss with several centers for each identity.
///
/// With `θ_jk` the angle between a feature and sub-center `k` of identity `j`, it is [`ArcFaceLoss`] with
///
/// ```text
/// cos θ_j = max_k cos θ_jk
/// ```
///
/// Mislabeled samples gather at a sub-center of their own, and can be dropped after training with
/// [`prune`].
///
/// Deng et al., *Sub-center ArcFace: Boosting Face Recognition by Large-scale Noisy Web Faces*, ECCV 2020,
/// <https://www.ecva.net/papers/eccv_2020/papers_ECCV/papers/123560715.pdf>.
///
/// [`ArcFaceLoss`]: super::ArcFaceLoss
/// [`prune`]: super::prune
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubCenterArcFaceLoss {
    /// Margin, in radians, in `[0, pi/2)`; 0.5 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Sub-centers of each identity, 1 or more; 3 in the paper.
    #[serde(default = "paper_sub_centers")]
    pub sub_centers: usize,
}

fn paper_margin() -> f64 {
    0.5
}

fn paper_scale() -> f64 {
    64.0
}

fn paper_sub_centers() -> usize {
    3
}

impl ClassLoss for SubCenterArcFaceLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        require("margin", self.margin, in_range, "in [0, pi/2), in radians")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        require("sub_centers", self.sub_centers as f64, self.sub_centers >= 1, "1 or more")
    }

    fn centers_per_identity(&self) -> usize {
        self.sub_centers
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let nearest: Vec<usize> =
            scene.cosines.chunks(self.sub_centers).map(first_largest).collect();
        let groups = scene.cosines.chunks(self.sub_centers);
        let cosines: Vec<f32> =
            groups.zip(&nearest).map(|(group, &nearest)| group[nearest]).collect();
        let n_centers = scene.n_centers / self.sub_centers;
        let of_identities = ClassScene { cosines: &cosines, n_centers, ..*scene };
        let entropy = cross_entropy(&of_identities, self.scale, |_, cosine| {
            Target::new(self.scale, with_margin(cosine, self.margin))
        });
        let mut cosines = vec![0.0; scene.cosines.len()];
        let groups = cosines.chunks_mut(self.sub_centers).zip(&nearest);
        for ((slopes, &nearest), slope) in groups.zip(&entropy.slopes) {
            slopes[nearest] = *slope;
        }
        ClassSlope { value: entropy.value, cosines, ..ClassSlope::default() }
    }
}

/// Position of the first of the largest.
pub(super) fn first_largest(values: &[f32]) -> usize {
    (0..values.len()).fold(0, |best, index| if values[index] > values[best] { index } else { best })
}

//! The margins of SphereFace, ArcFace and CosFace in one.

use std::f64::consts::FRAC_PI_2;

use serde::{Deserialize, Serialize};

use super::margin::{MarginGradient, sine_of, unrolled, with_margin};
use super::row::{Target, cross_entropy};
use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::{InvalidLoss, require};

/// Three margins at once.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity, it is
/// the cross-entropy of the logits
///
/// ```text
/// s (cos(m1 θ_y + m2) - m3)    and    s cos θ_j    for j ≠ y
/// ```
///
/// Where `m1 θ_y + m2` is past a half turn, its cosine would rise again. With `m1 = 1`,
/// `cos θ_y - m2 sin m2` takes its place, as in [`ArcFaceLoss`]; else `(-1)^k cos(m1 θ_y + m2) - 2k`, with
/// `k` the number of half turns, as in [`SphereFaceLoss`].
///
/// The straight-through gradient is that of InsightFace's trainer for `(1, m2, 0)`; as there, nothing then
/// takes the place of the rising cosine. For `m3 > 0` InsightFace ignores `m1` and `m2` without a word,
/// for other values it fails; here all three always count.
///
/// Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition*, CVPR 2019, equation 4,
/// <https://arxiv.org/abs/1801.07698>.
///
/// [`ArcFaceLoss`]: super::ArcFaceLoss
/// [`SphereFaceLoss`]: super::SphereFaceLoss
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CombinedMarginLoss {
    /// By how much the angle is multiplied, `m1`, above 0; 1 by default, which does nothing.
    #[serde(default = "one")]
    pub m1: f64,
    /// What is added to the angle, `m2`, in radians, in `[0, pi/2)`; 0.5 by default, as in ArcFace.
    #[serde(default = "paper_margin")]
    pub m2: f64,
    /// What is taken from the cosine, `m3`, in `[0, 2)`; 0 by default, which does nothing.
    #[serde(default)]
    pub m3: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
    /// Which gradient goes through the margins.
    #[serde(default)]
    pub gradient: MarginGradient,
    /// Cosine, above 0 and up to 1, above which another identity's logit is set to 0 and left alone,
    /// because it is likely the same person under two labels; none by default. InsightFace's
    /// `interclass_filtering_threshold`, 0.4 in its recipe for noisy data.
    #[serde(default)]
    pub interclass_filtering: Option<f64>,
}

fn one() -> f64 {
    1.0
}

fn paper_margin() -> f64 {
    0.5
}

fn paper_scale() -> f64 {
    64.0
}

impl CombinedMarginLoss {
    /// The own cosine with its margins, and its change with the cosine.
    fn with_margins(&self, cosine: f64) -> (f64, f64) {
        let angle = || self.m1 * cosine.clamp(-1.0, 1.0).acos() + self.m2;
        let (value, slope) = match self.gradient {
            MarginGradient::StraightThrough => (angle().cos(), 1.0),
            MarginGradient::Exact if self.m1 == 1.0 => with_margin(cosine, self.m2),
            MarginGradient::Exact => {
                let (value, sign) = unrolled(angle());
                let sine = sine_of(cosine);
                // On a center no direction leads away; what is left is the share without a pole.
                let on_center = self.m1 * self.m1 * self.m2.cos();
                let away = || sign * self.m1 * angle().sin() / sine;
                (value, if sine > 0.0 { away() } else { on_center })
            }
        };
        (value - self.m3, slope)
    }
}

impl ClassLoss for CombinedMarginLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("m1", self.m1, self.m1 > 0.0, "above 0")?;
        let in_range = (0.0..FRAC_PI_2).contains(&self.m2);
        require("m2", self.m2, in_range, "in [0, pi/2), in radians")?;
        require("m3", self.m3, (0.0..2.0).contains(&self.m3), "in [0, 2)")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")?;
        self.interclass_filtering.map_or(Ok(()), |cosine| {
            let in_range = cosine > 0.0 && cosine <= 1.0;
            require("interclass_filtering", cosine, in_range, "above 0 and up to 1")
        })
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let target = |_, cosine| Target::new(self.scale, self.with_margins(cosine));
        let Some(max_cosine) = self.interclass_filtering else {
            return cross_entropy(scene, self.scale, target).into();
        };
        let mut kept = scene.cosines.to_vec();
        let mut filtered = Vec::new();
        for (sample, &label) in scene.labels.iter().enumerate() {
            for center in (0..scene.n_centers).filter(|&center| center != label) {
                let index = sample * scene.n_centers + center;
                if f64::from(kept[index]) > max_cosine {
                    kept[index] = 0.0;
                    filtered.push(index);
                }
            }
        }
        let scene = ClassScene { cosines: &kept, ..*scene };
        let mut slope: ClassSlope = cross_entropy(&scene, self.scale, target).into();
        for index in filtered {
            slope.cosines[index] = 0.0;
        }
        slope
    }
}

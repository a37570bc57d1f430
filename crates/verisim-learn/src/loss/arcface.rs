//! ArcFace: softmax over identities, with a margin added to the angle of the true one.

use std::f64::consts::{FRAC_PI_2, PI};

use burn::module::{Module, Param};
use burn::tensor::{IndexingUpdateOp, Tensor};
use serde::{Deserialize, Serialize};

use super::{InvalidLoss, class_indices, cross_entropy};
use crate::backbone::{WeightSource, l2_normalize};

/// Keeps the gradient of the sine finite where a feature lies on a center.
const MIN_SINE_SQUARED: f32 = 1e-12;
/// Deviation of the first centers; their length does not matter, their direction is random.
const CENTER_DEVIATION: f32 = 0.01;

/// Configuration of [`ArcFaceLoss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArcFaceConfig {
    /// Margin `m`, in radians, in `[0, pi/2)`; 0.5 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `s` of the logits, above 0; 64 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_margin() -> f64 {
    0.5
}

fn paper_scale() -> f64 {
    64.0
}

impl ArcFaceConfig {
    /// Creates the loss with random centers, for `[embedding_dim, n_identities]`.
    ///
    /// # Errors
    ///
    /// Fails if `margin` or `scale` is out of range.
    pub fn init(
        &self,
        [embedding_dim, n_identities]: [usize; 2],
        weights: &mut WeightSource,
    ) -> Result<ArcFaceLoss, InvalidLoss> {
        let in_range = (0.0..FRAC_PI_2).contains(&self.margin);
        InvalidLoss::check("margin", self.margin, in_range, "in [0, pi/2), in radians")?;
        InvalidLoss::check("scale", self.scale, self.scale > 0.0, "above 0")?;
        Ok(ArcFaceLoss {
            centers: weights.normal([n_identities, embedding_dim], CENTER_DEVIATION),
            margin: self.margin,
            scale: self.scale,
        })
    }
}

/// Additive angular margin loss.
///
/// With `θ_j` the angle between a feature and the center of identity `j`, and `y` the true identity,
/// the loss of one sample is
///
/// ```text
/// L = -log( exp(s cos(θ_y + m)) / (exp(s cos(θ_y + m)) + Σ_{j≠y} exp(s cos θ_j)) )
/// ```
///
/// Where `θ_y > π - m`, `cos(θ_y + m)` would rise again; `cos θ_y - m sin m` takes its place, as in
/// the authors' code.
///
/// Deng et al., *ArcFace: Additive Angular Margin Loss for Deep Face Recognition*, CVPR 2019,
/// <https://arxiv.org/abs/1801.07698>.
#[derive(Module, Debug)]
pub struct ArcFaceLoss {
    /// One center per identity: `[n_identities, embedding_dim]`, of any length.
    pub(super) centers: Param<Tensor<2>>,
    margin: f64,
    scale: f64,
}

impl ArcFaceLoss {
    /// Mean loss of a batch.
    ///
    /// # Shapes
    ///
    /// - features: `[batch, embedding_dim]`, of any length
    /// - labels: `batch` of them, below `n_identities`
    /// - output: `[1]`
    ///
    /// # Panics
    ///
    /// Panics if a label is not below `n_identities`.
    pub fn forward(&self, features: Tensor<2>, labels: &[u64]) -> Tensor<1> {
        let classes = class_indices(labels, self.centers.dims()[0], &features.device());
        let centers = l2_normalize(self.centers.val());
        let cosine = l2_normalize(features).matmul(centers.transpose()); // [batch, n_identities]

        let target = cosine.clone().gather(1, classes.clone()); // [batch, 1]
        let change = self.with_margin(target.clone()) - target;
        let logits = cosine.scatter(1, classes.clone(), change, IndexingUpdateOp::Add) * self.scale;
        cross_entropy(logits, classes)
    }

    /// Maps `cos θ` to `cos(θ + m)`, through the sum formula, so that no `acos` is needed.
    fn with_margin(&self, cosine: Tensor<2>) -> Tensor<2> {
        let (sin_m, cos_m) = self.margin.sin_cos();
        let sine = (-cosine.clone().square() + 1.0).clamp_min(MIN_SINE_SQUARED).sqrt();
        let shifted = cosine.clone() * cos_m - sine * sin_m;
        let beyond_pi = cosine.clone().lower_scalar((PI - self.margin).cos());
        shifted.mask_where(beyond_pi, cosine - self.margin * sin_m)
    }
}

//! Circle loss: every similarity is pulled as hard as it is far from where it should be.

use serde::{Deserialize, Serialize};

use super::row::{by_row, relations, softplus};
use crate::metric::distance::Distance;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Circle loss over pairs.
///
/// With `s` the cosine of an anchor and a reference, the loss of one anchor is
///
/// ```text
/// log(1 + Σ_mated exp(-γ α (s - (1 - m))) · Σ_non-mated exp(γ β (s - m)))
/// α = (1 + m - s)₊    β = (s + m)₊
/// ```
///
/// and `L` is the mean over the anchors that still have a loss; an anchor without mated or without
/// non-mated pairs has none. A pair that was mined twice counts once.
///
/// The optima `1 + m` and `-m` are made for a cosine. With a distance, `1 - d` takes the place of `s`.
///
/// Sun et al., *Circle Loss: A Unified Perspective of Pair Similarity Optimization*, CVPR 2020,
/// <https://arxiv.org/abs/2002.10857>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CircleLoss {
    /// Relaxation `m`, any number, sensible in `[0, 1)`. The paper takes 0.25 for faces and persons and
    /// 0.4, the default as in pytorch-metric-learning, for fine-grained retrieval.
    #[serde(default = "retrieval_margin")]
    pub margin: f64,
    /// Scale `γ`, above 0. The paper takes 256 for faces, 128 for persons and 80, the default, for
    /// fine-grained retrieval.
    #[serde(default = "retrieval_scale")]
    pub scale: f64,
    /// Whether a gradient goes through `α` and `β`, too.
    #[serde(default)]
    pub weights: CircleWeights,
}

/// Whether a gradient goes through the weights of a circle loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CircleWeights {
    /// They are constants of the step, as in the paper: a gradient that is not the slope of the loss.
    #[default]
    Constant,
    /// They are functions of the similarity: the slope of the loss.
    Exact,
}

fn retrieval_margin() -> f64 {
    0.4
}

fn retrieval_scale() -> f64 {
    80.0
}

impl TupleLoss for CircleLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, true, "a number")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Cosine
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let Self { margin, scale, weights } = *self;
        let is_similarity = scene.distance.is_similarity();
        let closeness = move |value: f64| if is_similarity { value } else { 1.0 - value };
        let sign = -scene.distance.sign();
        let is_exact = weights == CircleWeights::Exact;
        // Distance of a similarity from its optimum, and from where it is good enough.
        let mated = move |value: f64| {
            let similarity = closeness(value);
            ((1.0 + margin - similarity).max(0.0), similarity - (1.0 - margin))
        };
        let non_mated = move |value: f64| {
            let similarity = closeness(value);
            ((similarity + margin).max(0.0), similarity - margin)
        };
        let slope = move |weight: f64, of_weight: f64, excess: f64| {
            weight + if is_exact && weight > 0.0 { of_weight * excess } else { 0.0 }
        };
        by_row(scene, &relations(scene), |row| {
            let [pull, push] = row.log_sums(
                None,
                move |value| {
                    let (weight, excess) = mated(value);
                    -scale * weight * excess
                },
                move |value| {
                    let (weight, excess) = non_mated(value);
                    scale * weight * excess
                },
            );
            if pull.share == 0.0 || push.share == 0.0 {
                row.scale(0.0, 0.0);
                return 0.0;
            }
            let (loss, outer) = softplus(pull.value + push.value);
            let factor = sign * scale * outer;
            row.scale_by(
                move |value| {
                    let (weight, excess) = mated(value);
                    -factor * pull.share * slope(weight, -1.0, excess)
                },
                move |value| {
                    let (weight, excess) = non_mated(value);
                    factor * push.share * slope(weight, 1.0, excess)
                },
            );
            loss
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::{clustered, within};

    #[test]
    fn weights_change_the_gradient_and_not_the_value() {
        let labels = [0, 0, 1, 1];
        let rows = clustered(&labels, 4, 0.8, 5);
        let run =
            |weights| within(&CircleLoss { margin: 0.3, scale: 8.0, weights }, &rows, &labels);
        let (constant, exact) = (run(CircleWeights::Constant), run(CircleWeights::Exact));
        assert_eq!(constant.value, exact.value);
        assert_ne!(constant.embeddings, exact.embeddings);
    }
}

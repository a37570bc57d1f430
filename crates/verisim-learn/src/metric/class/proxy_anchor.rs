//! Proxy-Anchor: every center looks at the whole batch, and pulls its own and pushes the rest.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::reducer::{Elements, Reduced, Reducer};
use crate::metric::{InvalidLoss, require};

/// Proxy-Anchor loss.
///
/// With `s_ij` the cosine of feature `i` and the center of identity `j`, `y_i` the true identity, and `n`
/// identities, of which `n+` are in the batch,
///
/// ```text
/// L = 1/n+ Σ_j log(1 + Σ_{i: y_i = j} exp(-α (s_ij - δ))) + 1/n Σ_j log(1 + Σ_{i: y_i ≠ j} exp(α (s_ij + δ)))
/// ```
///
/// The losses that are reduced are those of identities, not of samples; the weight of a sample multiplies
/// its exponential. (pytorch-metric-learning adds the weight, less 1, to the exponent.)
///
/// Kim et al., *Proxy Anchor Loss for Deep Metric Learning*, CVPR 2020, <https://arxiv.org/abs/2003.13911>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyAnchorLoss {
    /// Margin `δ`, in `[0, 2)`; 0.1 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Scale `α`, above 0; 32 in the paper.
    #[serde(default = "paper_scale")]
    pub scale: f64,
}

fn paper_margin() -> f64 {
    0.1
}

fn paper_scale() -> f64 {
    32.0
}

/// `log(1 + Σ exp(x))` in the making: the largest exponent, 0 at least, and the sum less it.
#[derive(Clone, Copy)]
struct Terms {
    largest: f64,
    sum: f64,
}

impl Terms {
    const NONE: Self = Self { largest: 0.0, sum: 1.0 };

    fn add(&mut self, exponent: f64, weight: f64) {
        if exponent > self.largest {
            self.sum *= (self.largest - exponent).exp();
            self.largest = exponent;
        }
        self.sum += weight * (exponent - self.largest).exp();
    }

    fn loss(&self) -> f64 {
        self.largest + self.sum.ln()
    }

    fn share(&self, exponent: f64, weight: f64) -> f64 {
        weight * (exponent - self.largest).exp() / self.sum
    }
}

impl ProxyAnchorLoss {
    fn exponent(&self, cosine: f32, is_own: bool) -> f64 {
        let cosine = f64::from(cosine);
        if is_own {
            self.scale * (self.margin - cosine)
        } else {
            self.scale * (cosine + self.margin)
        }
    }
}

fn reduce(scene: &ClassScene<'_>, terms: &[Terms], divisor: usize) -> Reduced {
    let identities: Vec<usize> = (0..terms.len()).collect();
    let labels: Vec<u64> = (0..terms.len() as u64).collect();
    let losses: Vec<f64> = terms.iter().map(Terms::loss).collect();
    scene.reducer.reduce(&Elements {
        losses: &losses,
        anchors: &identities,
        n_anchors: terms.len(),
        labels: Some(&labels),
        divisor: divisor as f64,
    })
}

impl ClassLoss for ProxyAnchorLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, (0.0..2.0).contains(&self.margin), "in [0, 2)")?;
        require("scale", self.scale, self.scale > 0.0, "above 0")
    }

    /// The sum over identities, divided as in the formula.
    fn reducer(&self) -> Reducer {
        Reducer::Divisor { divisor: None }
    }

    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope {
        let n = scene.n_centers;
        let weight = |sample: usize| scene.sample_weights.map_or(1.0, |weights| weights[sample]);
        let of_identity = |center: usize| {
            let (mut own, mut other) = (Terms::NONE, Terms::NONE);
            for (sample, &label) in scene.labels.iter().enumerate() {
                let is_own = label == center;
                let exponent = self.exponent(scene.cosines[sample * n + center], is_own);
                let terms = if is_own { &mut own } else { &mut other };
                terms.add(exponent, weight(sample));
            }
            (own, other)
        };
        let (own, other): (Vec<Terms>, Vec<Terms>) =
            (0..n).into_par_iter().with_min_len(64).map(of_identity).unzip();
        let mut is_present = vec![false; n];
        scene.labels.iter().for_each(|&label| is_present[label] = true);
        let n_present = is_present.iter().filter(|is_present| **is_present).count();
        let (to_own, to_other) = (reduce(scene, &own, n_present), reduce(scene, &other, n));

        let mut cosines = vec![0.0; scene.cosines.len()];
        cosines.par_chunks_mut(n.max(1)).enumerate().for_each(|(sample, slopes)| {
            for (center, (slope, &cosine)) in slopes.iter_mut().zip(scene.row(sample)).enumerate() {
                let is_own = center == scene.labels[sample];
                let exponent = self.exponent(cosine, is_own);
                let change = if is_own {
                    -to_own.weights[center] * own[center].share(exponent, weight(sample))
                } else {
                    to_other.weights[center] * other[center].share(exponent, weight(sample))
                };
                *slope = (self.scale * change) as f32;
            }
        });
        ClassSlope { value: to_own.value + to_other.value, cosines, ..ClassSlope::default() }
    }
}

//! Cross-entropy of the rows of a batch, each with logits of its own; it does not know how they come about.

use rayon::prelude::*;

use super::scene::{ClassScene, ClassSlope};

/// The logits of one sample, as they differ from `scale * cosine`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Logit of the true identity.
    pub(super) logit: f64,
    /// Its change with the cosine of the true identity.
    pub(super) slope: f64,
}

/// Cross-entropy where the true identity's logit is `target(sample, cosine)`, and all others are
/// `scale` times their cosine.
pub(super) fn cross_entropy(
    scene: &ClassScene<'_>,
    scale: f64,
    target: impl Fn(usize, f64) -> Target + Sync,
) -> ClassSlope {
    let mut cosines = vec![0.0; scene.cosines.len()];
    let rows = cosines.par_chunks_mut(scene.n_centers.max(1)).enumerate();
    let losses: Vec<f64> = rows
        .map(|(sample, slopes)| {
            let (row, label) = (scene.row(sample), scene.labels[sample]);
            let target = target(sample, f64::from(row[label]));
            let logit = |index: usize| {
                if index == label { target.logit } else { scale * f64::from(row[index]) }
            };
            let largest = (0..row.len()).map(logit).fold(f64::NEG_INFINITY, f64::max);
            let mut sum = 0.0;
            for (index, slope) in slopes.iter_mut().enumerate() {
                let share = (logit(index) - largest).exp();
                sum += share;
                *slope = share as f32;
            }
            let factor = (scale / sum) as f32;
            slopes.iter_mut().for_each(|slope| *slope *= factor);
            // 1 - p as a sum of the others would be exact; as a difference it is right to 1e-16.
            let share = (target.logit - largest).exp() / sum;
            slopes[label] = ((share - 1.0) * target.slope) as f32;
            largest + sum.ln() - target.logit
        })
        .collect();
    let reduced = scene.reduce(&losses);
    let weighted = cosines.par_chunks_mut(scene.n_centers.max(1)).zip(&reduced.weights);
    weighted.for_each(|(slopes, &weight)| {
        slopes.iter_mut().for_each(|slope| *slope *= weight as f32);
    });
    ClassSlope { value: reduced.value, cosines, ..ClassSlope::default() }
}

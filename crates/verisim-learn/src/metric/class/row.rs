//! Cross-entropy of the rows of a batch, each with logits of its own; it does not know how they come about.

use rayon::prelude::*;

use super::exp::{exponentials, largest, scale as multiply};
use super::scene::{ClassScene, ClassSlope};
use crate::ops::kernel::zeros::zeros;

/// The logit of a sample's own identity.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// The logit.
    pub(super) logit: f64,
    /// Its change with the cosine.
    pub(super) slope: f64,
    /// What is added to the loss of the sample, whatever the logits are.
    pub(super) penalty: f64,
}

impl Target {
    /// `scale` times a cosine with a margin, given with its change with the cosine itself.
    pub(super) fn new(scale: f64, (cosine, slope): (f64, f64)) -> Self {
        Self { logit: scale * cosine, slope: scale * slope, penalty: 0.0 }
    }
}

/// A reduced loss, and how it changes with the cosines and with the logits of the own identities.
pub(super) struct Entropy {
    /// The loss.
    pub(super) value: f64,
    /// Change with each cosine, or with each logit: `[n, n_centers]`.
    pub(super) slopes: Vec<f32>,
    /// Change with the logit of the own identity of each sample.
    pub(super) pulls: Vec<f64>,
    /// Change with the loss of each sample.
    pub(super) weights: Vec<f64>,
}

impl From<Entropy> for ClassSlope {
    fn from(entropy: Entropy) -> Self {
        Self { value: entropy.value, cosines: entropy.slopes, ..Self::default() }
    }
}

/// What is known of one row once its exponentials are summed.
struct Row {
    loss: f64,
    /// Brings exponentials to changes of the loss.
    factor: f64,
    /// Change of the loss with the own logit: `p - 1`.
    pull: f64,
    /// Change of the own logit with what its column stands for.
    slope: f64,
}

impl Row {
    /// From the sum of the exponentials of all other logits, less `shift` each.
    fn new(others: f64, shift: f64, target: Target, scale: f64) -> Self {
        let own = (target.logit - shift).exp();
        let sum = others + own;
        let loss =
            if own >= others { (others / own).ln_1p() } else { sum.ln() + shift - target.logit };
        Self {
            loss: loss + target.penalty,
            factor: scale / sum,
            // 1 - p as the share of the others: as a difference it would lose its digits near 0.
            pull: -others / sum,
            slope: target.slope,
        }
    }
}

/// Cross-entropy where the logit of the own identity is `target(sample, cosine)`, and all others are
/// `scale` times their cosine.
pub(super) fn cross_entropy(
    scene: &ClassScene<'_>,
    scale: f64,
    target: impl Fn(usize, f64) -> Target + Sync,
) -> Entropy {
    rows(scene, scene.n_centers, |sample, shares| {
        let (row, label) = (scene.row(sample), scene.labels[sample]);
        let target = target(sample, f64::from(row[label]));
        let (before, after) = (&row[..label], &row[label + 1..]);
        let highest = scale * f64::from(largest(before).max(largest(after)));
        let base = (highest.max(target.logit) / scale) as f32;
        let (to_before, to_after) = shares.split_at_mut(label);
        let others = exponentials(before, scale as f32, base, to_before)
            + exponentials(after, scale as f32, base, &mut to_after[1..]);
        Row::new(others, scale * f64::from(base), target, scale)
    })
}

/// Cross-entropy where `write(sample, logits)` says the logits; the slopes are those of the logits.
pub(super) fn cross_entropy_of_logits(
    scene: &ClassScene<'_>,
    n_identities: usize,
    write: impl Fn(usize, &mut [f64]) + Sync,
) -> Entropy {
    rows(scene, n_identities, |sample, shares| {
        let label = scene.labels[sample];
        let mut logits = vec![0.0; n_identities];
        write(sample, &mut logits);
        let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let relative: Vec<f32> = logits.iter().map(|logit| (logit - highest) as f32).collect();
        let (to_before, to_after) = shares.split_at_mut(label);
        let others = exponentials(&relative[..label], 1.0, 0.0, to_before)
            + exponentials(&relative[label + 1..], 1.0, 0.0, &mut to_after[1..]);
        let target = Target { logit: logits[label], slope: 1.0, penalty: 0.0 };
        Row::new(others, highest, target, 1.0)
    })
}

/// Losses of all rows from the exponentials that `sum` writes, reduced.
fn rows(
    scene: &ClassScene<'_>,
    n_columns: usize,
    sum: impl Fn(usize, &mut [f32]) -> Row + Sync,
) -> Entropy {
    let mut slopes = zeros(scene.labels.len() * n_columns);
    let chunks = slopes.par_chunks_mut(n_columns.max(1)).enumerate();
    let rows: Vec<Row> = chunks.map(|(sample, shares)| sum(sample, shares)).collect();
    let losses: Vec<f64> = rows.iter().map(|row| row.loss).collect();
    let reduced = scene.reduce(&losses);
    let pulls = rows.iter().zip(&reduced.weights).map(|(row, weight)| row.pull * weight).collect();
    let chunks = slopes.par_chunks_mut(n_columns.max(1)).zip(&rows).enumerate();
    chunks.for_each(|(sample, (slopes, row))| {
        let weight = reduced.weights[sample];
        multiply(slopes, (row.factor * weight) as f32);
        slopes[scene.labels[sample]] = (row.pull * row.slope * weight) as f32;
    });
    Entropy { value: reduced.value, slopes, pulls, weights: reduced.weights }
}

/// A loss for each row, reduced: `work` writes how it changes with the cosines, and returns it with its
/// change with the parameter that all samples share.
pub(super) fn by_row(
    scene: &ClassScene<'_>,
    work: impl Fn(usize, &mut [f32]) -> (f64, f64) + Sync,
) -> (ClassSlope, f64) {
    let mut cosines = zeros(scene.cosines.len());
    let chunks = cosines.par_chunks_mut(scene.n_centers.max(1)).enumerate();
    let rows: Vec<(f64, f64)> = chunks.map(|(sample, slopes)| work(sample, slopes)).collect();
    let losses: Vec<f64> = rows.iter().map(|row| row.0).collect();
    let reduced = scene.reduce(&losses);
    let chunks = cosines.par_chunks_mut(scene.n_centers.max(1)).zip(&reduced.weights);
    chunks.for_each(|(slopes, &weight)| multiply(slopes, weight as f32));
    let parameter = rows.iter().zip(&reduced.weights).map(|(row, weight)| row.1 * weight).sum();
    (ClassSlope { value: reduced.value, cosines, ..ClassSlope::default() }, parameter)
}

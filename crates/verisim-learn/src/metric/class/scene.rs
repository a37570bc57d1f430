//! What a loss over classes sees, and what it answers; it does not know which loss.

use crate::metric::InvalidLoss;
use crate::metric::reducer::{Elements, Reduced, Reducer};

/// A loss over the identities of the training set, each with one center or a few.
pub trait ClassLoss {
    /// Checks the parameters.
    ///
    /// # Errors
    ///
    /// Names the first that is out of range.
    fn check(&self) -> Result<(), InvalidLoss>;

    /// The reduction that is used if none is asked for.
    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    /// Centers of each identity; those of identity `i` lie at `i * n ..`.
    fn centers_per_identity(&self) -> usize {
        1
    }

    /// First values of the numbers that the loss learns beside the centers; most learn none.
    fn parameters(&self, _n_identities: usize) -> Vec<f64> {
        Vec::new()
    }

    /// First values of what the loss remembers from step to step; most remember nothing.
    fn state(&self) -> Vec<f64> {
        Vec::new()
    }

    /// Whether the loss is a function of the lengths of features or of centers, too.
    fn needs_norms(&self) -> bool {
        false
    }

    /// Value and slope on a batch.
    ///
    /// Finite wherever the cosines are.
    fn evaluate(&self, scene: &ClassScene<'_>) -> ClassSlope;
}

/// A batch of features, compared with all centers.
#[derive(Clone, Copy, Debug)]
pub struct ClassScene<'a> {
    /// Cosine of each feature and each center: `[n, n_centers]`, row by row.
    pub cosines: &'a [f32],
    /// Number of centers.
    pub n_centers: usize,
    /// Identity of each feature.
    pub labels: &'a [usize],
    /// Length of each feature; empty unless [`ClassLoss::needs_norms`].
    pub norms: &'a [f32],
    /// Length of each center; empty unless [`ClassLoss::needs_norms`].
    pub center_norms: &'a [f32],
    /// How much each sample counts; all alike if none.
    pub sample_weights: Option<&'a [f64]>,
    /// The reduction in use.
    pub reducer: &'a Reducer,
    /// The numbers that the loss learns.
    pub parameters: &'a [f64],
    /// What the loss remembers from the step before.
    pub state: &'a [f64],
    /// Seed of random choices.
    pub seed: u64,
}

/// The value of a loss, and how it changes.
#[derive(Clone, Debug, Default)]
pub struct ClassSlope {
    /// The loss.
    pub value: f64,
    /// Change with each cosine: `[n, n_centers]`.
    pub cosines: Vec<f32>,
    /// Change with the length of each feature; empty if it plays no part.
    pub norms: Vec<f32>,
    /// Change with the length of each center; empty if it plays no part.
    pub center_norms: Vec<f32>,
    /// Change with the numbers that the loss learns.
    pub parameters: Vec<f64>,
    /// What the loss remembers for the next step.
    pub state: Vec<f64>,
}

impl<'a> ClassScene<'a> {
    /// Cosines of one feature.
    pub fn row(&self, sample: usize) -> &'a [f32] {
        &self.cosines[sample * self.n_centers..(sample + 1) * self.n_centers]
    }

    /// Reduces one loss a sample; the weights of the samples are part of the result.
    pub fn reduce(&self, losses: &[f64]) -> Reduced {
        let anchors: Vec<usize> = (0..losses.len()).collect();
        let labels: Vec<u64> = self.labels.iter().map(|&label| label as u64).collect();
        let mut weighted = losses.to_vec();
        if let Some(weights) = self.sample_weights {
            weighted.iter_mut().zip(weights).for_each(|(loss, weight)| *loss *= weight);
        }
        let mut reduced = self.reducer.reduce(&Elements {
            losses: &weighted,
            anchors: &anchors,
            n_anchors: losses.len(),
            labels: Some(&labels),
            divisor: losses.len() as f64,
        });
        if let Some(weights) = self.sample_weights {
            reduced.weights.iter_mut().zip(weights).for_each(|(it, weight)| *it *= weight);
        }
        reduced
    }
}

//! Notices when training goes wrong in a way that the loss alone does not show.

use std::fmt;

/// Mean cosine between embeddings of different identities above which they lie on one point.
const COLLAPSED: f64 = 0.98;
/// Steps in a row without an active pair or triplet after which the loss is silent.
const SILENT_STEPS: usize = 20;
/// Relative change of the weights in an epoch below which a learning rate moves nothing.
const UNMOVED: f64 = 1e-6;

/// Something that the user should know while it happens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Warning {
    /// Embeddings of all identities point the same way.
    Collapse {
        /// Mean cosine between different identities.
        mean_cosine: f64,
    },
    /// No pair or triplet had a loss for a while.
    NothingActive {
        /// Steps in a row.
        n_steps: usize,
    },
    /// Identities with one image, from which no mated pair can be drawn.
    SingleImages {
        /// How many there are.
        n_identities: usize,
        /// Of how many.
        n_all: usize,
    },
    /// The weights hardly changed in an epoch.
    NothingMoves {
        /// Length of the change, relative to the length of the weights.
        relative_change: f64,
    },
    /// Fewer chips than the sampler wants in a batch.
    SmallBatch {
        /// Chips of a batch.
        found: usize,
        /// Chips asked for.
        wanted: usize,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collapse { mean_cosine } => write!(
                f,
                "embeddings collapse to a point: different identities have a mean cosine of \
                 {mean_cosine:.3}; lower the learning rate, or use a loss with a margin"
            ),
            Self::NothingActive { n_steps } => write!(
                f,
                "no pair or triplet had a loss for {n_steps} steps, so nothing is learned; raise the \
                 margin, or draw more identities into a batch"
            ),
            Self::SingleImages { n_identities, n_all } => write!(
                f,
                "{n_identities} of {n_all} identities have one image, so the sampler repeats it \
                 instead of drawing mated pairs; set split.min_images = 2 to leave them out"
            ),
            Self::NothingMoves { relative_change } => write!(
                f,
                "the weights changed by {relative_change:.1e} of their length in an epoch; raise the \
                 learning rate"
            ),
            Self::SmallBatch { found, wanted } => write!(
                f,
                "a batch has {found} chips, not {wanted}: there are not more to draw from"
            ),
        }
    }
}

/// Counts what only shows over several steps.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    silent_steps: usize,
}

impl Guard {
    /// Looks at the active pairs or triplets of a step.
    pub(crate) fn after_step(&mut self, n_active: Option<usize>) -> Option<Warning> {
        if n_active != Some(0) {
            self.silent_steps = 0;
            return None;
        }
        self.silent_steps += 1;
        // Said once, and again only after something was active.
        let n_steps = self.silent_steps;
        (n_steps == SILENT_STEPS).then_some(Warning::NothingActive { n_steps })
    }
}

/// Looks at the mean cosine between different identities.
pub(crate) fn check_spread(mean_cosine: f64) -> Option<Warning> {
    (mean_cosine > COLLAPSED).then_some(Warning::Collapse { mean_cosine })
}

/// Looks at how far an epoch moved the weights.
pub(crate) fn check_movement(relative_change: f64) -> Option<Warning> {
    (relative_change < UNMOVED).then_some(Warning::NothingMoves { relative_change })
}

/// Looks at the images of each training identity, where a sampler draws several of each.
pub(crate) fn check_images(images: impl Iterator<Item = usize>) -> Option<Warning> {
    let (mut n_identities, mut n_all) = (0, 0);
    for n_images in images {
        n_all += 1;
        n_identities += usize::from(n_images == 1);
    }
    (n_identities > 0).then_some(Warning::SingleImages { n_identities, n_all })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_noticed_once_and_again_after_a_sound() {
        let mut guard = Guard::default();
        let mut said =
            |actives: &[usize]| actives.iter().filter_map(|&n| guard.after_step(Some(n))).count();
        assert_eq!(said(&[0; 19]), 0);
        assert_eq!(said(&[0; 40]), 1);
        assert_eq!(said(&[3]), 0);
        assert_eq!(said(&[0; 20]), 1);
        assert_eq!(Guard::default().after_step(None), None);
    }

    #[test]
    fn a_point_is_a_collapse_and_a_cloud_is_not() {
        assert_eq!(check_spread(0.99), Some(Warning::Collapse { mean_cosine: 0.99 }));
        assert_eq!(check_spread(0.5), None);
    }

    #[test]
    fn single_images_are_counted() {
        let expected = Warning::SingleImages { n_identities: 2, n_all: 4 };
        assert_eq!(check_images([1, 3, 1, 2].into_iter()), Some(expected));
        assert_eq!(check_images([2, 3].into_iter()), None);
    }

    #[test]
    fn weights_that_stay_are_noticed() {
        assert!(check_movement(1e-9).is_some());
        assert!(check_movement(1e-3).is_none());
    }
}

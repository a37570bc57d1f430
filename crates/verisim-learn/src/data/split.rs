//! Which identities a network is trained on, and which it never sees; it knows labels, no pixels.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::random::shuffle;

/// How many identities are kept away from training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitConfig {
    /// Identities that are looked at after every epoch.
    pub validation_identities: usize,
    /// Identities that training does not touch at all, for an evaluation afterwards.
    pub test_identities: usize,
    /// Identities with fewer images are not trained on; 0 and 1 keep all.
    pub min_images: usize,
}

/// A division of identities; each belongs to one part at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Labels trained on.
    pub train: Vec<u64>,
    /// Labels looked at after every epoch.
    pub validation: Vec<u64>,
    /// Labels not touched.
    pub test: Vec<u64>,
}

/// A division that the data do not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSplit {
    /// Too few identities have two images, which verification needs.
    #[error(
        "validation and test ask for {wanted} identities with two images or more, but there are \
         {found}"
    )]
    TooFewIdentities {
        /// Identities asked for.
        wanted: usize,
        /// Identities with two images or more.
        found: usize,
    },
    /// Nothing is left to tell apart.
    #[error("{found} identities are left to train on, but there must be 2 or more")]
    NothingToTrain {
        /// Identities left.
        found: usize,
    },
}

impl Split {
    /// Divides the identities of `labels` by a seed.
    ///
    /// Only identities with two images or more go to validation and test: the others have no mated
    /// comparison.
    ///
    /// # Errors
    ///
    /// Fails if there are too few identities.
    pub fn new(labels: &[u64], config: &SplitConfig, seed: u64) -> Result<Self, InvalidSplit> {
        let mut n_images = BTreeMap::<u64, usize>::new();
        for label in labels {
            *n_images.entry(*label).or_default() += 1;
        }
        let mut paired: Vec<u64> =
            n_images.iter().filter(|(_, n)| **n >= 2).map(|(label, _)| *label).collect();
        let wanted = config.validation_identities + config.test_identities;
        if paired.len() < wanted {
            return Err(InvalidSplit::TooFewIdentities { wanted, found: paired.len() });
        }
        shuffle(&mut paired, &mut Pcg64Mcg::seed_from_u64(seed));
        let mut test = paired[..config.test_identities].to_vec();
        let mut validation = paired[config.test_identities..wanted].to_vec();
        test.sort_unstable();
        validation.sort_unstable();
        let is_held_out = |label| test.contains(label) || validation.contains(label);
        let train: Vec<u64> = n_images
            .iter()
            .filter(|(label, n)| **n >= config.min_images && !is_held_out(label))
            .map(|(label, _)| *label)
            .collect();
        if train.len() < 2 {
            return Err(InvalidSplit::NothingToTrain { found: train.len() });
        }
        Ok(Self { train, validation, test })
    }
}

/// Positions of the chips of some identities, whose labels ascend, among those of all.
pub fn chips_of(wanted: &[u64], labels: &[u64]) -> Vec<usize> {
    let is_wanted = |&chip: &usize| wanted.binary_search(&labels[chip]).is_ok();
    (0..labels.len()).filter(is_wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten identities with 0, 1, 2, ... 9 images more than one.
    fn labels() -> Vec<u64> {
        (0..10u64).flat_map(|label| vec![label; 1 + label as usize]).collect()
    }

    fn config(validation: usize, test: usize, min_images: usize) -> SplitConfig {
        SplitConfig { validation_identities: validation, test_identities: test, min_images }
    }

    #[test]
    fn no_identity_is_in_two_parts() {
        let split = Split::new(&labels(), &config(3, 4, 0), 1).unwrap();
        let mut all = [split.train, split.validation.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..10).collect::<Vec<u64>>());
        assert_eq!((split.validation.len(), split.test.len()), (3, 4));
    }

    #[test]
    fn identities_of_one_image_are_trained_on_but_never_held_out() {
        for seed in 0..20 {
            let split = Split::new(&labels(), &config(4, 4, 0), seed).unwrap();
            assert!(split.train.contains(&0));
        }
        let split = Split::new(&labels(), &config(0, 0, 3), 1).unwrap();
        assert_eq!(split.train, (2..10).collect::<Vec<u64>>());
    }

    #[test]
    fn a_seed_decides() {
        let split = |seed| Split::new(&labels(), &config(3, 3, 0), seed).unwrap();
        assert_eq!(split(5), split(5));
        assert_ne!(split(5), split(6));
    }

    #[test]
    fn too_few_identities_are_an_error() {
        let found = Split::new(&labels(), &config(6, 4, 0), 1).unwrap_err();
        assert_eq!(found, InvalidSplit::TooFewIdentities { wanted: 10, found: 9 });
        let found = Split::new(&labels(), &config(5, 4, 0), 1).unwrap_err();
        assert_eq!(found, InvalidSplit::NothingToTrain { found: 1 });
    }
}

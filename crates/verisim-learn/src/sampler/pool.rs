//! The chips of each identity, from which images are drawn.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;

use crate::random::shuffle;

/// Chips by identity; an identity is a position in the ascending order of the labels.
pub(super) struct Pool {
    labels: Vec<u64>,
    chips: Vec<Vec<usize>>,
}

impl Pool {
    pub(super) fn new(labels: &[u64]) -> Self {
        let mut chips = BTreeMap::<u64, Vec<usize>>::new();
        for (index, label) in labels.iter().enumerate() {
            chips.entry(*label).or_default().push(index);
        }
        let (labels, chips) = chips.into_iter().unzip();
        Self { labels, chips }
    }

    pub(super) fn n_identities(&self) -> usize {
        self.chips.len()
    }

    /// The label of each identity.
    pub(super) fn labels(&self) -> &[u64] {
        &self.labels
    }

    /// The chips of an identity.
    pub(super) fn chips(&self, identity: usize) -> &[usize] {
        &self.chips[identity]
    }

    /// The identity of each of `n_chips` chips.
    pub(super) fn identity_of_chips(&self, n_chips: usize) -> Vec<usize> {
        let mut identities = vec![0; n_chips];
        for (identity, chips) in self.chips.iter().enumerate() {
            for &chip in chips {
                identities[chip] = identity;
            }
        }
        identities
    }

    /// Adds `n_images` chips of each identity to a batch.
    ///
    /// None comes twice while there are others: an identity of two images gives 5 as 2 + 2 + 1.
    pub(super) fn draw(
        &mut self,
        identities: &[usize],
        n_images: usize,
        batch: &mut Vec<usize>,
        rng: &mut Pcg64Mcg,
    ) {
        for &identity in identities {
            let chips = &mut self.chips[identity];
            for turn in 0..n_images {
                if turn % chips.len() == 0 {
                    shuffle(chips, rng);
                }
                batch.push(chips[turn % chips.len()]);
            }
        }
    }
}

//! Which chips make up the batches of an epoch; it knows labels, no pixels.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::random::{derive_seed, shuffle};

/// How batches are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum SamplerConfig {
    /// All chips in random order, cut into batches; what is left at the end is not used.
    Shuffle {
        /// Chips of a batch.
        batch: usize,
    },
    /// A number of identities, and of images each (P x K).
    ///
    /// An epoch goes through all identities, again and again, until as many chips were drawn as there
    /// are. Images are drawn without replacement as long as the identity has enough of them.
    Identities {
        /// Identities of a batch.
        identities: usize,
        /// Images of each.
        images: usize,
    },
}

impl SamplerConfig {
    /// Chips of a batch.
    pub fn batch_size(&self) -> usize {
        match *self {
            Self::Shuffle { batch } => batch,
            Self::Identities { identities, images } => identities * images,
        }
    }

    /// The batches of one epoch, as positions in `labels`.
    ///
    /// They are a function of seed and epoch alone: a run that is resumed draws the same ones.
    pub fn epoch(&self, labels: &[u64], seed: u64, epoch: usize) -> Vec<Vec<usize>> {
        let mut rng = Pcg64Mcg::seed_from_u64(derive_seed(seed, epoch as u64));
        match *self {
            Self::Shuffle { batch } => {
                let mut order: Vec<usize> = (0..labels.len()).collect();
                shuffle(&mut order, &mut rng);
                // Fewer chips than a batch are one batch, not none.
                order.chunks_exact(batch.min(labels.len()).max(1)).map(<[usize]>::to_vec).collect()
            }
            Self::Identities { identities, images } => {
                Rounds::new(labels).batches(identities, images, labels.len(), &mut rng)
            }
        }
    }
}

/// Identities and their chips, drawn round after round.
struct Rounds {
    chips: Vec<Vec<usize>>,
}

impl Rounds {
    fn new(labels: &[u64]) -> Self {
        let mut chips = BTreeMap::<u64, Vec<usize>>::new();
        for (index, label) in labels.iter().enumerate() {
            chips.entry(*label).or_default().push(index);
        }
        Self { chips: chips.into_values().collect() }
    }

    fn batches(
        &mut self,
        n_identities: usize,
        n_images: usize,
        n_chips: usize,
        rng: &mut Pcg64Mcg,
    ) -> Vec<Vec<usize>> {
        // No identity twice in a batch: its chips would be taken for those of two.
        let n_identities = n_identities.min(self.chips.len()).max(1);
        let n_batches = (n_chips / (n_identities * n_images)).max(1);
        let mut order: Vec<usize> = (0..self.chips.len()).collect();
        let mut waiting: Vec<usize> = Vec::new();
        (0..n_batches)
            .map(|_| {
                let mut batch = Vec::with_capacity(n_identities * n_images);
                let mut chosen: Vec<usize> = Vec::with_capacity(n_identities);
                while chosen.len() < n_identities {
                    if waiting.is_empty() {
                        shuffle(&mut order, rng);
                        waiting.clone_from(&order);
                    }
                    // Skip, for now, whoever is in the batch from the round before.
                    let next = waiting.iter().rposition(|identity| !chosen.contains(identity));
                    match next {
                        Some(position) => chosen.push(waiting.remove(position)),
                        None => waiting.clear(),
                    }
                }
                for identity in chosen {
                    let chips = &mut self.chips[identity];
                    for round in 0..n_images {
                        if round % chips.len() == 0 {
                            shuffle(chips, rng);
                        }
                        batch.push(chips[round % chips.len()]);
                    }
                }
                batch
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Identities of 3, 5, 1 and 7 chips.
    const LABELS: [u64; 16] = [9, 9, 9, 4, 4, 4, 4, 4, 7, 2, 2, 2, 2, 2, 2, 2];

    #[test]
    fn shuffling_uses_no_chip_twice() {
        let batches = SamplerConfig::Shuffle { batch: 5 }.epoch(&LABELS, 1, 0);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5]);
        assert_eq!(batches.concat().into_iter().collect::<BTreeSet<_>>().len(), 15);
    }

    #[test]
    fn fewer_chips_than_a_batch_are_one_batch() {
        assert_eq!(SamplerConfig::Shuffle { batch: 50 }.epoch(&LABELS, 1, 0)[0].len(), 16);
        let sampler = SamplerConfig::Identities { identities: 50, images: 4 };
        let batches = sampler.epoch(&LABELS, 1, 0);
        assert_eq!((batches.len(), batches[0].len()), (1, 16));
    }

    #[test]
    fn a_batch_has_so_many_identities_with_so_many_images_each() {
        let sampler = SamplerConfig::Identities { identities: 3, images: 2 };
        for epoch in 0..50 {
            for batch in sampler.epoch(&LABELS, 1, epoch) {
                let labels: Vec<u64> = batch.iter().map(|&index| LABELS[index]).collect();
                let distinct: BTreeSet<u64> = labels.iter().copied().collect();
                assert_eq!((labels.len(), distinct.len()), (6, 3), "{labels:?}");
                for label in distinct.into_iter().filter(|label| *label != 7) {
                    let chips: BTreeSet<_> =
                        batch.iter().filter(|&&index| LABELS[index] == label).collect();
                    assert_eq!(chips.len(), 2, "a chip was repeated although there are others");
                }
            }
        }
    }

    #[test]
    fn every_identity_has_its_turn_before_any_comes_again() {
        let labels: Vec<u64> = (0..40).map(|index| index / 2).collect();
        let sampler = SamplerConfig::Identities { identities: 4, images: 2 };
        let batches = sampler.epoch(&labels, 3, 0);
        assert_eq!(batches.len(), 5);
        let seen: BTreeSet<u64> = batches.concat().iter().map(|&index| labels[index]).collect();
        assert_eq!(seen.len(), 20);
    }

    #[test]
    fn epochs_differ_and_repeat_by_seed() {
        for sampler in [
            SamplerConfig::Shuffle { batch: 4 },
            SamplerConfig::Identities { identities: 2, images: 2 },
        ] {
            assert_eq!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 1, 3));
            assert_ne!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 1, 4));
            assert_ne!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 2, 3));
        }
    }
}

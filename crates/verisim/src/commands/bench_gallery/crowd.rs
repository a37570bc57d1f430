//! A crowd of made-up templates in clusters, and probes for it; it does not know how they are searched.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use verisim_core::{Embedding, InvalidEmbedding};

/// Mean similarity of two samples of an identity, as good networks give.
const SAME: f32 = 0.6;
/// Templates of an identity.
pub(super) const N_OF_IDENTITY: usize = 4;

/// What is drawn, so that each is drawn from numbers of its own.
#[derive(Clone, Copy)]
enum Kind {
    Center,
    Template,
    Probe,
}

/// Identities that lie around the sphere, and samples of each around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Crowd {
    pub(super) n_templates: usize,
    pub(super) dim: usize,
    pub(super) seed: u64,
}

impl Crowd {
    pub(super) fn n_identities(&self) -> usize {
        self.n_templates.div_ceil(N_OF_IDENTITY)
    }

    /// Templates from `first`, up to so many, on all threads.
    pub(super) fn templates(
        &self,
        first: usize,
        n: usize,
    ) -> Result<Vec<Embedding>, InvalidEmbedding> {
        let end = self.n_templates.min(first + n);
        let template = |row| self.sample(row / N_OF_IDENTITY, (Kind::Template, row));
        (first..end).into_par_iter().map(template).collect()
    }

    /// Probes of enrolled identities and of others, in turn.
    pub(super) fn probes(&self, n: usize) -> Result<Vec<Embedding>, InvalidEmbedding> {
        let strangers = self.n_identities();
        let identity =
            |probe: usize| if is_mated(probe) { self.mate(probe) } else { strangers + probe };
        (0..n).map(|probe| self.sample(identity(probe), (Kind::Probe, probe))).collect()
    }

    /// Whether a template belongs to the identity of a mated probe.
    pub(super) fn is_mate(&self, probe: usize, row: usize) -> bool {
        is_mated(probe) && row / N_OF_IDENTITY == self.mate(probe)
    }

    /// The identity that a mated probe is of.
    pub(super) fn mate(&self, probe: usize) -> usize {
        // Far apart, so that they lie all over the gallery: a prime.
        probe.wrapping_mul(7919) % self.n_identities()
    }

    fn sample(&self, identity: usize, own: (Kind, usize)) -> Result<Embedding, InvalidEmbedding> {
        let center = Embedding::new(self.noise((Kind::Center, identity)))?;
        let around = Embedding::new(self.noise(own))?;
        let (near, far) = (SAME.sqrt(), (1.0 - SAME).sqrt());
        let pairs = center.as_slice().iter().zip(around.as_slice());
        Embedding::new(pairs.map(|(center, around)| near * center + far * around).collect())
    }

    /// Numbers that are nearly normal: each the sum of four.
    fn noise(&self, (kind, idx): (Kind, usize)) -> Vec<f32> {
        let mut seeds = Pcg64Mcg::seed_from_u64(self.seed);
        let start = (0..=kind as usize).fold(0, |_, _| seeds.next_u64());
        let mut rng = Pcg64Mcg::seed_from_u64(start.wrapping_add(idx as u64));
        let number = |_| {
            let bits = rng.next_u64();
            let sum: u64 = (0..4).map(|part| (bits >> (16 * part)) & 0xFFFF).sum();
            sum as f32 - 131_070.0
        };
        (0..self.dim).map(number).collect()
    }
}

/// Every second probe is of an enrolled identity.
pub(super) fn is_mated(probe: usize) -> bool {
    probe.is_multiple_of(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_an_identity_are_alike_and_others_are_not() {
        let crowd = Crowd { n_templates: 400, dim: 512, seed: 5 };
        let templates = crowd.templates(0, 1000).unwrap();
        assert_eq!(templates.len(), 400);
        for (idx, probe) in crowd.probes(30).unwrap().iter().enumerate() {
            for (row, template) in templates.iter().enumerate() {
                let score = probe.similarity(template);
                let is_alike = (score - SAME).abs() < 0.25;
                assert_eq!(is_alike, crowd.is_mate(idx, row), "{idx} {row} {score}");
            }
        }
    }

    #[test]
    fn a_part_of_the_templates_is_the_same_as_in_the_whole() {
        let crowd = Crowd { n_templates: 40, dim: 8, seed: 5 };
        let all = crowd.templates(0, 40).unwrap();
        assert_eq!(crowd.templates(13, 9).unwrap(), all[13..22]);
        assert_ne!(Crowd { seed: 6, ..crowd }.templates(0, 40).unwrap(), all);
    }
}

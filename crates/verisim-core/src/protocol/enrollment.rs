//! The split of a labeled set into gallery and probes; it does not know what the samples show.

use crate::identities::Identities;
use crate::random::Random;

/// How a labeled set is split for an identification experiment.
///
/// The identities enrolled have their first samples in the gallery and search for it with the
/// others. All others are *strangers*: they search with all their samples, and ought to find
/// nobody.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Enrollment {
    /// Number of samples enrolled of each identity, at least 1. The default is 1.
    pub n_gallery: usize,
    /// An identity of fewer samples is a stranger. The default, 2, leaves each identity enrolled,
    /// with `n_gallery` 1, a probe; 1 enrolls everyone, as a closed set demands.
    pub min_samples: usize,
    /// Share of the other identities that become strangers as well, in `[0, 1]`, rounded to the
    /// nearest number of identities. The default is 0.
    pub stranger_share: f64,
    /// Decides which identities they are; 0 by default.
    pub seed: u64,
}

/// A labeled set, split by the positions of its samples, each list in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GallerySplit {
    /// The samples enrolled.
    pub gallery: Vec<usize>,
    /// The other samples of identities that are enrolled.
    pub mated_probes: Vec<usize>,
    /// All samples of identities that are not enrolled.
    pub non_mated_probes: Vec<usize>,
}

/// Why an [`Enrollment`] cannot be carried out.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEnrollment {
    /// Nothing would be enrolled.
    #[error("n_gallery is 0, but at least one sample of each identity must be enrolled")]
    NoGallery,
    /// The share is not one.
    #[error("stranger_share is {stranger_share}, but must be in [0, 1]")]
    StrangerShare {
        /// The share demanded.
        stranger_share: f64,
    },
}

impl Default for Enrollment {
    fn default() -> Self {
        Self { n_gallery: 1, min_samples: 2, stranger_share: 0.0, seed: 0 }
    }
}

impl Enrollment {
    /// Splits the samples with these labels; the first samples of an identity are those that come
    /// first.
    ///
    /// The split depends on the order of the samples and on which labels are equal, not on their
    /// values.
    ///
    /// # Errors
    ///
    /// Fails if `n_gallery` is 0 or `stranger_share` is outside `[0, 1]`.
    pub fn split(&self, labels: &[u64]) -> Result<GallerySplit, InvalidEnrollment> {
        if self.n_gallery == 0 {
            return Err(InvalidEnrollment::NoGallery);
        }
        let stranger_share = self.stranger_share;
        if !(0.0..=1.0).contains(&stranger_share) {
            return Err(InvalidEnrollment::StrangerShare { stranger_share });
        }
        let identities = Identities::new(labels.iter().copied());
        let numbers: Vec<usize> = labels.iter().map(|&label| identities.number(label)).collect();
        let is_enrolled = self.choose(&numbers, identities.len());

        let mut split = GallerySplit::default();
        let mut n_seen = vec![0; identities.len()];
        for (position, &identity) in numbers.iter().enumerate() {
            let list = if !is_enrolled[identity] {
                &mut split.non_mated_probes
            } else if n_seen[identity] < self.n_gallery {
                &mut split.gallery
            } else {
                &mut split.mated_probes
            };
            list.push(position);
            n_seen[identity] += 1;
        }
        Ok(split)
    }

    /// Which identities are enrolled, given the identity of each sample.
    fn choose(&self, numbers: &[usize], n_identities: usize) -> Vec<bool> {
        let mut n_samples = vec![0; n_identities];
        let mut by_appearance = Vec::new();
        for &identity in numbers {
            if n_samples[identity] == 0 {
                by_appearance.push(identity);
            }
            n_samples[identity] += 1;
        }
        by_appearance.retain(|&identity| n_samples[identity] >= self.min_samples);
        let n_strangers = (self.stranger_share * by_appearance.len() as f64).round() as usize;

        // The first steps of a shuffle: the strangers come to the front.
        let mut random = Random::new(self.seed);
        for idx in 0..n_strangers {
            let n_left = by_appearance.len() - idx;
            by_appearance.swap(idx, idx + random.below(n_left as u64) as usize);
        }
        let mut is_enrolled = vec![false; n_identities];
        for &identity in &by_appearance[n_strangers..] {
            is_enrolled[identity] = true;
        }
        is_enrolled
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const FAR: u64 = (1 << 63) + 1;
    const LABELS: [u64; 7] = [FAR, 2, FAR, FAR, 2, 3, FAR - 1];

    #[track_caller]
    fn check(enrollment: Enrollment, gallery: &[usize], mated: &[usize], non_mated: &[usize]) {
        let split = enrollment.split(&LABELS).unwrap();
        assert_eq!(split.gallery, gallery);
        assert_eq!(split.mated_probes, mated);
        assert_eq!(split.non_mated_probes, non_mated);
    }

    #[test]
    fn the_first_samples_are_enrolled_and_search_for_the_others() {
        check(Enrollment::default(), &[0, 1], &[2, 3, 4], &[5, 6]);
    }

    #[test]
    fn an_identity_of_too_few_samples_is_a_stranger() {
        let three = Enrollment { n_gallery: 2, min_samples: 3, ..Enrollment::default() };
        check(three, &[0, 2], &[3], &[1, 4, 5, 6]);
    }

    #[test]
    fn a_closed_set_enrolls_everyone() {
        let closed = Enrollment { min_samples: 1, ..Enrollment::default() };
        check(closed, &[0, 1, 5, 6], &[2, 3, 4], &[]);
    }

    #[test]
    fn strangers_alone_leave_the_gallery_empty() {
        let strangers = Enrollment { stranger_share: 1.0, ..Enrollment::default() };
        check(strangers, &[], &[], &[0, 1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn every_choice_of_strangers_is_equally_likely() {
        let labels: Vec<u64> = (0..4).chain(0..4).collect();
        let mut counts = BTreeMap::new();
        for seed in 0..6000 {
            let enrollment = Enrollment { stranger_share: 0.5, seed, ..Enrollment::default() };
            let strangers = enrollment.split(&labels).unwrap().non_mated_probes;
            *counts.entry(strangers[..2].to_vec()).or_insert(0) += 1;
        }
        // Two of four identities: six choices. Five standard deviations of a binomial.
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|count: &i32| (count - 1000).abs() < 145), "{counts:?}");
    }

    #[test]
    fn the_number_of_strangers_is_rounded_to_the_nearest() {
        let n_strangers = |stranger_share| {
            let enrollment = Enrollment { stranger_share, ..Enrollment::default() };
            enrollment.split(&[1, 1, 2, 2, 3, 3]).unwrap().non_mated_probes.len() / 2
        };
        assert_eq!([0.1, 0.2, 0.5, 0.9].map(n_strangers), [0, 1, 2, 3]);
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        let refusal = |enrollment: Enrollment| enrollment.split(&LABELS).unwrap_err().to_string();
        assert_eq!(
            refusal(Enrollment { n_gallery: 0, ..Enrollment::default() }),
            "n_gallery is 0, but at least one sample of each identity must be enrolled"
        );
        assert_eq!(
            refusal(Enrollment { stranger_share: 1.5, ..Enrollment::default() }),
            "stranger_share is 1.5, but must be in [0, 1]"
        );
        assert!(
            refusal(Enrollment { stranger_share: f64::NAN, ..Enrollment::default() })
                .contains("NaN")
        );
    }

    proptest! {
        #[test]
        fn every_sample_has_one_place(
            labels in prop::collection::vec(0u64..6, 0..40), n_gallery in 1usize..4,
            min_samples in 0usize..5, stranger_share in 0.0..=1.0f64, seed: u64,
        ) {
            let enrollment = Enrollment { n_gallery, min_samples, stranger_share, seed };
            let split = enrollment.split(&labels).unwrap();
            let mut all = split.gallery.clone();
            all.extend(split.mated_probes.iter().chain(&split.non_mated_probes));
            all.sort_unstable();
            prop_assert_eq!(all, (0..labels.len()).collect::<Vec<_>>());

            let shown = |positions: &[usize], label| {
                positions.iter().filter(|&&position| labels[position] == label).count()
            };
            for label in 0..6 {
                let n_enrolled = shown(&split.gallery, label);
                prop_assert!(n_enrolled <= n_gallery);
                prop_assert!(n_enrolled == 0 || shown(&split.non_mated_probes, label) == 0);
                prop_assert!(n_enrolled == n_gallery || shown(&split.mated_probes, label) == 0);
            }
            let renamed: Vec<u64> = labels.iter().map(|label| u64::MAX - label).collect();
            prop_assert_eq!(enrollment.split(&renamed).unwrap(), split);
        }
    }
}

//! What the batches of every sampler must be, on given labels and on any.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::SamplerConfig::{Coverage, FaceNet, Hierarchy, Identities, Shuffle, Triplets};
use super::*;

/// Identities of 3, 5, 1 and 7 chips.
const LABELS: [u64; 16] = [9, 9, 9, 4, 4, 4, 4, 4, 7, 2, 2, 2, 2, 2, 2, 2];

/// Every kind, with sizes from three numbers.
fn all([a, b, c]: [usize; 3]) -> [SamplerConfig; 6] {
    [
        Shuffle { batch: a },
        Identities { identities: a, images: b },
        Coverage { identities: a, images: b },
        FaceNet { identities: a, images: b, negatives: c },
        Hierarchy { super_classes: c, identities: a, images: b },
        Triplets { triplets: c, batch: a },
    ]
}

fn labels_of(chips: &[usize], labels: &[u64]) -> BTreeSet<u64> {
    chips.iter().map(|&chip| labels[chip]).collect()
}

/// The chips of one identity must be spread over its images as evenly as can be.
#[track_caller]
fn assert_spread_evenly(chips: &[usize], labels: &[u64], n_images: usize) {
    for label in labels_of(chips, labels) {
        let own = || (0..labels.len()).filter(|&chip| labels[chip] == label);
        let times = |chip: usize| chips.iter().filter(|&&it| it == chip).count();
        assert_eq!(own().map(times).sum::<usize>(), n_images, "{chips:?}");
        let (min, max) = (own().map(times).min().unwrap(), own().map(times).max().unwrap());
        assert!(max - min <= 1, "a chip was repeated although there are others: {chips:?}");
    }
}

#[test]
fn batches_are_the_same_in_every_version() {
    assert_eq!(
        Shuffle { batch: 5 }.epoch(&LABELS, 1, 0),
        [[8, 14, 15, 11, 5], [1, 2, 12, 7, 10], [6, 0, 4, 13, 3]]
    );
    assert_eq!(
        Identities { identities: 2, images: 3 }.epoch(&LABELS, 1, 0),
        [[8, 8, 8, 14, 10, 12], [5, 6, 7, 1, 0, 2]]
    );
}

#[test]
fn shuffling_uses_no_chip_twice() {
    let batches = Shuffle { batch: 5 }.epoch(&LABELS, 1, 0);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [5, 5, 5]);
    assert_eq!(batches.concat().into_iter().collect::<BTreeSet<_>>().len(), 15);
}

#[test]
fn fewer_chips_than_a_batch_are_one_batch() {
    let sizes = |sampler: SamplerConfig| -> Vec<usize> {
        sampler.epoch(&LABELS, 1, 0).iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(Shuffle { batch: 50 }), [16]);
    assert_eq!(sizes(Identities { identities: 50, images: 4 }), [16]);
    assert_eq!(sizes(Coverage { identities: 50, images: 4 }), [16]);
    assert_eq!(sizes(FaceNet { identities: 50, images: 4, negatives: 9 }), [16]);
    assert_eq!(sizes(Hierarchy { super_classes: 3, identities: 50, images: 4 }), [16]);
    assert_eq!(sizes(Triplets { triplets: 4, batch: 50 }), [12]);
}

#[test]
fn identities_with_one_image_have_their_turn_although_chips_are_few() {
    // 21 chips are 2 batches of 8, which hold 4 identities.
    let labels: Vec<u64> = (0..21).collect();
    let batches = Identities { identities: 2, images: 4 }.epoch(&labels, 1, 0);
    assert_eq!(labels_of(&batches.concat(), &labels).len(), 21);
}

#[test]
fn no_identity_is_left_over_for_a_batch_of_its_own() {
    let labels: Vec<u64> = (0..18).map(|chip| chip / 2).collect();
    let batches = Coverage { identities: 4, images: 2 }.epoch(&labels, 1, 0);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [6, 6, 6]);
    let batches = Coverage { identities: 8, images: 2 }.epoch(&labels, 1, 0);
    assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [10, 8]);
}

#[test]
fn negatives_go_through_everyone_who_is_not_chosen() {
    let labels: Vec<u64> = (0..400).map(|chip| chip / 4).collect();
    let sampler = FaceNet { identities: 2, images: 4, negatives: 12 };
    let batches = sampler.epoch(&labels, 1, 0);
    assert_eq!(batches.len(), 50);
    let negatives: BTreeSet<usize> = batches.iter().flat_map(|it| &it[8..]).copied().collect();
    // 50 batches draw 600 negatives, one and a half rounds of all chips.
    assert!(negatives.len() > 390, "{}", negatives.len());
}

#[test]
fn large_and_small_super_classes_have_as_many_turns() {
    // Super-class 0 has identities 0 to 39, super-class 1 has 40 to 43, super-class 2 has 44 to 47.
    let labels: Vec<u64> = (0..480).map(|chip| chip / 10).collect();
    let parent_of = |label: u64| label.saturating_sub(36) / 4;
    let sampler = Hierarchy { super_classes: 2, identities: 3, images: 4 };
    let batches = sampler.epoch_under(&labels, &parent_of, 1, 0);
    let mut turns = [0; 3];
    for batch in &batches {
        let seen = labels_of(batch, &labels);
        let parents: BTreeSet<u64> = seen.iter().map(|&label| parent_of(label)).collect();
        assert_eq!((batch.len(), seen.len(), parents.len()), (24, 6, 2));
        for parent in parents {
            turns[parent as usize] += 1;
        }
    }
    assert_eq!((batches.len(), turns.iter().max()), (20, Some(&14)));
    assert_eq!(turns.iter().min(), Some(&13));
}

#[test]
fn a_super_class_with_few_identities_gives_all_it_has() {
    let labels = [0, 0, 1, 1, 2, 2, 3, 3];
    let sampler = Hierarchy { super_classes: 2, identities: 3, images: 2 };
    let batch = &sampler.epoch_under(&labels, &|label| u64::from(label == 3), 1, 0)[0];
    assert_eq!((batch.len(), labels_of(batch, &labels).len()), (8, 4));
}

#[test]
fn the_list_of_triplets_is_the_same_in_every_epoch_and_its_order_is_not() {
    let sampler = Triplets { triplets: 12, batch: 3 };
    let epoch = |seed, epoch| -> Vec<Vec<usize>> {
        sampler.epoch(&LABELS, seed, epoch).concat().chunks(3).map(<[_]>::to_vec).collect()
    };
    let sorted = |mut triplets: Vec<Vec<usize>>| {
        triplets.sort();
        triplets
    };
    assert_eq!(epoch(1, 0).len(), 12);
    assert_ne!(epoch(1, 0), epoch(1, 1));
    assert_eq!(sorted(epoch(1, 0)), sorted(epoch(1, 1)));
    assert_ne!(sorted(epoch(1, 0)), sorted(epoch(2, 0)));
}

#[test]
fn without_mated_or_non_mated_pairs_there_are_no_triplets() {
    let sampler = Triplets { triplets: 12, batch: 3 };
    assert!(sampler.epoch(&[1, 2, 3, 4], 1, 0).is_empty());
    assert!(sampler.epoch(&[5, 5, 5], 1, 0).is_empty());
}

#[test]
fn epochs_differ_and_repeat_by_seed() {
    for sampler in all([2, 2, 7]) {
        assert_eq!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 1, 3));
        assert_ne!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 1, 4), "{sampler:?}");
        assert_ne!(sampler.epoch(&LABELS, 1, 3), sampler.epoch(&LABELS, 2, 3), "{sampler:?}");
    }
}

#[test]
fn what_is_out_of_range_is_refused() {
    let refusal = |sampler: SamplerConfig| sampler.check().unwrap_err().to_string();
    for sampler in all([1, 1, 0]) {
        assert!(sampler.check().is_err(), "{sampler:?}");
    }
    for sampler in all([usize::MAX; 3]) {
        assert!(refusal(sampler).ends_with("1,048,576 chips or fewer"), "{sampler:?}");
    }
    for sampler in all([4, 2, 3]) {
        assert_eq!(sampler.check(), Ok(()));
    }
    assert_eq!(
        refusal(Identities { identities: 1, images: 4 }),
        "sampler.identities is 1, but must be 2 or more"
    );
    assert_eq!(
        refusal(Hierarchy { super_classes: 1, identities: 1, images: 4 }),
        "sampler.identities is 1, but must be 2 or more"
    );
    assert_eq!(
        refusal(FaceNet { identities: 4, images: 1, negatives: 8 }),
        "sampler.images is 1, but must be 2 or more"
    );
    assert_eq!(
        refusal(FaceNet { identities: 4, images: 2, negatives: 0 }),
        "sampler.negatives is 0, but must be 1 or more"
    );
    assert_eq!(
        refusal(Triplets { triplets: MAX_TRIPLETS, batch: 8 }),
        "sampler.triplets is 67108864, but must be from 1 to 67,108,863"
    );
}

#[test]
fn every_kind_has_its_text() {
    for (sampler, kind) in all([4, 2, 3]).into_iter().zip([
        "shuffle",
        "identities",
        "coverage",
        "facenet",
        "hierarchy",
        "triplets",
    ]) {
        let text = toml::to_string(&sampler).unwrap();
        assert!(text.starts_with(&format!("kind = \"{kind}\"\n")), "{text}");
        assert_eq!(toml::from_str::<SamplerConfig>(&text).unwrap(), sampler);
        assert!(toml::from_str::<SamplerConfig>(&format!("{text}surplus = 1\n")).is_err());
    }
}

proptest! {
    #[test]
    fn any_labels_give_whole_batches_and_an_end(
        labels in prop::collection::vec(0u64..8, 0..40),
        sizes in [0usize..6, 0usize..6, 0usize..6], seed: u64, epoch in 0usize..4,
    ) {
        let parent_of = |label: u64| label / 3;
        // A size of 0 is refused by `check`, and counts as 1 at most without it.
        for (sampler, at_least_one) in all(sizes).into_iter().zip(all(sizes.map(|it| it.max(1)))) {
            let draw = |epoch| sampler.epoch_under(&labels, &parent_of, seed, epoch);
            let batches = draw(epoch);
            // Nothing that is drawn before may matter: a resumed run begins here.
            let run: Vec<_> = (0..=epoch).map(draw).collect();
            prop_assert_eq!(&run[epoch], &batches);
            for batch in &batches {
                prop_assert!(batch.len() <= at_least_one.batch_size());
                prop_assert!(batch.iter().all(|&chip| chip < labels.len()));
            }
            if labels.is_empty() {
                prop_assert!(batches.is_empty());
            }
        }
    }

    #[test]
    fn every_identity_has_its_turn_and_none_is_twice_in_a_batch(
        labels in prop::collection::vec(0u64..12, 1..60),
        n_identities in 1usize..9, n_images in 1usize..5, n_negatives in 1usize..9, seed: u64,
    ) {
        let everyone: BTreeSet<u64> = labels.iter().copied().collect();
        let wanted = n_identities.min(everyone.len());
        let mut batches = Identities { identities: n_identities, images: n_images }.epoch(&labels, seed, 0);
        for batch in &batches {
            prop_assert_eq!(labels_of(batch, &labels).len(), wanted);
            assert_spread_evenly(batch, &labels, n_images);
        }
        prop_assert_eq!(&labels_of(&batches.concat(), &labels), &everyone);
        let n_in_round = everyone.len() / wanted * wanted;
        let round = &batches[..everyone.len() / wanted];
        prop_assert_eq!(labels_of(&round.concat(), &labels).len(), n_in_round);

        let sampler = FaceNet { identities: n_identities, images: n_images, negatives: n_negatives };
        batches = sampler.epoch(&labels, seed, 0);
        let mut chosen = BTreeSet::new();
        for batch in &batches {
            let (images, negatives) = batch.split_at(wanted * n_images);
            let identities = labels_of(images, &labels);
            prop_assert_eq!(identities.len(), wanted);
            assert_spread_evenly(images, &labels, n_images);
            prop_assert!(identities.is_disjoint(&labels_of(negatives, &labels)));
            let n_others = labels.iter().filter(|label| !identities.contains(label)).count();
            let distinct: BTreeSet<&usize> = negatives.iter().collect();
            prop_assert_eq!(distinct.len(), n_negatives.min(n_others));
            prop_assert_eq!(distinct.len(), negatives.len());
            chosen.extend(identities);
        }
        prop_assert_eq!(chosen, everyone);
    }

    #[test]
    fn coverage_meets_everyone_exactly_once(
        labels in prop::collection::vec(0u64..20, 0..60),
        n_identities in 1usize..9, n_images in 1usize..5, seed: u64,
    ) {
        let batches = Coverage { identities: n_identities, images: n_images }.epoch(&labels, seed, 0);
        assert_spread_evenly(&batches.concat(), &labels, n_images);
        let everyone: BTreeSet<u64> = labels.iter().copied().collect();
        prop_assert_eq!(labels_of(&batches.concat(), &labels).len(), everyone.len());
        let sizes: Vec<usize> = batches.iter().map(|it| labels_of(it, &labels).len()).collect();
        prop_assert_eq!(sizes.len(), everyone.len().div_ceil(n_identities));
        prop_assert!(sizes.iter().all(|&size| size <= n_identities && size + 1 >= sizes[0]));
        prop_assert!(n_identities == 2 || everyone.len() < 2 || n_identities == 1 || !sizes.contains(&1));
    }

    #[test]
    fn super_classes_and_identities_are_as_many_as_there_can_be(
        labels in prop::collection::vec(0u64..12, 1..60), divisor in 1u64..12,
        [n_super_classes, n_identities, n_images] in [1usize..4, 1usize..4, 1usize..4], seed: u64,
    ) {
        let parent_of = |label: u64| label / divisor;
        let sampler = Hierarchy {
            super_classes: n_super_classes, identities: n_identities, images: n_images,
        };
        let batches = sampler.epoch_under(&labels, &parent_of, seed, 0);
        let everyone: BTreeSet<u64> = labels.iter().copied().collect();
        let parents = |labels: BTreeSet<u64>| labels.into_iter().map(parent_of).collect::<BTreeSet<_>>();
        let all_parents = parents(everyone.clone());
        for batch in &batches {
            assert_spread_evenly(batch, &labels, n_images);
            let seen = labels_of(batch, &labels);
            let seen_parents = parents(seen.clone());
            prop_assert_eq!(seen_parents.len(), n_super_classes.min(all_parents.len()));
            for parent in seen_parents {
                let members = |labels: &BTreeSet<u64>| labels.iter().filter(|&&it| parent_of(it) == parent).count();
                prop_assert_eq!(members(&seen), n_identities.min(members(&everyone)));
            }
        }
        prop_assert_eq!(parents(labels_of(&batches.concat(), &labels)), all_parents);
    }

    #[test]
    fn a_triplet_is_two_chips_of_one_identity_and_one_of_another(
        labels in prop::collection::vec(0u64..6, 0..30),
        n_triplets in 1usize..20, batch in 1usize..6, seed: u64,
    ) {
        for batch in (Triplets { triplets: n_triplets, batch }).epoch(&labels, seed, 0) {
            for triplet in batch.chunks(3) {
                let &[anchor, mated, other] = triplet else { panic!("not three chips") };
                prop_assert!(anchor != mated && labels[anchor] == labels[mated]);
                prop_assert_ne!(labels[anchor], labels[other]);
            }
        }
    }

    #[test]
    fn shards_of_a_sampler_are_what_one_process_would_see(
        labels in prop::collection::vec(0u64..9, 8..60), world_size in 1usize..4, seed: u64,
    ) {
        // Labels are the identities 0 to 8 at random, so that 6 of them may be missing.
        for sampler in all([6 * world_size, 2, 6]) {
            let whole = sampler.epoch(&labels, seed, 2);
            let shards: Result<Vec<_>, _> =
                (0..world_size).map(|rank| shard(&sampler.epoch(&labels, seed, 2), rank, world_size)).collect();
            let is_even = whole.iter().all(|batch| batch.len() % world_size == 0);
            prop_assert_eq!(shards.is_ok(), is_even);
            for (step, batch) in whole.iter().enumerate().filter(|_| is_even) {
                let parts: Vec<usize> =
                    shards.iter().flatten().flat_map(|shard| &shard[step]).copied().collect();
                prop_assert_eq!(&parts, batch);
            }
        }
    }
}

use proptest::prelude::*;

use super::*;
use crate::metric::loss::contract::{check, clustered};
use crate::metric::reducer::Reducer;
use crate::metric::relevance::{Relations, SameLabel};
use crate::metric::scene::{Batch, Options, evaluate, scene};
use crate::metric::tuples::{Triplet, all_triplets};

const MININGS: [Mining; 6] = [
    Mining::SemiHard,
    Mining::All,
    Mining::Violating,
    Mining::Hard,
    Mining::Easy,
    Mining::Facenet,
];

const DISTANCES: [Distance; 6] = [
    Distance::EUCLIDEAN,
    Distance::SQUARED,
    Distance::Cosine,
    Distance::Dot,
    Distance::Snr { normalize: false },
    Distance::Lp { p: 1.0, power: 1.0, normalize: false },
];

fn reducers() -> Vec<Reducer> {
    let threshold = |low, high| Reducer::Threshold { low, high };
    vec![
        Reducer::NonZeroMean,
        Reducer::Mean,
        Reducer::Sum,
        threshold(Some(0.1), None),
        threshold(None, Some(0.5)),
        threshold(Some(-0.5), Some(0.25)),
        Reducer::ClassWeighted { weights: vec![0.5, 2.0] },
        Reducer::PerAnchor { then: Box::new(Reducer::NonZeroMean) },
        Reducer::PerAnchor { then: Box::new(Reducer::ClassWeighted { weights: vec![3.0, 0.25] }) },
        Reducer::Divisor { divisor: None },
        Reducer::Divisor { divisor: Some(7.0) },
    ]
}

/// The triplets that mining allows, by looking at each.
fn listed(scene: &Scene<'_>, mining: Mining, margin: f64) -> Vec<Triplet> {
    let far = |a: usize, b: usize| scene.distance.sign() * scene.values()[(a, b)];
    let gap = |&[a, p, n]: &Triplet| far(a, n) - far(a, p);
    let all = all_triplets(scene.batch.relations);
    let mut chosen: Vec<Triplet> = all
        .filter(|it| match mining {
            Mining::All => true,
            Mining::Violating => gap(it) <= margin,
            Mining::Hard => gap(it) <= 0.0,
            Mining::Easy => gap(it) > margin,
            Mining::SemiHard | Mining::Facenet => gap(it) > 0.0 && gap(it) <= margin,
        })
        .collect();
    if mining == Mining::Facenet {
        // Stable: of equally near ones the first remains.
        chosen.sort_by(|one, other| {
            one[..2].cmp(&other[..2]).then(far(one[0], one[2]).total_cmp(&far(other[0], other[2])))
        });
        chosen.dedup_by_key(|it| [it[0], it[1]]);
    }
    chosen
}

/// Asserts that two slopes are the same, but for rounding of numbers of this size.
fn assert_same(streamed: &Slope, listed: &Slope, size: f64) {
    let close = |found: f64, expected: f64| {
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(size),
            "{found}, not {expected}"
        );
    };
    close(streamed.value, listed.value);
    assert_eq!(streamed.n_active, listed.n_active);
    for (found, expected) in [
        (&streamed.values, &listed.values),
        (&streamed.between_references, &listed.between_references),
    ] {
        assert_eq!(found.is_some(), expected.is_some());
        let both = found.iter().zip(expected).flat_map(|(a, b)| a.data().iter().zip(b.data()));
        both.for_each(|(&found, &expected)| close(found, expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn streaming_agrees_with_a_list(
        labels in prop::collection::vec(0u64..3, 1..14),
        n_references in 0usize..12,
        seed in 0u64..1000,
        has_ties in any::<bool>(),
        mining in prop::sample::select(MININGS.to_vec()),
        distance in prop::sample::select(DISTANCES.to_vec()),
        reducer in prop::sample::select(reducers()),
        margins in prop::sample::select(vec![
            (0.0, None), (0.25, None), (0.2, Some(0.5)), (1.0, Some(0.0)), (2.0, None),
        ]),
        (smooth, swap) in any::<(bool, bool)>(),
        compat in prop::sample::select(vec![None, Some(Compat::Pml)]),
    ) {
        let rows = |labels: &[u64], seed| {
            let mut rows = clustered(labels, 3, 0.7, seed);
            // A row of equal components has no signal, and a ratio to it no bounds.
            let has_ties = has_ties && !matches!(distance, Distance::Snr { .. });
            // Few values a component: many distances are the same.
            let round = |value: &mut f64| if has_ties { *value = (2.0 * *value).round() / 2.0 };
            rows.data_mut().iter_mut().for_each(round);
            rows
        };
        let embeddings = rows(&labels, seed);
        let other_labels: Vec<u64> = (0..n_references as u64).map(|it| it * it % 3).collect();
        let references = (n_references > 0).then(|| rows(&other_labels, seed + 1));
        let relations = match &references {
            None => Relations::within(&labels),
            Some(_) => Relations::new(
                [labels.len(), n_references],
                &SameLabel { anchors: &labels, references: &other_labels },
            ),
        };
        let batch = Batch {
            embeddings: &embeddings,
            references: references.as_ref(),
            relations: &relations,
            labels: Some(&labels),
        };
        let (margin, mining_margin) = margins;
        let loss =
            TripletLoss { margin, mining, mining_margin, smooth, swap, compat, ..TripletLoss::default() };
        let mut scene = scene(batch, distance, &reducer);
        let streamed = loss.evaluate(&scene);
        let triplets = listed(&scene, mining, mining_margin.unwrap_or(margin));
        let size = scene.values().data().iter().fold(1.0, |size: f64, it| size.max(it.abs()));
        // A sum has as many times the rounding of one.
        let size = if reducer == Reducer::Sum { size * triplets.len().max(1) as f64 } else { size };
        scene.tuples = Some(Tuples::Triplets(triplets));
        assert_same(&streamed, &loss.evaluate(&scene), size);
    }
}

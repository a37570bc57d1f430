//! Triplets streamed beside triplets listed, and what the reference makes of them.

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::metric::loss::contract::clustered;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::{Relations, SameLabel};
use crate::metric::scene::{Batch, Options, evaluate, scene};
use crate::metric::tuples::{Triplet, all_triplets};

const MININGS: [Mining; 6] =
    [Mining::SemiHard, Mining::All, Mining::Violating, Mining::Hard, Mining::Easy, Mining::Facenet];

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
        labels in prop::collection::vec(0u64..3, 1..40),
        n_references in 0usize..30,
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
                &SameLabel { probes: &labels, references: &other_labels },
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

#[derive(Deserialize)]
struct Golden {
    params: serde_json::Value,
    miner: GoldenMiner,
    embeddings: Vec<Vec<f64>>,
    labels: Vec<u64>,
    loss: f64,
    grad: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct GoldenMiner {
    params: serde_json::Value,
    tuples: Vec<Vec<usize>>,
}

/// Mining within the loss beside the reference's miner before its loss.
#[track_caller]
fn check_mined(case: &str, distance: Distance, mining: Mining) {
    let path = format!("{}/testdata/losses/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let number = |params: &serde_json::Value, name: &str| params[name].as_f64().unwrap();
    let loss = TripletLoss {
        margin: number(&golden.params, "margin"),
        mining,
        mining_margin: Some(number(&golden.miner.params, "margin")),
        ..TripletLoss::default()
    };
    let shape = [golden.embeddings.len(), golden.embeddings[0].len()];
    let embeddings = Matrix::new(golden.embeddings.concat(), shape);
    let relations = Relations::within(&golden.labels);
    let batch =
        Batch { embeddings: &embeddings, references: None, relations: &relations, labels: None };
    let found =
        evaluate(&loss, batch, &Options { distance: Some(&distance), ..Options::default() });
    assert!((found.value - golden.loss).abs() < 1e-8, "{}, not {}", found.value, golden.loss);
    for (found, expected) in found.embeddings.data().iter().zip(golden.grad.iter().flatten()) {
        assert!((found - expected).abs() < 1e-8, "{found}, not {expected}");
    }
    let scene = scene(batch, distance, &Reducer::Mean);
    let triplets = listed(&scene, mining, loss.mining_margin());
    let columns: Vec<Vec<usize>> =
        (0..3).map(|part| triplets.iter().map(|triplet| triplet[part]).collect()).collect();
    assert_eq!(columns, golden.miner.tuples);
}

#[test]
fn mining_agrees_with_the_miner_of_the_reference() {
    check_mined("triplet_semihard", Distance::EUCLIDEAN, Mining::SemiHard);
    check_mined("triplet_facenet", Distance::SQUARED, Mining::SemiHard);
    check_mined("triplet_hard", Distance::EUCLIDEAN, Mining::Hard);
    check_mined("triplet_violating", Distance::SQUARED, Mining::Violating);
    check_mined("triplet_easy", Distance::EUCLIDEAN, Mining::Easy);
    check_mined("triplet_semihard_cosine", Distance::Cosine, Mining::SemiHard);
}

#[test]
fn a_recipe_of_one_line_is_that_of_the_paper() {
    let read = |text: &str| toml::from_str::<TripletLoss>(text).unwrap();
    assert_eq!(read("margin = 0.2"), TripletLoss::default());
    assert_eq!(read("").distance(), Distance::SQUARED);
    let loss = read("mining = \"facenet\"\nsquared = false\ncompat = \"pml\"");
    assert_eq!((loss.mining, loss.compat), (Mining::Facenet, Some(Compat::Pml)));
    assert_eq!(loss.distance(), Distance::EUCLIDEAN);
    assert!(toml::from_str::<TripletLoss>("margn = 0.2").is_err());
}

#[test]
fn parameters_out_of_range_are_refused() {
    let error = |loss: TripletLoss| loss.check().unwrap_err().to_string();
    let usual = TripletLoss::default;
    assert_eq!(
        error(TripletLoss { margin: -0.1, ..usual() }),
        "margin is -0.1, but must be 0 or more"
    );
    let drawn = TripletLoss { triplets_per_anchor: Some(2), mining: Mining::Facenet, ..usual() };
    assert_eq!(
        error(drawn),
        "triplets_per_anchor is 2, but must be left out where mining is facenet"
    );
}

/// Against other references, where the rows of embeddings and of references are not the same.
#[test]
fn swapping_looks_at_the_distance_of_the_two_references() {
    let rows = |data: &[f64]| Matrix::new(data.to_vec(), [data.len(), 1]);
    let (embeddings, references) = (rows(&[0.0]), rows(&[1.0, 1.5]));
    let relations = Relations::new([1, 2], &SameLabel { probes: &[0], references: &[0, 1] });
    let batch = Batch {
        embeddings: &embeddings,
        references: Some(&references),
        relations: &relations,
        labels: None,
    };
    let distance = Distance::Lp { p: 2.0, power: 1.0, normalize: false };
    let options = Options { distance: Some(&distance), ..Options::default() };
    let run = |compat| {
        let loss = TripletLoss {
            mining: Mining::All,
            margin: 0.0,
            swap: true,
            compat,
            ..TripletLoss::default()
        };
        evaluate(&loss, batch, &options).value
    };
    // d(a, p) is 1, and d(p, n) = 0.5 is less than d(a, n) = 1.5.
    assert_eq!(run(None), 0.5);
    // The reference looks up the distance of the embedding at position 0, which is a, to n.
    assert_eq!(run(Some(Compat::Pml)), 0.0);
}

#[test]
fn triplets_are_drawn_by_the_seed_alone() {
    let labels = [0, 0, 0, 1, 1, 2];
    let embeddings = clustered(&labels, 3, 0.7, 1);
    let relations = Relations::within(&labels);
    let batch =
        Batch { embeddings: &embeddings, references: None, relations: &relations, labels: None };
    let mut scene = scene(batch, Distance::SQUARED, &Reducer::Mean);
    let loss = TripletLoss { mining: Mining::All, ..TripletLoss::default() };
    let first = draw(&loss, &scene, 4);
    assert_eq!(first, draw(&loss, &scene, 4));
    // The last has no mate.
    assert_eq!(first.len(), 5 * 4);
    assert!(
        first.iter().all(|&[a, p, n]| a != p && labels[a] == labels[p] && labels[a] != labels[n])
    );
    scene.seed = 1;
    assert_ne!(first, draw(&loss, &scene, 4));
    let semi_hard = TripletLoss { mining: Mining::SemiHard, ..loss };
    let allowed = listed(&scene, Mining::SemiHard, 0.2);
    assert!(draw(&semi_hard, &scene, 50).iter().all(|triplet| allowed.contains(triplet)));
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let labels: Vec<u64> = (0..60).map(|index| index / 10).collect();
    let rows = clustered(&labels, 5, 0.7, 1);
    let run = |n_threads, swap| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let loss = TripletLoss { swap, ..TripletLoss::default() };
        let found = pool.install(|| crate::metric::loss::contract::within(&loss, &rows, &labels));
        (found.value, found.embeddings)
    };
    for swap in [false, true] {
        let (one, three) = (run(1, swap), run(3, swap));
        assert_eq!(one.0.to_bits(), three.0.to_bits());
        assert!(one.1 == three.1);
    }
}

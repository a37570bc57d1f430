//! Miners that draw: how often, and by which seed.

use super::tests::{RAW, mine, pairs, triplets};
use super::*;
use crate::metric::loss::contract::clustered;
use crate::metric::matrix::Matrix;

#[test]
fn random_semi_hard_samples_are_equally_likely() {
    let rows = Matrix::new(vec![0.0, 1.0, 1.1, 1.2, 1.3, 5.0], [6, 1]);
    let miner = FaceNetMiner { margin: 0.5, pick: SemiHardPick::Random, hopeless: Hopeless::Drop };
    let mut counts = [0; 6];
    for seed in 0..3000 {
        let found = triplets(&mine(&miner, &rows, &[0, 0, 1, 2, 3, 4], RAW, seed));
        counts[found[0][2]] += 1;
    }
    assert!(counts[2..5].iter().all(|n| (850..1150).contains(n)), "{counts:?}");
    assert_eq!(counts.iter().sum::<i32>(), 3000);
}

#[test]
fn distance_weighted_draws_follow_the_closed_form() {
    let labels = [0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    let rows = clustered(&labels, 6, 0.8, 5);
    let miner =
        DistanceWeightedMiner { cutoff: 0.7, nonzero_loss_cutoff: 1.5, mated: MatedDraw::Each };
    let values = Distance::EUCLIDEAN.compare(&rows, None).values;
    let weights: Vec<f64> = (2..10)
        .map(|other| {
            let distance = values[(0, other)].max(0.7);
            let density = distance.powi(4) * (1.0 - distance * distance / 4.0).powf(1.5);
            if distance < 1.5 { 1.0 / density } else { 0.0 }
        })
        .collect();
    let n_draws = 20_000;
    let mut counts = [0.0; 8];
    for seed in 0..n_draws {
        let found = triplets(&mine(&miner, &rows, &labels, Distance::EUCLIDEAN, seed));
        assert_eq!(found[0][..2], [0, 1]);
        counts[found[0][2] - 2] += 1.0;
    }
    let total: f64 = weights.iter().sum();
    assert!(weights.contains(&0.0) && weights.iter().filter(|it| **it > 0.0).count() > 2);
    for (count, weight) in counts.iter().zip(&weights) {
        let share = weight / total;
        let allowed = 4.0 * (share * (1.0 - share) / n_draws as f64).sqrt();
        assert!((count / n_draws as f64 - share).abs() <= allowed, "{counts:?} {weights:?}");
    }
}

#[test]
fn random_mated_samples_are_as_many_as_the_identity_has() {
    let labels = [0, 0, 0, 1, 1, 2];
    let rows = clustered(&labels, 4, 0.5, 1);
    let miner =
        DistanceWeightedMiner { cutoff: 0.5, nonzero_loss_cutoff: 2.5, mated: MatedDraw::Random };
    let found = triplets(&mine(&miner, &rows, &labels, Distance::EUCLIDEAN, 3));
    let count = |anchor| found.iter().filter(|it| it[0] == anchor).count();
    assert_eq!([0, 1, 2, 3, 4, 5].map(count), [3, 3, 3, 2, 2, 0]);
    assert!(
        found.iter().all(|&[a, p, n]| a != p && labels[a] == labels[p] && labels[a] != labels[n])
    );
}

#[test]
fn every_bin_of_a_histogram_gives_as_many_pairs() {
    let rows = Matrix::new(vec![0.0, 1.0, 2.0, 10.0], [4, 1]);
    let miner = UniformHistogramMiner { n_bins: 3, mated_per_bin: 300, non_mated_per_bin: 2 };
    let found = pairs(mine(&miner, &rows, &[0, 0, 0, 0], RAW, 1));
    let count = |low: f64, high: f64| {
        let value = |it: &&[usize; 2]| (rows.row(it[0])[0] - rows.row(it[1])[0]).abs();
        found.mated.iter().filter(|it| (low..=high).contains(&value(it))).count()
    };
    // From 1 to 10 in steps of 3: nothing lies in the second bin.
    assert_eq!([count(1.0, 2.0), count(8.0, 10.0)], [300, 300]);
    assert_eq!(found.mated.len(), 600);
    assert!(found.non_mated.is_empty());
    let near: Vec<usize> = [[0, 1], [1, 0], [1, 2], [2, 1], [0, 2], [2, 0]]
        .iter()
        .map(|pair| found.mated.iter().filter(|it| *it == pair).count())
        .collect();
    assert!(near.iter().all(|n| (25..80).contains(n)), "{near:?}");
}

#[test]
fn draws_follow_the_seed() {
    let labels = [0, 0, 1, 1, 2, 2, 3, 3];
    let rows = clustered(&labels, 5, 0.8, 2);
    let miners = [
        r#"{"kind": "distance-weighted", "nonzero_loss_cutoff": 2}"#,
        r#"{"kind": "uniform-histogram", "n_bins": 2}"#,
        r#"{"kind": "facenet", "margin": 2, "pick": "random"}"#,
    ];
    for json in miners {
        let miner: Miner = serde_json::from_str(json).unwrap();
        let run = |seed| mine(miner.choice(), &rows, &labels, Distance::EUCLIDEAN, seed);
        assert_eq!(run(1), run(1), "{json}");
        assert_ne!(run(1), run(2), "{json}");
    }
}

//! Tests of the measures of retrieval: cases worked by hand, golden values, and laws.

use proptest::prelude::*;

use super::super::relevance::{Hierarchy, SharedLabel};
use super::*;
use crate::Embedding;

/// Written by pytorch-metric-learning.
#[derive(serde::Deserialize)]
struct Golden {
    embeddings: Vec<Vec<f32>>,
    labels: Vec<u64>,
    figures: GoldenFigures,
}

#[derive(serde::Deserialize)]
struct GoldenFigures {
    precision_at_1: f64,
    r_precision: f64,
    mean_average_precision_at_r: f64,
    mean_average_precision: f64,
    mean_reciprocal_rank: f64,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("../../../testdata/retrieval_self.json")).unwrap()
}

fn packed(embeddings: Vec<Vec<f32>>) -> PackedEmbeddings {
    let mut rows = PackedEmbeddings::new(embeddings[0].len());
    for values in embeddings {
        rows.push(&Embedding::new(values).unwrap());
    }
    rows
}

fn on_circle(degrees: &[f32]) -> PackedEmbeddings {
    packed(degrees.iter().map(|it| vec![it.to_radians().cos(), it.to_radians().sin()]).collect())
}

/// Samples on the unit circle, at angles in degrees.
fn at_angles(samples: &[(f32, u64)]) -> Retrieval {
    let (angles, labels): (Vec<f32>, Vec<u64>) = samples.iter().copied().unzip();
    Retrieval::leave_one_out(&on_circle(&angles), &labels)
}

fn array<T>(figures: RetrievalFigures<T>) -> [T; 5] {
    let RetrievalFigures { recall_at_1, r_precision, map_at_r, map, mrr } = figures;
    [recall_at_1, r_precision, map_at_r, map, mrr]
}

#[track_caller]
fn check(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-7, "{found} is not {expected}");
    }
}

#[track_caller]
fn check_ranks(ranks: &[usize], expected: [f64; 5]) {
    check(&Probe::of_ranks(0, ranks, &[]).unwrap().figures, &expected);
}

#[test]
fn agrees_with_pytorch_metric_learning() {
    // Labels near 2^63 are distinct too, though no float tells them apart.
    for offset in [0, (1 << 63) - 3] {
        let golden = golden();
        let labels: Vec<u64> = golden.labels.iter().map(|label| label + offset).collect();
        let found = Retrieval::leave_one_out(&packed(golden.embeddings), &labels).figures();
        let expected = [
            golden.figures.precision_at_1,
            golden.figures.r_precision,
            golden.figures.mean_average_precision_at_r,
            golden.figures.mean_average_precision,
            golden.figures.mean_reciprocal_rank,
        ];
        check(&array(found.unwrap()), &expected);
    }
}

/// Twelve samples of four identities that anybody can write down.
fn formula() -> (Vec<Vec<f64>>, Vec<u64>) {
    let component = |i: usize, j: usize| {
        let (i, j, label) = (i as f64, j as f64, (i / 3) as f64);
        (0.7 * i + 1.3 * j + 0.11 * i * j).sin() + 0.25 * (2.1 * label * (j + 1.0)).cos()
    };
    let row = |i| (0..8).map(|j| component(i, j)).collect();
    ((0..12).map(row).collect(), (0..12).map(|i| i / 3).collect())
}

#[test]
fn agrees_with_pytorch_metric_learning_on_samples_from_a_formula() {
    let (rows, labels) = formula();
    let unit = rows.iter().map(|row| row.iter().map(|&it| it as f32).collect()).collect();
    let found = array(Retrieval::leave_one_out(&packed(unit), &labels).figures().unwrap());
    check(&found[..3], &[0.75, 2.0 / 3.0, 0.604_166_666_666_7]);

    // Raw Euclidean distance, to which no unit vector leads.
    let score = |a: usize, b: usize| {
        let squares = rows[a].iter().zip(&rows[b]).map(|(a, b)| (a - b).powi(2));
        -squares.sum::<f64>() as f32
    };
    let others = |a: usize, b: usize| match (a == b, labels[a] == labels[b]) {
        (true, _) => Relation::Ignored,
        (false, true) => Relation::Mated,
        (false, false) => Relation::NonMated,
    };
    let found = Retrieval::by_score(12, &labels, &others, &[], score).figures().unwrap();
    check(&array(found), &[5.0 / 6.0, 2.0 / 3.0, 0.625, 0.705_324_074_074_1, 0.916_666_666_666_7]);
}

#[test]
fn ranks_decide_the_figures() {
    check_ranks(&[1, 2, 3], [1.0; 5]);
    check_ranks(&[1, 3, 6], [1.0, 2.0 / 3.0, 5.0 / 9.0, 13.0 / 18.0, 1.0]);
    check_ranks(&[4], [0.0, 0.0, 0.0, 0.25, 0.25]);
}

#[test]
fn ranks_decide_the_figures_at_k() {
    let at_k = Probe::of_ranks(0, &[2, 3, 6], &[1, 2, 4, 8]).unwrap().at_k;
    check(&at_k[0], &[0.0, 0.0, 0.0]);
    check(&at_k[1], &[1.0, 0.5, 1.0 / 3.0]);
    check(&at_k[2], &[1.0, 0.5, 2.0 / 3.0]);
    check(&at_k[3], &[1.0, 3.0 / 8.0, 1.0]);
}

#[test]
fn figures_at_k_are_means_over_probes_in_the_order_asked_for() {
    // Seen from 0 degrees: identities 2, 1, 2. From 20: 2, 2, 1 (of 10 and 30, the former first).
    let samples = on_circle(&[0.0, 10.0, 20.0, 31.0]);
    let labels = [1, 2, 1, 2];
    let same = SameLabel { probes: &labels, references: &labels };
    let found = Retrieval::leave_one_out_by(&samples, &labels, &same, &[3, 2]).at_k().unwrap();
    // The ranks of the one relevant sample: 2, 3, 3, 2.
    let at_3 = RetrievalAtK { k: 3, recall: 1.0, precision: 1.0 / 3.0, plain_recall: 1.0 };
    let at_2 = RetrievalAtK { k: 2, recall: 0.5, precision: 0.25, plain_recall: 0.5 };
    assert_eq!(found, [at_3, at_2]);
    let ks: Vec<usize> =
        at_angles(&[(0.0, 1), (5.0, 1)]).at_k().unwrap().iter().map(|it| it.k).collect();
    assert_eq!(ks, Retrieval::KS);
}

#[test]
fn a_sample_alone_is_left_out_of_the_means_but_counted() {
    let retrieval = at_angles(&[(0.0, 1), (10.0, 1), (5.0, 2)]);
    assert_eq!((retrieval.n_probes(), retrieval.n_without_relevant()), (2, 1));
    let figures = retrieval.figures().unwrap();
    assert_eq!((figures.recall_at_1, figures.mrr), (0.0, 0.5));
    let nothing = at_angles(&[(0.0, 1), (10.0, 2)]);
    assert_eq!((nothing.figures(), nothing.at_k()), (None, None));
    assert_eq!(nothing.estimates(&Bootstrap::default()), None);
}

#[test]
fn of_equal_scores_the_earlier_row_is_nearer() {
    let first = |samples: &[(f32, u64)]| at_angles(samples).probes[0].figures[0];
    assert_eq!(first(&[(0.0, 1), (20.0, 1), (20.0, 2)]), 1.0);
    assert_eq!(first(&[(0.0, 1), (20.0, 2), (20.0, 1)]), 0.0);
}

#[test]
fn a_copy_of_the_probe_is_found() {
    let figures = at_angles(&[(0.0, 1), (0.0, 1), (90.0, 2)]).figures();
    assert_eq!(figures.map(array), Some([1.0; 5]));
}

#[test]
fn probes_apart_from_references_are_not_left_out() {
    let (probes, references) = (on_circle(&[0.0, 90.0]), on_circle(&[0.0, 30.0, 80.0]));
    let same = SameLabel { probes: &[1, 3], references: &[1, 2, 1] };
    let found = Retrieval::between([&probes, &references], &[1, 3], &same, &[1]);
    assert_eq!((found.n_probes(), found.n_without_relevant()), (1, 1));
    check(&array(found.figures().unwrap()), &[1.0, 0.5, 0.5, 5.0 / 6.0, 1.0]);
}

#[test]
fn a_rule_decides_what_is_relevant() {
    let samples = on_circle(&[0.0, 10.0, 25.0, 45.0]);
    let identities = [1, 2, 3, 4];
    let labels = [vec![1, 9], vec![2], vec![9, 3], vec![4]];
    let shared = SharedLabel { probes: &labels, references: &labels };
    let found = Retrieval::leave_one_out_by(&samples, &identities, &shared, &[]);
    // The first finds the third at rank 2; the third finds the first at rank 3.
    assert_eq!(
        (found.n_probes(), found.figures().unwrap().mrr),
        (2, f64::midpoint(0.5, 1.0 / 3.0))
    );

    // The second has no path to the level, and stands in nobody's way.
    let paths = [vec![1, 1], vec![1], vec![1, 1], vec![2, 1]];
    let branch = Hierarchy { probes: &paths, references: &paths, level: 1 };
    let found = Retrieval::leave_one_out_by(&samples, &identities, &branch, &[]);
    assert_eq!((found.n_probes(), found.figures().unwrap().mrr), (2, 0.75));
}

#[test]
fn a_weight_counts_as_that_many_probes() {
    // Identity 1 finds itself; 2 and 3 find each other.
    let samples = [(0.0, 1), (1.0, 1), (90.0, 2), (180.0, 2), (100.0, 3), (170.0, 3)];
    let recall =
        |weights: &[u32]| at_angles(&samples).mean(weights, |it| it.figures).map(|it| it[0]);
    assert_eq!(recall(&[1, 1, 1]), Some(1.0 / 3.0));
    assert_eq!(recall(&[3, 1, 0]), Some(0.75));
    assert_eq!(recall(&[0, 0, 0]), None);
}

#[test]
fn intervals_hold_the_figures() {
    let golden = golden();
    let retrieval = Retrieval::leave_one_out(&packed(golden.embeddings), &golden.labels);
    let bootstrap = Bootstrap::default();
    let estimates = array(retrieval.estimates(&bootstrap).unwrap());
    for (estimate, figure) in estimates.iter().zip(array(retrieval.figures().unwrap())) {
        assert_eq!(estimate.value, figure);
        assert!(estimate.lower < figure && figure < estimate.upper, "{estimate:?}");
    }
    let at_k = retrieval.estimates_at_k(&bootstrap).unwrap();
    assert_eq!((at_k[0].k, at_k[0].recall), (1, estimates[0]));
    assert_eq!(at_k[2].precision.value, retrieval.at_k().unwrap()[2].precision);
}

#[test]
fn the_change_of_a_figure_is_less_uncertain_than_the_figure() {
    let golden = golden();
    let bootstrap = Bootstrap::default();
    let of =
        |embeddings: Vec<Vec<f32>>| Retrieval::leave_one_out(&packed(embeddings), &golden.labels);
    let before = of(golden.embeddings.clone());
    let mut better = golden.embeddings.clone();
    better[0] = better[6].clone(); // of the same identity
    let after = of(better);
    let change = after.change_from(&before, &bootstrap).unwrap().map_at_r;
    let [now, then] = [&after, &before].map(|it| it.estimates(&bootstrap).unwrap().map_at_r);
    assert_eq!(change.value, now.value - then.value);
    assert!(change.upper - change.lower < now.upper - now.lower, "{change:?} {now:?}");
    let nothing = before.change_from(&before, &bootstrap).unwrap();
    assert_eq!(array(nothing), [Estimate { value: 0.0, lower: 0.0, upper: 0.0 }; 5]);
    let others = Retrieval::leave_one_out(&packed(golden.embeddings.clone()), &[7; 24]);
    assert_eq!(others.change_from(&before, &bootstrap), None);
}

fn samples() -> impl Strategy<Value = Vec<(f32, u64)>> {
    // No two angles of a difference alike would be rare: scores tie, as they do with copies.
    prop::collection::vec(((0u8..60).prop_map(|it| f32::from(it) * 3.0), 0u64..4), 2..40)
}

proptest! {
    #[test]
    fn figures_are_shares_in_the_order_that_their_definitions_give(samples in samples()) {
        let retrieval = at_angles(&samples);
        let Some(figures) = retrieval.figures() else { return Ok(()) };
        for figure in array(figures) {
            prop_assert!((0.0..=1.0).contains(&figure));
        }
        prop_assert!(figures.map_at_r <= figures.r_precision + 1e-12);
        prop_assert!(figures.map_at_r <= figures.map + 1e-12);
        prop_assert!(figures.recall_at_1 <= figures.mrr + 1e-12);
        let at_k = retrieval.at_k().unwrap();
        prop_assert_eq!(at_k[0].recall, figures.recall_at_1);
        prop_assert_eq!(at_k[0].precision, figures.recall_at_1);
        for (fewer, more) in at_k.iter().zip(&at_k[1..]) {
            prop_assert!(fewer.recall <= more.recall && fewer.plain_recall <= more.plain_recall);
        }
        for at in at_k {
            prop_assert!(at.plain_recall <= at.recall + 1e-12 && at.precision <= at.recall + 1e-12);
        }
    }

    #[test]
    fn names_of_labels_do_not_matter(samples in samples(), offset: u64) {
        let renamed: Vec<(f32, u64)> =
            samples.iter().map(|&(angle, label)| (angle, offset.wrapping_sub(label * 5))).collect();
        // Sums of the same addends: identities come in another order, probes do not.
        prop_assert_eq!(at_angles(&samples).figures(), at_angles(&renamed).figures());
        prop_assert_eq!(at_angles(&samples).at_k(), at_angles(&renamed).at_k());
    }

    #[test]
    fn the_order_of_samples_does_not_matter_where_no_scores_tie(
        places in Just((0..10).map(|it| 1u32 << it).collect::<Vec<u32>>()).prop_shuffle(),
        labels: [u8; 10],
        turn in 0usize..10,
    ) {
        // No two pairs of powers of two differ by the same.
        let samples: Vec<_> = places.into_iter().zip(labels.map(|it| u64::from(it % 4))).collect();
        let rows = |samples: &[(u32, u64)]| {
            let score = |a: usize, b: usize| -(samples[a].0.abs_diff(samples[b].0) as f32);
            let labels: Vec<u64> = samples.iter().map(|&(_, label)| label).collect();
            let others = |a: usize, b: usize| match (a == b, labels[a] == labels[b]) {
                (true, _) => Relation::Ignored,
                (false, true) => Relation::Mated,
                (false, false) => Relation::NonMated,
            };
            Retrieval::by_score(labels.len(), &labels, &others, &[2], score).figures().map(array)
        };
        let mut turned = samples.clone();
        turned.rotate_left(turn);
        match (rows(&samples), rows(&turned)) {
            (Some(found), Some(turned)) => {
                for (found, turned) in found.into_iter().zip(turned) {
                    prop_assert!((found - turned).abs() < 1e-12);
                }
            }
            (found, turned) => prop_assert_eq!(found, turned),
        }
    }

    #[test]
    fn whoever_finds_all_first_has_1_and_whoever_finds_all_last_has_the_least(
        n_relevant in 1usize..20, n_others in 0usize..20,
    ) {
        let figures = |ranks: Vec<usize>| Probe::of_ranks(0, &ranks, &[n_relevant]).unwrap();
        let best = figures((1..=n_relevant).collect());
        prop_assert_eq!((best.figures, best.at_k), ([1.0; 5], vec![[1.0; 3]]));
        let worst = figures((n_others + 1..=n_others + n_relevant).collect());
        prop_assert_eq!(worst.figures[4], 1.0 / (n_others + 1) as f64);
        let n_near = n_relevant.saturating_sub(n_others) as f64;
        prop_assert_eq!(worst.figures[1], n_near / n_relevant as f64);
    }
}

#[test]
fn identities_add_up_to_the_set() {
    // Identity 1 finds itself, 2 never does, and 3 is alone.
    let samples = [(0.0, 1), (1.0, 1), (2.0, 1), (90.0, 2), (180.0, 2), (91.0, 3), (179.0, 4)];
    let retrieval = at_angles(&samples);
    let found = retrieval.by_identity();
    let seen: Vec<_> = found.iter().map(|it| (it.label, it.n_probes)).collect();
    assert_eq!(seen, [(1, 3), (2, 2)]);
    assert_eq!([found[0].figures.map_at_r, found[1].figures.map_at_r], [1.0, 0.0]);
    let sum: f64 = found.iter().map(|it| it.n_probes as f64 * it.figures.map_at_r).sum();
    assert_eq!(retrieval.figures().unwrap().map_at_r, sum / 5.0);
}

//! Tests of the measures of spread: cases worked by hand, and laws.

use proptest::prelude::*;

use super::*;
use crate::Embedding;

fn on_circle(degrees: &[f32]) -> PackedEmbeddings {
    let mut rows = PackedEmbeddings::new(2);
    for angle in degrees {
        let (sin, cos) = angle.to_radians().sin_cos();
        rows.push(&Embedding::new(vec![cos, sin]).unwrap());
    }
    rows
}

/// Samples on the unit circle, at angles in degrees.
fn at_angles(samples: &[(f32, u64)]) -> Spread {
    let (angles, labels): (Vec<f32>, Vec<u64>) = samples.iter().copied().unzip();
    Spread::new(&on_circle(&angles), &labels)
}

/// Distance of two points of the unit circle, by the angle between them in degrees.
fn chord(degrees: f64) -> f64 {
    2.0 * (degrees.to_radians() / 2.0).sin()
}

fn array<T>(figures: SpreadFigures<T>) -> [T; 9] {
    let SpreadFigures {
        mean_within,
        max_within,
        mean_between,
        min_between,
        mean_centers,
        min_centers,
        ratio,
        dunn,
        misplaced,
    } = figures;
    [
        mean_within,
        max_within,
        mean_between,
        min_between,
        mean_centers,
        min_centers,
        ratio,
        dunn,
        misplaced,
    ]
}

#[track_caller]
fn check(spread: &Spread, expected: [Option<f64>; 9]) {
    let found = array(spread.figures());
    for (found, expected) in found.iter().zip(expected) {
        let close = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-6,
            (found, expected) => *found == expected,
        };
        assert!(close, "{found:?} is not {expected:?}");
    }
}

#[test]
fn two_pairs_are_worked_by_hand() {
    // Between are angles of 60, 100, 50 and 90 degrees; the centers are at 5 and 80.
    let spread = at_angles(&[(0.0, 7), (10.0, 7), (60.0, 9), (100.0, 9)]);
    let within = f64::midpoint(chord(10.0), chord(40.0));
    let between = (chord(60.0) + chord(100.0) + chord(50.0) + chord(90.0)) / 4.0;
    let expected = [
        within,
        chord(40.0),
        between,
        chord(50.0),
        chord(75.0),
        chord(75.0),
        between / within,
        chord(50.0) / chord(40.0),
        0.0,
    ];
    check(&spread, expected.map(Some));
    let first = &spread.identities()[0];
    assert_eq!((first.label, first.n_samples, first.n_misplaced), (7, 2, Some(0)));
    assert_eq!((first.between.unwrap().nearest, first.centers.unwrap().nearest), (9, 9));
}

#[test]
fn an_identity_counts_once_whatever_the_number_of_its_samples() {
    let few = at_angles(&[(0.0, 1), (10.0, 1), (90.0, 2), (110.0, 2)]).figures();
    // The same four places; the second identity has been photographed more often.
    let more = [(0.0, 1), (10.0, 1), (90.0, 2), (110.0, 2), (90.0, 2), (110.0, 2)];
    let more = at_angles(&more);
    let second = more.identities()[1].within.unwrap();
    assert!((second.mean - chord(20.0) * 4.0 / 6.0).abs() < 1e-6);
    let expected = f64::midpoint(chord(10.0), second.mean);
    assert!((more.figures().mean_within.unwrap() - expected).abs() < 1e-6);
    assert!((more.figures().mean_between.unwrap() - few.mean_between.unwrap()).abs() < 1e-9);
}

#[test]
fn a_sample_is_not_held_to_a_center_of_its_own_making() {
    // With the sample in it, the center of the first would be 30 away from both, nearer than 42.
    let spread = at_angles(&[(0.0, 1), (60.0, 1), (40.0, 2), (44.0, 2)]);
    assert_eq!(spread.identities()[0].n_misplaced, Some(2));
    assert_eq!(spread.identities()[1].n_misplaced, Some(0));
    let spread =
        at_angles(&[(0.0, 1), (10.0, 1), (20.0, 1), (9.0, 1), (80.0, 2), (90.0, 2), (11.0, 2)]);
    assert_eq!(spread.identities()[1].n_misplaced, Some(1));
    // A share of the samples: identities count by their number of them, and by their weight.
    assert_eq!(spread.figures().misplaced, Some(1.0 / 7.0));
    assert_eq!(spread.weighted(&[2, 1])[8], Some(1.0 / 11.0));
}

#[test]
fn what_nothing_is_known_of_has_no_figure() {
    check(&at_angles(&[]), [None; 9]);
    let pair = [Some(chord(30.0)), Some(chord(30.0))];
    let [mean, max] = pair;
    check(
        &at_angles(&[(0.0, 1), (30.0, 1)]),
        [mean, max, None, None, None, None, None, None, None],
    );
    let strangers = at_angles(&[(0.0, 1), (30.0, 2)]);
    check(&strangers, [None, None, mean, mean, mean, mean, None, None, None]);
    // All embeddings the same: nothing is within, and no ratio to it.
    let collapsed = at_angles(&[(5.0, 1), (5.0, 1), (5.0, 2), (5.0, 2)]).figures();
    assert_eq!((collapsed.max_within, collapsed.min_between), (Some(0.0), Some(0.0)));
    assert_eq!((collapsed.ratio, collapsed.dunn, collapsed.misplaced), (None, None, Some(0.0)));
}

#[test]
fn opposite_samples_have_no_center() {
    let spread = at_angles(&[(0.0, 1), (180.0, 1), (80.0, 2), (100.0, 2), (91.0, 3)]);
    assert_eq!(spread.identities()[0].centers, None);
    let second = spread.identities()[1].centers.unwrap();
    assert_eq!(second.nearest, 3);
    assert!((second.mean - chord(1.0)).abs() < 1e-6);
}

#[test]
fn intervals_hold_the_figures_and_extremes_reach_to_one_side() {
    let samples: Vec<(f32, u64)> =
        (0..60).map(|k| ((k / 3 * 17 + k % 3 * (k / 3)) as f32, k / 3)).collect();
    let spread = at_angles(&samples);
    let estimates = spread.estimates(&Bootstrap::default());
    for (estimate, figure) in array(estimates).iter().zip(array(spread.figures())) {
        let (estimate, figure) = (estimate.unwrap(), figure.unwrap());
        assert_eq!(estimate.value, figure);
        assert!(estimate.lower <= figure && figure <= estimate.upper, "{estimate:?}");
    }
    let max = estimates.max_within.unwrap();
    assert!(max.lower < max.value && max.upper == max.value, "{max:?}");
    assert!(estimates.ratio.unwrap().lower < estimates.ratio.unwrap().upper);
    let none = spread.estimates(&Bootstrap { n_replicates: 0, seed: 0 }).mean_within.unwrap();
    assert_eq!((none.lower, none.upper), (0.0, 2.0));
}

#[test]
fn before_and_after_are_compared_on_the_same_identities() {
    let at = |width: f32| {
        let samples: Vec<(f32, u64)> =
            (0..20).flat_map(|k| [(k as f32 * 18.0, k), (k as f32 * 18.0 + width, k)]).collect();
        at_angles(&samples)
    };
    let change = at(4.0).change_from(&at(8.0), &Bootstrap::default()).unwrap();
    let within = change.mean_within.unwrap();
    // All identities shrank alike: nothing is uncertain about it.
    assert!((within.value - (chord(4.0) - chord(8.0))).abs() < 1e-6);
    assert!((within.upper - within.lower).abs() < 1e-6, "{within:?}");
    assert!(change.ratio.unwrap().lower > 0.0 && change.dunn.unwrap().lower > 0.0);
    let others = at_angles(&[(0.0, 1), (1.0, 1)]);
    assert_eq!(others.change_from(&at(8.0), &Bootstrap::default()), None);
}

proptest! {
    #[test]
    fn figures_keep_their_bounds_and_neither_names_nor_order_matter(
        samples in prop::collection::vec((0u16..360, 0u64..5), 0..40), turn in 0usize..40,
    ) {
        let samples: Vec<(f32, u64)> =
            samples.iter().map(|&(angle, label)| (f32::from(angle), label)).collect();
        let mut other: Vec<(f32, u64)> =
            samples.iter().map(|&(angle, label)| (angle, u64::MAX - 3 * label)).collect();
        other.rotate_left(turn % samples.len().max(1));
        let (found, other) = (array(at_angles(&samples).figures()), array(at_angles(&other).figures()));
        for (idx, (found, other)) in found.into_iter().zip(other).enumerate() {
            // A tie of two centers falls to rounding, as their sums come in another order.
            let tolerance = if idx == 8 { 1.0 } else { 1e-5 * (1.0 + found.unwrap_or_default()) };
            prop_assert_eq!(found.is_some(), other.is_some());
            if let (Some(found), Some(other)) = (found, other) {
                prop_assert!((found - other).abs() <= tolerance, "{}: {} {}", idx, found, other);
                prop_assert!(found >= 0.0 && found <= RANGES[idx][1] + 1e-6);
            }
        }
        for [mean, worst] in [[found[0], found[1]], [found[3], found[2]], [found[5], found[4]]] {
            // Through similarities in f32, a mean is as exact as they are.
            prop_assert!(mean.zip(worst).is_none_or(|(lower, upper)| lower <= upper + 1e-3));
        }
    }

    #[test]
    fn copies_of_one_point_an_identity_are_perfect(n_identities in 2u64..20, n_samples in 2usize..5) {
        let angle = |label: u64| label as f32 * 340.0 / n_identities as f32;
        let samples: Vec<(f32, u64)> =
            (0..n_identities).flat_map(|label| vec![(angle(label), label); n_samples]).collect();
        let figures = at_angles(&samples).figures();
        prop_assert_eq!((figures.max_within, figures.misplaced), (Some(0.0), Some(0.0)));
        prop_assert!(figures.min_between > Some(0.0));
        prop_assert_eq!((figures.ratio, figures.dunn), (None, None));
    }
}

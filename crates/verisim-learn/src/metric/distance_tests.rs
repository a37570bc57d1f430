//! Distances beside those of the reference, differences of their gradients, and where digits cancel.

use std::path::Path;

use serde::Deserialize;

use super::distance::Distance;
use super::loss::contract::clustered;
use super::matrix::Matrix;

#[derive(Deserialize)]
struct Golden {
    distance: GoldenDistance,
    embeddings: Vec<Vec<f64>>,
    references: Vec<Vec<f64>>,
    apart: Part,
    within: Part,
}

#[derive(Deserialize)]
struct GoldenDistance {
    class: String,
    normalize_embeddings: bool,
    p: f64,
    power: f64,
}

#[derive(Deserialize)]
struct Part {
    values: Vec<Vec<f64>>,
    grad: Vec<Vec<f64>>,
    #[serde(default)]
    reference_grad: Vec<Vec<f64>>,
}

fn ours(golden: &GoldenDistance) -> Distance {
    let GoldenDistance { class, normalize_embeddings: normalize, p, power } = golden;
    match (class.as_str(), *normalize) {
        ("LpDistance", normalize) => Distance::Lp { p: *p, power: *power, normalize },
        ("CosineSimilarity", true) => Distance::Cosine,
        ("DotProductSimilarity", false) => Distance::Dot,
        ("SNRDistance", normalize) => Distance::Snr { normalize },
        other => panic!("{other:?} is not known here"),
    }
}

fn matrix(rows: &[Vec<f64>]) -> Matrix {
    Matrix::new(rows.concat(), [rows.len(), rows[0].len()])
}

#[track_caller]
fn assert_close(what: &str, found: &Matrix, expected: &Matrix, allowed: f64) {
    assert_eq!(found.shape(), expected.shape(), "{what}");
    for (found, expected) in found.data().iter().zip(expected.data()) {
        let difference = (found - expected).abs();
        assert!(difference <= allowed * expected.abs().max(1.0), "{what}: {found}, not {expected}");
    }
}

/// What each distance counts in the sum whose gradient is taken.
fn weights(shape: [usize; 2], with_diagonal: bool) -> Matrix {
    Matrix::from_fn(shape, |i, j| {
        if i == j && !with_diagonal { 0.0 } else { (i as f64 + 2.0 * j as f64).cos() }
    })
}

#[test]
fn distances_agree_with_their_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/distances");
    // The quick build of this part alone has no golden files of its own.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut n_files = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let golden: Golden =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let (distance, name) = (ours(&golden.distance), path.display().to_string());
        let (rows, references) = (matrix(&golden.embeddings), matrix(&golden.references));
        let apart = distance.compare(&rows, Some(&references));
        assert_close(&name, &apart.values, &matrix(&golden.apart.values), 1e-7);
        let (to_rows, to_references) = apart.backward(&weights([5, 3], true));
        assert_close(&name, &to_rows, &matrix(&golden.apart.grad), 1e-7);
        let expected = matrix(&golden.apart.reference_grad);
        assert_close(&name, &to_references.unwrap(), &expected, 1e-7);
        let within = distance.compare(&rows, None);
        assert_close(&name, &within.values, &matrix(&golden.within.values), 1e-7);
        let (to_rows, none) = within.backward(&weights([5, 5], false));
        assert_close(&name, &to_rows, &matrix(&golden.within.grad), 1e-7);
        assert!(none.is_none());
        n_files += 1;
    }
    assert!(n_files > 0, "there are no golden files of distances");
}

fn all() -> Vec<Distance> {
    let mut all = vec![
        Distance::Cosine,
        Distance::Dot,
        Distance::Snr { normalize: true },
        Distance::Snr { normalize: false },
    ];
    for p in [1.0, 1.5, 2.0, 3.0] {
        for power in [1.0, 2.0, 0.5] {
            all.extend([true, false].map(|normalize| Distance::Lp { p, power, normalize }));
        }
    }
    all
}

#[test]
fn gradients_agree_with_differences() {
    let rows = clustered(&[0, 1, 2, 0, 1], 4, 0.7, 1);
    let references = clustered(&[0, 3, 2], 4, 0.7, 2);
    for distance in all() {
        for others in [None, Some(&references)] {
            let m = others.unwrap_or(&rows).n_rows();
            let weights = weights([5, m], others.is_some());
            let sum = |rows: &Matrix, others: Option<&Matrix>| -> f64 {
                let values = distance.compare(rows, others).values;
                values.data().iter().zip(weights.data()).map(|(value, weight)| value * weight).sum()
            };
            let (to_rows, to_others) = distance.compare(&rows, others).backward(&weights);
            let moved = |matrix: &Matrix, index: usize, by: f64| {
                let mut matrix = matrix.clone();
                matrix.data_mut()[index] += by;
                matrix
            };
            let slopes = Matrix::from_fn(rows.shape(), |i, k| {
                let at = |by| sum(&moved(&rows, 4 * i + k, by), others);
                (at(1e-6) - at(-1e-6)) / 2e-6
            });
            assert_close(&format!("{distance:?}"), &to_rows, &slopes, 1e-6);
            let Some((others, to_others)) = others.zip(to_others) else { continue };
            let slopes = Matrix::from_fn(others.shape(), |i, k| {
                let at = |by| sum(&rows, Some(&moved(others, 4 * i + k, by)));
                (at(1e-6) - at(-1e-6)) / 2e-6
            });
            assert_close(&format!("{distance:?} of references"), &to_others, &slopes, 1e-6);
        }
    }
}

#[test]
fn a_row_is_at_a_distance_of_exactly_0_from_itself() {
    let mut rows = clustered(&[0; 40], 33, 1.0, 3);
    rows.scale(1e3);
    let same = rows.clone();
    for distance in all().into_iter().filter(|it| !it.is_similarity()) {
        for others in [None, Some(&same)] {
            let values = distance.compare(&rows, others).values;
            assert!((0..40).all(|i| values[(i, i)] == 0.0), "{distance:?}");
        }
    }
}

#[test]
fn near_duplicates_keep_their_distance() {
    // Lengths of exactly 1 along an axis, so that scaling rounds nothing away; of any length elsewhere.
    for scale in [1.0, 1e4] {
        for step in [1e-3, 1e-4, 1e-6, 1e-8] {
            let rows = Matrix::new(vec![scale, 0.0, 0.0, scale, scale * step, 0.0], [2, 3]);
            let raw = Distance::Lp { p: 2.0, power: 1.0, normalize: false };
            let found = raw.compare(&rows, None).values[(0, 1)];
            assert!((found / (scale * step) - 1.0).abs() < 1e-6, "{found}");
            let found = Distance::EUCLIDEAN.compare(&rows, None).values[(0, 1)];
            // A chord of the angle arctan(step).
            let expected = 2.0 * (step.atan() / 2.0).sin();
            assert!((found / expected - 1.0).abs() < 1e-6, "{found}, not {expected}");
        }
    }
    // Among many long rows, where a product of matrices would cancel.
    let mut rows = clustered(&[0; 60], 128, 1.0, 4);
    for k in 0..128 {
        rows[(1, k)] = rows[(0, k)] * (1.0 + 1e-7 * (k as f64).sin());
    }
    let expected: f64 = (0..128).map(|k| (rows[(0, k)] - rows[(1, k)]).powi(2)).sum();
    for power in [1.0, 2.0, 0.5] {
        let found = Distance::Lp { p: 2.0, power, normalize: false }.compare(&rows, None).values;
        let expected = expected.powf(power / 2.0);
        assert!((found[(0, 1)] / expected - 1.0).abs() < 1e-6, "{power}: {}", found[(0, 1)]);
        assert_eq!(found[(0, 1)], found[(1, 0)]);
    }
}

#[test]
fn zeros_equal_rows_and_extreme_lengths_stay_finite() {
    for scale in [1.0, 1e15, 1e-15, 1e-30] {
        let mut rows = Matrix::new(
            vec![0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, -1.0, 0.5, 0.0, 2.0, 2.0, 2.0],
            [5, 3],
        );
        rows.scale(scale);
        let same = rows.clone();
        for distance in all() {
            for others in [None, Some(&same)] {
                let compared = distance.compare(&rows, others);
                assert!(compared.values.is_finite(), "{distance:?} at {scale}");
                let (to_rows, to_others) = compared.backward(&weights([5, 5], true));
                let is_finite =
                    to_rows.is_finite() && to_others.is_none_or(|others| others.is_finite());
                assert!(is_finite, "{distance:?} at {scale}: {:?}", to_rows.data());
            }
        }
    }
    // A row of zeros has no direction, and nothing moves it.
    let rows = Matrix::new(vec![0.0, 0.0, 1.0, 1.0], [2, 2]);
    for distance in [Distance::EUCLIDEAN, Distance::Cosine] {
        let (to_rows, _) = distance.compare(&rows, None).backward(&weights([2, 2], true));
        assert_eq!(to_rows.row(0), [0.0, 0.0], "{distance:?}");
    }
}

#[test]
fn no_value_is_less_than_zero_by_its_sign_alone() {
    // Few values a component: many products are 0, of either sign.
    let rows = |n: usize, dim, seed| {
        let mut rows = clustered(&vec![0; n], dim, 0.7, seed);
        rows.data_mut().iter_mut().for_each(|it| *it = (1.4 * *it).round());
        rows
    };
    let mut n_zeros = 0;
    for distance in [Distance::Dot, Distance::Cosine, Distance::SQUARED, Distance::EUCLIDEAN] {
        for (seed, n, n_references) in [(1, 1, 15), (2, 40, 29), (3, 30, 0), (4, 300, 0)] {
            for dim in [1, 2, 3, 8] {
                let embeddings = rows(n, dim, seed);
                let references = (n_references > 0).then(|| rows(n_references, dim, seed + 9));
                let values = distance.compare(&embeddings, references.as_ref()).values;
                n_zeros += values.data().iter().filter(|it| **it == 0.0).count();
                let is_signed = |it: &&f64| **it == 0.0 && it.is_sign_negative();
                assert_eq!(values.data().iter().find(is_signed), None, "{distance:?}, {n}, {dim}");
            }
        }
    }
    assert!(n_zeros > 1000);
}

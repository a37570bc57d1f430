//! Ten thousand random small batches through every loss: no panic, nothing that is not finite.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::kind::Form;
use super::{LossConfig, LossKind};
use crate::metric::distance::Distance;
use crate::metric::golden::classify::classify;
use crate::metric::matrix::Matrix;
use crate::metric::relevance::{Relations, SameLabel};
use crate::metric::scene::{Batch, Options, evaluate};

/// Batches, most of them with something odd about them.
#[derive(Clone, Debug)]
struct Case {
    rows: Vec<f64>,
    references: Vec<f64>,
    labels: Vec<u64>,
    reference_labels: Vec<u64>,
    dim: usize,
}

fn rows(n: usize, dim: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![
        8 => -2.0..2.0f64,
        2 => Just(0.0),
        1 => Just(1.0),
        1 => Just(-1.0),
    ];
    let scale = prop_oneof![6 => Just(1.0), 1 => Just(1e-18), 1 => Just(1e-3), 1 => Just(1e15)];
    let copies = prop::bool::weighted(0.3);
    (prop::collection::vec(value, n * dim), scale, copies).prop_map(
        move |(mut rows, scale, copies)| {
            if copies && n > 1 {
                // Some samples are the same picture.
                let first = rows[..dim].to_vec();
                rows[(n - 1) * dim..].copy_from_slice(&first);
            }
            for value in &mut rows {
                *value *= scale;
            }
            rows
        },
    )
}

fn case() -> impl Strategy<Value = Case> {
    (1..9usize, 1..6usize, 1..6usize, 1..5u64).prop_flat_map(|(n, m, dim, n_identities)| {
        let labels = |n| prop::collection::vec(0..n_identities, n);
        (rows(n, dim), rows(m, dim), labels(n), labels(m)).prop_map(
            move |(rows, references, labels, reference_labels)| Case {
                rows,
                references,
                labels,
                reference_labels,
                dim,
            },
        )
    })
}

/// Every loss, and the distances that any loss may be asked to use.
fn check(case: &Case) -> Result<(), TestCaseError> {
    let Case { rows, references, labels, reference_labels, dim } = case;
    let features = Matrix::new(rows.clone(), [labels.len(), *dim]);
    let others = Matrix::new(references.clone(), [reference_labels.len(), *dim]);
    let within = Relations::within(labels);
    let against = Relations::new(
        [labels.len(), reference_labels.len()],
        &SameLabel { probes: labels, references: reference_labels },
    );
    for name in LossKind::NAMES.iter().filter(|name| **name != "sum") {
        let config: LossConfig = toml::from_str(&format!("kind = {name:?}")).unwrap();
        match config.kind.form() {
            Form::Sum(_) => {}
            Form::Classes(loss) => {
                let classes: Vec<usize> = labels.iter().map(|&label| label as usize).collect();
                let n_identities = 5;
                let n_centers = n_identities * loss.centers_per_identity();
                let centers = Matrix::from_fn([n_centers, *dim], |row, column| {
                    references[(row * dim + column) % references.len()]
                });
                let parameters = loss.parameters(n_identities);
                let found = classify(loss, &features, &centers, &classes, &parameters);
                prop_assert!(found.value.is_finite(), "{name}: {}", found.value);
                prop_assert!(found.features.is_finite() && found.centers.is_finite(), "{name}");
            }
            Form::Tuples(loss) => {
                let parameters = loss.parameters(5, *dim);
                for (references, relations) in [(None, &within), (Some(&others), &against)] {
                    let batch = Batch {
                        embeddings: &features,
                        references,
                        relations,
                        labels: Some(labels),
                    };
                    for distance in [None, Some(&Distance::Cosine), Some(&Distance::EUCLIDEAN)] {
                        let options =
                            Options { distance, parameters: &parameters, ..Options::default() };
                        let found = evaluate(loss, batch, &options);
                        prop_assert!(
                            found.value.is_finite(),
                            "{name} {distance:?}: {}",
                            found.value
                        );
                        let is_finite = found.embeddings.is_finite()
                            && found.references.as_ref().is_none_or(Matrix::is_finite)
                            && found.parameters.iter().all(|value| value.is_finite());
                        prop_assert!(is_finite, "{name} {distance:?}: {found:?}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[test]
fn no_batch_makes_a_loss_panic_or_infinite() {
    let is_asked = std::env::var_os("RUN_SLOW_TESTS").is_some();
    let cases = if is_asked { 10_000 } else { 1_000 };
    let mut runner = TestRunner::new(Config { cases, ..Config::default() });
    runner.run(&case(), |case| check(&case)).unwrap();
}

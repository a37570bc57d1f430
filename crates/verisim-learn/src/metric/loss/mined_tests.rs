//! Losses over pairs with the very pairs or triplets that a miner of the reference chose.

use serde_json::Value;

use super::*;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::relevance::Relations;
use crate::metric::scene::{Batch, TupleLoss, scene};
use crate::metric::tuples::{Pairs, Tuples};

fn rows(value: &Value) -> Matrix {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Matrix::new(rows.concat(), [rows.len(), rows[0].len()])
}

fn tuples(value: &Value) -> Tuples {
    let parts: Vec<Vec<usize>> = serde_json::from_value(value.clone()).unwrap();
    let zip = |a: &[usize], b: &[usize]| a.iter().zip(b).map(|(&a, &b)| [a, b]).collect();
    match parts.as_slice() {
        [a, mated, b, other] => {
            Tuples::Pairs(Pairs { mated: zip(a, mated), non_mated: zip(b, other) })
        }
        [a, mated, other] => Tuples::Triplets(
            a.iter()
                .zip(mated)
                .zip(other)
                .map(|((&a, &mated), &other)| [a, mated, other])
                .collect(),
        ),
        _ => panic!("tuples of {} parts", parts.len()),
    }
}

/// Checks value and gradient against a file of `reference/losses_pairs.py`.
#[track_caller]
fn check(case: &str, loss: &dyn TupleLoss, distance: Distance) {
    let path = format!("{}/testdata/losses/{case}.json", env!("CARGO_MANIFEST_DIR"));
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let labels: Vec<u64> = serde_json::from_value(golden["labels"].clone()).unwrap();
    let (embeddings, relations) = (rows(&golden["embeddings"]), Relations::within(&labels));
    let batch =
        Batch { embeddings: &embeddings, references: None, relations: &relations, labels: None };
    let reducer = loss.reducer();
    let mut scene = scene(batch, distance, &reducer);
    scene.tuples = Some(tuples(&golden["miner"]["tuples"]));
    let slope = loss.evaluate(&scene);
    let compared = distance.compare(&embeddings, None);
    let (gradient, _) = compared.backward(&slope.values.unwrap());
    let (value, expected) = (golden["loss"].as_f64().unwrap(), rows(&golden["grad"]));
    assert!((slope.value - value).abs() < 1e-6, "{case}: {}, not {value}", slope.value);
    for (found, expected) in gradient.data().iter().zip(expected.data()) {
        assert!((found - expected).abs() < 1e-6, "{case}: {found}, not {expected}");
    }
}

#[test]
fn mined_pairs_agree_with_the_reference() {
    let loss = MultiSimilarityLoss { alpha: 2.0, beta: 50.0, base: 0.5 };
    check("multi_similarity_mined", &loss, Distance::Cosine);
    let loss = CircleLoss { margin: 0.4, scale: 4.0, weights: CircleWeights::Constant };
    check("circle_mined", &loss, Distance::Cosine);
    check("supcon_mined", &SupConLoss { temperature: 0.3 }, Distance::Cosine);
}

#[test]
fn pairs_of_several_triplets_count_once_where_the_reference_marks_them_in_a_matrix() {
    let loss = MultiSimilarityLoss { alpha: 2.0, beta: 50.0, base: 0.5 };
    check("multi_similarity_triplets", &loss, Distance::Cosine);
    let loss = GeneralizedLiftedStructureLoss { mated_margin: 0.0, margin: 1.0 };
    check("generalized_lifted_structure_mined", &loss, Distance::Cosine);
}

#[test]
fn pairs_of_several_triplets_count_as_often_where_the_reference_lists_them() {
    let loss = ContrastiveLoss { mated_margin: 0.0, margin: 1.2 };
    check("contrastive_mined", &loss, Distance::EUCLIDEAN);
    let loss = LiftedStructureLoss { mated_margin: 0.0, margin: 0.5 };
    check("lifted_structure_mined", &loss, Distance::EUCLIDEAN);
    check("ntxent_mined", &NtxentLoss { temperature: 0.2, compat: None }, Distance::Cosine);
    let loss = IntraPairVarianceLoss { mated_slack: 0.01, slack: 0.01 };
    check("intra_pair_variance_mined", &loss, Distance::Cosine);
}

//! Measures of retrieval beside the values of their reference implementation.

use std::collections::BTreeMap;

use serde::Deserialize;
use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::Retrieval;

use super::{differences, files};

#[derive(Deserialize)]
struct Golden {
    embeddings: Vec<Vec<f32>>,
    labels: Vec<u64>,
    figures: BTreeMap<String, f64>,
}

/// Every sample queries all the others.
#[test]
fn measures_agree_with_their_golden_files() {
    for path in files("metrics") {
        let text = std::fs::read_to_string(&path).unwrap();
        let golden: Golden = serde_json::from_str(&text).unwrap();
        let mut packed = PackedEmbeddings::new(golden.embeddings[0].len());
        for row in golden.embeddings {
            packed.push(&Embedding::new(row).unwrap());
        }
        let found = Retrieval::leave_one_out(&packed, &golden.labels).figures().unwrap();
        for (name, expected) in golden.figures {
            let found = match name.as_str() {
                "precision_at_1" => found.recall_at_1,
                "r_precision" => found.r_precision,
                "mean_average_precision_at_r" => found.map_at_r,
                "mean_average_precision" => found.map,
                "mean_reciprocal_rank" => found.mrr,
                other => panic!("{}: {other} is not known here", path.display()),
            };
            let problem = differences(&name, &[found], &[expected]);
            assert_eq!(problem, None, "{}", path.display());
        }
    }
}

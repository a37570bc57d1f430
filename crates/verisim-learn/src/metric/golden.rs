//! Losses and miners beside the values of their reference implementations, file by file.

mod classes;
pub(crate) mod classify;
mod measures;
mod miners;
mod pairs;
mod ranking;
mod triplets;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use self::classes::class_loss;
use self::classify::classify;
use self::miners::miner;
use super::class::scene::ClassLoss;
use super::distance::Distance;
use super::matrix::Matrix;
use super::miner::Miner;
use super::reducer::Reducer;
use super::relevance::{Relations, SameLabel};
use super::scene::{Batch, Options, TupleLoss, evaluate, scene};
use super::tuples::Tuples;

/// Parameters by the name that the reference gives them.
pub(crate) struct Params(Map<String, Value>);

impl Params {
    /// A number, or what the reference takes if it is not given.
    pub(crate) fn number(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).and_then(Value::as_f64).unwrap_or(default)
    }

    /// A count.
    pub(crate) fn count(&self, name: &str, default: usize) -> usize {
        self.0.get(name).and_then(Value::as_u64).map_or(default, |count| count as usize)
    }

    /// Yes or no.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(default)
    }

    /// Whether there is a value, other than none.
    pub(crate) fn given(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// A word.
    pub(crate) fn word(&self, name: &str, default: &'static str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or(default)
    }
}

#[derive(Deserialize)]
struct Golden {
    class: String,
    #[serde(default)]
    params: Map<String, Value>,
    distance: Option<GoldenDistance>,
    #[serde(default)]
    miner: Option<GoldenMiner>,
    embeddings: Vec<Vec<f64>>,
    labels: Vec<u64>,
    #[serde(default)]
    weights: Map<String, Value>,
    #[serde(default)]
    loss: f64,
    #[serde(default)]
    grad: Vec<Vec<f64>>,
    /// A second view of the same samples, if the loss compares with one.
    references: Option<Vec<Vec<f64>>>,
    #[serde(default)]
    reference_grad: Vec<Vec<f64>>,
    #[serde(default)]
    weight_grads: Map<String, Value>,
    #[serde(default)]
    tuples: Vec<Vec<usize>>,
}

#[derive(Deserialize)]
struct GoldenDistance {
    class: String,
    #[serde(default = "yes")]
    normalize_embeddings: bool,
    #[serde(default = "two")]
    p: f64,
    #[serde(default = "one")]
    power: f64,
}

#[derive(Deserialize)]
struct GoldenMiner {
    class: String,
    params: Map<String, Value>,
    distance: Option<String>,
    tuples: Vec<Vec<usize>>,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

impl GoldenDistance {
    fn ours(&self) -> Distance {
        let normalize = self.normalize_embeddings;
        match self.class.as_str() {
            "LpDistance" => Distance::Lp { p: self.p, power: self.power, normalize },
            "CosineSimilarity" => Distance::Cosine,
            "DotProductSimilarity" if normalize => Distance::Cosine,
            "DotProductSimilarity" => Distance::Dot,
            "SNRDistance" => Distance::Snr { normalize },
            other => panic!("the reference's distance {other} is not known here"),
        }
    }
}

impl GoldenMiner {
    /// The distance asked for, or the one that the reference's miner takes by itself.
    fn distance(&self) -> Distance {
        match (&self.distance, self.class.as_str()) {
            (Some(name), _) => named_distance(name),
            (None, "MultiSimilarityMiner") => Distance::Cosine,
            (None, _) => Distance::EUCLIDEAN,
        }
    }
}

/// The distance that the reference calls so.
fn named_distance(name: &str) -> Distance {
    let normalize = name.contains("normalized");
    let power = if name.contains("squared") { 2.0 } else { 1.0 };
    match name {
        _ if name.starts_with("lp2") => Distance::Lp { p: 2.0, power, normalize },
        _ if name.starts_with("cosine") => Distance::Cosine,
        other => panic!("the reference's distance {other} is not known here"),
    }
}

fn matrix(rows: &[Vec<f64>]) -> Matrix {
    Matrix::new(rows.concat(), [rows.len(), rows[0].len()])
}

/// The golden files of a kind: our own, the shared ones, and those of `VERISIM_GOLDEN`.
fn files(kind: &str) -> Vec<PathBuf> {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = crate_folder.join("testdata");
    let shared = crate_folder.join("../../../shared/golden");
    let asked = std::env::var_os("VERISIM_GOLDEN").map(PathBuf::from);
    if let Some(asked) = asked.as_ref().filter(|asked| !asked.is_dir()) {
        panic!("VERISIM_GOLDEN is {}, which is no folder", asked.display());
    }
    let mut files = Vec::new();
    for folder in [Some(own), Some(shared), asked].into_iter().flatten() {
        let Ok(entries) = std::fs::read_dir(folder.join(kind)) else { continue };
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|path| path.extension().is_some_and(|it| it == "json"));
    files.sort();
    files
}

/// Compares numbers: within 1e-4 of the expected, or 1e-5 in all.
fn differences(what: &str, found: &[f64], expected: &[f64]) -> Option<String> {
    if found.len() != expected.len() {
        return Some(format!("{what} has {} numbers, not {}", found.len(), expected.len()));
    }
    let wrong = found.iter().zip(expected).position(|(found, expected)| {
        let is_close = (found - expected).abs() <= 1e-5f64.max(1e-4 * expected.abs());
        // A NaN is not close to anything.
        !is_close
    })?;
    Some(format!("{what} at {wrong}: {}, not {}", found[wrong], expected[wrong]))
}

/// A loss over tuples, by the name that the reference gives it.
fn tuple_loss(class: &str, params: &Params) -> Option<Box<dyn TupleLoss>> {
    let groups = [pairs::tuple_loss, ranking::tuple_loss, triplets::tuple_loss];
    groups.into_iter().find_map(|group| group(class, params))
}

fn check_tuple_loss(golden: &Golden, loss: &dyn TupleLoss) -> Vec<String> {
    let embeddings = matrix(&golden.embeddings);
    let references = golden.references.as_deref().map(matrix);
    let relations = match references {
        Some(_) => Relations::new(
            [golden.labels.len(); 2],
            &SameLabel { probes: &golden.labels, references: &golden.labels },
        ),
        None => Relations::within(&golden.labels),
    };
    let batch = Batch {
        embeddings: &embeddings,
        references: references.as_ref(),
        relations: &relations,
        labels: Some(&golden.labels),
    };
    let distance = golden.distance.as_ref().map(GoldenDistance::ours);
    let chosen = golden.miner.as_ref().map(|it| miner(&it.class, &Params(it.params.clone())));
    let miner_distance = golden.miner.as_ref().map(GoldenMiner::distance);
    let parameters: Vec<f64> = golden.weights.values().flat_map(flat).collect();
    let found = evaluate(
        loss,
        batch,
        &Options {
            distance: distance.as_ref(),
            miner: chosen.as_ref(),
            miner_distance: miner_distance.as_ref(),
            parameters: &parameters,
            ..Options::default()
        },
    );
    let gradient = differences("gradient", found.embeddings.data(), &golden.grad.concat());
    let mut problems = vec![differences("loss", &[found.value], &[golden.loss]), gradient];
    let to_references = found.references.as_ref().map_or(&[][..], Matrix::data);
    problems.push(differences(
        "reference gradient",
        to_references,
        &golden.reference_grad.concat(),
    ));
    let to_parameters: Vec<f64> = golden.weight_grads.values().flat_map(flat).collect();
    problems.push(differences("parameter gradient", &found.parameters, &to_parameters));
    problems.into_iter().flatten().collect()
}

/// Compares tuples, in any order of the expected pairs unless `is_ordered`.
fn other_tuples(found: &Tuples, expected: &[Vec<usize>], is_ordered: bool) -> Option<String> {
    let columns = |tuples: &Tuples| -> Vec<Vec<usize>> {
        match tuples {
            Tuples::Triplets(triplets) => {
                (0..3).map(|part| triplets.iter().map(|it| it[part]).collect()).collect()
            }
            Tuples::Pairs(pairs) => [&pairs.mated, &pairs.non_mated]
                .into_iter()
                .flat_map(|pairs| [0, 1].map(|part| pairs.iter().map(|it| it[part]).collect()))
                .collect(),
        }
    };
    let found = columns(found);
    if is_ordered {
        return (found != expected).then(|| format!("tuples are {found:?}, not {expected:?}"));
    }
    let pairs = |columns: &[Vec<usize>]| -> Vec<Vec<[usize; 2]>> {
        let sorted = |columns: &[Vec<usize>]| {
            let both = columns[0].iter().zip(&columns[1]);
            let mut pairs: Vec<[usize; 2]> = both.map(|(&a, &b)| [a.min(b), a.max(b)]).collect();
            pairs.sort_unstable();
            pairs
        };
        columns.chunks(2).map(sorted).collect()
    };
    let (found, expected) = (pairs(&found), pairs(expected));
    (found != expected).then(|| format!("pairs are {found:?}, not {expected:?}"))
}

/// The numbers of nested lists, in order.
fn flat(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        other => vec![other.as_f64().unwrap()],
    }
}

fn numbers(value: &Value) -> Vec<Vec<f64>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// Rows of centers, whichever way the reference lays them.
fn centers(class: &str, name: &str, value: &Value) -> Matrix {
    let rows = matrix(&numbers(value));
    if name == "proxies" || class == "Softmax" {
        return rows;
    }
    Matrix::from_fn([rows.n_columns(), rows.n_rows()], |row, column| rows[(column, row)])
}

fn check_class_loss(golden: &Golden, loss: &dyn ClassLoss) -> Vec<String> {
    let is_bias = |value: &Value| value.get(0).is_some_and(Value::is_number);
    let bias = golden.weights.iter().find(|(_, value)| is_bias(value));
    let (name, weights) = golden.weights.iter().find(|(_, value)| !is_bias(value)).unwrap();
    let labels: Vec<usize> = golden.labels.iter().map(|&label| label as usize).collect();
    let centers_of = |value: &Value| centers(&golden.class, name, value);
    let rows = centers_of(weights);
    let flat = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
    let parameters = bias.map(|(_, value)| flat(value)).unwrap_or_default();
    let n_parameters = loss.parameters(rows.n_rows() / loss.centers_per_identity()).len();
    assert_eq!(parameters.len(), n_parameters, "not the parameters of {}", golden.class);
    let found = classify(loss, &matrix(&golden.embeddings), &rows, &labels, &parameters);
    let expected = centers_of(&golden.weight_grads[name]);
    let expected_bias = bias.map(|(name, _)| flat(&golden.weight_grads[name])).unwrap_or_default();
    let problems = [
        differences("loss", &[found.value], &[golden.loss]),
        differences("gradient", found.features.data(), &golden.grad.concat()),
        differences("weight gradient", found.centers.data(), expected.data()),
        differences("bias gradient", &found.parameters, &expected_bias),
    ];
    problems.into_iter().flatten().collect()
}

fn read(path: &Path) -> Golden {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn check_files(kind: &str, check: impl Fn(&Golden) -> Vec<String>) {
    let mut problems = Vec::new();
    let files = files(kind);
    for path in &files {
        for problem in check(&read(path)) {
            problems.push(format!("{}: {problem}", path.display()));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(!files.is_empty(), "there are no golden files of {kind}");
}

#[test]
fn losses_agree_with_their_golden_files() {
    check_files("losses", |golden| {
        let params = Params(golden.params.clone());
        if let Some(loss) = tuple_loss(&golden.class, &params) {
            check_tuple_loss(golden, loss.as_ref())
        } else if let Some(loss) = class_loss(golden, &params) {
            check_class_loss(golden, loss.as_ref())
        } else {
            vec![format!("the reference's loss {} is not known here", golden.class)]
        }
    });
}

/// What a miner chooses beside what the reference chose.
fn check_miner(
    golden: &Golden,
    chosen: &Miner,
    distance: Option<Distance>,
    tuples: &[Vec<usize>],
) -> Option<String> {
    let embeddings = matrix(&golden.embeddings);
    let relations = Relations::within(&golden.labels);
    let batch = Batch {
        embeddings: &embeddings,
        references: None,
        relations: &relations,
        labels: Some(&golden.labels),
    };
    chosen.check().unwrap();
    let distance = distance.or_else(|| chosen.distance()).unwrap_or(Distance::EUCLIDEAN);
    // `topk` lists equally hard pairs in no order that is documented, and where it cuts between the
    // two orders of one pair, either may stay.
    let is_ordered = !matches!(chosen, Miner::Hdc(_));
    other_tuples(&chosen.mine(&scene(batch, distance, &Reducer::Mean)), tuples, is_ordered)
}

#[test]
fn miners_agree_with_their_golden_files() {
    check_files("miners", |golden| {
        let chosen = miner(&golden.class, &Params(golden.params.clone()));
        let distance = golden.distance.as_ref().map(GoldenDistance::ours);
        check_miner(golden, &chosen, distance, &golden.tuples).into_iter().collect()
    });
}

#[test]
fn miners_of_losses_agree_with_their_golden_files() {
    check_files("losses", |golden| {
        let Some(mined) = &golden.miner else { return Vec::new() };
        let chosen = miner(&mined.class, &Params(mined.params.clone()));
        let distance = Some(mined.distance());
        check_miner(golden, &chosen, distance, &mined.tuples).into_iter().collect()
    });
}

//! A model with a head: DeepFace is trained, a unit over its embeddings' distances after it, and both are used.

use std::fs;

use serde_json::Value;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

const RECIPE: &str = "\
name = 'head'
epochs = 2
[input]
width = 40
height = 40
channels = 3
[backbone]
kind = 'deepface'
channels = [8, 8, 8, 8, 8]
windows = [5, 3, 3, 3, 3]
embedding_dim = 32
dropout = 0.2
[loss]
kind = 'softmax'
[sampler]
kind = 'shuffle'
batch = 16
[optimizer]
kind = 'adamw'
lr = 3e-3
[schedule]
kind = 'constant'
[split]
validation_identities = 8
[head]
kind = 'chi-squared'
pairs = 400
epochs = 5
";

#[test]
fn a_model_decides_by_the_head_that_it_carries() {
    let faces = Trained::get().faces();
    let face = |identity, image| Trained::get().face(identity, image);
    let scratch = Scratch::new();
    let recipe = scratch.write("recipe.toml", RECIPE);
    let out = scratch.path("run");
    verisim(["train", text(&recipe), "--data", text(&faces), "--out", text(&out)]).ok();
    let model = out.join("model.onnx");
    let again = scratch.path("again.onnx");
    verisim(["export", text(&out), "--out", text(&again)]).ok();
    assert!(fs::read(&again).unwrap() == fs::read(&model).unwrap(), "an export differs");

    let (a, b) = (face(1, 1), face(1, 2));
    let asked = |more: &[&str]| {
        let arguments = ["verify", "--model", text(&model), text(&a), text(&b), "--json"];
        let ran = verisim(arguments.iter().chain(more));
        (ran.status, serde_json::from_str::<Value>(&ran.stdout).unwrap_or_default(), ran.stderr)
    };
    let (status, said, _) = asked(&[]);
    let probability = said["probability"].as_f64().unwrap();
    assert_eq!((said["decided_by"].as_str(), &said["threshold"]), (Some("head"), &Value::Null));
    assert_eq!(status == 0, probability >= 0.5, "{said}");
    let (status, said, _) = asked(&["--threshold", "-1"]);
    assert_eq!((status, said["decided_by"].as_str()), (0, Some("cosine")));
    assert_eq!(said["probability"].as_f64(), Some(probability));
    let (status, _, error) = asked(&["--decide", "head", "--threshold", "0.5"]);
    assert_eq!(status, 2);
    assert!(error.contains("--decide head takes no --threshold"), "{error}");

    let arguments = ["evaluate", text(&model), "--data", text(&faces), "--head"];
    let few = ["--replicates", "10"];
    let json = verisim(arguments.iter().chain(&few).chain(&["--json"])).ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    for figure in ["/head/auc/value", "/head/balanced_accuracy"] {
        let value = json.pointer(figure).and_then(Value::as_f64).unwrap();
        assert!((0.5..=1.0).contains(&value), "{figure} is {value}");
    }
    let table = verisim(arguments.iter().chain(&few)).ok();
    assert!(table.contains("accuracy by the head"), "{table}");
}

#[test]
fn a_model_without_a_head_says_how_to_get_one() {
    let trained = Trained::get();
    let (model, face) = (trained.model(), trained.face(1, 1));
    let verify = ["verify", "--model", text(&model), text(&face), text(&face), "--decide", "head"];
    let ran = verisim(verify);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("carries no head; train one with [head]"), "{}", ran.stderr);
}

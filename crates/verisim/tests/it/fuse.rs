//! DeepID2 from end to end: networks of two patches are trained, joined, and measured as one.

use std::fs;

use serde_json::Value;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

/// A recipe for the patch `CROP`.
const RECIPE: &str = "\
name = 'NAME'
epochs = 2
[input]
width = 40
height = 40
channels = 3
CROP
[backbone]
kind = 'deepid2'
channels = [8, 8, 8, 8]
embedding_dim = 16
[loss]
kind = 'sum'
terms = [
    { loss = { kind = 'softmax' } },
    { weight = 0.05, loss = { kind = 'squared-contrastive', adapt_pairs = 1000 } },
]
[sampler]
kind = 'identities'
identities = 8
images = 2
[optimizer]
kind = 'adamw'
lr = 3e-3
[schedule]
kind = 'constant'
[split]
validation_identities = 4
";

#[test]
fn networks_of_two_patches_are_measured_as_one() {
    let faces = Trained::get().faces();
    let scratch = Scratch::new();
    let train = |name: &str, crop: &str| {
        let recipe = RECIPE.replace("NAME", name).replace("CROP", crop);
        let recipe = scratch.write(&format!("{name}.toml"), recipe);
        let out = scratch.path(name);
        verisim(["train", text(&recipe), "--data", text(&faces), "--out", text(&out)]).ok();
        out.join("model.onnx")
    };
    let whole = train("whole", "");
    let upper = train("upper", "crop = [0.1, 0.0, 0.8, 0.6]");
    let carries_crop =
        |path| String::from_utf8_lossy(&fs::read(path).unwrap()).contains("crop = [");
    assert_eq!((carries_crop(&whole), carries_crop(&upper)), (false, true));

    let fused = scratch.path("fused.json");
    let said = verisim([
        "fuse",
        "--models",
        text(&whole),
        text(&upper),
        "--data",
        text(&faces),
        "--out",
        text(&fused),
        "--components",
        "10",
    ]);
    assert_eq!(said.status, 0, "{}", said.stderr);
    let expected = "10 components of whole + upper, from 144 images of 24 identities";
    assert!(said.stderr.contains(expected), "{}", said.stderr);

    let arguments =
        ["evaluate", "--fuse", text(&fused), "--data", text(&faces), "--replicates", "10"];
    let json = verisim(arguments.iter().chain(&["--json"])).ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["basis"]["model"], "whole + upper");
    let auc = |pointer| json.pointer(pointer).and_then(Value::as_f64).unwrap();
    let (by_odds, by_cosine) = (auc("/joint_bayesian/auc/value"), auc("/verification/auc/value"));
    // It was fitted to these faces, so that it knows them better.
    assert!(by_odds > by_cosine && by_odds <= 1.0, "{by_odds} by the odds, {by_cosine} by cosine");
    let table = verisim(arguments).ok();
    assert!(table.contains("AUC by Joint Bayesian"), "{table}");

    fs::copy(&whole, &upper).unwrap();
    let ran = verisim(arguments);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("run `verisim fuse` again"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_no_fusion_is_refused() {
    let scratch = Scratch::new();
    let file = scratch.write("fused.json", "{}");
    let faces = Trained::get().faces();
    let ran = verisim(["evaluate", "--fuse", text(&file), "--data", text(&faces)]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("is no file of `verisim fuse`"), "{}", ran.stderr);
}

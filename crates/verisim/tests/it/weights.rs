//! Runs that begin with a file of weights, as a user starts, resumes and gets them wrong.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

/// The network of `testdata/pretrained/iresnet.pth`; at a rate of almost 0 it stays what it is.
const RECIPE: &str = "\
name = 'tuned'
epochs = 1
weights = 'iresnet.pth'
input = { width = 32, height = 32, channels = 3 }
[backbone]
kind = 'resnet'
depths = [1, 2, 1, 1]
widths = [4, 6, 8, 10]
leading_norm = true
embedding_dim = 12
[loss]
kind = 'arcface'
[sampler]
kind = 'shuffle'
batch = 16
[optimizer]
kind = 'sgd'
lr = 1e-3
[schedule]
kind = 'constant'
";

fn stored(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../verisim-learn/testdata/pretrained").join(name)
}

#[test]
fn a_run_begins_with_weights_beside_its_recipe_and_goes_on_without_them() {
    let scratch = Scratch::new();
    let weights = scratch.write("recipes/iresnet.pth", fs::read(stored("iresnet.pth")).unwrap());
    let recipe = scratch.write("recipes/tuned.toml", RECIPE);
    let (faces, out) = (Trained::get().faces(), scratch.path("run"));
    verisim(["train", text(&recipe), "--data", text(&faces), "--out", text(&out)]).ok();
    let kept = fs::read_to_string(out.join("recipe.toml")).unwrap();
    assert!(kept.contains(text(&weights)), "{kept}");
    let model = out.join("model.onnx");
    let card = verisim(["models", "show", text(&model)]).ok();
    assert!(
        card.contains("the terms of the data and of the weights it began with apply"),
        "{card}"
    );
    let first = fs::read(&model).unwrap();
    fs::remove_file(&weights).unwrap();
    verisim(["train", "--resume", text(&out)]).ok();
    assert!(fs::read(&model).unwrap() == first, "the resumed run gave another model");
}

#[test]
fn weights_that_do_not_fit_are_named_before_anything_is_written() {
    let scratch = Scratch::new();
    let recipe = scratch.write("tuned.toml", RECIPE.replace("depths = [1, 2", "depths = [2, 2"));
    let (faces, out) = (Trained::get().faces(), scratch.path("run"));
    let train = |weights: &str| {
        let data = ["--data", text(&faces), "--out", text(&out), "--weights", weights];
        let ran = verisim(["train", text(&recipe)].iter().chain(&data));
        assert_ne!(ran.status, 0);
        assert!(!out.exists());
        ran.stderr
    };
    let found = train(text(&stored("iresnet.safetensors")));
    assert!(found.contains("holds another network than the recipe's"), "{found}");
    assert!(found.contains("15 missing (layer1.1.conv1.weight [4, 4, 3, 3]; "), "{found}");
    let found = train("/nowhere.pth");
    assert!(found.contains("cannot read /nowhere.pth"), "{found}");
    let found = train(text(&recipe));
    assert!(found.contains("tuned.toml is no file of weights"), "{found}");
}

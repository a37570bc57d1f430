//! Models by name: listed, added, shown, checked, and used wherever a command takes a model.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Ran, Scratch, ran, shared, verisim};
use crate::flow::{Trained, text};

/// Runs the program with a folder of models that the environment names.
fn with_models(scratch: &Scratch, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verisim"));
    ran(command.env("VERISIM_MODELS", scratch.path("models")).args(arguments))
}

/// The trained model, installed.
fn installed() -> Scratch {
    let scratch = Scratch::new();
    let model = Trained::get().model();
    with_models(&scratch, &["models", "add", text(&model), "--name", "mine"]).ok();
    scratch
}

#[test]
fn an_added_model_is_called_by_its_name() {
    let (trained, scratch) = (Trained::get(), installed());
    let (face, gallery) = (trained.face(1, 1), scratch.path("gallery"));
    let (face, gallery, known) = (text(&face), text(&gallery), trained.faces());
    let embedded = with_models(&scratch, &["embed", "--model", "mine", face]).ok();
    assert_eq!(embedded, verisim(["embed", "--model", text(&trained.model()), face]).ok());

    let enroll = ["enroll", "--gallery", gallery, "--model", "mine", text(&known)];
    with_models(&scratch, &enroll).ok();
    // The gallery remembers where the model lies.
    verisim(["identify", "--gallery", gallery, "--threshold", "0.1", face]).ok();

    let fused = scratch.path("fused.json");
    let fuse = ["fuse", "--models", "mine", "--data", text(&known), "--out", text(&fused)];
    with_models(&scratch, &fuse).ok();
}

#[test]
fn a_file_counts_before_a_name() {
    let (trained, scratch) = (Trained::get(), installed());
    scratch.write("mine", "no model");
    let mut command = Command::new(env!("CARGO_BIN_EXE_verisim"));
    command.current_dir(scratch.path("")).env("VERISIM_MODELS", scratch.path("models"));
    let face = trained.face(1, 1);
    let ran = ran(command.args(["embed", "--model", "mine", text(&face)]));
    assert!(ran.stderr.contains("mine: the file is no ONNX model"), "{}", ran.stderr);
}

#[test]
fn a_name_that_nobody_has_is_answered_with_those_there_are() {
    let scratch = installed();
    let said = |name| {
        let ran = with_models(&scratch, &["embed", "--model", name, "a.jpg"]);
        assert_eq!(ran.status, 2);
        ran.stderr
    };
    assert!(said("mien").contains("did you mean mine?"), "{}", said("mien"));
    assert!(said("sface").contains("verisim models fetch sface"), "{}", said("sface"));
    let ran = with_models(&scratch, &["models", "fetch", "sfase"]);
    assert!(ran.stderr.contains("did you mean sface?"), "{}", ran.stderr);
    let ran = with_models(&scratch, &["models", "show", "mien"]);
    assert!(ran.stderr.contains("did you mean mine?"), "{}", ran.stderr);
}

#[test]
fn a_list_says_what_is_there_and_on_what_terms() {
    let scratch = installed();
    let lines = with_models(&scratch, &["models", "list", "--json"]).ok();
    let models: Vec<Value> = lines.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let of = |name: &str| models.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(of("yunet")["installed"], Value::Null);
    assert_eq!(
        (of("yunet")["bytes"].as_u64(), &of("yunet")["license"]),
        (Some(232_589), &"MIT".into())
    );
    assert_eq!(of("mine")["installed"], text(&scratch.path("models/mine.onnx")));
    let table = with_models(&scratch, &["models", "list"]).ok();
    assert!(table.contains("to be fetched") && table.contains("installed"), "{table}");
    let shown = with_models(&scratch, &["models", "show", "mine"]).ok();
    assert!(shown.contains("[training]") && shown.contains("# SHA-256 "), "{shown}");
    let shown = with_models(&scratch, &["models", "show", "sface", "--json"]).ok();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["commercial_use"], true);
}

#[test]
fn damage_is_found() {
    let scratch = installed();
    let verify = |names: &[&str]| with_models(&scratch, &[&["models", "verify"], names].concat());
    assert!(verify(&[]).ok().starts_with("mine: whole, SHA-256 "));
    assert!(verify(&["yunet"]).stderr.contains("yunet is not installed in"));

    let model = scratch.path("models/mine.onnx");
    let mut bytes = fs::read(&model).unwrap();
    bytes[100] ^= 1;
    fs::write(&model, bytes).unwrap();
    let ran = verify(&["mine"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stdout.starts_with("mine: DAMAGED, SHA-256 "), "{}", ran.stdout);
    scratch.write("models/yunet.onnx", "put here by hand, and cut off");
    assert_eq!(verify(&["yunet"]).status, 1);
    scratch.write("models/other.onnx", "nobody knows");
    assert!(verify(&["other"]).ok().contains("nobody wrote down"));
}

#[test]
fn what_is_added_does_what_its_card_says() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let model = trained.model();
    let add = |file: &str, further: &[&str]| {
        with_models(&scratch, &[&["models", "add", file], further].concat())
    };
    let refused = |ran: Ran, says: &str| {
        assert_eq!(ran.status, 2);
        assert!(ran.stderr.contains(says), "{says:?} is missing: {}", ran.stderr);
        assert!(!scratch.path("models/model.onnx").exists());
    };
    let letter = scratch.write("letter.onnx", "Dear Sir or Madam");
    refused(add(text(&letter), &[]), "no ONNX model");
    refused(add(text(&scratch.path("missing.onnx")), &[]), "cannot read");
    refused(add(text(&model), &["--name", "Mine!"]), "\"Mine!\" cannot be the name of a model");
    refused(add(text(&model), &["--name", "sface"]), "sface is the name of a published model");

    let shown = verisim(["models", "show", text(&model)]).ok();
    let card = scratch.write("wrong.toml", shown.replace("embedding_dim = ", "embedding_dim = 1"));
    refused(add(text(&model), &["--card", text(&card)]), "does not do what its card says");

    let card = scratch.write("right.toml", &shown);
    assert!(add(text(&model), &["--card", text(&card)]).ok().starts_with("model: "));
    let kept = fs::read_to_string(scratch.path("models/model.toml")).unwrap();
    assert!(kept.contains("sha256 = "), "{kept}");
    add(text(&model), &[]).ok();
    let other = scratch.write("other.onnx", [fs::read(&model).unwrap(), vec![0x1A, 0]].concat());
    let ran = add(text(&other), &["--name", "model", "--card", text(&card)]);
    assert_eq!(ran.status, 2, "{}", ran.stdout);
    assert!(fs::read(scratch.path("models/model.onnx")).unwrap() == fs::read(&model).unwrap());
}

#[test]
fn public_models_are_added_by_their_digest() {
    let scratch = Scratch::new();
    for (file, name, says) in [
        ("models/yunet_n_dynamic.onnx", "yunet-dynamic", "detection"),
        ("models/mobilefacenet_foamliu.onnx", "mobilefacenet-foamliu", "embedding_dim = 128"),
    ] {
        let Some(file) = shared(file) else { return };
        let added = with_models(&scratch, &["models", "add", text(&file)]).ok();
        assert!(added.starts_with(&format!("{name}: ")), "{added}");
        let shown = with_models(&scratch, &["models", "show", name]).ok();
        assert!(shown.contains(says), "{shown}");
    }
    assert_eq!(with_models(&scratch, &["models", "verify"]).ok().lines().count(), 2);
}

#[test]
fn a_detector_is_added_if_it_does_what_its_card_says() {
    let (Some(detector), Some(photos)) =
        (shared("models/yunet_n_dynamic.onnx"), shared("data/photos"))
    else {
        return;
    };
    let scratch = Scratch::new();
    // Other bytes, the same network: a field that no reader knows.
    let bytes = [fs::read(&detector).unwrap(), vec![0xFA, 0x3F, 0x01, 0x00]].concat();
    let other = scratch.write("other.onnx", bytes);
    let add = |card: &str| {
        let card = scratch.write("card.toml", card);
        with_models(&scratch, &["models", "add", text(&other), "--card", text(&card)])
    };
    let shown = with_models(&scratch, &["models", "show", text(&detector)]).ok();
    assert!(shown.contains("task = \"detection\""), "{shown}");
    let ran = with_models(&scratch, &["models", "add", text(&other)]);
    assert!(ran.status == 2 && ran.stderr.contains("other.onnx has no card"), "{}", ran.stderr);
    let refused = add(&shown);
    assert!(refused.stderr.contains("but its card says 104ee26c"), "{}", refused.stderr);
    let card: String = shown
        .lines()
        .filter(|it| !it.starts_with("sha256"))
        .fold(String::new(), |all, line| all + line + "\n");
    let refused = add(&card.replace("decoder = \"yunet\"", "decoder = \"scrfd\""));
    assert!(refused.stderr.contains("does not do what its card says"), "{}", refused.stderr);
    let refused = add(&card.replace("task = \"detection\"", "task = \"dentistry\""));
    assert!(refused.stderr.contains("dentistry"), "{}", refused.stderr);
    assert!(!scratch.path("models/other.onnx").exists());

    assert!(add(&card).ok().starts_with("other: "));
    let kept = fs::read_to_string(scratch.path("models/other.toml")).unwrap();
    assert!(kept.contains("sha256 = "), "{kept}");
    let lines = with_models(&scratch, &["models", "list", "--json"]).ok();
    let mut models = lines.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    assert_eq!(models.find(|it| it["name"] == "other").unwrap()["task"], "detection");
    let photograph = photos.join("006_A.jpg");
    let detect = ["detect", "--detector", "other", "--one-pass", "320", text(&photograph)];
    assert_eq!(with_models(&scratch, &detect).ok().lines().count(), 2);
}

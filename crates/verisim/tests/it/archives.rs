//! Faces as people have them: packed, looked into, checked, trained on and evaluated.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

/// Drawn faces of a trained model, packed.
fn packed(scratch: &Scratch) -> std::path::PathBuf {
    let faces = Trained::get().faces();
    let path = scratch.path("train.rec");
    verisim(["data", "pack", text(&faces), "--out", text(&path)]).ok();
    path
}

#[test]
fn a_packed_set_is_evaluated_as_its_folder_is() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let (records, model) = (packed(&scratch), trained.model());
    let evaluated = |data: &Path| {
        let json = verisim(["evaluate", text(&model), "--data", text(data), "--json"]).ok();
        let mut json: Value = serde_json::from_str(&json).unwrap();
        json["basis"]["data"] = Value::Null;
        json["data"] = Value::Null;
        json
    };
    assert_eq!(evaluated(&records), evaluated(&trained.faces()));
}

#[test]
fn a_packed_set_is_trained_on_to_the_same_weights() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let (records, out) = (packed(&scratch), scratch.path("run"));
    let recipe = trained.run().join("recipe.toml");
    verisim(["train", text(&recipe), "--data", text(&records), "--out", text(&out)]).ok();
    let metrics = |run: &Path| fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics(&out), metrics(&trained.run()));
}

#[test]
fn what_lies_there_is_told() {
    let scratch = Scratch::new();
    let records = packed(&scratch);
    let json = verisim(["data", "info", text(&records), "--json"]).ok();
    let info: Value = serde_json::from_str(&json).unwrap();
    let found = ["format", "pictures", "identities"].map(|key| info[key].to_string());
    assert_eq!(found, ["\"RecordIO\"", "144", "24"]);
    assert_eq!(info["sizes"].to_string(), "{\"48 x 48\":72}");
    let names = fs::read_to_string(records.with_extension("lst")).unwrap();
    assert!(names.starts_with("1\t0\t0001/0001.png\n"), "{names}");
    let said = verisim(["data", "info", text(&records)]).ok();
    assert!(said.contains("RecordIO, 144 pictures of 24 identities, 6 to 6 of each"), "{said}");
    verisim(["data", "check", text(&records)]).ok();
}

#[test]
fn corrupt_records_are_named_counted_and_skipped_only_if_asked() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let records = packed(&scratch);
    let mut bytes = fs::read(&records).unwrap();
    let index = fs::read_to_string(records.with_extension("idx")).unwrap();
    let position = |number: usize| -> usize {
        index.lines().nth(number).unwrap().split('\t').nth(1).unwrap().parse().unwrap()
    };
    bytes[position(2)] ^= 1; // the magic number
    bytes[position(5) + 40..][..40].fill(0); // the picture
    fs::write(&records, bytes).unwrap();
    let checked = verisim(["data", "check", text(&records)]);
    assert_eq!(checked.status, 2);
    assert!(checked.stdout.contains("record 2: found 0x"), "{}", checked.stdout);
    assert!(checked.stdout.contains("record 5: the PNG file is damaged"), "{}", checked.stdout);
    assert!(checked.stderr.contains("2 of 144 pictures of"), "{}", checked.stderr);
    let again = scratch.path("again.rec");
    let pack = ["data", "pack", text(&records), "--out", text(&again)];
    let refused = verisim(pack);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("1 of 144 pictures cannot be read"), "{}", refused.stderr);
    assert!(!again.exists() && !again.with_extension("idx").exists());
    verisim(pack.iter().chain(&["--skip-unreadable"])).ok();
    let info = verisim(["data", "info", text(&again)]).ok();
    assert!(info.contains("142 pictures of 24 identities, 4 to 6 of each"), "{info}");
    let evaluate =
        ["evaluate", text(&trained.model()), "--data", text(&records)].map(str::to_owned);
    assert_eq!(verisim(&evaluate).status, 2);
    let skipped = verisim(evaluate.iter().map(String::as_str).chain(["--skip-unreadable"]));
    assert!(skipped.stderr.contains("record 2"), "{}", skipped.stderr);
}

#[test]
fn pictures_are_packed_as_small_as_asked_for() {
    let (faces, scratch) = (Trained::get().faces(), Scratch::new());
    let path = scratch.path("small.rec");
    verisim(["data", "pack", text(&faces), "--out", text(&path), "--size", "32"]).ok();
    let info = verisim(["data", "info", text(&path)]).ok();
    assert!(info.contains("72 of 32 x 32"), "{info}");
    let refused = verisim(["data", "pack", text(&faces), "--out", text(&path)]);
    assert!(refused.stderr.contains("small.rec exists already"), "{}", refused.stderr);
}

/// A pickle of protocol 3, as Python writes it.
fn verification_set(pictures: &[Vec<u8>], answers: &[bool]) -> Vec<u8> {
    let mut pickle = b"\x80\x03]q\0(".to_vec();
    for picture in pictures {
        pickle.push(b'B');
        pickle.extend((picture.len() as u32).to_le_bytes());
        pickle.extend(picture);
    }
    pickle.extend(b"e]q\x01(");
    pickle.extend(answers.iter().map(|&answer| if answer { 0x88 } else { 0x89 }));
    pickle.extend(b"e\x86q\x02.");
    pickle
}

#[test]
fn a_verification_set_is_evaluated_over_ten_folds() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let face = |identity, number| fs::read(trained.face(identity, number)).unwrap();
    let (mut pictures, mut answers) = (Vec::new(), Vec::new());
    for identity in 1..=20 {
        pictures.extend([face(identity, 1), face(identity, 2)]);
        pictures.extend([face(identity, 1), face(identity + 1, 1)]);
        answers.extend([true, false]);
    }
    let set = scratch.write("faces.bin", verification_set(&pictures, &answers));
    let model = trained.model();
    let arguments = ["evaluate", text(&model), "--pairs", text(&set), "--json"];
    let json: Value = serde_json::from_str(&verisim(arguments).ok()).unwrap();
    assert!(json.to_string().contains("\"protocol\":\"faces.bin\""), "{json}");
    assert!(json.to_string().contains("accuracy"), "{json}");
    let needless = verisim(arguments.iter().chain(&["--data", text(&trained.faces())]));
    assert!(needless.stderr.contains("holds its pictures itself"), "{}", needless.stderr);
    let nobody = verisim(["evaluate", text(&model), "--data", text(&set)]);
    assert!(nobody.stderr.contains("give it to `verisim evaluate` with --pairs"));
}

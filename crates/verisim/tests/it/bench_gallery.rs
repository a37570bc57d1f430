//! The benchmark of searches finds what the plain scan finds, and leaves what others search again.

use std::fs;

use crate::cli::{Scratch, verisim};
use crate::flow::text;

#[test]
fn every_size_is_found_in_full_and_drawn() {
    let scratch = Scratch::new();
    let out = scratch.path("growth.svg");
    let asked = ["bench", "gallery", "--growth", "100,2k", "--dim", "128", "--probes", "9"];
    let found = verisim(asked.iter().chain(&["--out", text(&out), "--json"])).ok();
    let sizes: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!((&sizes[0]["templates"], &sizes[1]["templates"]), (&100.into(), &2000.into()));
    for size in sizes.as_array().unwrap() {
        for figure in ["identical", "proved"] {
            assert_eq!(size[figure], 9, "{figure} of {size}");
        }
        for figure in ["recall_at_1", "recall_at_10", "mated_found"] {
            assert_eq!(size[figure], 1.0, "{figure} of {size}");
        }
    }
    assert!(fs::read_to_string(out).unwrap().contains("one probe"));
}

#[test]
fn vectors_are_left_for_others() {
    let scratch = Scratch::new();
    let folder = scratch.path("vectors");
    let asked = ["bench", "gallery", "--n", "50", "--dim", "3", "--probes", "2", "--precision"];
    let said = verisim(asked.iter().chain(&["bf16", "--vectors", text(&folder)])).ok();
    assert!(said.contains("50 templates of 3 components") && said.contains("2 proved"), "{said}");
    for (name, n_bytes) in [("templates.f32", 600), ("probes.f32", 24), ("nearest.u32", 80)] {
        assert_eq!(fs::metadata(folder.join(name)).unwrap().len(), n_bytes, "{name}");
    }
}

#[test]
fn a_mixed_load_loses_nothing_and_is_drawn() {
    let scratch = Scratch::new();
    let out = scratch.path("memory.svg");
    let asked = ["bench", "gallery-load", "--minutes", "0.05", "--threads", "3", "--people", "30"];
    let more = ["--dim", "64", "--sealed", "--out", text(&out), "--json"];
    let found: serde_json::Value =
        serde_json::from_str(&verisim(asked.iter().chain(&more)).ok()).unwrap();
    for nothing in ["lost", "ghosts", "wrong_answers"] {
        assert_eq!(found[nothing], 0, "{nothing} of {found}");
    }
    assert_eq!((&found["whole"], &found["threads"]), (&true.into(), &3.into()));
    for calls in found["calls"].as_array().unwrap() {
        assert!(calls["calls"].as_u64().unwrap() > 0, "{found}");
    }
    assert!(fs::read_to_string(out).unwrap().contains("Minutes"));
}

#[test]
fn enrolling_is_measured_for_every_size_of_a_change() {
    let asked = ["bench", "gallery-enroll", "--n", "30", "--dim", "8", "--batch", "1,10", "--json"];
    let found: serde_json::Value = serde_json::from_str(&verisim(asked).ok()).unwrap();
    let of = |idx: usize, key: &str| found[idx][key].clone();
    assert_eq!([of(0, "batch"), of(1, "batch")], [1, 10], "{found}");
    assert_eq!([of(0, "people"), of(1, "people")], [30, 30], "{found}");
}

#[test]
fn a_gallery_in_a_folder_is_filled_opened_and_changed() {
    for kind in [&[][..], &["--sealed"]] {
        let asked = [
            "bench", "gallery", "--stored", "--n", "60", "--dim", "128", "--probes", "6", "--json",
        ];
        let found = verisim(asked.iter().chain(kind)).ok();
        let found: serde_json::Value = serde_json::from_str(&found).unwrap();
        assert_eq!((&found["templates"], &found["identities"]), (&60.into(), &15.into()));
        assert_eq!(found["sealed"], !kind.is_empty());
        assert_eq!(found["opened"]["mated_found"], 1.0, "{found}");
        assert!(found["matrix_mb"].as_f64().unwrap() > 0.0, "{found}");
    }
}

//! Rules about the repository that neither rustc nor clippy checks; `ARCHITECTURE.md` says why.

use std::fs;
use std::path::{Path, PathBuf};

/// Which of our crates each of our crates may depend on.
const LAYERS: &[(&str, &[&str])] = &[
    ("verisim-core", &[]),
    ("verisim-gallery", &["verisim-core"]),
    ("verisim-learn", &["verisim-core"]),
    ("verisim-face", &["verisim-core", "verisim-gallery"]),
    ("verisim", &["verisim-core", "verisim-gallery", "verisim-learn", "verisim-face"]),
];

/// What only one file, or one crate, may name: the word, and where it may stand.
const HOMES: &[(&str, &str)] = &[
    ("rten::", "crates/verisim-face/src/onnx.rs"),
    ("rten_tensor::", "crates/verisim-face/src/onnx.rs"),
    ("image::codecs", "crates/verisim-face/src/image.rs"),
    ("ImageReader", "crates/verisim-face/src/image.rs"),
    ("rusqlite", "crates/verisim-gallery/src/store/"),
    ("tokio", "crates/verisim-gallery/src/engine/postgres/"),
    ("deadpool", "crates/verisim-gallery/src/engine/postgres/"),
    ("pgvector::", "crates/verisim-gallery/src/engine/postgres/"),
    ("linfa", "crates/verisim/src/evaluation/kmeans.rs"),
    ("ureq", "crates/verisim/src/models/http.rs"),
    ("tpe::", "crates/verisim/src/comparison/tune.rs"),
    ("burn::", "crates/verisim-learn/"),
    ("anyhow", "crates/verisim/"),
    ("clap::", "crates/verisim/"),
    ("indicatif", "crates/verisim/"),
    ("tracing_subscriber", "crates/verisim/"),
    ("env::var", "crates/verisim/"),
];

/// The files that may be `unsafe`, and what for.
const UNSAFE: &[(&str, &str)] = &[
    ("crates/verisim-core/src/knn/simd.rs", "instructions that this machine was asked for"),
    ("crates/verisim-learn/src/ops/kernel/gemm.rs", "the gemm crate takes pointers"),
];

/// What `verisim-core` must not know: input and output, and other people's machinery.
const NOT_IN_CORE: &[&str] = &["std::fs", "std::net", "std::io", "std::process", "println!"];

/// Words that the standards and the project call otherwise (see the table of words in
/// `CONTRIBUTING.md`).
const OTHER_WORDS: &[&str] =
    &["genuine", "impostor", "num_classes", "lmk", "keypoints", "n_cls", "TODO", "FIXME", "XXX"];

/// Tests that speak the language of a reference implementation, and take a folder from the environment.
const GOLDEN: &str = "crates/verisim-learn/src/metric/golden";

const MAX_LINES: usize = 400;
const MAX_BYTES: u64 = 512 * 1024;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Files under a folder of the project, and their names from its root.
fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let root = root();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                let name = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
                found.push((name, path));
            }
        }
    }
    found.sort();
    found
}

/// Source files with their text; this one, which names everything that is forbidden, left out.
fn sources() -> Vec<(String, String)> {
    let is_other = |(name, _): &(String, PathBuf)| !name.ends_with("it/tidy.rs");
    let read = |(name, path): (String, PathBuf)| (name, fs::read_to_string(path).unwrap());
    files("crates", "rs").into_iter().filter(is_other).map(read).collect()
}

#[track_caller]
fn assert_none(broken: &[String], rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n  {}", broken.join("\n  "));
}

#[test]
fn dependencies_point_down() {
    let mut broken = Vec::new();
    let manifests = files("crates", "toml");
    let manifests = manifests.iter().filter(|(name, _)| name.ends_with("/Cargo.toml"));
    let mut n_crates = 0;
    for (name, path) in manifests {
        n_crates += 1;
        let text = fs::read_to_string(path).unwrap();
        let crate_name = name.split('/').nth(1).unwrap();
        let (_, allowed) = LAYERS.iter().find(|(it, _)| *it == crate_name).expect("a known crate");
        for line in text.lines().filter(|line| line.starts_with("verisim-")) {
            let dependency = line.split([' ', '.', '=']).next().unwrap();
            if !allowed.contains(&dependency) {
                broken.push(format!("{crate_name} depends on {dependency}"));
            }
        }
    }
    assert_none(&broken, "a crate may depend on those below it only");
    assert_eq!(n_crates, LAYERS.len());
}

#[test]
fn core_links_next_to_nothing() {
    let manifest = fs::read_to_string(root().join("crates/verisim-core/Cargo.toml")).unwrap();
    let dependencies = manifest.split("[dependencies]").nth(1).unwrap().split('[').next().unwrap();
    let found: Vec<&str> = dependencies.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(found, ["rand_pcg.workspace = true", "thiserror.workspace = true"]);
    let mut broken = Vec::new();
    for (name, text) in sources() {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in NOT_IN_CORE.iter().filter(|word| text.contains(**word)) {
            if name.starts_with("crates/verisim-core/src") {
                broken.push(format!("{name} names {word}"));
            }
        }
    }
    assert_none(&broken, "core performs no input or output");
}

#[test]
fn every_engine_has_one_home() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        // Tests may look behind the curtain.
        let is_test = name.contains("/tests/") || name.contains("/examples/");
        let is_test = is_test || name.starts_with(GOLDEN);
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (word, home) in HOMES.iter().filter(|(word, _)| code.contains(word)) {
            if !is_test && !name.starts_with(home) && !name.ends_with("tests.rs") {
                broken.push(format!("{name} names {word}, which is at home in {home}"));
            }
        }
    }
    assert_none(&broken, "one file names each engine, so that changing it is one file");
}

#[test]
fn what_is_unsafe_is_in_few_files() {
    let words = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe_code"];
    let mut broken = Vec::new();
    for (name, text) in sources() {
        for word in words.iter().filter(|word| text.contains(**word)) {
            if !UNSAFE.iter().any(|(home, _)| name == *home) {
                broken.push(format!("{name} says {word}"));
            }
        }
    }
    for (home, reason) in UNSAFE {
        let text = fs::read_to_string(root().join(home)).unwrap_or_default();
        if !text.contains("unsafe {") {
            broken.push(format!("{home} is not unsafe any more ({reason})"));
        }
    }
    assert_none(&broken, "two files lift the lint, each with its reason");
}

#[test]
fn losses_know_no_tensors() {
    let is_metric = |name: &str| name.starts_with("crates/verisim-learn/src/metric/");
    let broken: Vec<String> = sources()
        .into_iter()
        .filter(|(name, text)| is_metric(name) && text.contains("burn::"))
        .map(|(name, _)| format!("{name} names burn"))
        .collect();
    assert_none(&broken, "losses and miners are functions of plain matrices");
}

#[test]
fn every_module_is_introduced_and_short() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        if !text.starts_with("//!") {
            broken.push(format!("{name} has no //! line"));
        }
        let n_lines = text.lines().count();
        if n_lines > MAX_LINES {
            broken.push(format!("{name} has {n_lines} lines"));
        }
    }
    assert_none(&broken, "a file begins by saying what it is, and holds one thing");
}

#[test]
fn the_words_are_those_of_the_standards() {
    let mut broken = Vec::new();
    for (name, text) in sources() {
        for (number, line) in text.lines().enumerate() {
            let mut words = line.split(|it: char| !it.is_alphanumeric() && it != '_');
            let is_ours = !name.starts_with(GOLDEN);
            if let Some(word) = words.find(|word| is_ours && OTHER_WORDS.contains(word)) {
                broken.push(format!("{name}:{} says {word}", number + 1));
            }
        }
    }
    assert_none(&broken, "say mated, non-mated, landmarks, n_identities; leave nothing for later");
}

#[test]
fn nothing_large_and_nothing_of_the_shared_data_is_kept() {
    let listing = std::process::Command::new("git").arg("ls-files").current_dir(root()).output();
    let Ok(listing) = listing else { return };
    let mut broken = Vec::new();
    for name in String::from_utf8(listing.stdout).unwrap().lines() {
        let path = root().join(name);
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.len() > MAX_BYTES {
            broken.push(format!("{name} has {} bytes", metadata.len()));
        }
        let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
        if matches!(extension.as_deref(), Some("onnx" | "jpg" | "jpeg" | "pgm" | "npy" | "bpk")) {
            broken.push(format!("{name} is a picture or a model"));
        }
    }
    assert_none(&broken, "pictures, models and other large files stay out");
}

#[test]
fn the_map_names_every_crate_and_every_edge() {
    let map = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut broken = Vec::new();
    for (name, allowed) in LAYERS {
        let short: Vec<&str> =
            allowed.iter().map(|it| it.strip_prefix("verisim-").unwrap_or(it)).collect();
        let edges = if allowed.is_empty() { "nothing".to_owned() } else { short.join(", ") };
        let line = map.lines().find(|line| line.contains(&format!("`{name}`")));
        let is_right = line.is_some_and(|line| {
            let after = line.rsplit('|').nth(1).unwrap_or_default().trim();
            let mut found: Vec<&str> = after.split(", ").collect();
            let mut expected: Vec<&str> = edges.split(", ").collect();
            found.sort_unstable();
            expected.sort_unstable();
            found == expected
        });
        if !is_right {
            broken.push(format!("{name} → {edges}"));
        }
    }
    assert_none(
        &broken,
        "ARCHITECTURE.md has a table line for each crate that ends with what it uses",
    );
}

//! Runs that are killed at any step go on to the same bytes, whatever sampler, memory, margin and network they have.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use toml::{Table, Value};

use crate::cli::{Scratch, slow_tests, verisim};
use crate::flow::text;

/// What is trained in seconds; cases replace tables of it.
const BASE: &str = "\
name = 'resume'
epochs = 2
checkpoint_steps = 1
backbone = { kind = 'resnet', stem_stride = 2, depths = [1], widths = [8], embedding_dim = 16, dropout = 0.2 }
input = { width = 24, height = 24, channels = 3 }
loss = { kind = 'arcface', margin = 0.2, scale = 16.0 }
sampler = { kind = 'shuffle', batch = 6 }
optimizer = { kind = 'adamw', lr = 3e-3 }
schedule = { kind = 'cosine', warmup_epochs = 1 }
split = { validation_identities = 4 }
augment = { flip = 0.5, shift = 0.05, cutout = 0.4, cutout_size = 0.4 }
";

/// One for each thing that a run keeps from step to step.
const CASES: [(&str, &str); 16] = [
    (
        "norms",
        "loss = { kind = 'adaface', margin = 0.3, concentration = 0.333, scale = 30.0, momentum = 0.1 }",
    ),
    ("curriculum", "loss = { kind = 'curricularface', margin = 0.3, scale = 30.0 }"),
    ("drawn-margins", "loss = { kind = 'elasticface', margin = 0.3, scale = 30.0 }"),
    (
        "proxies",
        "loss = { kind = 'proxy-anchor' }\nsampler = { kind = 'coverage', identities = 3, images = 2 }",
    ),
    (
        "memory",
        "loss = { kind = 'contrastive', margin = 0.5, memory = 20 }\nsampler = { kind = 'identities', identities = 3, images = 2 }",
    ),
    (
        "sum",
        "sampler = { kind = 'identities', identities = 3, images = 2 }\n[loss]\nkind = 'sum'\nterms = [{ loss = { kind = 'softmax' } }, { weight = 0.1, loss = { kind = 'triplet', margin = 0.2, memory = 12 } }]",
    ),
    ("center-loss", "loss = { kind = 'center' }"),
    (
        "facenet",
        "loss = { kind = 'triplet', margin = 0.2, mining = 'facenet' }\nsampler = { kind = 'facenet', identities = 2, images = 3, negatives = 3 }\noptimizer = { kind = 'adagrad', lr = 1e-2 }",
    ),
    (
        "triplets",
        "loss = { kind = 'triplet', margin = 0.2 }\nsampler = { kind = 'triplets', triplets = 20, batch = 4 }",
    ),
    ("momentum", "optimizer = { kind = 'sgd', lr = 1e-2, momentum = 0.9 }"),
    (
        "head",
        "backbone = { kind = 'deepface', channels = [4, 4, 4, 4, 4], windows = [3, 3, 3, 3, 3], embedding_dim = 16, dropout = 0.2 }\ninput = { width = 40, height = 40, channels = 3 }\nhead = { kind = 'siamese', pairs = 100, epochs = 2 }\nloss = { kind = 'softmax' }",
    ),
    ("averages", "accumulate = 2\nema = { decay = 0.9 }"),
    (
        "sampled-centers",
        "loss = { kind = 'arcface', margin = 0.2, scale = 16.0, sample_rate = 0.8 }\nsampler = { kind = 'shuffle', batch = 4 }",
    ),
    (
        "parted-centers",
        "loss = { kind = 'cosface', margin = 0.2, scale = 16.0, shards = 3 }\noptimizer = { kind = 'sgd', lr = 1e-2, momentum = 0.9 }",
    ),
    (
        "adapted-margin",
        "backbone = { kind = 'deepid2', channels = [4, 4, 4, 4], windows = [3, 3, 3, 2], regions = [2, 1], embedding_dim = 16 }\ninput = { width = 40, height = 40, channels = 3, crop = [0.1, 0.1, 0.8, 0.8] }\nsampler = { kind = 'identities', identities = 3, images = 2 }\n[loss]\nkind = 'sum'\nterms = [{ loss = { kind = 'softmax' } }, { weight = 0.05, loss = { kind = 'squared-contrastive', margin = 1.0, adapt_pairs = 40 } }]",
    ),
    (
        "aligned",
        "backbone = { kind = 'gradients', orientations = 8, cell = 8, scales = [2, 4], contrast_window = 13, embedding_dim = 16, mirror = true, align = { shift = 2, zoom = 0.1 }, parts = [[1, 2, 4, 3]] }\ninput = { width = 48, height = 64, channels = 1 }\n[loss]\nkind = 'sum'\nterms = [{ components = [0, 8], loss = { kind = 'arcface', scale = 16.0 } }, { components = [8, 16], loss = { kind = 'softmax' } }]",
    ),
];

/// Drawn faces, made once.
fn faces() -> PathBuf {
    static FACES: OnceLock<Scratch> = OnceLock::new();
    let scratch = FACES.get_or_init(|| {
        let scratch = Scratch::new();
        let sizes = ["--identities", "12", "--images", "4", "--size", "64", "--seed", "9"];
        let out = scratch.path("faces");
        verisim(["synth", "--out", text(&out)].iter().chain(&sizes)).ok();
        scratch
    });
    scratch.path("faces")
}

/// A recipe with some of its tables replaced.
fn recipe(base: &str, changes: &str) -> String {
    let mut recipe: Table = toml::from_str(base).unwrap();
    recipe.extend(toml::from_str::<Table>(changes).unwrap());
    recipe.to_string()
}

fn model(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.onnx")).unwrap()
}

/// Steps that a run has written down.
fn n_steps(run: &Path) -> usize {
    let records = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default();
    records.lines().filter(|line| line.contains("\"event\":\"step\"")).count()
}

/// Trains to the end, and again with a kill after a step that chance chooses, and compares.
fn resumes_to_the_same_bytes(name: &str, recipe: &str) {
    let scratch = Scratch::new();
    let file = scratch.write("recipe.toml", recipe);
    let (whole, killed) = (scratch.path("whole"), scratch.path("killed"));
    let faces = faces();
    let arguments = |out: &Path| {
        let named = ["train", text(&file), "--data", text(&faces), "--out", text(out)];
        named.iter().chain(&["--threads", "1"]).map(|it| (*it).to_owned()).collect::<Vec<_>>()
    };
    verisim(arguments(&whole)).ok();
    let n_whole = n_steps(&whole);
    assert!(n_whole > 2, "{name}: {n_whole} steps");

    let kill_at = 1 + (RandomState::new().hash_one(name) % (n_whole as u64 - 1)) as usize;
    let mut child = Command::new(env!("CARGO_BIN_EXE_verisim"))
        .args(arguments(&killed).iter().chain(&["--quiet".to_owned()]))
        .spawn()
        .unwrap();
    let start = Instant::now();
    while n_steps(&killed) < kill_at && start.elapsed() < Duration::from_mins(5) {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(n_steps(&killed) >= kill_at, "{name}: nothing was killed at step {kill_at}");
    verisim(["train", "--resume", text(&killed), "--threads", "1"]).ok();
    assert!(model(&whole) == model(&killed), "{name}: killed at step {kill_at}, the models differ");
}

#[test]
fn whatever_a_run_keeps_survives_a_kill() {
    for (name, changes) in CASES {
        resumes_to_the_same_bytes(name, &recipe(BASE, changes));
    }
}

/// The networks as they are, batches and passes as a test can wait for.
#[test]
fn every_small_recipe_survives_a_kill() {
    if !slow_tests() {
        return;
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut n_recipes = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if !["-small", "-orl"].iter().any(|ending| name.ends_with(ending)) {
            continue;
        }
        let mut recipe: Table = toml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut set = |table: Option<&str>, key: &str, value: i64| {
            let table = match table {
                Some(it) => recipe[it].as_table_mut().unwrap(),
                None => &mut recipe,
            };
            let is_known = table.contains_key(key) || key == "checkpoint_steps";
            is_known.then(|| table.insert(key.to_owned(), Value::Integer(value)));
        };
        set(None, "epochs", 2);
        set(None, "checkpoint_steps", 1);
        set(Some("sampler"), "batch", 6);
        set(Some("sampler"), "identities", 3);
        set(Some("sampler"), "images", 2);
        set(Some("sampler"), "negatives", 2);
        set(Some("schedule"), "warmup_epochs", 1);
        set(Some("split"), "validation_identities", 4);
        set(Some("split"), "test_identities", 2);
        resumes_to_the_same_bytes(name, &recipe.to_string());
        n_recipes += 1;
    }
    assert!(n_recipes > 8, "{n_recipes} recipes");
}

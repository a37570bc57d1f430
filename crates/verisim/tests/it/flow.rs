//! The whole way on drawn faces: draw, train, resume, evaluate, export, enroll, identify, forget.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::{Scratch, ran, verisim};

/// A recipe that a test can wait for.
const RECIPE: &str = "\
name = 'flow'
epochs = 3
checkpoint_steps = 2
[input]
width = 48
height = 48
channels = 3
[backbone]
kind = 'resnet'
stem_stride = 2
depths = [1, 1]
widths = [16, 32]
embedding_dim = 32
[loss]
kind = 'arcface'
margin = 0.2
scale = 16.0
[sampler]
kind = 'shuffle'
batch = 16
[optimizer]
kind = 'adamw'
lr = 3e-3
[schedule]
kind = 'cosine'
warmup_epochs = 1
[split]
validation_identities = 8
[augment]
flip = 0.5
shift = 0.05
";

/// Drawn faces and a model trained on them, made once for all tests here.
pub(crate) struct Trained {
    scratch: Scratch,
}

impl Trained {
    pub(crate) fn get() -> &'static Self {
        static TRAINED: OnceLock<Trained> = OnceLock::new();
        TRAINED.get_or_init(|| {
            let scratch = Scratch::new();
            let faces = scratch.path("faces");
            let sizes = ["--identities", "24", "--images", "6", "--size", "48", "--seed", "5"];
            verisim(["synth", "--out", text(&faces)].iter().chain(&sizes)).ok();
            let recipe = scratch.write("recipe.toml", RECIPE);
            let out = scratch.path("run");
            let arguments = ["train", text(&recipe), "--data", text(&faces), "--out", text(&out)];
            verisim(arguments).ok();
            Self { scratch }
        })
    }

    pub(crate) fn faces(&self) -> PathBuf {
        self.scratch.path("faces")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.scratch.path("run")
    }

    pub(crate) fn model(&self) -> PathBuf {
        self.run().join("model.onnx")
    }

    pub(crate) fn face(&self, identity: usize, image: usize) -> PathBuf {
        self.faces().join(format!("{identity:04}/{image:04}.png"))
    }

    fn recipe(&self) -> PathBuf {
        self.scratch.path("recipe.toml")
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_run_leaves_what_it_promises() {
    let trained = Trained::get();
    for file in [
        "recipe.toml",
        "run.json",
        "run.log",
        "metrics.jsonl",
        "model.onnx",
        "report.html",
        "validation.identities.txt",
    ] {
        let path = trained.run().join(file);
        assert!(fs::metadata(&path).is_ok_and(|it| it.len() > 0), "{}", path.display());
    }
    let names = |file: &str| fs::read_to_string(trained.run().join(file)).unwrap();
    assert_eq!(names("validation.identities.txt").lines().count(), 8);
    assert_eq!(names("train.identities.txt").lines().count(), 16);
    let records = names("metrics.jsonl");
    let epochs = records.lines().filter(|line| line.contains("\"event\":\"epoch\"")).count();
    // One line an epoch, a step, and one before and after.
    assert_eq!((epochs, records.lines().count()), (3, 3 + 3 * 6 + 2));
}

#[test]
fn the_card_travels_in_the_model() {
    let trained = Trained::get();
    let model = trained.model();
    let arguments = ["models", "show", text(&model), "--json"];
    let card: Value = serde_json::from_str(&verisim(arguments).ok()).unwrap();
    assert_eq!(card["name"], "flow");
    assert_eq!(card["embedding_dim"], 32);
    assert_eq!(card["input"]["channels"], "RGB");
    assert_eq!(card["training"]["n_identities"], 16);
    assert!(card["thresholds"]["points"].as_array().is_some_and(|it| !it.is_empty()), "{card}");
}

#[test]
fn an_export_is_the_model_again() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let out = scratch.path("again.onnx");
    verisim(["export", text(&trained.run()), "--out", text(&out)]).ok();
    assert!(fs::read(out).unwrap() == fs::read(trained.model()).unwrap());
}

#[test]
fn a_run_that_is_killed_resumes_to_the_same_model() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let out = scratch.path("killed");
    let (recipe, faces) = (trained.recipe(), trained.faces());
    let mut child = Command::new(env!("CARGO_BIN_EXE_verisim"))
        .args(["train", text(&recipe), "--data", text(&faces), "--out", text(&out), "--quiet"])
        .spawn()
        .unwrap();
    // As soon as there is a checkpoint, the plug is pulled.
    let start = Instant::now();
    let is_begun = || fs::read_dir(out.join("checkpoints")).is_ok_and(|mut it| it.next().is_some());
    while !is_begun() && start.elapsed() < Duration::from_secs(100) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    verisim(["train", "--resume", text(&out)]).ok();
    let models = [out.join("model.onnx"), trained.model()].map(|path| fs::read(path).unwrap());
    assert!(models[0] == models[1], "the models differ");
}

#[test]
fn an_evaluation_says_what_was_measured_on_what() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let list = trained.run().join("validation.identities.txt");
    let (model, faces) = (trained.model(), trained.faces());
    let arguments = ["evaluate", text(&model), "--data", text(&faces)];
    let only = ["--identities", text(&list), "--replicates", "50"];
    let table = verisim(arguments.iter().chain(&only)).ok();
    for word in ["flow", "48 images of 8 identities", "AUC", "EER", "rank-1", "recall@1", "AMI"] {
        assert!(table.contains(word), "{word} is missing:\n{table}");
    }
    let report = scratch.path("out");
    let asked = ["--json", "--report", text(&report)];
    let json = verisim(arguments.iter().chain(&only).chain(&asked)).ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["verification"]["n_mated"], 8 * 15);
    assert_eq!(json["verification"]["n_non_mated"], 28 * 36);
    assert_eq!(json["clusters"]["n_clusters"], 8);
    let [nmi, ami] = ["nmi", "ami"].map(|it| json["clusters"][it]["value"].as_f64().unwrap());
    assert!(0.0 < ami && ami < nmi && nmi < 1.0, "NMI {nmi}, AMI {ami}");
    let page = fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("<svg"), "{}", &page[..200]);
    assert!(page.contains("k-means into 8 clusters"));
}

#[test]
fn embeddings_from_elsewhere_have_the_same_figures() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let (model, faces) = (trained.model(), trained.faces());
    let embeddings = scratch.path("e.npy");
    let written = ["embed", "--model", text(&model), text(&faces), "--out", text(&embeddings)];
    verisim(written).ok();
    // Six pictures of each of 24 identities, in their order, as a .npy file of 64-bit integers.
    let header = "{'descr': '<i8', 'fortran_order': False, 'shape': (144,), }";
    let mut labels = b"\x93NUMPY\x01\x00\x76\x00".to_vec();
    labels.extend(format!("{header:<117}\n").bytes());
    labels.extend((0..144i64).flat_map(|index| (index / 6).to_le_bytes()));
    let labels = scratch.write("l.npy", labels);
    let auc = |arguments: [&str; 5]| {
        let few = ["--json", "--replicates", "10"];
        let json = verisim(["evaluate"].iter().chain(&arguments).chain(&few)).ok();
        serde_json::from_str::<Value>(&json).unwrap()["verification"]["auc"]["value"].clone()
    };
    let seed = ["--seed", "0"];
    let from_files =
        auc(["--embeddings", text(&embeddings), "--labels", text(&labels), "--seed=0"]);
    let from_pictures = auc([text(&model), "--data", text(&faces), seed[0], seed[1]]);
    assert_eq!(from_files, from_pictures);
}

#[test]
fn embeddings_are_printed_as_json_lines() {
    let trained = Trained::get();
    let model = trained.model();
    let printed =
        verisim(["embed", "--model", text(&model), text(&trained.faces().join("0001"))]).ok();
    let lines: Vec<Value> = printed.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    assert_eq!(lines.len(), 6);
    let embedding = lines[0]["embedding"].as_array().unwrap();
    let norm: f64 = embedding.iter().map(|it| it.as_f64().unwrap().powi(2)).sum();
    assert!((norm - 1.0).abs() < 1e-5, "{norm}");
}

#[test]
fn verify_answers_by_its_exit_status() {
    let trained = Trained::get();
    let model = trained.model();
    let (a, b) = (trained.face(1, 1), trained.face(2, 1));
    let status = |threshold: &str, probe: &Path| {
        let ran = verisim([
            "verify",
            "--model",
            text(&model),
            text(&a),
            text(probe),
            "--threshold",
            threshold,
        ]);
        (ran.status, ran.stdout)
    };
    let (code, said) = status("0.9999", &a);
    assert_eq!(code, 0, "{said}");
    assert!(said.starts_with("match: score 1.0000, threshold 0.9999"), "{said}");
    let (code, said) = status("0.9999", &b);
    assert_eq!(code, 1, "{said}");
    assert!(said.starts_with("no match"), "{said}");
    assert_eq!(status("0.9", Path::new("/nowhere.jpg")).0, 2);
}

#[test]
fn a_person_is_enrolled_identified_and_forgotten() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let (gallery, known, unknown) =
        (scratch.path("g"), scratch.path("known"), scratch.path("unknown"));
    // Both layouts: a folder, and a single picture.
    for (from, to) in [
        (trained.face(1, 1), "known/Ada Lovelace/1.png"),
        (trained.face(1, 2), "known/Ada Lovelace/2.png"),
        (trained.face(2, 1), "known/Bob.png"),
        (trained.face(1, 1), "unknown/ada.png"),
        (trained.face(3, 1), "unknown/stranger.png"),
    ] {
        scratch.write(to, fs::read(from).unwrap());
    }
    let model = trained.model();
    let enroll = || {
        verisim([
            "enroll",
            "--gallery",
            text(&gallery),
            "--model",
            text(&model),
            text(&known),
            "--json",
        ])
    };
    let first: Value = serde_json::from_str(&enroll().ok()).unwrap();
    assert_eq!((&first["templates_added"], &first["gallery_identities"]), (&3.into(), &2.into()));
    let again: Value = serde_json::from_str(&enroll().ok()).unwrap();
    assert_eq!((&again["templates_added"], &again["already_there"]), (&0.into(), &3.into()));

    let identify = || {
        let threshold = ["--threshold", "0.9999"];
        let arguments = ["identify", "--gallery", text(&gallery), text(&unknown)];
        verisim(arguments.iter().chain(&threshold)).ok()
    };
    let found = identify();
    let lines: Vec<Vec<&str>> = found.lines().map(|line| line.split(',').collect()).collect();
    assert!(lines[0][0].ends_with("ada.png") && lines[0][1] == "Ada Lovelace", "{found}");
    assert!(lines[1][0].ends_with("stranger.png") && lines[1][1] == "unknown_person", "{found}");

    let forgot = verisim(["forget", "--gallery", text(&gallery), "Ada Lovelace"]).ok();
    assert_eq!(forgot, "forgot Ada Lovelace: 2 templates were overwritten\n");
    let found = identify();
    assert!(found.lines().all(|line| line.contains("unknown_person")), "{found}");
    assert_eq!(verisim(["gallery", "list", text(&gallery)]).ok(), "Bob\t1\n");
    verisim(["gallery", "check", text(&gallery)]).ok();
}

#[test]
fn drawn_faces_repeat_by_seed_and_come_with_their_landmarks() {
    let scratch = Scratch::new();
    let draw = |folder: &str, seed: &str| {
        let out = scratch.path(folder);
        let sizes = ["--identities", "2", "--images", "2", "--size", "32", "--seed", seed];
        verisim(["synth", "--out", text(&out)].iter().chain(&sizes)).ok();
        (
            fs::read(out.join("0002/0001.png")).unwrap(),
            fs::read_to_string(out.join("landmarks.csv")).unwrap(),
        )
    };
    assert!(draw("a", "1") == draw("b", "1"));
    assert!(draw("c", "2").0 != draw("d", "3").0);
    let (_, landmarks) = draw("e", "1");
    assert_eq!(landmarks.lines().count(), 1 + 4);
    assert!(landmarks.lines().nth(1).unwrap().starts_with("0001/0001.png,"), "{landmarks}");
}

#[test]
fn output_that_nobody_reads_ends_quietly() {
    let trained = Trained::get();
    let script = format!(
        "'{}' embed --model '{}' '{}' | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}",
        env!("CARGO_BIN_EXE_verisim"),
        trained.model().display(),
        trained.faces().display()
    );
    let ran = ran(Command::new("bash").args(["-c", &script]));
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
}

//! Commands that take whole photographs, with the models and pictures of the shared folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::cli::{Ran, Scratch, shared, verisim};

/// The embedder, the detector and the photographs, if they are there.
struct Shared {
    model: PathBuf,
    detector: PathBuf,
    faces: PathBuf,
    photos: PathBuf,
}

fn all() -> Option<Shared> {
    Some(Shared {
        model: shared("models/mobilefacenet_foamliu.onnx")?,
        detector: shared("models/yunet_n_dynamic.onnx")?,
        faces: shared("data/lfw/images250")?,
        photos: shared("data/photos")?,
    })
}

impl Shared {
    /// Two photographs of a person.
    fn two(&self, name: &str) -> [PathBuf; 2] {
        let files = fs::read_dir(self.faces.join(name)).unwrap();
        let mut files: Vec<PathBuf> = files.map(|it| it.unwrap().path()).collect();
        files.sort();
        [files[0].clone(), files[files.len() - 1].clone()]
    }

    fn run(&self, command: &str, more: &[&Path]) -> Ran {
        let models = [Path::new("--model"), &self.model, Path::new("--detector"), &self.detector];
        verisim([Path::new(command)].iter().chain(&models).chain(more))
    }
}

fn json(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

#[test]
fn two_photographs_are_compared_by_their_faces() {
    let Some(shared) = all() else { return };
    let [a, b] = shared.two("Abel_Pacheco");
    let [c, _] = shared.two("Ann_Veneman");
    let verify = |probe: &Path| {
        let rest = ["--threshold", "0.25", "--json"].map(Path::new);
        let ran = shared.run("verify", &[&a, probe, rest[0], rest[1], rest[2]]);
        (ran.status, json(&ran.stdout).remove(0))
    };
    let (status, same) = verify(&b);
    assert_eq!((status, same["verified"].as_bool()), (0, Some(true)), "{same}");
    assert_eq!(same["reference_face"]["aligned"], true);
    let quality = same["probe_face"]["quality"].as_u64().unwrap();
    assert!((30..=100).contains(&quality), "{same}");
    let (status, other) = verify(&c);
    assert_eq!((status, other["verified"].as_bool()), (1, Some(false)), "{other}");
}

#[test]
fn a_photograph_without_a_face_is_never_a_match() {
    let Some(shared) = all() else { return };
    let nobody = shared.photos.join("017_0.jpg");
    let rest = ["--threshold", "-1"].map(Path::new);
    let ran = shared.run("verify", &[&nobody, &nobody, rest[0], rest[1]]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("no face was found"), "{}", ran.stderr);
}

#[test]
fn several_faces_are_refused_where_one_is_expected() {
    let Some(shared) = all() else { return };
    let five = shared.photos.join("000_5.jpg");
    let ran = shared.run("embed", &[&five, Path::new("--face"), Path::new("only")]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("5 faces were found"), "{}", ran.stderr);
    let ran = shared.run("embed", &[&five, Path::new("--face"), Path::new("all")]).ok();
    assert_eq!(json(&ran).len(), 5);
    let chip = shared.run("evaluate", &[]);
    assert_eq!(chip.status, 2);
}

#[test]
fn a_gallery_of_photographs_names_everybody_once() {
    let Some(shared) = all() else { return };
    let scratch = Scratch::new();
    let (gallery, known) = (scratch.path("g"), scratch.path("known"));
    let unknown = scratch.path("unknown");
    let people = ["Abel_Pacheco", "Ann_Veneman", "Anthony_Fauci"];
    for name in people {
        let [first, last] = shared.two(name);
        copy(&first, &known.join(name).join("1.jpg"));
        copy(&last, &unknown.join(format!("{name}.jpg")));
    }
    copy(&shared.photos.join("017_0.jpg"), &unknown.join("nobody.jpg"));
    copy(&shared.photos.join("000_5.jpg"), &unknown.join("strangers.jpg"));
    let enrolled = shared.run("enroll", &[Path::new("--gallery"), &gallery, &known]).ok();
    assert!(enrolled.starts_with("enrolled 3 people with 3 new templates"), "{enrolled}");
    // The gallery remembers both models.
    let identify = |more: &[&str]| {
        let (gallery, unknown) = (gallery.to_str().unwrap(), unknown.to_str().unwrap());
        let arguments = ["identify", "--gallery", gallery, unknown, "--threshold", "0.4"];
        verisim(arguments.iter().chain(more)).ok()
    };
    let lines = identify(&[]);
    for name in people {
        assert!(lines.contains(&format!("{name}.jpg,{name},0.")), "{lines}");
    }
    assert!(lines.contains("nobody.jpg,no_persons_found,\n"), "{lines}");
    assert_eq!(lines.matches("strangers.jpg,unknown_person,").count(), 5, "{lines}");
    let theirs = identify(&["--format", "face_recognition", "--show-distance"]);
    assert!(theirs.contains("nobody.jpg,no_persons_found,None\n"), "{theirs}");
    assert!(theirs.contains("strangers.jpg,unknown_person,None\n"), "{theirs}");
    assert!(theirs.contains("Ann_Veneman.jpg,Ann_Veneman,0."), "{theirs}");
    for line in json(&identify(&["--json"])) {
        let is_nobody = line["path"].as_str().unwrap().ends_with("nobody.jpg");
        assert_eq!(line["reason"] == "no_face", is_nobody, "{line}");
        assert_eq!(line["face"].is_object(), !is_nobody, "{line}");
    }
}

#[test]
fn poor_faces_are_refused_by_policy_and_named_otherwise() {
    let Some(shared) = all() else { return };
    let scratch = Scratch::new();
    let known = scratch.path("known");
    let [photograph, _] = shared.two("Abel_Pacheco");
    copy(&photograph, &known.join("Abel.jpg"));
    let enroll = |gallery: &str, quality: &str| {
        let gallery = scratch.path(gallery);
        let more = [
            Path::new("--gallery"),
            &gallery,
            &known,
            Path::new("--min-quality"),
            Path::new(quality),
        ];
        shared.run("enroll", &more)
    };
    enroll("a", "10").ok();
    let refused = enroll("b", "100");
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("but at least 100 is asked for"), "{}", refused.stderr);
}

#[test]
fn a_folder_of_photographs_becomes_one_of_chips() {
    let Some(shared) = all() else { return };
    let scratch = Scratch::new();
    let (photographs, chips) = (scratch.path("photographs"), scratch.path("chips"));
    copy(&shared.two("Abel_Pacheco")[0], &photographs.join("Abel/1.jpg"));
    copy(&shared.photos.join("000_5.jpg"), &photographs.join("Five/1.jpg"));
    copy(&shared.photos.join("017_0.jpg"), &photographs.join("Nobody/1.jpg"));
    let align = |more: &[&str]| {
        let paths = [&photographs, &shared.detector, &chips].map(|it| it.to_str().unwrap());
        let arguments =
            ["align", paths[0], "--detector", paths[1], "--out", paths[2], "--size", "47x55"];
        verisim(arguments.iter().chain(more))
    };
    let errors = scratch.path("errors.csv");
    let ran = align(&["--face", "all", "--errors", errors.to_str().unwrap()]);
    assert_eq!(ran.status, 2, "one has no face");
    assert!(ran.stdout.starts_with("6 chips of 3 photographs"), "{}", ran.stdout);
    let refused = fs::read_to_string(errors).unwrap();
    let refused: Vec<&str> = refused.lines().collect();
    assert_eq!((refused.len(), refused[0]), (2, "path,reason,explanation"));
    assert!(refused[1].contains("Nobody/1.jpg,no_face,cannot align"), "{refused:?}");
    let png = fs::read(chips.join("Five/1-5.png")).unwrap();
    assert_eq!((&png[16..20], &png[20..24]), (&47u32.to_be_bytes()[..], &55u32.to_be_bytes()[..]));
    // What is there is passed over.
    let before = fs::metadata(chips.join("Abel/1.png")).unwrap().modified().unwrap();
    assert!(align(&["--face", "all"]).stdout.contains("those of 2 were there"));
    assert_eq!(fs::metadata(chips.join("Abel/1.png")).unwrap().modified().unwrap(), before);
    let out = scratch.path("front.png");
    let detector = Path::new("--detector");
    let arguments = [
        Path::new("frontalize"),
        &photographs.join("Abel/1.jpg"),
        &out,
        detector,
        &shared.detector,
    ];
    let said = verisim(arguments).ok();
    assert!(said.contains("degrees of yaw") && out.is_file(), "{said}");
}

#[test]
fn photographs_are_measured_like_chips() {
    let Some(shared) = all() else { return };
    let scratch = Scratch::new();
    let pairs = scratch.path("pairs.txt");
    // A mated and a non-mated pair of LFW's first fold.
    let list = fs::read_to_string(shared.faces.with_file_name("pairs_fold1.txt")).unwrap();
    let lines: Vec<&str> = list.lines().collect();
    fs::write(
        &pairs,
        format!("1\t2\n{}\n{}\n{}\n{}\n", lines[1], lines[2], lines[301], lines[302]),
    )
    .unwrap();
    let detector = shared.detector.to_str().unwrap();
    let arguments = [
        "evaluate",
        shared.model.to_str().unwrap(),
        "--detector",
        detector,
        "--data",
        shared.faces.to_str().unwrap(),
        "--pairs",
        pairs.to_str().unwrap(),
        "--json",
    ];
    let measured: Value = serde_json::from_str(&verisim(arguments).ok()).unwrap();
    assert_eq!(measured["failures"].as_array().map(Vec::len), Some(0));
    assert_eq!(measured["fitted"]["accuracy"].as_f64(), Some(1.0));
}

#[test]
fn the_quality_of_photographs_is_measured_by_the_errors_that_it_foretells() {
    let Some(shared) = all() else { return };
    let scratch = Scratch::new();
    let faces = scratch.path("faces");
    for name in ["Abel_Pacheco", "Ann_Veneman", "Anthony_Fauci"] {
        for (number, photograph) in shared.two(name).iter().enumerate() {
            copy(photograph, &faces.join(name).join(format!("{number}.jpg")));
        }
    }
    // Nobody is on it: a mated comparison that fails, until the photograph is discarded.
    copy(&shared.photos.join("017_0.jpg"), &faces.join("Abel_Pacheco/2.jpg"));
    let evaluate = |more: &[&str]| {
        let [model, detector] = [&shared.model, &shared.detector].map(|it| it.to_str().unwrap());
        let data = faces.to_str().unwrap();
        let base =
            ["evaluate", model, "--data", data, "--detector", detector, "--replicates", "50"];
        verisim(base.iter().chain(more)).ok()
    };
    let report = scratch.path("report");
    let measured = evaluate(&["--json", "--report", report.to_str().unwrap()]);
    let measured: Value = serde_json::from_str(&measured).unwrap();
    let discard = &measured["discard"];
    assert_eq!(discard["fmr"], 0.1, "{discard}");
    let [all, left] = [&discard["fnmr"], &discard["at_discard"][1]["fnmr"]];
    assert!(all["value"].as_f64().unwrap() > 0.0, "{discard}");
    assert_eq!(left["value"], 0.0, "{discard}");
    assert!(discard["relative_area"]["value"].as_f64().unwrap() < 1.0, "{discard}");
    let page = fs::read_to_string(report.join("report.html")).unwrap();
    assert!(page.contains("Error versus discard") && page.contains("by quality"));
    assert!(evaluate(&["--one-pass", "160"]).contains("the same, 20 % discarded"));
}

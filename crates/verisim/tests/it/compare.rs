//! The comparison of losses as a user runs it: whole, killed in between, and refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::cli::{Ran, Scratch, verisim};
use crate::flow::text;

/// Everything but the name and the loss.
const SHARED: &str = "\
epochs = 4
[input]
width = 32
height = 32
channels = 3
[backbone]
kind = 'resnet'
stem_stride = 2
depths = [1]
widths = [8]
embedding_dim = 16
[sampler]
kind = 'identities'
identities = 4
images = 3
[optimizer]
kind = 'adamw'
lr = 3e-3
[schedule]
kind = 'cosine'
";

/// Drawn faces and two recipes.
struct Ground {
    scratch: Scratch,
    recipes: [PathBuf; 2],
}

impl Ground {
    fn get() -> &'static Self {
        static GROUND: OnceLock<Ground> = OnceLock::new();
        GROUND.get_or_init(|| {
            let scratch = Scratch::new();
            let faces = scratch.path("faces");
            let sizes = ["--identities", "16", "--images", "4", "--size", "32", "--seed", "5"];
            verisim(["synth", "--out", text(&faces)].iter().chain(&sizes)).ok();
            let recipes = [
                ("softmax", "kind = 'softmax'\n"),
                ("triplet", "kind = 'triplet'\nmargin = 0.2\n"),
            ];
            let recipes = recipes.map(|(name, loss)| {
                let recipe = format!("name = '{name}'\n{SHARED}[loss]\n{loss}");
                scratch.write(&format!("{name}.toml"), recipe)
            });
            Self { scratch, recipes }
        })
    }

    fn arguments<'a>(&'a self, faces: &'a Path, out: &'a Path) -> Vec<&'a str> {
        let [softmax, triplet] = &self.recipes;
        let places = ["--data", text(faces), "--out", text(out)];
        let effort = ["--quick", "--replicates", "50", "--threads", "1"];
        ["compare", text(softmax), text(triplet)].into_iter().chain(places).chain(effort).collect()
    }

    fn compare(&self, out: &Path, more: &[&str]) -> Ran {
        let faces = self.scratch.path("faces");
        verisim(self.arguments(&faces, out).iter().chain(more))
    }
}

#[test]
fn a_comparison_leaves_what_it_promises() {
    let ground = Ground::get();
    let scratch = Scratch::new();
    let out = scratch.path("whole");
    let json: Value = serde_json::from_str(&ground.compare(&out, &["--json"]).ok()).unwrap();
    let names: Vec<&str> =
        json["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["softmax", "triplet", "random", "untrained", "pixels"]);
    assert_eq!(json["tests"][0]["name"], "triplet");
    assert_eq!(json["data"]["n_test"], 8);
    assert!(json["rows"][1]["values"]["loss.margin"].is_f64(), "{json:#}");
    let map_at_r = |row: usize| json["rows"][row]["figures"]["map_at_r"]["mean"].as_f64().unwrap();
    assert!(map_at_r(4) > map_at_r(2), "pixels should be better than chance: {json:#}");

    let csv = fs::read_to_string(out.join("results.csv")).unwrap();
    // A head, five rows of seven measures, a difference with two p-values.
    assert_eq!(csv.lines().count(), 1 + 5 * 7 + 3, "{csv}");
    let page = fs::read_to_string(out.join("report/index.html")).unwrap();
    for part in ["In short", "All measures", "loss.margin", "SHA-256 of the division", "<svg"] {
        assert!(page.contains(part), "the report lacks {part}");
    }

    // Typed again, nothing is trained again.
    let lines = fs::read_to_string(out.join("results.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 2 * 2 * 2 + 2 * 2 + 2 * 2 + 1, "{lines}");
    let again = ground.compare(&out, &[]).ok();
    assert!(again.contains("MAP@R") && again.contains("P@1"), "{again}");
    assert_eq!(fs::read_to_string(out.join("results.jsonl")).unwrap(), lines);
    assert_eq!(fs::read_to_string(out.join("results.csv")).unwrap(), csv);
}

#[test]
fn a_comparison_that_was_killed_comes_to_the_same_figures() {
    let ground = Ground::get();
    let scratch = Scratch::new();
    let faces = ground.scratch.path("faces");
    let (whole, killed) = (scratch.path("whole"), scratch.path("killed"));
    ground.compare(&whole, &[]).ok();
    let ledger = killed.join("results.jsonl");
    let n_lines_of = |path: &Path| fs::read_to_string(path).map_or(0, |it| it.lines().count());
    let n_all = n_lines_of(&whole.join("results.jsonl"));
    let mut n_cut = 0;
    for n_lines in [2, 6, 10] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_verisim"))
            .args(ground.arguments(&faces, &killed))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        let is_far = || n_lines_of(&ledger) >= n_lines;
        while !is_far() && child.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "no unit is done after two minutes");
            thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        n_cut += usize::from(n_lines_of(&ledger) < n_all);
        // As if the power had failed in the middle of a line.
        let mut bytes = fs::read(&ledger).unwrap();
        bytes.extend(b"{\"stage\":\"tri");
        fs::write(&ledger, bytes).unwrap();
    }
    assert!(n_cut > 0, "every run came to its end before it was killed");
    ground.compare(&killed, &[]).ok();
    let results = |out: &Path| fs::read(out.join("results.csv")).unwrap();
    assert!(results(&whole) == results(&killed), "results.csv differs");
}

#[test]
fn what_could_not_be_compared_is_refused() {
    let ground = Ground::get();
    let scratch = Scratch::new();
    let out = scratch.path("out");

    let recipe = fs::read_to_string(&ground.recipes[1]).unwrap();
    let longer = scratch.write("longer.toml", recipe.replace("lr = 3e-3", "lr = 1e-3"));
    let faces = ground.scratch.path("faces");
    let arguments = ["compare", text(&ground.recipes[0]), text(&longer), "--data", text(&faces)];
    let ran = verisim(arguments.iter().chain(&["--out", text(&out)]));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    for part in ["optimizer.lr is 0.001, not 0.003", "--align"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(!out.exists());

    // Somebody of one half stands in the other under another name.
    let leaky = scratch.path("leaky");
    for identity in 1..=16 {
        for image in 1..=4 {
            let name = format!("{identity:04}/{image:04}.png");
            let from = faces.join(if identity > 8 {
                format!("{:04}/{image:04}.png", identity - 8)
            } else {
                name.clone()
            });
            scratch.write(&format!("leaky/{name}"), fs::read(from).unwrap());
        }
    }
    let ran = verisim(ground.arguments(&leaky, &out));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    for part in ["the same picture", "--allow-leaks"] {
        assert!(ran.stderr.contains(part), "{}", ran.stderr);
    }
    assert!(!out.exists());
}

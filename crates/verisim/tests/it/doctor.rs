//! The doctor and its remedies from the outside: found, carried out, undone, shown.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

/// The digest of a model that never was.
pub(crate) const DIGEST: &str = "1010101010101010101010101010101010101010101010101010101010101010";

/// A line of a face at an angle on the unit circle, in degrees.
pub(crate) fn line(name: &str, label: &str, degrees: f64) -> String {
    let (sin, cos) = degrees.to_radians().sin_cos();
    serde_json::json!({ "name": name, "label": label, "embedding": [cos, sin] }).to_string() + "\n"
}

/// Ann with a picture of Bob, Bob, and Bobby, who is Cy O'Hara.
fn troubled(scratch: &Scratch) -> String {
    let lines = [
        line("Ann", "ann/1.jpg", 0.0),
        line("Ann", "ann/2.jpg", 10.0),
        line("Ann", "ann/bob.jpg", 92.0),
        line("Bob", "bob/1.jpg", 90.0),
        line("Bob", "bob/2.jpg", 95.0),
        line("Cy O'Hara", "cy/1.jpg", 200.0),
        line("Cy O'Hara", "cy/2.jpg", 205.0),
        line("Bobby", "bobby.jpg", 203.0),
    ];
    let file = scratch.write("people.ndjson", lines.concat());
    let g = text(&scratch.path("g")).to_owned();
    verisim(["gallery", "import", &g, text(&file), "--model-digest", DIGEST]).ok();
    g
}

fn examined(g: &str) -> Value {
    let found = verisim(["gallery", "doctor", g, "--threshold", "0.866", "--json"]).ok();
    serde_json::from_str(&found).unwrap()
}

/// Runs a command line that the doctor printed, as a shell would.
fn run_as_shown(command: &str) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_verisim"));
    let line = command.replacen("verisim", text(program), 1);
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    said
}

#[cfg(unix)]
#[test]
fn what_the_doctor_suggests_can_be_carried_out_and_undone() {
    let scratch = Scratch::new();
    let g = troubled(&scratch);
    let before = verisim(["gallery", "list", &g]).ok();
    assert_eq!(before, "Ann\t3\nBob\t2\nBobby\t1\nCy O'Hara\t2\n");

    let found = examined(&g);
    assert_eq!((&found["identities"], &found["single_templates"]), (&4.into(), &1.into()));
    let check = &found["leave_one_out"];
    // Only Ann's two that are hers are nearer to their own than to those that lie wrong.
    assert_eq!((&check["mated"], &check["mistaken"]), (&7.into(), &5.into()), "{found}");
    let findings = found["findings"].as_array().unwrap();
    let kinds: Vec<&str> = findings.iter().map(|it| it["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["mislabeled", "same_person"], "{found}");
    assert_eq!(findings[0]["templates"][0]["label"], "ann/bob.jpg");
    let why = findings[0]["why"].as_str().unwrap();
    assert!(
        why.starts_with(
            "ann/bob.jpg of Ann scores 0.9994 with bob/1.jpg of Bob, but at most 0.1392"
        ),
        "{why}"
    );
    assert_eq!(findings[1]["identities"], serde_json::json!(["Cy O'Hara", "Bobby"]));
    assert_eq!(verisim(["gallery", "list", &g]).ok(), before, "nothing was changed");

    for finding in findings {
        run_as_shown(finding["command"].as_str().unwrap());
    }
    assert_eq!(verisim(["gallery", "list", &g]).ok(), "Ann\t2\nBob\t3\nCy O'Hara\t3\n");
    assert_eq!(examined(&g)["findings"], serde_json::json!([]));
    let listed = verisim(["gallery", "undo", &g, "--list"]).ok();
    let expected =
        "Bobby was merged into Cy O'Hara, with 1 template\n1 template of Ann went to Bob\n";
    assert_eq!(listed, expected);
    for line in listed.lines() {
        assert_eq!(verisim(["gallery", "undo", &g]).ok(), format!("undone: {line}\n"));
    }
    assert_eq!(verisim(["gallery", "list", &g]).ok(), before);
    assert_eq!(verisim(["gallery", "undo", &g]).status, 2);
    verisim(["gallery", "check", &g]).ok();
    verisim(["audit", "verify", &g]).ok();
    let log = verisim(["audit", "show", &g]).ok();
    assert!(log.contains("\"action\":\"merged\"") && log.contains("\"undo\":true"), "{log}");
    assert!(!log.contains("Bob"), "{log}");
}

#[test]
fn a_table_and_a_page_say_what_was_found() {
    let scratch = Scratch::new();
    let g = troubled(&scratch);
    let page = scratch.path("doctor.html");
    let asked = ["gallery", "doctor", &g, "--threshold", "0.866", "--report", text(&page)];
    let said = verisim(asked).ok();
    for part in [
        "4 people with 8 templates, 1 of whom have a single one; threshold 0.8660",
        "rank-1 28.57 %",
        "Pictures that are likely under the wrong name (1)\n  ann/bob.jpg of Ann scores",
        "--to Bob\n",
        "'Cy O'\\''Hara' Bobby\n",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains("People who are likely enrolled twice (1)"), "{page}");
    assert!(page.contains("Cy O&#39;Hara") || page.contains("Cy O'Hara"), "{page}");
    let none = verisim(["gallery", "doctor", &g]);
    assert_eq!(none.status, 2);
    assert!(none.stderr.contains("give one with --threshold"), "{}", none.stderr);
}

#[test]
fn templates_are_split_off_and_removed_by_their_ids() {
    let scratch = Scratch::new();
    let g = troubled(&scratch);
    let listed = verisim(["gallery", "list", &g, "Ann"]).ok();
    let ids: Vec<&str> = listed.lines().map(|it| it.split('\t').next().unwrap()).collect();
    assert!(ids.len() == 3 && listed.contains("\t\tann/bob.jpg\n"), "{listed}");
    verisim(["gallery", "split", &g, "Ann", ids[2], "--into", "Eve"]).ok();
    let removed = verisim(["gallery", "remove", &g, ids[0]]).ok();
    assert_eq!(removed, "1 template was overwritten\n");
    assert_eq!(
        verisim(["gallery", "list", &g]).ok(),
        "Ann\t1\nBob\t2\nBobby\t1\nCy O'Hara\t2\nEve\t1\n"
    );
    let last = verisim(["gallery", "remove", &g, ids[1]]);
    assert_eq!(last.status, 2);
    assert!(last.stderr.contains("would be left without a template"), "{}", last.stderr);
    let unknown = verisim(["gallery", "move", &g, ids[0], "--to", "Bob"]);
    assert!(unknown.stderr.contains("no such template"), "{}", unknown.stderr);
}

#[test]
fn the_page_has_the_pictures_that_were_kept() {
    let (scratch, trained) = (Scratch::new(), Trained::get());
    for (person, number, name) in [(1, 1, "Ann/1.png"), (1, 1, "Bob/1.png"), (2, 1, "Cy/1.png")] {
        let picture = fs::read(trained.face(person, number)).unwrap();
        scratch.write(&format!("known/{name}"), picture);
    }
    let (g, known, page) = (scratch.path("g"), scratch.path("known"), scratch.path("doctor.html"));
    let model = trained.model();
    let enroll = ["enroll", "--gallery", text(&g), "--model", text(&model), text(&known)];
    verisim(enroll.iter().chain(&["--thumbnails"])).ok();
    let asked = ["gallery", "doctor", text(&g), "--threshold", "0.9999", "--report", text(&page)];
    let said = verisim(asked).ok();
    assert!(said.contains("it is nearly the same picture"), "{said}");
    let page = fs::read_to_string(page).unwrap();
    assert_eq!(page.matches("data:image/jpeg;base64,").count(), 2, "{page}");
}

//! The demonstration, on a few faces: it tells its whole story, and replaces nothing of the user's.

use std::fs;

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

#[test]
fn a_demo_trains_measures_enrolls_identifies_and_forgets() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let out = scratch.path("demo");
    let (faces, out_text) = (trained.faces(), text(&out).to_owned());
    let arguments = ["demo", "--data", text(&faces), "--out", &out_text, "--epochs", "1"];
    let said = verisim(arguments).ok();
    for line in ["AUC", "identified at threshold", "turned away", "forgot "] {
        assert!(said.contains(line), "{line} is missing:\n{said}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    for part in
        ["Training", "Who is it?", "Forgotten", "<svg", "data:image/jpeg", "Before", "After"]
    {
        assert!(page.contains(part), "{part} is missing");
    }
    // Of 24 identities 9 are tested with; every fourth is a stranger, and one was forgotten.
    let list = verisim(["gallery", "list", text(&out.join("gallery"))]).ok();
    assert_eq!(list.lines().count(), 9 - 2 - 1, "{list}");
    let forgotten = said.split("forgot ").nth(1).unwrap().split(':').next().unwrap();
    assert!(!list.contains(&format!("{forgotten}\t")), "{forgotten} is still there:\n{list}");

    // A second one replaces the first.
    fs::write(out.join("report.html"), "old").unwrap();
    verisim(arguments).ok();
    assert!(fs::read_to_string(out.join("report.html")).unwrap().len() > 1000);
}

#[test]
fn a_demo_leaves_other_folders_alone_and_asks_for_enough_faces() {
    let trained = Trained::get();
    let scratch = Scratch::new();
    let letter = scratch.write("mine/letter.txt", "Dear Sir");
    let mine = scratch.path("mine");
    let faces = trained.faces();
    let refused = verisim(["demo", "--data", text(&faces), "--out", text(&mine)]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("is not empty and no demo made it"), "{}", refused.stderr);
    assert_eq!(fs::read_dir(&mine).unwrap().count(), 1);
    assert!(letter.exists());

    for number in 1..4 {
        let face = fs::read(trained.face(number, 1)).unwrap();
        scratch.write(&format!("few/{number}/1.png"), &face);
        scratch.write(&format!("few/{number}/2.png"), &face);
    }
    let (few, out) = (scratch.path("few"), scratch.path("out"));
    let refused = verisim(["demo", "--data", text(&few), "--out", text(&out)]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("but there are 3"), "{}", refused.stderr);
    assert!(!out.exists());
}

//! Many pictures at once: folders and lists, what a stopped run left, what could not be used.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use crate::bad_input::without_space;
use crate::cli::{Ran, Scratch, verisim};
use crate::flow::{Trained, text};

/// Runs the program with a list on its standard input.
fn with_list(arguments: &[&str], list: &[u8]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verisim"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(list).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran {
        status: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    }
}

/// Reasons by the ending of the path, out of a file of errors.
fn reasons(csv: &str) -> Vec<(String, String)> {
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("path,reason,explanation"));
    let reason = |line: &str| {
        let mut cells = line.split(',');
        let path = cells.next().unwrap().rsplit('/').next().unwrap().to_owned();
        (path, cells.next().unwrap().to_owned())
    };
    lines.map(reason).collect()
}

#[test]
fn pictures_come_from_files_folders_and_lists_alike() {
    let trained = Trained::get();
    let model = trained.model();
    let embed = ["embed", "--model", text(&model)];
    let [folder, more] = ["0003", "0004"].map(|name| trained.faces().join(name));
    let face = trained.face(4, 1);
    let named = verisim(embed.iter().chain(&[text(&folder), text(&face)])).ok();
    assert_eq!(named.lines().count(), 7);
    let list = format!("{}\r\n\n{}\n", text(&folder), text(&face));
    assert_eq!(with_list(&[&embed[..], &["-"]].concat(), list.as_bytes()).ok(), named);
    let with_nul = list.replace("\r\n\n", "\0").replace('\n', "\0");
    assert_eq!(with_list(&[&embed[..], &["-"]].concat(), with_nul.as_bytes()).ok(), named);
    // A list may stand among files and folders.
    let both = with_list(&[&embed[..], &[text(&more), "-"]].concat(), list.as_bytes()).ok();
    assert_eq!(both.lines().count(), 6 + 7);
    let nothing = with_list(&[&embed[..], &["-"]].concat(), b"\n");
    assert_eq!(nothing.status, 2);
    assert!(nothing.stderr.contains("standard input names no picture"), "{}", nothing.stderr);
}

#[test]
fn what_cannot_be_used_is_in_a_file_and_the_rest_is_done() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let (model, errors) = (trained.model(), scratch.path("errors.csv"));
    let letter = scratch.write("letter.jpg", "Dear Sir or Madam");
    let missing = scratch.path("missing.jpg");
    let list = [text(&letter), text(&trained.face(1, 1)), text(&missing)].join("\n");
    let embed = ["embed", "--model", text(&model), "-", "--errors", text(&errors)];
    let ran = with_list(&embed, list.as_bytes());
    assert_eq!((ran.status, ran.stdout.lines().count()), (2, 1), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 of 3 pictures have no embedding, see "), "{}", ran.stderr);
    let found = reasons(&fs::read_to_string(&errors).unwrap());
    let expected = [("letter.jpg", "invalid_image"), ("missing.jpg", "unreadable")];
    assert_eq!(found, expected.map(|(path, reason)| (path.to_owned(), reason.to_owned())));
    // A run without errors says so, too.
    with_list(&embed, text(&trained.face(1, 1)).as_bytes()).ok();
    assert_eq!(reasons(&fs::read_to_string(&errors).unwrap()), []);
}

#[test]
#[cfg(unix)]
fn a_stopped_run_of_embed_goes_on_and_ends_with_the_same_bytes() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let (model, faces) = (trained.model(), trained.faces());
    let [out, whole] = ["e.npy", "whole.npy"].map(|name| scratch.path(name));
    let embed = |out| ["embed", "--model", text(&model), text(&faces), "--out", out];
    assert_eq!(without_space(&embed(text(&out))).status, 2);
    let part = scratch.path("e.npy.part");
    // The first line says how they were embedded.
    let n_kept = fs::read(&part).unwrap().split(|byte| *byte == b'\n').count() - 2;
    assert!((10..144).contains(&n_kept) && !out.exists(), "{n_kept} were kept");
    // Another way of embedding has no use for them.
    let ran = verisim(embed(text(&out)));
    let said = format!("going on: an earlier run embedded {n_kept} pictures");
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    verisim(embed(text(&whole))).ok();
    assert!(fs::read(&out).unwrap() == fs::read(&whole).unwrap());
    assert!(!part.exists());
    let names = |name: &str| fs::read_to_string(scratch.path(name)).unwrap();
    assert_eq!(names("e.names.txt"), names("whole.names.txt"));
}

#[test]
fn people_are_enrolled_from_a_list_and_only_what_is_new() {
    let (trained, scratch) = (Trained::get(), Scratch::new());
    let (model, gallery) = (trained.model(), scratch.path("g"));
    let errors = scratch.path("errors.csv");
    let enroll = |known: &str, list: &str| {
        let gallery = ["enroll", "--gallery", text(&gallery), "--model", text(&model)];
        let rest = [known, "--errors", text(&errors)];
        with_list(&[&gallery[..], &rest].concat(), list.as_bytes())
    };
    let faces = [trained.face(1, 1), trained.face(2, 1), trained.face(3, 1)];
    let [one, two, three] = faces.each_ref().map(|it| text(it));
    let nobody = "lonely.png";
    let ran = enroll("-", &format!("{one}\n{two}\tAnn Bo\n{three}\n{nobody}\n"));
    assert_eq!(ran.status, 2, "{}", ran.stderr);
    assert!(
        ran.stdout.starts_with("enrolled 3 people with 3 new templates (0 were"),
        "{}",
        ran.stdout
    );
    let found = reasons(&fs::read_to_string(&errors).unwrap());
    assert_eq!(found, [(nobody.to_owned(), "unreadable".to_owned())]);
    let list = verisim(["gallery", "list", text(&gallery)]).ok();
    for name in ["0001", "Ann Bo", "0003"] {
        assert!(list.contains(name), "{list}");
    }
    let ran = enroll(text(&trained.faces()), "").ok();
    assert!(ran.contains("new templates (2 were there already)"), "{ran}");
    let again = enroll(text(&trained.faces()), "").ok();
    assert!(again.starts_with("enrolled 24 people with 0 new templates (144 were"), "{again}");
}

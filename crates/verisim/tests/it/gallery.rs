//! Galleries from the outside: sealed, copied, put back, counted, forgotten with a receipt.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::cli::{Ran, Scratch, ran, verisim};
use crate::flow::{Trained, text};

const PASSPHRASE: &str = "correct horse battery staple";

/// Runs the program with a passphrase in its environment.
fn with_passphrase(passphrase: &str, arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verisim"));
    ran(command.env("VERISIM_KEY", passphrase).args(arguments))
}

fn known(scratch: &Scratch) -> String {
    let trained = Trained::get();
    for (from, to) in [
        (trained.face(1, 1), "known/Ada Lovelace/1.png"),
        (trained.face(1, 2), "known/Ada Lovelace/2.png"),
        (trained.face(2, 1), "known/Bob.png"),
    ] {
        scratch.write(to, fs::read(from).unwrap());
    }
    text(&scratch.path("known")).to_owned()
}

#[test]
fn a_sealed_gallery_is_used_copied_and_audited() {
    let scratch = Scratch::new();
    let (known, model) = (known(&scratch), Trained::get().model());
    let path = |name: &str| text(&scratch.path(name)).to_owned();
    let (g, key, copy, back) = (path("g"), path("key"), path("copy.sqlite"), path("back"));
    verisim(["gallery", "new-key", &key]).ok();
    assert_eq!(verisim(["gallery", "new-key", &key]).status, 2, "a key is never replaced");
    let sealed = |arguments: &[&str]| verisim([arguments, &["--key-file", key.as_str()]].concat());
    sealed(&["enroll", "--gallery", &g, "--model", text(&model), &known, "--actor", "desk 3"]).ok();

    let found =
        sealed(&["identify", "--gallery", &g, &known, "--threshold", "0.9999", "--json"]).ok();
    let first: Value = serde_json::from_str(found.lines().next().unwrap()).unwrap();
    assert_eq!(first["identity"], "Ada Lovelace");
    assert_eq!(first["runner_up"]["identity"], "Bob");
    assert!(first["margin"].as_f64().unwrap() > 0.0, "{first}");

    let locked = verisim(["gallery", "list", &g]);
    assert_eq!(locked.status, 2);
    assert!(locked.stderr.contains("is sealed: give its key or passphrase"), "{}", locked.stderr);
    let wrong = with_passphrase(PASSPHRASE, &["gallery", "list", &g]);
    assert!(wrong.stderr.contains("is sealed with a key"), "{}", wrong.stderr);

    assert_eq!(sealed(&["gallery", "list", &g]).ok(), "Ada Lovelace\t2\nBob\t1\n");
    sealed(&["gallery", "backup", &g, &copy]).ok();
    sealed(&["gallery", "policy", &g, "--score", "mean", "--max-templates", "9"]).ok();
    let receipt = path("ada.json");
    sealed(&["forget", "--gallery", &g, "Ada Lovelace", "--receipt", &receipt]).ok();
    let verified = sealed(&["audit", "verify", &g, &receipt]).ok();
    assert!(verified.starts_with("whole: ") && verified.contains("\nforgotten: "), "{verified}");
    let log = sealed(&["audit", "show", &g]).ok();
    let actions: Vec<String> = log
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["action"].to_string())
        .collect();
    let last = ["\"searched\"", "\"backed up\"", "\"configured\"", "\"forgotten\""];
    assert!(actions.ends_with(&last.map(str::to_owned)), "{log}");
    assert!(log.contains("desk 3") && !log.contains("Ada"), "{log}");
    let stats: Value =
        serde_json::from_str(&sealed(&["gallery", "stats", &g, "--json"]).ok()).unwrap();
    assert_eq!((&stats["sealed"], &stats["score"]), (&true.into(), &"mean".into()));
    assert_eq!((&stats["identities"], &stats["max_templates"]), (&1.into(), &9.into()));
    sealed(&["gallery", "compact", &g]).ok();
    sealed(&["gallery", "check", &g]).ok();

    let restored = sealed(&["gallery", "restore", &copy, &back]).ok();
    assert_eq!(restored, "restored 2 people with 3 templates\n");
    let again = sealed(&["audit", "verify", &back, &receipt]);
    assert_eq!(again.status, 2);
    assert!(again.stderr.contains("the receipt does not agree"), "{}", again.stderr);
    assert_eq!(sealed(&["gallery", "restore", &copy, &back]).status, 2);
}

#[test]
fn a_passphrase_may_come_from_the_environment_and_a_key_file_only_from_its_owner() {
    let scratch = Scratch::new();
    let (known, model) = (known(&scratch), Trained::get().model());
    let g = text(&scratch.path("g")).to_owned();
    let enroll = ["enroll", "--gallery", &g, "--model", text(&model), &known];
    with_passphrase(PASSPHRASE, &enroll).ok();
    let listed = with_passphrase(PASSPHRASE, &["gallery", "list", &g]).ok();
    assert_eq!(listed, "Ada Lovelace\t2\nBob\t1\n");
    for (passphrase, said) in [
        ("correct horse battery stable", "is sealed with a passphrase"),
        ("short", "a passphrase of at least 12 characters, but this text has 5"),
    ] {
        let refused = with_passphrase(passphrase, &["gallery", "list", &g]);
        assert_eq!(refused.status, 2);
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
        assert!(!refused.stderr.contains(passphrase), "{}", refused.stderr);
    }
    let file = scratch.write("phrase", PASSPHRASE);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let allow = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        allow(0o644);
        let refused = verisim(["gallery", "list", &g, "--key-file", text(&file)]);
        assert!(refused.stderr.contains("others may read it (mode 644)"), "{}", refused.stderr);
        allow(0o600);
    }
    assert_eq!(verisim(["gallery", "list", &g, "--key-file", text(&file)]).ok(), listed);
}

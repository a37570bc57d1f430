//! Galleries on a PostgreSQL server from the outside: the commands that take an address, and those that do not.
//!
//! `reference/postgres_server.py start DIR` makes a server and prints the variables that lead here. Without one
//! nothing is tested, unless `VERISIM_TEST_POSTGRES_REQUIRED` says that there must be one.

use std::{env, process};

use crate::cli::{Scratch, verisim};
use crate::flow::{Trained, text};

/// The address of a gallery that is not there yet, if there is a server.
fn address() -> Option<String> {
    let Ok(server) = env::var("VERISIM_TEST_POSTGRES") else {
        assert!(
            env::var("VERISIM_TEST_POSTGRES_REQUIRED").is_err(),
            "there is no server to test with"
        );
        eprintln!("skipped: VERISIM_TEST_POSTGRES names no server");
        return None;
    };
    Some(format!("{server}?gallery=commands_{}&exact=true", process::id()))
}

#[test]
fn commands_take_an_address_where_they_take_a_folder() {
    let Some(address) = address() else { return };
    let (trained, scratch) = (Trained::get(), Scratch::new());
    for (from, to) in [(1, "known/Ada Lovelace/1.png"), (2, "known/Bob.png")] {
        scratch.write(to, std::fs::read(trained.face(from, 1)).unwrap());
    }
    let [known, folder] = ["known", "g"].map(|name| text(&scratch.path(name)).to_owned());
    let at = |arguments: &[&str]| verisim(arguments);
    let model = trained.model();
    let missing = at(&["gallery", "list", &address]);
    assert_eq!(missing.status, 2);
    assert!(missing.stderr.contains("no gallery at"), "{}", missing.stderr);

    at(&["enroll", "--gallery", &address, "--model", text(&model), &known]).ok();
    assert_eq!(at(&["gallery", "list", &address]).ok(), "Ada Lovelace\t1\nBob\t1\n");
    let again = at(&["enroll", "--gallery", &address, &known]).ok();
    assert!(again.contains("with 0 new templates (2 were there already)"), "{again}");
    let identify = ["identify", "--gallery", &address, &known, "--threshold", "0.9999"];
    let found = at(&identify).ok();
    assert!(found.contains(",Ada Lovelace,") && found.contains(",Bob,"), "{found}");

    at(&["gallery", "copy", "--from", &address, "--to", &folder]).ok();
    assert_eq!(at(&["gallery", "list", &folder]).ok(), "Ada Lovelace\t1\nBob\t1\n");
    at(&["forget", "--gallery", &address, "Ada Lovelace"]).ok();
    let found = at(&identify).ok();
    assert!(found.contains(",unknown_person,") && found.contains(",Bob,"), "{found}");
    at(&["audit", "verify", &address]).ok();
    at(&["gallery", "check", &address]).ok();

    let copy = text(&scratch.path("copy.sqlite")).to_owned();
    let refused = at(&["gallery", "backup", &address, &copy]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("copy the one on the server"), "{}", refused.stderr);
}

#[test]
fn a_server_that_is_not_there_is_named_without_its_password() {
    let address = "postgres://verisim:hidden@127.0.0.1:1/faces?patience=0";
    let refused = verisim(["gallery", "list", address]);
    assert_eq!(refused.status, 2);
    assert!(refused.stderr.contains("127.0.0.1:1"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("hidden"), "{}", refused.stderr);
}

//! What `--help` says: it fits a screen and shows an example.

use crate::cli::verisim;

/// Lines of a terminal window that nobody enlarged much.
const SCREEN: usize = 45;

const COMMANDS: [&[&str]; 29] = [
    &["demo"],
    &["train"],
    &["evaluate"],
    &["fuse"],
    &["compare"],
    &["map"],
    &["export"],
    &["detect"],
    &["align"],
    &["frontalize"],
    &["embed"],
    &["verify"],
    &["enroll"],
    &["identify"],
    &["forget"],
    &["gallery"],
    &["gallery", "doctor"],
    &["gallery", "import"],
    &["audit"],
    &["models"],
    &["models", "list"],
    &["models", "add"],
    &["models", "verify"],
    &["models", "fetch"],
    &["synth"],
    &["data"],
    &["bench"],
    &["bench", "gallery-load"],
    &["bench", "gallery-enroll"],
];

#[test]
fn every_help_fits_a_screen_and_shows_an_example() {
    for command in COMMANDS {
        let help = verisim(command.iter().chain(&["--help"])).ok();
        let n_lines = help.lines().count();
        assert!(n_lines <= SCREEN, "{command:?} --help has {n_lines} lines:\n{help}");
        assert!(help.contains("Example"), "{command:?} --help has no example:\n{help}");
    }
}

#[test]
fn the_first_help_names_every_command() {
    let help = verisim(["--help"]).ok();
    assert!(help.lines().count() <= SCREEN, "{help}");
    for command in COMMANDS {
        assert!(help.contains(&format!("  {} ", command[0])), "{command:?} is missing:\n{help}");
    }
    assert!(help.contains("verisim demo"), "{help}");
}

#[test]
fn a_command_that_does_not_exist_is_answered_with_one_that_does() {
    let ran = verisim(["enrol"]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("'enroll'"), "{}", ran.stderr);
}

//! What survives processes that are killed, or that the system lets write no further.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::child;
use crate::ledger::Ledger;
use crate::synthetic::{Random, code_traces, open, samples, traces};

const SIGKILL: i32 = 9;

/// The user "nobody" of most systems; any but root will do.
const NOBODY: u32 = 65534;

/// Lets a child change the gallery in `folder` until it has written `sign`, kills it after another
/// `delay`, and returns what it wrote.
fn kill_after(sign: &str, delay: Duration, folder: &Path, round: u64) -> String {
    let mut process = child::command(folder, round).spawn().unwrap();
    let mut stdout = BufReader::new(process.stdout.take().unwrap());
    let mut output = String::new();
    while !output.contains(sign) {
        assert_ne!(stdout.read_line(&mut output).unwrap(), 0, "it ended by itself: {output}");
    }
    thread::sleep(delay);
    process.kill().unwrap();
    stdout.read_to_string(&mut output).unwrap();
    assert_eq!(process.wait().unwrap().signal(), Some(SIGKILL), "{output}");
    output
}

/// Removes the copies that children made, where they do not matter.
fn remove_copies(folder: &Path) {
    fs::remove_dir_all(child::copies(folder)).ok();
}

/// Fails if a template of a forgotten identity has left a trace in the folder.
fn expect_no_traces(ledger: &Ledger, folder: &Path) {
    let forgotten = ledger.forgotten();
    assert_eq!(traces(folder, &forgotten), [""; 0]);
    assert_eq!(code_traces(folder, &forgotten), [""; 0]);
}

#[test]
#[expect(clippy::print_stdout, reason = "shown if the test fails, to repeat it")]
fn what_was_acknowledged_survives_any_number_of_kills() {
    let seed = u64::from(std::process::id());
    let mut random = Random(seed);
    let parent = tempfile::tempdir().unwrap();
    let n_rounds = if std::env::var_os("RUN_SLOW_TESTS").is_some() { 100 } else { 10 };
    let (mut n_done, mut n_rearranged, mut n_in_flight, mut n_copies) = (0, 0, 0, 0);
    for kind in ["plain", "sealed"] {
        let folder = parent.path().join(kind);
        let mut ledger = Ledger::default();
        for round in 0..n_rounds {
            let delay = Duration::from_micros(random.next() % 60_000);
            println!("seed {seed}, {kind}, round {round}: killed after {delay:?}");
            ledger.enter(&kill_after("\n+", delay, &folder, round));
            n_in_flight += usize::from(ledger.is_in_flight());
            ledger.verify(&folder);
            expect_no_traces(&ledger, &folder);
            n_copies += Ledger::verify_copies(&folder);
        }
        n_done += ledger.n_done;
        n_rearranged += ledger.n_rearranged;
    }
    println!(
        "{n_done} changes, {n_rearranged} of hands, {n_in_flight} interrupted, {n_copies} copies"
    );
    assert!(n_done > 20, "only {n_done} changes were made");
    assert!(n_in_flight > 3, "only {n_in_flight} changes were interrupted");
    assert!(n_copies > 0, "no copy was made");
    assert!(n_rearranged > 3, "only {n_rearranged} times did templates change hands");
}

#[test]
#[expect(clippy::print_stdout, reason = "shown if the test fails, to repeat it")]
fn a_gallery_whose_making_was_killed_can_be_made() {
    let seed = u64::from(std::process::id());
    let mut random = Random(seed);
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let delay = Duration::from_micros(random.next() % 12_000);
        println!("seed {seed}, round {round}: killed after {delay:?}");
        let mut ledger = Ledger::default();
        ledger.enter(&kill_after("", delay, folder.path(), round));
        ledger.verify(folder.path());
        remove_copies(folder.path());
    }
}

#[test]
fn a_file_that_may_not_grow_fails_the_change_and_loses_nothing() {
    // In the shell's blocks, of 512 or 1024 bytes: from the making of the gallery to many changes.
    for (round, n_blocks) in [0, 8, 24, 70, 130, 250, 500, 1000].into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let limit = format!("trap '' XFSZ; ulimit -f {n_blocks}; exec \"$@\"");
        let mut command =
            child::command_under(&["sh", "-c", &limit, "sh"], folder.path(), round as u64);
        let output = command.output().unwrap();
        let mut ledger = Ledger::default();
        ledger.enter(&String::from_utf8(output.stdout).unwrap());
        let failure = ledger.failure.take();
        assert!(matches!(failure.as_deref(), Some("Io" | "DiskFull")), "{n_blocks}: {failure:?}");
        assert!(n_blocks < 1000 || ledger.n_done > 1, "{n_blocks}: {} changes", ledger.n_done);
        ledger.verify(folder.path());
        expect_no_traces(&ledger, folder.path());
        remove_copies(folder.path());
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it was skipped")]
fn what_this_user_may_not_write_is_refused_as_such_and_not_changed() {
    for (file_mode, folder_mode) in [(0o000, 0o777), (0o444, 0o777), (0o666, 0o555), (0o666, 0o000)]
    {
        let folder = tempfile::tempdir().unwrap();
        let set_modes = |file_mode, folder_mode| {
            let file = folder.path().join("gallery.sqlite");
            fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
            fs::set_permissions(file, Permissions::from_mode(file_mode)).unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(folder_mode)).unwrap();
        };
        open(folder.path()).enroll("Ann", &samples("Ann", 3)).unwrap();
        set_modes(file_mode, folder_mode);

        let mut command = child::command(folder.path(), 0);
        if fs::metadata(folder.path()).unwrap().uid() == 0 {
            command.uid(NOBODY); // root may write anything
        }
        let Ok(output) = command.output() else {
            println!("skipped: the test binary cannot be run as another user");
            return;
        };
        let mut ledger = Ledger::default();
        ledger.enter(&String::from_utf8(output.stdout).unwrap());
        let modes = format!("file {file_mode:o}, folder {folder_mode:o}");
        assert_eq!(ledger.failure.as_deref(), Some("NotWritable"), "{modes}");

        set_modes(0o600, 0o700);
        assert_eq!(ledger.n_done, 0, "{modes}");
        assert_eq!(open(folder.path()).n_templates().unwrap(), 3, "{modes}");
    }
}

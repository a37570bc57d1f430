//! Disks that are full, become read-only, or fail at some call: nothing acknowledged is lost.
//!
//! A file system of a few hundred kilobytes is mounted in a namespace of its own, which root may do;
//! calls of the system are made to fail by `strace`, where it is there and may trace.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::child;
use crate::ledger::Ledger;
use crate::synthetic::traces;

/// Mounts a small file system at $1, lets the child fill it, twice, and once more when it is read-only, and
/// copies to $2 what is there then.
const FILL: &str = "
    at=$1; to=$2; size=$3; shift 3
    mkdir -p \"$at\" && mount -t tmpfs -o size=$size none \"$at\" || exit 77
    \"$@\"
    VERISIM_GALLERY_TEST_ROUND=1001 \"$@\"
    mount -o remount,ro \"$at\" || exit 77
    VERISIM_GALLERY_TEST_ROUND=1002 \"$@\"
    cp -a \"$at\" \"$to\"
";
/// What the script ends with where it may not mount.
const MAY_NOT: i32 = 77;

/// Runs the child under a shell in a namespace of mounts of its own; nothing if that is not allowed.
fn filled(at: &Path, to: &Path, size: &str, round: u64) -> Option<String> {
    let [at_text, to_text] = [at, to].map(|it| it.to_str().unwrap());
    let program = ["unshare", "-m", "sh", "-c", FILL, "sh", at_text, to_text, size];
    let output = child::command_under(&program, at, round).stderr(Stdio::null()).output().ok()?;
    let is_allowed = output.status.code() != Some(MAY_NOT) && to.exists();
    is_allowed.then(|| String::from_utf8(output.stdout).unwrap())
}

/// Enters what each of several children said; the kinds of errors that they ended with.
fn enter(ledger: &mut Ledger, output: &str) -> Vec<String> {
    let mut failures = Vec::new();
    for line in output.lines() {
        ledger.enter(line);
        failures.extend(ledger.failure.take());
    }
    failures
}

/// Fails unless the gallery holds what was acknowledged, and no trace of whom it forgot.
fn verify(ledger: &mut Ledger, folder: &Path) {
    ledger.verify(folder);
    assert_eq!(traces(folder, &ledger.forgotten()), [""; 0]);
    fs::remove_dir_all(child::copies(folder)).ok();
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it was skipped, and what was tried")]
fn a_full_disk_and_then_a_read_only_one_lose_nothing() {
    let sizes = ["200k", "300k", "520k", "1m"];
    for (round, (kind, size)) in
        (0..).zip(["plain", "sealed"].into_iter().flat_map(|kind| sizes.map(|size| (kind, size))))
    {
        let parent = tempfile::tempdir().unwrap();
        let to = parent.path().join("after").join(kind);
        fs::create_dir(parent.path().join("after")).unwrap();
        let Some(output) = filled(&parent.path().join(kind), &to, size, round) else {
            println!("skipped: this user may not mount a file system");
            return;
        };
        let mut ledger = Ledger::default();
        let failures = enter(&mut ledger, &output);
        println!("{kind}, {size}: {} changes, then {failures:?}", ledger.n_done);
        assert_eq!(failures.len(), 3, "{output}");
        for failure in &failures[..2] {
            assert!(["DiskFull", "Io"].contains(&failure.as_str()), "{size}: {failures:?}");
        }
        // A gallery whose making failed is none.
        assert!(
            ["NotWritable", "NotAGallery"].contains(&failures[2].as_str()),
            "{size}: {failures:?}"
        );
        assert!(size != "1m" || ledger.n_done > 3, "{size}: {} changes", ledger.n_done);
        verify(&mut ledger, &to);
    }
}

/// Whether calls of a process can be made to fail.
fn can_trace() -> bool {
    let mut strace = Command::new("strace");
    let strace =
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO", "true"]);
    strace.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
#[expect(clippy::print_stdout, reason = "says that it was skipped, and what was tried")]
fn a_call_that_fails_fails_the_change_and_loses_nothing() {
    if !can_trace() {
        println!("skipped: strace is not there, or may not trace");
        return;
    }
    let mut n_failed = 0;
    let calls = [
        ("pwrite64", "EIO", vec!["1", "9", "30", "61+", "140", "300+"]),
        ("pwrite64", "ENOSPC", vec!["5+", "77", "200+"]),
        ("fsync,fdatasync", "EIO", vec!["1", "4", "7+", "20", "33+"]),
        ("pread64", "EIO", vec!["2", "12", "25+"]),
        ("ftruncate", "EIO", vec!["1", "2+"]),
    ];
    let cases = calls.into_iter().flat_map(|(call, error, places)| {
        places.into_iter().map(move |place| (call, error, place))
    });
    for (round, (call, error, place)) in (2000..).zip(cases) {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join(if round % 2 == 0 { "plain" } else { "sealed" });
        let inject = format!("inject={call}:error={error}:when={place}");
        let file = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let paths = ["gallery.sqlite", "gallery.sqlite-wal"].map(file);
        let program = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", &paths[0], "-P", &paths[1]];
        let program: Vec<&str> = program.into_iter().chain(["-e", &inject]).collect();
        // What never fails, such as a log that is not truncated, is stopped after many changes.
        let limited = ["timeout", "-s", "KILL", "6"].into_iter().chain(program).collect::<Vec<_>>();
        let output = child::command_under(&limited, &folder, round).stderr(Stdio::null()).output();
        let output = String::from_utf8(output.unwrap().stdout).unwrap();
        let mut ledger = Ledger::default();
        let failures = enter(&mut ledger, &output);
        println!("{call} {error} at {place}: {} changes, then {failures:?}", ledger.n_done);
        for failure in &failures {
            let expected = match (call, error) {
                (_, "ENOSPC") => "DiskFull",
                // The engine takes what it cannot read for damage.
                ("pread64", _) => "Damaged",
                _ => "Io",
            };
            assert_eq!(failure, expected, "{call} {error} at {place}");
        }
        n_failed += failures.len();
        verify(&mut ledger, &folder);
    }
    assert!(n_failed >= 10, "only {n_failed} children met a call that failed");
}

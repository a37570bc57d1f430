//! Child processes that change a gallery until they are killed or fail.
//!
//! A child is this very test binary, asked for one test alone, which does nothing unless the
//! variable below is set.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use verisim_gallery::{Gallery, GalleryError, MatrixState, Policy, Secret};

use crate::synthetic::{DIM, Random, model, sample, samples};

const FOLDER: &str = "VERISIM_GALLERY_TEST_FOLDER";
const ROUND: &str = "VERISIM_GALLERY_TEST_ROUND";

/// Says what it is about to do, does it, and says that it did it, until it is killed or fails.
#[test]
fn child_changes_a_gallery_until_it_fails() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let round: u64 = env::var(ROUND).unwrap().parse().unwrap();
    let error = change_until_failure(Path::new(&folder), round).unwrap_err();
    say(&format!("! {}", kind(&error)));
}

/// A command that runs the test above in `folder`.
pub(crate) fn command(folder: &Path, round: u64) -> Command {
    command_under(&[], folder, round)
}

/// The same under another program, such as a shell that sets limits.
pub(crate) fn command_under(program: &[&str], folder: &Path, round: u64) -> Command {
    let mut words: Vec<OsString> = program.iter().map(OsString::from).collect();
    words.push(env::current_exe().unwrap().into());
    let mut command = Command::new(&words[0]);
    command
        .args(&words[1..])
        .args(["--exact", "child::child_changes_a_gallery_until_it_fails", "--nocapture"])
        .env(FOLDER, folder)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped());
    command
}

fn change_until_failure(folder: &Path, round: u64) -> Result<(), GalleryError> {
    let mut gallery = Gallery::create_or_open(folder, model(), DIM, secret_of(folder).as_ref())?;
    let mut random = Random(round);
    let mut enrolled: Vec<String> = Vec::new();
    for idx in 0.. {
        match random.below(12) {
            0 => {
                say("= compact");
                // Another that uses the gallery keeps it from being compacted.
                match gallery.compact() {
                    Err(GalleryError::Busy { .. }) => {}
                    outcome => outcome?,
                }
                say("done");
            }
            1 => {
                let copy = copies(folder).join(format!("r{round}n{idx}.sqlite"));
                say(&format!("= {}", copy.display()));
                gallery.backup(&copy)?;
                say("done");
            }
            // Reads the packed templates, or makes their file.
            2..=4 => {
                say("= search");
                let name = enrolled.last().map_or("nobody", String::as_str);
                let found = gallery.identify(&sample(name, 0).template, 0.9999, 2)?;
                let names: Vec<&str> = found.iter().map(|it| it.identity.as_str()).collect();
                assert_eq!(names, enrolled.last().map(String::as_str).as_slice());
                say("done");
            }
            _ => {}
        }
        if enrolled.len() > 2 && random.below(3) == 0 {
            let identity = enrolled.swap_remove(random.below(enrolled.len()));
            say(&format!("- {identity}"));
            // Where files may not grow, it is wiped only when the gallery is opened again.
            let _ = gallery.forget(&identity)?;
        } else {
            let (identity, n) = (format!("r{round}n{idx}"), 1 + random.below(4));
            say(&format!("+ {identity} {n}"));
            gallery.enroll(&identity, &samples(&identity, n))?;
            enrolled.push(identity);
        }
        say("done");
    }
    Ok(())
}

/// What the gallery in `folder` is sealed with, if it is: its name says so.
fn secret_of(folder: &Path) -> Option<Secret> {
    folder.ends_with("sealed").then(|| Secret::from_key([7; 32]))
}

/// Where the child puts copies of the gallery.
pub(crate) fn copies(folder: &Path) -> PathBuf {
    folder.with_extension("copies")
}

fn say(line: &str) {
    // One write a line, so that a line is whole or missing.
    let mut out = io::stdout().lock();
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// The variant of an error, which is the part that a caller decides on.
pub(crate) fn kind(error: &GalleryError) -> String {
    let debug = format!("{error:?}");
    debug.split([' ', '(']).next().unwrap_or_default().to_owned()
}

/// What the children of a gallery have said that they did.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) enrolled: BTreeMap<String, usize>,
    pub(crate) forgotten: BTreeMap<String, usize>,
    /// What was begun and not said to be done: the change, the name and the number of samples.
    pub(crate) in_flight: Option<(char, String, usize)>,
    pub(crate) n_done: usize,
    /// The kind of error that the last child ended with.
    pub(crate) failure: Option<String>,
}

impl Ledger {
    /// Enters what one child has written.
    pub(crate) fn enter(&mut self, output: &str) {
        for line in output.lines() {
            match *line.split(' ').collect::<Vec<_>>() {
                ["+", identity, n] => {
                    self.in_flight = Some(('+', identity.to_owned(), n.parse().unwrap()));
                }
                ["-", identity] => {
                    self.in_flight = Some(('-', identity.to_owned(), self.enrolled[identity]));
                }
                ["=", "compact" | "search"] => self.in_flight = Some(('=', String::new(), 0)),
                ["=", copy] => self.in_flight = Some(('=', copy.to_owned(), 0)),
                ["done"] => {
                    let change = self.in_flight.take().unwrap();
                    self.settle(change, true);
                    self.n_done += 1;
                }
                // A disk that failed at the very end may have done it; other errors mean that nothing
                // was changed.
                ["!", kind] => {
                    self.failure = Some(kind.to_owned());
                    self.in_flight = self.in_flight.take().filter(|_| kind == "Io");
                }
                _ => {} // of the test harness
            }
        }
    }

    fn settle(&mut self, (change, identity, n): (char, String, usize), happened: bool) {
        match (change, happened) {
            ('+', true) => drop(self.enrolled.insert(identity, n)),
            ('-', true) => {
                self.enrolled.remove(&identity);
                self.forgotten.insert(identity, n);
            }
            ('=', true) if !identity.is_empty() => {
                assert!(Path::new(&identity).is_file(), "no copy at {identity}");
            }
            _ => {}
        }
    }

    /// Fails unless every copy of the gallery is whole.
    pub(crate) fn verify_copies(folder: &Path) -> usize {
        let mut n_whole = 0;
        for entry in fs::read_dir(copies(folder)).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|it| it == "sqlite") {
                let to = tempfile::tempdir().unwrap();
                let secret = secret_of(folder);
                let restored = Gallery::restore(&path, to.path(), secret.as_ref()).unwrap();
                restored.check().unwrap();
                n_whole += 1;
            }
            fs::remove_file(path).unwrap();
        }
        n_whole
    }

    /// Fails unless the gallery holds what was said to be done, whole, and nothing else but, maybe,
    /// what was in flight; that is then entered as it turned out.
    pub(crate) fn verify(&mut self, folder: &Path) {
        let mut gallery =
            Gallery::create_or_open(folder, model(), DIM, secret_of(folder).as_ref()).unwrap();
        gallery.check().unwrap();
        // One durable record a search would take most of the time of the tests.
        let policy = Policy { record_searches: false, ..Policy::default() };
        gallery.set_policy(policy).unwrap();
        let found: BTreeMap<String, usize> = gallery
            .identities()
            .unwrap()
            .into_iter()
            .map(|it| (it.details.name, it.n_templates))
            .collect();
        // A copy or a compaction that was interrupted changes nobody.
        if let Some(change) = self.in_flight.take().filter(|it| it.0 != '=') {
            let happened = found.contains_key(&change.1) == (change.0 == '+');
            self.settle(change, happened);
        }
        assert_eq!(found, self.enrolled);
        for (identity, &n) in &self.enrolled {
            for idx in 0..n {
                let probe = sample(identity, idx).template;
                let candidates = gallery.identify(&probe, 0.9999, 2).unwrap();
                assert_eq!(candidates.len(), 1, "{identity} {idx}");
                assert_eq!(&candidates[0].identity, identity);
            }
        }
        for (identity, &n) in &self.forgotten {
            for sample in samples(identity, n) {
                let ghosts = gallery.identify(&sample.template, 0.9999, 2).unwrap();
                assert_eq!(ghosts, [], "{identity}");
            }
        }
        gallery.nearest(&sample("anybody", 0).template, 1).unwrap();
        assert_eq!(gallery.stats().unwrap().matrix, Some(MatrixState::Fresh));
        gallery.check().unwrap();
    }
}

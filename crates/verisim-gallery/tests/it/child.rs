//! Child processes that change a gallery until they are killed or fail.
//!
//! A child is this very test binary, asked for one test alone, which does nothing unless the
//! variable below is set.

use std::env;
use std::ffi::OsString;
use std::fmt::{self, Display, Formatter, Write as _};
use std::io::{self, Write};
use std::num::ParseIntError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::str::FromStr;

use verisim_gallery::{Gallery, GalleryError, RandomId, Sample, Secret};

use crate::synthetic::{DIM, Random, model, sample};

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

/// A template as the children tell it: whose sample it is, and which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Part {
    pub(crate) of: String,
    pub(crate) idx: usize,
}

impl Part {
    pub(crate) fn sample(&self) -> Sample {
        Sample { label: Some(self.to_string()), ..sample(&self.of, self.idx) }
    }
}

impl Display for Part {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.of, self.idx)
    }
}

impl FromStr for Part {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (of, idx) = text.split_once(':').unwrap();
        Ok(Self { of: of.to_owned(), idx: idx.parse()? })
    }
}

/// An identity and its templates; one without any is not enrolled.
type Identity = (String, Vec<Part>);

/// A gallery, and whom this child enrolled in it.
struct Crowd<'a> {
    folder: &'a Path,
    gallery: Gallery,
    random: Random,
    enrolled: Vec<Identity>,
}

fn change_until_failure(folder: &Path, round: u64) -> Result<(), GalleryError> {
    let gallery = Gallery::create_or_open(folder, model(), DIM, secret_of(folder).as_ref())?;
    let mut crowd = Crowd { folder, gallery, random: Random(round), enrolled: Vec::new() };
    for idx in 0.. {
        let new = format!("r{round}n{idx}");
        crowd.look_after(&new)?;
        let n = crowd.enrolled.len();
        match crowd.random.below(9) {
            0..3 if n > 2 => crowd.forget()?,
            3..6 if n > 1 => crowd.rearrange(new)?,
            _ => crowd.enroll(new)?,
        }
    }
    Ok(())
}

impl Crowd<'_> {
    /// Compacts the gallery, copies it, or searches it: nobody changes.
    fn look_after(&mut self, new: &str) -> Result<(), GalleryError> {
        match self.random.below(12) {
            0 => {
                say("= compact");
                // Another that uses the gallery keeps it from being compacted.
                match self.gallery.compact() {
                    Err(GalleryError::Busy { .. }) => {}
                    outcome => outcome?,
                }
            }
            1 => {
                let copy = copies(self.folder).join(format!("{new}.sqlite"));
                say(&format!("= {}", copy.display()));
                self.gallery.backup(&copy)?;
            }
            // Reads the packed templates, or makes their file.
            2..=4 => {
                say("= search");
                let last = self.enrolled.last();
                let probe = last.map_or_else(|| sample("nobody", 0), |(_, its)| its[0].sample());
                let found = self.gallery.identify(&probe.template, 0.9999, 2)?;
                let found: Vec<&String> = found.iter().map(|it| &it.identity).collect();
                assert_eq!(found, last.iter().map(|it| &it.0).collect::<Vec<_>>());
            }
            _ => return Ok(()),
        }
        say("done");
        Ok(())
    }

    fn enroll(&mut self, new: String) -> Result<(), GalleryError> {
        let n = 1 + self.random.below(4);
        let its: Vec<Part> = (0..n).map(|idx| Part { of: new.clone(), idx }).collect();
        let samples: Vec<Sample> = its.iter().map(Part::sample).collect();
        announce('+', &[(new.clone(), its.clone())]);
        self.gallery.enroll(&new, &samples)?;
        say("done");
        self.enrolled.push((new, its));
        Ok(())
    }

    fn forget(&mut self) -> Result<(), GalleryError> {
        let (name, _) = self.take();
        announce('-', &[(name.clone(), Vec::new())]);
        // Where files may not grow, it is wiped only when the gallery is opened again.
        let _ = self.gallery.forget(&name)?;
        say("done");
        Ok(())
    }

    /// Merges two, moves a template or splits somebody, and undoes some of that.
    fn rearrange(&mut self, new: String) -> Result<(), GalleryError> {
        let (one, other) = (self.take(), self.take());
        let before = [one.clone(), other.clone()];
        let (mut one, mut other) = (one, other);
        let has_several = one.1.len() > 1;
        let after = match self.random.below(3) {
            0 if has_several => {
                let template = self.ids(&one)?[0];
                other.1.push(one.1.remove(0));
                let after = vec![one, other];
                announce('~', &after);
                self.gallery.move_template(template, &after[1].0)?;
                after
            }
            1 if has_several => {
                let some = 1 + self.random.below(one.1.len() - 1);
                let templates = self.ids(&one)?.split_off(some);
                let rest = one.1.split_off(some);
                let after = vec![one, (new, rest), other];
                announce('~', &after[..2]);
                self.gallery.split(&after[0].0, &templates, &after[1].0)?;
                after
            }
            _ => {
                one.1.append(&mut other.1);
                let after = vec![one, other];
                announce('~', &after);
                self.gallery.merge(&after[0].0, &after[1].0)?;
                after
            }
        };
        say("done");
        if self.random.below(3) > 0 {
            self.enrolled.extend(after.into_iter().filter(|(_, its)| !its.is_empty()));
            return Ok(());
        }
        let is_new = |(name, _): &&Identity| before.iter().all(|it| it.0 != *name);
        let gone = after.iter().find(is_new).map(|(name, _)| (name.clone(), Vec::new()));
        announce('~', &before.iter().cloned().chain(gone).collect::<Vec<_>>());
        let _ = self.gallery.undo()?;
        say("done");
        self.enrolled.extend(before);
        Ok(())
    }

    /// Somebody who is enrolled, for a change that puts back who is left.
    fn take(&mut self) -> Identity {
        let at = self.random.below(self.enrolled.len());
        self.enrolled.swap_remove(at)
    }

    /// Ids of somebody's templates, in the order in which they are told.
    fn ids(&self, (name, its): &Identity) -> Result<Vec<RandomId>, GalleryError> {
        let templates = self.gallery.templates(name)?;
        let id = |part: &Part| {
            let label = Some(part.to_string());
            templates.iter().find(|it| it.label == label).unwrap().id
        };
        Ok(its.iter().map(id).collect())
    }
}

/// Says what some identities are about to become.
fn announce(sign: char, identities: &[Identity]) {
    let mut line = sign.to_string();
    for (name, its) in identities {
        let its: Vec<String> = its.iter().map(Part::to_string).collect();
        write!(line, " {name}={}", its.join(",")).unwrap();
    }
    say(&line);
}

/// What the gallery in `folder` is sealed with, if it is: its name says so.
pub(crate) fn secret_of(folder: &Path) -> Option<Secret> {
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

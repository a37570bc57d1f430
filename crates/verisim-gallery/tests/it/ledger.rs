//! What child processes said that they did to a gallery, and whether the gallery holds just that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use verisim_gallery::{Gallery, MatrixState, Policy, Sample};

use crate::child::{Part, copies, secret_of};
use crate::synthetic::{DIM, model, sample};

/// Who is enrolled, with which templates.
type Crowd = BTreeMap<String, BTreeSet<Part>>;

/// What was begun and not said to be done.
enum InFlight {
    /// These identities become these; one without templates is gone.
    Change(Crowd),
    /// A copy is written, the gallery compacted, or searched.
    Work(Option<PathBuf>),
}

/// What the children of a gallery have said that they did.
#[derive(Default)]
pub(crate) struct Ledger {
    enrolled: Crowd,
    forgotten: BTreeSet<Part>,
    in_flight: Option<InFlight>,
    pub(crate) n_done: usize,
    /// The number of those that gave templates to somebody else, or took them back.
    pub(crate) n_rearranged: usize,
    /// The kind of error that the last child ended with.
    pub(crate) failure: Option<String>,
}

impl Ledger {
    /// Enters what one child has written.
    pub(crate) fn enter(&mut self, output: &str) {
        for line in output.lines() {
            match *line.split(' ').collect::<Vec<_>>() {
                ["+" | "-" | "~", ref after @ ..] => {
                    self.n_rearranged += usize::from(line.starts_with('~'));
                    let after = after.iter().map(|it| identity(it)).collect();
                    self.in_flight = Some(InFlight::Change(after));
                }
                ["=", "compact" | "search"] => self.in_flight = Some(InFlight::Work(None)),
                ["=", copy] => self.in_flight = Some(InFlight::Work(Some(copy.into()))),
                ["done"] => {
                    match self.in_flight.take().unwrap() {
                        InFlight::Change(after) => self.settle(after),
                        InFlight::Work(copy) => {
                            assert!(copy.is_none_or(|it| it.is_file()), "there is no copy");
                        }
                    }
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

    /// Whether the last child was stopped while it did something.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight.is_some()
    }

    /// Samples of everybody who was forgotten.
    pub(crate) fn forgotten(&self) -> Vec<Sample> {
        self.forgotten.iter().map(Part::sample).collect()
    }

    fn settle(&mut self, after: Crowd) {
        let was_there = self.parts_of(&after);
        let is_there: BTreeSet<Part> = after.values().flatten().cloned().collect();
        self.forgotten.extend(was_there.difference(&is_there).cloned());
        self.enrolled.extend(after);
        self.enrolled.retain(|_, its| !its.is_empty());
    }

    fn parts_of(&self, some: &Crowd) -> BTreeSet<Part> {
        some.keys().filter_map(|it| self.enrolled.get(it)).flatten().cloned().collect()
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
        let found = crowd(&gallery);
        // A copy or a compaction that was interrupted changes nobody.
        if let Some(InFlight::Change(after)) = self.in_flight.take()
            && found != self.enrolled
        {
            self.settle(after);
        }
        assert_eq!(found, self.enrolled);
        for (name, its) in &self.enrolled {
            for part in its {
                let probe = part.sample().template;
                let candidates = gallery.identify(&probe, 0.9999, 2).unwrap();
                assert_eq!(candidates.len(), 1, "{name}, {part}");
                assert_eq!(&candidates[0].identity, name, "{part}");
            }
        }
        for part in &self.forgotten {
            let ghosts = gallery.identify(&part.sample().template, 0.9999, 2).unwrap();
            assert_eq!(ghosts, [], "{part}");
        }
        gallery.nearest(&sample("anybody", 0).template, 1).unwrap();
        assert_eq!(gallery.stats().unwrap().matrix, Some(MatrixState::Fresh));
        gallery.check().unwrap();
    }
}

/// What a child says of one identity.
fn identity(text: &str) -> (String, BTreeSet<Part>) {
    let (name, its) = text.split_once('=').unwrap();
    let its = its.split(',').filter(|it| !it.is_empty()).map(|it| it.parse().unwrap());
    (name.to_owned(), its.collect())
}

/// Who is enrolled in a gallery.
fn crowd(gallery: &Gallery) -> Crowd {
    let identities = gallery.identities().unwrap().into_iter().map(|it| it.details.name);
    identities
        .map(|name| {
            let templates = gallery.templates(&name).unwrap().into_iter();
            let its = templates.map(|it| it.label.unwrap().parse().unwrap()).collect();
            (name, its)
        })
        .collect()
}

//! One thread of a mixed load: what it does with its handle, how long it takes, and what it was told.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use anyhow::Context;
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use verisim_gallery::{DecisionRule, Enrollment, Gallery, GalleryError, Sample, Winner};

use super::crowd::{Crowd, N_OF_IDENTITY};
use super::people::{name, samples, template};

/// What is enrolled scores 1, and strangers far below this in any but the smallest dimensions: another
/// answer is the gallery's fault.
const THRESHOLD: f32 = 0.9;
/// Strangers are drawn from here on.
const STRANGERS: usize = 1 << 40;
/// Templates of each person.
const N_ENROLLED: usize = N_OF_IDENTITY - 1;

/// A kind of call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Identify,
    Enroll,
    Forget,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Identify, Self::Enroll, Self::Forget];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Identify => "identify",
            Self::Enroll => "enroll",
            Self::Forget => "forget",
        }
    }
}

/// What came of the calls of a thread.
#[derive(Default)]
pub(super) struct Worked {
    /// Seconds of each call that was answered.
    pub(super) times: BTreeMap<Kind, Vec<f32>>,
    pub(super) errors: BTreeMap<String, usize>,
    pub(super) n_wrong: usize,
    pub(super) n_lingering: usize,
    /// Who was enrolled at last.
    pub(super) enrolled: Vec<String>,
}

impl Worked {
    pub(super) fn add(&mut self, other: Self) {
        for (kind, times) in other.times {
            self.times.entry(kind).or_default().extend(times);
        }
        for (kind, n) in other.errors {
            *self.errors.entry(kind).or_default() += n;
        }
        self.n_wrong += other.n_wrong;
        self.n_lingering += other.n_lingering;
        self.enrolled.extend(other.enrolled);
    }
}

/// A handle on the gallery, and the people that nobody else enrolls or forgets.
pub(super) struct Worker {
    gallery: Gallery,
    crowd: Crowd,
    rng: Pcg64Mcg,
    people: Vec<usize>, // identities of the crowd
    next: usize,
    step: usize,
    share: usize,
    worked: Worked,
}

impl Worker {
    /// A worker that keeps about `share` people.
    pub(super) fn new(
        gallery: Gallery,
        crowd: Crowd,
        (thread, n_threads): (usize, usize),
        share: usize,
    ) -> Self {
        let rng = Pcg64Mcg::seed_from_u64(crowd.seed.wrapping_add(1 + thread as u64));
        let (next, step, people, worked) = (thread, n_threads, Vec::new(), Worked::default());
        Self { gallery, crowd, rng, people, next, step, share, worked }
    }

    /// Enrolls its share, a hundred people in a change.
    pub(super) fn fill(&mut self) -> anyhow::Result<()> {
        while self.people.len() < self.share {
            let n = (self.share - self.people.len()).min(100);
            let new: Vec<usize> = (0..n).map(|idx| self.next + idx * self.step).collect();
            let mut enrollments = Vec::new();
            for &identity in &new {
                enrollments.push((name(identity), enrolled(&self.crowd, identity)?));
            }
            let enrollments: Vec<Enrollment<'_>> =
                enrollments.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
            for outcome in self.gallery.enroll_many(&enrollments)? {
                outcome?;
            }
            self.next += n * self.step;
            self.people.extend(new);
        }
        Ok(())
    }

    /// Works until it is over.
    pub(super) fn run(mut self, is_over: &AtomicBool) -> anyhow::Result<Worked> {
        while !is_over.load(Ordering::Relaxed) {
            match self.rng.next_u64() % 10 {
                0..7 => self.identify()?,
                _ if self.is_to_forget() => self.forget(),
                _ => self.enroll()?,
            }
        }
        self.worked.enrolled = self.people.into_iter().map(name).collect();
        Ok(self.worked)
    }

    /// A coin, weighed so that the number of people stays about its share.
    fn is_to_forget(&mut self) -> bool {
        let n = self.people.len() as u64;
        self.rng.next_u64() % (n + self.share as u64).max(1) < n
    }

    fn identify(&mut self) -> anyhow::Result<()> {
        let is_mated = self.rng.next_u64().is_multiple_of(2) && !self.people.is_empty();
        let identity = if is_mated {
            let place = self.any_person();
            self.people[place]
        } else {
            STRANGERS + (self.rng.next_u64() % (1 << 30)) as usize
        };
        let sample = (self.rng.next_u64() % N_ENROLLED as u64) as usize;
        let mut drawn = self.crowd.templates(identity * N_OF_IDENTITY + sample, 1)?;
        let probe = template(drawn.pop().context("the crowd has an end")?);
        let rule = DecisionRule { threshold: THRESHOLD, winner: Winner::Best, limit: 1 };
        let start = Instant::now();
        let answer = self.gallery.decide_many(&[probe], &rule);
        if let Some(answer) = self.timed(Kind::Identify, start, answer) {
            let expected = is_mated.then(|| name(identity));
            let found = answer.into_iter().next().and_then(|it| it.identity);
            self.worked.n_wrong += usize::from(found != expected);
        }
        Ok(())
    }

    fn enroll(&mut self) -> anyhow::Result<()> {
        let identity = self.next;
        let samples = enrolled(&self.crowd, identity)?;
        let start = Instant::now();
        let outcome = self.gallery.enroll(&name(identity), &samples);
        if self.timed(Kind::Enroll, start, outcome).is_some() {
            self.next += self.step;
            self.people.push(identity);
        }
        Ok(())
    }

    fn forget(&mut self) {
        let place = self.any_person();
        let start = Instant::now();
        let outcome = self.gallery.forget(&name(self.people[place]));
        if let Some(forgotten) = self.timed(Kind::Forget, start, outcome) {
            self.people.swap_remove(place);
            self.worked.n_lingering += usize::from(!forgotten.is_wiped);
        }
    }

    fn any_person(&mut self) -> usize {
        (self.rng.next_u64() % self.people.len() as u64) as usize
    }

    /// Counts a call, by its time or by its error.
    fn timed<T>(
        &mut self,
        kind: Kind,
        start: Instant,
        outcome: Result<T, GalleryError>,
    ) -> Option<T> {
        let time = start.elapsed().as_secs_f32();
        match outcome {
            Ok(answer) => {
                self.worked.times.entry(kind).or_default().push(time);
                Some(answer)
            }
            Err(error) => {
                let debug = format!("{error:?}");
                let variant = debug.split([' ', '(']).next().unwrap_or_default();
                let key = format!("{} of {}", variant, kind.name());
                *self.worked.errors.entry(key).or_default() += 1;
                None
            }
        }
    }
}

/// What is enrolled of a person.
fn enrolled(crowd: &Crowd, identity: usize) -> anyhow::Result<Vec<Sample>> {
    Ok(samples(identity, crowd.templates(identity * N_OF_IDENTITY, N_ENROLLED)?))
}

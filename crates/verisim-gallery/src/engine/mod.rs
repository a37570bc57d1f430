//! One gallery, two engines: what a gallery does, whatever keeps it; it does not know how that is done.
//!
//! | engine | is | for |
//! |---|---|---|
//! | [`Gallery`](crate::Gallery) | a folder of this machine, SQLite, exact search in memory | all that fits one machine |
//! | `PostgresGallery` (feature `postgres`) | a schema of a PostgreSQL server with pgvector, approximate search there, exact scores here | galleries that several machines share, or that one cannot hold |
//!
//! Both decide alike: who is let in, what is refused and in which words, what the log says and how it
//! is chained. One suite of tests runs over both.

mod copy;
mod embedded;
mod place;
mod portable;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;

use std::fmt;
use std::path::Path;

use verisim_core::{ModelDigest, Template};

use crate::{
    Candidate, Decision, DecisionRule, Enrolled, Enrollment, Event, Forgotten, GalleryError,
    IdentitySummary, Policy, Receipt, Sample, SourceDigest, Stats, TemplateSummary,
};
pub use copy::{Copied, copy};
pub use place::Place;
pub(crate) use portable::{Head, Intake, Noting, Outlet, PortableIdentity, PortableTemplate};

/// The enrolled templates of one model, kept by some engine.
///
/// The methods promise what those of [`Gallery`](crate::Gallery) of the same names promise, and fail
/// for the same reasons; an engine on another machine can also be out of reach
/// ([`GalleryError::Unreachable`]).
pub trait Engine: Outlet + Noting + fmt::Debug + Send {
    /// The model that the gallery is bound to.
    fn model(&self) -> ModelDigest;

    /// Number of components of the embeddings.
    fn dim(&self) -> usize;

    /// Where the gallery is: a file, or the address of a server without user and password.
    fn place(&self) -> &Path;

    /// Whether names, details and pictures are encrypted under a key of each person.
    ///
    /// Of an embedded gallery templates are as well; a server that searches has them open.
    fn is_sealed(&self) -> bool;

    /// Whether what is forgotten is gone from all files when [`forget`](Self::forget) says so.
    ///
    /// A server keeps bytes in unused space, in its log of writes, on its replicas: there
    /// [`Forgotten::is_wiped`] is never true.
    fn can_wipe(&self) -> bool;

    /// Says who acts from now on, for the log.
    ///
    /// # Errors
    ///
    /// As [`Gallery::set_actor`](crate::Gallery::set_actor).
    fn set_actor(&mut self, actor: &str) -> Result<(), GalleryError>;

    /// Number of enrolled identities.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn n_identities(&self) -> Result<usize, GalleryError>;

    /// Number of enrolled templates.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn n_templates(&self) -> Result<usize, GalleryError>;

    /// The rules that are stored with the gallery.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn policy(&self) -> Result<Policy, GalleryError>;

    /// Replaces the rules; templates that are enrolled already stay.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be written.
    fn set_policy(&mut self, policy: Policy) -> Result<(), GalleryError>;

    /// A text that the caller keeps with the gallery.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn setting(&self, key: &str) -> Result<Option<String>, GalleryError>;

    /// Keeps a text with the gallery, in place of the one it kept under this key; it is not sealed.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be written.
    fn set_setting(&mut self, key: &str, value: &str) -> Result<(), GalleryError>;

    /// Enrolls many in one durable change, and says what became of each.
    ///
    /// # Errors
    ///
    /// As [`Gallery::enroll_many`](crate::Gallery::enroll_many).
    fn enroll_many(
        &mut self,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Vec<Result<Enrolled, GalleryError>>, GalleryError>;

    /// Whether a picture is enrolled for an identity, which need not be known: then nothing need be
    /// computed of it.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn has_picture(&self, identity: &str, picture: SourceDigest) -> Result<bool, GalleryError>;

    /// Adds samples to an identity, which need not be known.
    ///
    /// # Errors
    ///
    /// As [`Gallery::enroll`](crate::Gallery::enroll).
    fn enroll(&mut self, identity: &str, samples: &[Sample]) -> Result<Enrolled, GalleryError> {
        let outcomes = self.enroll_many(&[Enrollment::new(identity, samples)])?;
        outcomes.into_iter().next().unwrap_or_else(|| Ok(Enrolled::default()))
    }

    /// Removes an identity and all that was kept of it, as far as the engine reaches.
    ///
    /// # Errors
    ///
    /// As [`Gallery::forget`](crate::Gallery::forget).
    fn forget(&mut self, identity: &str) -> Result<Forgotten, GalleryError>;

    /// The identities whose score is at least `threshold`, best first, ties by name.
    ///
    /// # Errors
    ///
    /// As [`Gallery::identify`](crate::Gallery::identify).
    fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError>;

    /// The identities nearest to the probe, however far.
    ///
    /// # Errors
    ///
    /// As [`Gallery::identify`](crate::Gallery::identify).
    fn nearest(&mut self, probe: &Template, limit: usize) -> Result<Vec<Candidate>, GalleryError> {
        self.identify(probe, f32::NEG_INFINITY, limit)
    }

    /// Who each probe shows, if anybody, with the runner-up and the margin.
    ///
    /// # Errors
    ///
    /// As [`Gallery::identify`](crate::Gallery::identify).
    fn decide_many(
        &mut self,
        probes: &[Template],
        rule: &DecisionRule,
    ) -> Result<Vec<Decision>, GalleryError>;

    /// The enrolled identities, by name.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn identities(&self) -> Result<Vec<IdentitySummary>, GalleryError>;

    /// The templates of an identity, in the order of their enrollment.
    ///
    /// # Errors
    ///
    /// Fails if nobody of this name is enrolled, or if the gallery cannot be read.
    fn templates(&self, identity: &str) -> Result<Vec<TemplateSummary>, GalleryError>;

    /// How large the gallery is.
    ///
    /// # Errors
    ///
    /// Fails if the gallery cannot be read.
    fn stats(&self) -> Result<Stats, GalleryError>;

    /// Reads everything, and makes sure that it fits together.
    ///
    /// # Errors
    ///
    /// As [`Gallery::check`](crate::Gallery::check).
    fn check(&self) -> Result<(), GalleryError>;

    /// Writes the store anew, without what forgotten people may have left in it.
    ///
    /// # Errors
    ///
    /// As [`Gallery::compact`](crate::Gallery::compact).
    fn compact(&mut self) -> Result<(), GalleryError>;

    /// The log, whose records have the positions 1, 2, …
    ///
    /// # Errors
    ///
    /// As [`Gallery::events`](crate::Gallery::events).
    fn events(&self) -> Result<Vec<Event>, GalleryError>;

    /// Makes sure that the log is whole, and agrees with who is enrolled; returns the number of
    /// records and the hash of the last.
    ///
    /// # Errors
    ///
    /// As [`Gallery::verify_log`](crate::Gallery::verify_log).
    fn verify_log(&self) -> Result<(i64, [u8; 32]), GalleryError>;

    /// Makes sure that the log says what the receipt says, and that the person is not enrolled.
    ///
    /// # Errors
    ///
    /// As [`Gallery::verify_receipt`](crate::Gallery::verify_receipt).
    fn verify_receipt(&self, receipt: &Receipt) -> Result<(), GalleryError>;
}

//! Enrolled templates: a durable store, exact identification and forgetting.
//!
//! A [`Gallery`] is a folder that keeps, for every identity, the templates of its pictures. It is
//! bound to one model, for templates of two models cannot be compared, and refuses those of another.
//! An identity is as similar to a probe as the best of its templates, or as another [`ScoreRule`] has
//! it; enrolling another retrains nothing and changes no score.
//!
//! What [`Gallery::enroll`] and [`Gallery::forget`] have answered survives a killed process and a
//! power failure, and what they were doing at that moment happened entirely or not at all.
//! Forgetting overwrites all bytes of a person, and a log, which cannot be changed unnoticed, says
//! that it was done. A gallery that is made with a [`Secret`] is sealed: all that is kept of a person
//! is encrypted under a key of that person, which forgetting destroys.
//!
//! This crate knows neither networks nor pictures: templates come from its caller. It prints
//! nothing and logs nothing. A search finds what comparing the probe with every template finds; it makes
//! one pass over codes of a byte a component, kept in a file beside the store so that a gallery of a
//! million templates opens at once, and reads the templates that matter from the store.
//!
//! ```
//! use verisim_core::{Embedding, ModelDigest, Template};
//! use verisim_gallery::{Gallery, Sample, SourceDigest};
//!
//! let folder = tempfile::tempdir()?;
//! let model = ModelDigest::new([7; 32]);
//! let template =
//!     |values: [f32; 2]| Embedding::new(values.into()).map(|embedding| Template { embedding, model });
//!
//! let mut gallery = Gallery::create_or_open(folder.path(), model, 2, None)?;
//! let source = SourceDigest::new([1; 32]); // SHA-256 of the picture's bytes
//! gallery.enroll("Ann", &[Sample::new(template([1.0, 0.0])?, source)])?;
//! gallery.enroll("Bob", &[Sample::new(template([0.0, 1.0])?, source)])?;
//!
//! let found = gallery.identify(&template([4.0, 3.0])?, 0.7, 5)?;
//! assert_eq!(found.len(), 1);
//! assert_eq!((found[0].identity.as_str(), found[0].score), ("Ann", 0.8));
//!
//! assert!(gallery.forget("Ann")?.is_wiped);
//! assert!(gallery.identify(&template([4.0, 3.0])?, 0.7, 5)?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod admission;
mod audit;
mod blob;
mod cache;
mod change;
mod damage;
mod decision;
mod details;
mod doctor;
mod engine;
mod error;
mod file;
mod gallery;
mod id;
mod matrix;
mod migration;
mod name;
mod patience;
mod people;
mod policy;
mod record;
mod sample;
mod schema;
mod store;
mod vault;

pub use admission::{Enrolled, Enrollment};
pub use audit::{Action, Event, InvalidReceipt, Receipt};
pub use change::ChangeKind;
pub use damage::Damage;
pub use decision::{Candidate, Decision, DecisionRule, Winner};
pub use details::{Details, InvalidDetails, MAX_LABEL_BYTES, MAX_METADATA_BYTES, Metadata};
pub use doctor::{
    Diagnosis, DoctorRules, ExaminedIdentity, ExaminedTemplate, Finding, LeaveOneOut, Pair,
    Suggestion,
};
#[cfg(feature = "postgres")]
pub use engine::postgres::{Address, PostgresGallery};
pub use engine::{Copied, Engine, Place, copy};
pub use error::{GalleryError, Mismatch};
pub use gallery::{
    Export, ExportedTemplate, Forgotten, Gallery, IdentitySummary, MatrixState, Removed, Stats,
    TemplateSummary, UndoableChange, Undone,
};
pub use id::{InvalidId, RandomId};
pub use name::{InvalidName, MAX_NAME_BYTES, UNKNOWN_PERSON};
pub use policy::{NEAR_DUPLICATE, NearDuplicates, Policy, ScoreRule};
pub use sample::{MAX_THUMBNAIL_BYTES, Sample, SourceDigest, Thumbnail};
pub use vault::{InvalidSecret, MIN_PASSPHRASE, Secret};

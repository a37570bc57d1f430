//! Enrolled templates: a durable store, exact identification and forgetting.
//!
//! A [`Gallery`] is a folder that keeps, for every identity, the templates of its pictures. It is
//! bound to one model, for templates of two models cannot be compared, and refuses those of another.
//! An identity is as similar to a probe as the best of its templates; enrolling another retrains
//! nothing and changes no score.
//!
//! What [`Gallery::enroll`] and [`Gallery::forget`] have answered survives a killed process and a
//! power failure, and what they were doing at that moment happened entirely or not at all.
//! Forgetting overwrites the templates' bytes.
//!
//! This crate knows neither networks nor pictures: templates come from its caller. It prints
//! nothing and logs nothing. Searches compare the probe with every template.
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
//! let mut gallery = Gallery::create_or_open(folder.path(), model, 2)?;
//! let source = SourceDigest::new([1; 32]); // SHA-256 of the picture's bytes
//! gallery.enroll("Ann", &[Sample { template: template([1.0, 0.0])?, source }])?;
//! gallery.enroll("Bob", &[Sample { template: template([0.0, 1.0])?, source }])?;
//!
//! let found = gallery.identify(&template([4.0, 3.0])?, 0.7, 5)?;
//! assert_eq!(found.len(), 1);
//! assert_eq!((found[0].identity.as_str(), found[0].score), ("Ann", 0.8));
//!
//! assert!(gallery.forget("Ann")?.is_wiped);
//! assert!(gallery.identify(&template([4.0, 3.0])?, 0.7, 5)?.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod blob;
mod error;
mod file;
mod gallery;
mod matrix;
mod name;
mod patience;
mod sample;
mod schema;
mod store;

pub use error::{Damage, GalleryError};
pub use gallery::{Enrolled, Forgotten, Gallery, IdentitySummary};
pub use matrix::Candidate;
pub use name::{InvalidName, MAX_NAME_BYTES, UNKNOWN_PERSON};
pub use sample::{Sample, SourceDigest};

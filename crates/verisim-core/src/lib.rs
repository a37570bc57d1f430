//! Embeddings, exact search and biometric error rates: the arithmetic of Verisim.
//!
//! This crate performs no input or output, and knows neither networks nor pictures nor databases.
//! It begins where a picture has become an [`Embedding`], a unit vector whose similarity to others
//! means identity, and answers four questions:
//!
//! - Who is nearest? [`knn::PackedEmbeddings`] searches exactly.
//! - What is to be compared? [`protocol`] reads lists of pairs, makes them from labels, and splits
//!   a set into gallery and probes.
//! - How good is the model? [`measure`] has the error rates of verification (1:1), of
//!   identification (1:N) and the measures of retrieval, with intervals.
//! - Where to draw the line? [`threshold`] turns a demanded error rate into a score, or says that
//!   the measurement cannot support it.
//!
//! A similarity is the plain cosine in `[-1, 1]`, higher is closer, and a comparison matches if
//! `score >= threshold`. Nothing in Verisim rescales it.
//!
//! ```
//! use verisim_core::{Embedding, knn::PackedEmbeddings};
//!
//! let mut gallery = PackedEmbeddings::new(2);
//! gallery.push(&Embedding::new(vec![1.0, 0.0])?);
//! gallery.push(&Embedding::new(vec![3.0, 4.0])?);
//!
//! let probe = Embedding::new(vec![0.0, 2.0])?;
//! let nearest = gallery.nearest(&probe, 1);
//! assert_eq!((nearest[0].row, nearest[0].score), (1, 0.8));
//! # Ok::<(), verisim_core::InvalidEmbedding>(())
//! ```

mod assignment;
mod embedding;
pub mod fusion;
mod head;
mod identities;
pub mod knn;
pub mod measure;
mod parallel;
pub mod protocol;
mod random;
mod template;
pub mod threshold;

pub use assignment::assign;
pub use embedding::{Embedding, InvalidEmbedding};
pub use head::{Head, HeadKind, InvalidHead};
pub use template::{InvalidDigest, ModelDigest, Template};

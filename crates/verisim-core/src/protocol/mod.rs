//! Which samples an evaluation compares, as data; it reads no file and knows no score.
//!
//! - [`parse_pairs`] reads the text of a list of pairs with folds, as LFW publishes it.
//! - [`all_pairs`] lists the pairs of a labeled set, all or a seeded sample of the non-mated ones.
//! - [`Enrollment`] splits a labeled set into gallery and probes, for identification.
//!
//! ```
//! use verisim_core::protocol::{all_pairs, parse_pairs};
//!
//! let pairs = parse_pairs("1\t1\nAnn\t1\t2\nAnn\t1\tBob\t4\n")?;
//! assert_eq!(pairs[1].probe.to_string(), "Bob_0004");
//! assert!(pairs[0].is_mated() && !pairs[1].is_mated());
//!
//! let labels = [7, 7, 8]; // of three samples
//! let pairs = all_pairs(&labels, usize::MAX, 0);
//! assert_eq!((pairs.mated.len(), pairs.non_mated.len()), (1, 2));
//! # Ok::<(), verisim_core::protocol::InvalidPairs>(())
//! ```

mod all_pairs;
mod enrollment;
mod pairs;

pub use all_pairs::{AllPairs, IndexPair, all_pairs};
pub use enrollment::{Enrollment, GallerySplit, InvalidEnrollment};
pub use pairs::{InvalidPairs, Pair, SampleName, parse_pairs};

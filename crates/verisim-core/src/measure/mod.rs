//! How good a model is: error rates, measures of retrieval, their intervals; it knows scores and
//! labels, and no pictures.
//!
//! - [`Verification`] (1:1): FMR and FNMR at a threshold, thresholds from a demanded FMR, equal
//!   error rate, AUC, ROC, histograms.
//! - [`Identification`] (1:N): CMC with a closed set, FPIR and FNIR with an open one, from the
//!   searches of a [`LabeledGallery`].
//! - [`Retrieval`]: recall@k, precision@k, R-precision, MAP@R, MAP and MRR, every sample searching
//!   for all others, or probes for references; what is relevant is a matter of [`Relevance`].
//! - [`Spread`]: distances within and between identities, their ratio, and misplaced samples.
//! - [`Clusters`]: NMI and AMI of clusters and identities.
//! - [`folded_accuracy`]: accuracy over folds, as LFW defines it; [`fitted_accuracy`]: of one fold alone.
//! - [`ErrorVersusDiscard`]: whether a quality value says which samples are not recognized.
//! - [`mean_of_repetitions`], [`sign_flip_test`] and [`holm`]: whether one model is better than
//!   another.
//! - [`Bootstrap`]: the 95 % interval of any of them, over identities.
//!
//! A score is a similarity, the plain cosine in `[-1, 1]`, and matches if `score >= threshold`. An
//! identity is a label, any `u64`. Which samples are compared is the matter of
//! [`protocol`](crate::protocol).
//!
//! ```
//! use verisim_core::measure::{Bootstrap, Comparison, Verification};
//!
//! let compared = |score, reference, probe| Comparison { score, reference, probe };
//! let experiment = Verification::new(&[
//!     compared(0.9, 1, 1),
//!     compared(0.7, 2, 2),
//!     compared(0.3, 3, 3), // a poor photograph
//!     compared(0.4, 1, 2),
//!     compared(0.1, 1, 3),
//! ])?;
//!
//! // Of the two non-mated comparisons one may match: the one at 0.4.
//! let point = experiment.at_fmr(0.5);
//! assert_eq!((point.fmr, point.fnmr), (0.5, 0.0));
//! // If none may, the poor photograph is not recognized.
//! let figures = experiment.figures(&Bootstrap::default(), &[0.0]);
//! assert_eq!(figures.at_fmr[0].tar.value, 2.0 / 3.0);
//! assert!(figures.auc.lower <= figures.auc.value);
//! # Ok::<(), verisim_core::measure::InvalidComparisons>(())
//! ```

mod clusters;
mod discard;
mod figures;
mod folds;
mod histogram;
mod identification;
mod interval;
mod paired;
mod ranks;
mod relevance;
mod retrieval;
mod roc;
mod search;
mod spread;
mod verification;

pub use clusters::{ClusterFigures, Clusters};
pub use discard::{
    DiscardFigures, DiscardPoint, ErrorVersusDiscard, InvalidQualities, MatedComparison,
};
pub use figures::{FiguresAtFmr, VerificationFigures};
pub use folds::{
    FoldAccuracy, FoldedAccuracy, FoldedComparison, InvalidFolds, fitted_accuracy, folded_accuracy,
};
pub use histogram::ScoreHistogram;
pub use identification::{FiguresAtFpir, Identification, IdentificationPoint, InvalidSearches};
pub use interval::{Bootstrap, Estimate, error_rate_bound_without_errors};
pub use paired::{holm, mean_of_repetitions, sign_flip_test};
pub use relevance::{Hierarchy, Relation, Relevance, SameLabel, SharedLabel};
pub use retrieval::{IdentityRetrieval, Retrieval, RetrievalAtK, RetrievalFigures};
pub use roc::EqualErrorRate;
pub use search::{LabeledGallery, SearchOutcome};
pub use spread::{Between, IdentitySpread, Spread, SpreadFigures, Within};
pub use verification::{Comparison, InvalidComparisons, OperatingPoint, Verification};

//! From a recipe and chips to a trained network: the loop and everything that keeps it honest.
//!
//! ```text
//! recipe.toml -> Recipe -> Split of identities -> batches -> backbone -> loss -> step
//!                                   each epoch: embed identities never trained on, measure, checkpoint
//! ```

mod average;
pub mod checkpoint;
mod error;
pub mod guard;
pub mod head;
mod input;
mod learner;
pub mod metrics;
mod movement;
pub mod optimizer;
mod precision;
pub mod recipe;
mod rows;
#[cfg(test)]
mod rows_tests;
pub mod schedule;
pub mod spread;
#[cfg(test)]
mod tests;
pub mod trainer;
pub mod validation;
mod whole_file;

pub use self::average::EmaConfig;
pub use self::checkpoint::{Checkpoint, CheckpointError, RunFolder};
pub use self::error::TrainError;
pub use self::guard::Warning;
pub use self::head::{HeadConfig, HeadForm, TrainedHead};
pub use self::input::InputConfig;
pub use self::metrics::{EpochRecord, StepRecord};
pub use self::optimizer::OptimizerConfig;
pub use self::precision::{LossScale, Precision, UnsupportedPrecision};
pub use self::recipe::{InvalidRecipe, Recipe};
pub use self::schedule::ScheduleConfig;
pub use self::spread::SpreadRecord;
pub use self::trainer::{Observer, Trained, Trainer};
pub use self::validation::{ValidationFigures, embed_chips, feature_chips};

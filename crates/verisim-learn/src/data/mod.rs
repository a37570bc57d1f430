//! Aligned faces on their way into a network; it knows no decoder and no network.

pub mod augment;
pub mod batch;
pub mod source;
pub mod split;

pub use self::augment::AugmentConfig;
pub use self::source::{ChipSource, MemoryChips, UnreadableChip};
pub use self::split::{InvalidSplit, Split, SplitConfig, chips_of};

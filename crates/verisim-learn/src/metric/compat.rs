//! Whose figure a loss gives, where a library's differs from the right one.

use serde::{Deserialize, Serialize};

/// A library whose figure is wanted, right or wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// pytorch-metric-learning, 2.9.
    Pml,
}

//! Whose figures are asked for where they differ from the right ones.

use serde::{Deserialize, Serialize};

/// A library whose figures are to be met, its defects included.
///
/// Each loss that has such an option says what it changes; none asks for the right figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compat {
    /// pytorch-metric-learning 2.9.
    Pml,
}

//! Metric learning on plain matrices: distances, relevance, mining, losses and their slopes. It knows
//! nothing of Burn.
//!
//! Everything is computed in `f64` with derivatives in closed form, on the CPU, from embeddings that a
//! network handed over; [`crate::loss`] brings the gradient back to the network, whatever device it is on.

pub mod class;
pub mod compat;
pub mod distance;
#[cfg(test)]
mod distance_tests;
#[cfg(test)]
pub(crate) mod golden;
pub mod loss;
pub mod matrix;
pub mod memory;
pub mod miner;
mod pairwise;
pub mod reducer;
pub mod regularizer;
pub mod relevance;
pub mod scene;
pub mod self_supervised;
mod sparse;
mod symmetric;
pub mod tuples;
mod unit;
#[cfg(test)]
pub(crate) mod worked;

/// A parameter that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{parameter} is {found}, but must be {expected}")]
pub struct InvalidLoss {
    parameter: &'static str,
    found: f64,
    expected: &'static str,
}

/// Accepts a finite value that is valid.
///
/// # Errors
///
/// Fails if `is_valid` is false, or `found` is not finite.
pub(crate) fn require(
    parameter: &'static str,
    found: f64,
    is_valid: bool,
    expected: &'static str,
) -> Result<(), InvalidLoss> {
    let is_valid = is_valid && found.is_finite();
    if is_valid { Ok(()) } else { Err(InvalidLoss { parameter, found, expected }) }
}

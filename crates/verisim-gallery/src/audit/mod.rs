//! The log of what was done with a gallery, which cannot be changed unnoticed.

mod chain;
mod event;
pub(crate) mod ledger;
mod receipt;

pub(crate) use chain::{Chain, Hash};
pub use event::{Action, Event};
pub use receipt::{InvalidReceipt, Receipt};

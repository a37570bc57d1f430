//! The log of what was done with a gallery, which cannot be changed unnoticed.

mod chain;
mod event;
pub(crate) mod ledger;
pub(crate) mod reading;
mod receipt;

pub(crate) use chain::{Chain, Hash, LogEnd};
pub use event::{Action, Event};
pub(crate) use ledger::Mark;
pub use receipt::{InvalidReceipt, Receipt};

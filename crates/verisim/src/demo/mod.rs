//! The demonstration: everything the program does, once, on faces that it was not trained on.
//!
//! - [`Plan`]: how the recipe fits the data.
//! - [`Cast`]: who is enrolled, who is a stranger, which pictures are searched for.
//! - [`page()`]: what the demonstration leaves to look at.

mod cast;
mod page;
mod plan;

pub(crate) use self::cast::{Cast, Found, Probe};
pub(crate) use self::page::{Story, page};
pub(crate) use self::plan::Plan;

//! Models by name: the lists that name them, the folder that holds them, and how they get there.

pub(crate) mod either;
pub(crate) mod fetch;
pub(crate) mod folder;
mod http;
pub(crate) mod lists;
pub(crate) mod names;
mod part;

//! What surrounds a training run: its data on disk, its progress, its model file.

pub(crate) mod data;
pub(crate) mod model_file;
pub(crate) mod observer;
pub(crate) mod opened;
pub(crate) mod page;
pub(crate) mod plane;
pub(crate) mod run_info;
mod spread;

//! Pictures of faces to templates: decoding, models and synthetic faces.
//!
//! ```text
//! picture file -> Picture -> faces -> aligned chip -> input of a model -> embedding
//!     image                  choice   align (synth)         chip          recognizer
//! ```

pub mod align;
pub mod archive;
pub mod chip;
pub mod choice;
pub mod folder;
mod found;
pub mod frontal;
pub mod image;
pub mod model;
mod onnx;
mod picture;
pub mod quality;
mod recognizer;
pub mod synth;
mod warp;

pub use found::{Area, FoundFace, Landmarks, Point};
pub use onnx::{LoadError, RunError};
pub use picture::Picture;
pub use recognizer::{EmbedError, Recognizer};

//! Pictures of faces to templates: decoding, models and synthetic faces.
//!
//! ```text
//! file -> picture -> faces -> chips -> embeddings
//!        image     detect   align     recognizer
//!                  choice
//!                  \---------- pipeline ----------/
//! ```

pub mod align;
pub mod archive;
pub mod chip;
pub mod choice;
pub mod detect;
pub mod folder;
mod found;
pub mod frontal;
pub mod image;
pub mod model;
mod onnx;
mod picture;
pub mod pipeline;
pub mod quality;
mod recognizer;
pub mod synth;
mod warp;

pub use found::{Area, FoundFace, Landmarks, Point};
pub use onnx::{LoadError, RunError};
pub use picture::Picture;
pub use recognizer::{EmbedError, Recognizer};

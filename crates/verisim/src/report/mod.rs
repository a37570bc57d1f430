//! Reports: one HTML page that holds everything it shows; nothing here reads a file or prints.
//!
//! - [`Page`]: text, tables, figures and pictures, put together and written out.
//! - [`plot`]: figures as SVG from plain data.
//! - [`number`]: rates, scores and counts as a report prints them.
//! - [`glossary`]: what the words mean.

mod escape;
pub(crate) mod glossary;
mod html;
#[cfg(test)]
mod markup;
pub(crate) mod number;
mod pictures;
pub(crate) mod plot;

pub(crate) use html::{Highlight, NoteKind, Page};
pub(crate) use pictures::{PicturePair, Tile, Verdict};

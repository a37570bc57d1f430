//! Rows of people from files of many: names with embeddings or with paths of pictures; it knows no gallery.
//!
//! Each row is somebody else's word: one that cannot be used is a [`Refusal`], and the others go on.

mod csv;
mod export;
mod ndjson;
mod npy;
mod parquet;

use std::path::{Path, PathBuf};

use anyhow::{bail, ensure};
use verisim_gallery::Metadata;

pub(crate) use export::Export;

/// One face of somebody.
pub(crate) struct Row {
    /// Where it stands: `line 7`.
    pub(crate) place: String,
    /// Name of the person.
    pub(crate) name: String,
    /// What another system calls the person.
    pub(crate) external_id: Option<String>,
    /// What to keep with the person.
    pub(crate) metadata: Option<Metadata>,
    /// What the picture is called.
    pub(crate) label: Option<String>,
    /// How good the picture is, from 0 to 100.
    pub(crate) quality: Option<u8>,
    /// The face.
    pub(crate) face: Face,
}

/// What is there of a face.
pub(crate) enum Face {
    /// Its embedding, of any length.
    Embedding(Vec<f32>),
    /// Where its picture lies.
    Picture(PathBuf),
}

/// A row that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// Where it stands.
    pub(crate) place: String,
    /// Name of the person, if one can be read.
    pub(crate) name: String,
    /// Why, without what it holds.
    pub(crate) reason: String,
}

/// The rows of a file, in order.
pub(crate) trait Rows {
    /// The next row; none after the last. An error means that the rest of the file cannot be read.
    fn next(&mut self) -> anyhow::Result<Option<Result<Row, Refusal>>>;

    /// How much of how much was read: bytes or rows.
    fn progress(&self) -> (u64, u64);
}

/// Opens a file of rows by its ending; `names` goes with a matrix of embeddings.
pub(crate) fn open(path: &Path, names: Option<&Path>) -> anyhow::Result<Box<dyn Rows>> {
    let ending = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    let ending = ending.as_deref().unwrap_or_default();
    ensure!(
        names.is_none() || ending == "npy",
        "--names goes with a .npy file: {} names its people itself",
        path.display()
    );
    Ok(match ending {
        "csv" => Box::new(csv::Csv::open(path)?),
        "ndjson" | "jsonl" => Box::new(ndjson::Ndjson::open(path)?),
        "npy" => Box::new(npy::Npy::open(path, names)?),
        "parquet" => Box::new(parquet::Parquet::open(path)?),
        _ => bail!(
            "{} is no file of many faces: .csv, .ndjson, .npy (with --names) and .parquet are known; \
             `verisim enroll` takes folders and archives of pictures",
            path.display()
        ),
    })
}

/// A quality from a file, if it is one.
fn quality(found: i64) -> Result<u8, String> {
    u8::try_from(found)
        .ok()
        .filter(|&it| it <= 100)
        .ok_or_else(|| format!("the quality is {found}, expected 0 to 100"))
}

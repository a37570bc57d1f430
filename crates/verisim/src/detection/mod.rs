//! Which detector to use, and what it finds on many photographs; how that is shown is not known here.

mod draw;
mod records;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use clap::Args;
use rayon::prelude::*;
use verisim_face::detect::{OnnxDetector, SMALLEST_FACE, Search};
use verisim_face::{FoundFace, Picture};

pub(crate) use self::draw::drawn;
pub(crate) use self::records::{FacesCsv, SearchedDto, TABLE_HEAD, table};
use crate::dataset::read_picture;
use crate::models::names;
use crate::output::Printer;

/// Photographs that are in memory at once: a large one takes a hundred megabytes.
const PHOTOGRAPHS_AT_ONCE: usize = 8;
/// Longer side of the smallest photograph that a pass is worth.
const SMALLEST_PASS: usize = 32;

/// Which detector to use, and how thoroughly.
#[derive(Clone, Debug, Args)]
pub(crate) struct DetectorArgs {
    /// ONNX model that finds faces
    #[arg(long, value_name = "FILE")]
    detector: PathBuf,

    /// Card of the detector, if it carries none: how to feed and read it (TOML)
    #[arg(long, value_name = "FILE")]
    detector_card: Option<PathBuf>,

    /// Score at or above which something is a face, from 0 to 1; the card's by default
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    min_score: Option<f32>,

    /// Longer side of the smallest faces to look for; larger is faster
    #[arg(long, value_name = "PIXELS", default_value_t = SMALLEST_FACE)]
    min_size: f32,

    /// Look once, the photograph's longer side brought down to this; fastest
    #[arg(long, value_name = "PIXELS", conflicts_with = "min_size")]
    one_pass: Option<usize>,
}

/// A photograph, and the faces on it, the surest first.
pub(crate) struct Searched {
    /// Where it lies.
    pub(crate) path: PathBuf,
    pub(crate) photograph: Picture,
    pub(crate) faces: Vec<FoundFace>,
}

impl DetectorArgs {
    /// Loads the detector that was asked for.
    pub(crate) fn load(&self) -> anyhow::Result<OnnxDetector> {
        let (size, pass) = (self.min_size, self.one_pass);
        ensure!(
            (1.0..=1e6).contains(&size),
            "--min-size is {size}, but a face has at least 1 pixel; 20 or more is usual"
        );
        ensure!(
            pass.is_none_or(|side| side >= SMALLEST_PASS),
            "--one-pass is {}, but a pass has at least {SMALLEST_PASS} pixels; 320 or 640 is usual",
            pass.unwrap_or_default()
        );
        let path = names::resolve(&self.detector)?;
        let detector = OnnxDetector::load(&path, self.detector_card.as_deref())?;
        let search = pass.map_or(Search::FacesFrom(size), Search::OnePass);
        let detector = detector.with_search(search);
        let Some(score) = self.min_score else { return Ok(detector) };
        ensure!((0.0..=1.0).contains(&score), "--min-score is {score}, but must be from 0 to 1");
        Ok(detector.with_min_score(score))
    }
}

/// Searches photographs in their order, and hands each on, or why it has no answer.
pub(crate) fn search(
    detector: &OnnxDetector,
    paths: &[PathBuf],
    printer: &Printer,
    mut hand_on: impl FnMut(anyhow::Result<Searched>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let bar = printer.progress("searching", paths.len());
    for paths in paths.chunks(PHOTOGRAPHS_AT_ONCE) {
        let read: Vec<_> = paths.par_iter().map(|path| read_picture(path)).collect();
        let whole: Vec<Picture> =
            read.iter().filter_map(|picture| picture.as_ref().ok().cloned()).collect();
        let mut faces = detector.detect_all(&whole).into_iter();
        for (path, picture) in paths.iter().zip(read) {
            hand_on(picture.and_then(|photograph| {
                let faces = faces.next().context("a photograph was not searched")?;
                let faces = faces.with_context(|| format!("cannot search {}", path.display()))?;
                Ok(Searched { path: path.clone(), photograph, faces })
            }))?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

//! Which detector to use, and what it finds on many photographs; how that is shown is not known here.

mod draw;
mod records;

use std::path::PathBuf;

use anyhow::{Context, ensure};
use verisim_face::detect::{Detector, OnnxDetector, SMALLEST_FACE, Search};
use verisim_face::{FoundFace, Picture};

pub(crate) use self::draw::drawn;
pub(crate) use self::records::{FacesCsv, SearchedDto, TABLE_HEAD, table};
use crate::cli::DetectorArgs;
use crate::commands::each::each;
use crate::dataset::read_picture;
use crate::models::names;
use crate::output::Printer;

/// Photographs that are in memory at once: a large one takes a hundred megabytes.
const PHOTOGRAPHS_AT_ONCE: usize = 8;
/// Longer side of the smallest photograph that a pass is worth.
const SMALLEST_PASS: usize = 32;

/// A photograph, and the faces on it, the surest first.
pub(crate) struct Searched {
    /// Where it lies.
    pub(crate) path: PathBuf,
    pub(crate) photograph: Picture,
    pub(crate) faces: Vec<FoundFace>,
}

/// Loads the detector that was asked for, if one was; it looks as thoroughly as was asked.
pub(crate) fn detector(args: &DetectorArgs) -> anyhow::Result<Option<OnnxDetector>> {
    let &DetectorArgs { min_score, min_size, one_pass, .. } = args;
    let Some(path) = &args.detector else {
        let is_asked = min_score.is_some() || min_size.is_some() || one_pass.is_some();
        ensure!(
            !is_asked,
            "--min-score, --min-size and --one-pass say how a --detector looks, but there is none"
        );
        return Ok(None);
    };
    let size = min_size.unwrap_or(SMALLEST_FACE);
    ensure!(
        (1.0..=1e6).contains(&size),
        "--min-size is {size}, but a face has at least 1 pixel; 20 or more is usual"
    );
    ensure!(
        one_pass.is_none_or(|side| side >= SMALLEST_PASS),
        "--one-pass is {}, but a pass has at least {SMALLEST_PASS} pixels; 320 or 640 is usual",
        one_pass.unwrap_or_default()
    );
    if let Some(score) = min_score {
        ensure!((0.0..=1.0).contains(&score), "--min-score is {score}, but must be from 0 to 1");
    }
    let path = names::resolve(path)?;
    let detector = OnnxDetector::load(&path, args.detector_card.as_deref())?;
    let search = one_pass.map_or(Search::FacesFrom(size), Search::OnePass);
    let detector = detector.with_search(search);
    Ok(Some(min_score.into_iter().fold(detector, OnnxDetector::with_min_score)))
}

/// The same, where nothing can be done without one.
pub(crate) fn needed_detector(args: &DetectorArgs) -> anyhow::Result<OnnxDetector> {
    detector(args)?.context("give what finds faces with --detector")
}

/// Searches photographs, and hands each on in their order, or why it has no answer.
pub(crate) fn search(
    detector: &OnnxDetector,
    paths: &[PathBuf],
    printer: &Printer,
    hand_on: impl FnMut(usize, anyhow::Result<Searched>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let search = |index: usize| {
        let path = &paths[index];
        let photograph = read_picture(path)?;
        let faces = detector.detect(&photograph);
        let faces = faces.with_context(|| format!("cannot search {}", path.display()))?;
        Ok(Searched { path: path.clone(), photograph, faces })
    };
    each((paths.len(), PHOTOGRAPHS_AT_ONCE), ("searching", printer), search, hand_on)
}

//! `verisim bench photographs`: what each step from a photograph to an embedding takes, one photograph at a time.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde::Serialize;
use verisim_face::align::chip;
use verisim_face::choice::FaceChoice;
use verisim_face::detect::{Detector, OnnxDetector};
use verisim_face::folder::find_pictures;
use verisim_face::pipeline::{Pipeline, Sight};
use verisim_face::{FoundFace, Picture};

use super::Outcome;
use super::load;
use crate::cli::{DetectorArgs, ModelArgs};
use crate::dataset::decode_picture;
use crate::detection::needed_detector;
use crate::output::Printer;

/// Photographs of which no time counts, before each step.
const WARM_UP: usize = 3;

/// What is timed, on which photographs.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim bench photographs photos/ --detector yunet.onnx --model model.onnx --threads 1

Steps: decode; detect, as thoroughly as asked, or once at 320 and at 640 pixels; align; embed; all, from bytes to
embedding.")]
pub(crate) struct PhotographsBench {
    /// A folder of photographs, one face or more on each that counts
    photographs: PathBuf,

    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    detector: DetectorArgs,

    /// Photographs at most
    #[arg(long, value_name = "N", default_value_t = 100)]
    images: usize,

    /// Rounds over all of them, of which the median counts
    #[arg(long, value_name = "N", default_value_t = 3)]
    rounds: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct PhotographsBenchDto {
    /// Photographs that were timed; those without a face are not.
    photographs: usize,
    threads: usize,
    /// Milliseconds a photograph, by step.
    milliseconds: BTreeMap<&'static str, f64>,
}

/// A photograph that was prepared for all steps.
struct Prepared {
    path: PathBuf,
    bytes: Vec<u8>,
    photograph: Picture,
    face: FoundFace,
    chip: Picture,
}

/// Runs the benchmark.
/// What is timed of a photograph.
type Step<'a> = &'a dyn Fn(&Prepared) -> anyhow::Result<()>;

pub(crate) fn bench_photographs(
    args: &PhotographsBench,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    ensure!(args.rounds > 0, "--rounds is 0, but must be 1 or more");
    ensure!(args.images > 0, "--images is 0, but must be 1 or more");
    let searching = |side| {
        needed_detector(&DetectorArgs {
            min_size: None,
            one_pass: Some(side),
            ..args.detector.clone()
        })
    };
    let (at_320, at_640) = (searching(320)?, searching(640)?);
    let recognizer = load::recognizer(&args.model)?;
    let sight = Sight::new(needed_detector(&args.detector)?, FaceChoice::Central);
    let pipeline = Pipeline::new(recognizer, Some(sight));
    let detector = pipeline.sight().context("a detector was given")?.detector();
    let mut paths = find_pictures(&args.photographs)?;
    paths.truncate(args.images);
    let prepared = paths.into_iter().map(|path| prepare(path, detector, &pipeline));
    let prepared: Vec<Prepared> =
        prepared.filter_map(Result::transpose).collect::<anyhow::Result<_>>()?;
    ensure!(!prepared.is_empty(), "no face was found in {}", args.photographs.display());
    let template = pipeline.template();
    let detect = |detector: &OnnxDetector, it: &Prepared| -> anyhow::Result<()> {
        detector.detect(&it.photograph)?;
        Ok(())
    };
    let steps: [(&str, Step<'_>); 7] = [
        ("decode", &|it| decode_picture(&it.bytes, &it.path).map(drop)),
        ("detect", &|it| detect(detector, it)),
        ("detect_320", &|it| detect(&at_320, it)),
        ("detect_640", &|it| detect(&at_640, it)),
        ("align", &|it| {
            let landmarks = it.face.landmarks.context("the detector finds no landmarks")?;
            chip(&it.photograph, &landmarks, &template)?;
            Ok(())
        }),
        ("embed", &|it| {
            pipeline.recognizer().template(&it.chip)?;
            Ok(())
        }),
        ("all", &|it| {
            pipeline.faces(&decode_picture(&it.bytes, &it.path)?)?;
            Ok(())
        }),
    ];
    let mut milliseconds = BTreeMap::new();
    for (name, step) in steps {
        prepared.iter().take(WARM_UP).try_for_each(step)?;
        let mut rounds = Vec::with_capacity(args.rounds);
        for _ in 0..args.rounds {
            let start = Instant::now();
            prepared.iter().try_for_each(step)?;
            rounds.push(1e3 * start.elapsed().as_secs_f64() / prepared.len() as f64);
        }
        rounds.sort_by(f64::total_cmp);
        milliseconds.insert(name, rounds[rounds.len() / 2]);
    }
    let threads = rayon::current_num_threads();
    let dto = PhotographsBenchDto { photographs: prepared.len(), threads, milliseconds };
    if args.json {
        printer.json(&dto)?;
        return Ok(Outcome::Done);
    }
    printer.data(format_args!("{} photographs, {threads} threads, ms each:", dto.photographs))?;
    for (name, taken) in &dto.milliseconds {
        printer.data(format_args!("{name:>12} {taken:8.2}"))?;
    }
    Ok(Outcome::Done)
}

/// Reads a photograph and finds its face; none if there is no face that can be aligned.
fn prepare(
    path: PathBuf,
    detector: &OnnxDetector,
    pipeline: &Pipeline,
) -> anyhow::Result<Option<Prepared>> {
    let bytes = load::read_file(&path)?;
    let photograph = decode_picture(&bytes, &path)?;
    let faces = detector.detect(&photograph)?;
    let chosen = FaceChoice::Central.choose(&faces, photograph.width(), photograph.height());
    let Some(face) = chosen.ok().and_then(|it| faces.get(*it.first()?).copied()) else {
        return Ok(None);
    };
    let Some(landmarks) = face.landmarks else { return Ok(None) };
    let Ok(chip) = chip(&photograph, &landmarks, &pipeline.template()) else { return Ok(None) };
    Ok(Some(Prepared { path, bytes, photograph, face, chip }))
}

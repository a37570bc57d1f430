//! `verisim embed`: pictures to embeddings.

use std::path::{Path, PathBuf};

use serde::Serialize;
use verisim_face::pipeline::{Pipeline, RecognizedFace, Sight};

use super::Outcome;
use super::face_dto::FaceDto;
use super::load::{self, Embedded, Sources};
use super::pictures::{PictureArgs, Pictures};
use super::refusals::Refusals;
use super::unfinished::Unfinished;
use crate::cli::{ModelArgs, SightArgs};
use crate::digest::sha256;
use crate::npy;
use crate::output::Printer;
use crate::whole_file;

/// Turn pictures into embeddings
///
/// Prints one JSON line a picture, or writes a NumPy matrix and, beside it, the names of its rows. With a detector
/// the pictures are photographs, and each chosen face has its line; several of one are `a.jpg#1`, `a.jpg#2`.
/// A run with --out that was stopped goes on when it is started again. Pictures that cannot be used are named at the
/// end, and the exit status is 2.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim embed --model model.onnx faces/ --out e.npy     e.npy and e.names.txt
  verisim embed --model model.onnx a.jpg                  {\"path\":\"a.jpg\",\"embedding\":[...]}
  verisim embed --model model.onnx --detector yunet.onnx --face all photographs/ --out e.npy")]
pub(crate) struct EmbedArgs {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    sight: SightArgs,

    #[command(flatten)]
    pictures: PictureArgs,

    /// Write a matrix of 32-bit floats to this .npy file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Serialize)]
struct EmbeddingDto<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    face: Option<FaceDto>,
    model: &'a str,
    embedding: &'a [f32],
}

/// Runs the command.
pub(crate) fn embed(args: &EmbedArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let pipeline = load::pipeline(&args.model, &args.sight)?;
    let pictures = args.pictures.find()?;
    let mut refusals = Refusals::default();
    match &args.out {
        Some(out) => to_matrix(args, &pipeline, &pictures, out, &mut refusals, printer)?,
        None => to_lines(&pipeline, &pictures, &mut refusals, printer)?,
    }
    let what = (pictures.paths.len(), "pictures have no embedding");
    refusals.finish(what, &args.pictures.refusals, printer)
}

/// Prints a line for each face as soon as it is known.
fn to_lines(
    pipeline: &Pipeline,
    pictures: &Pictures,
    refusals: &mut Refusals,
    printer: &Printer,
) -> anyhow::Result<()> {
    let digest = pipeline.recognizer().digest().to_string();
    load::embed_files(pipeline, &pictures.paths, printer, |Embedded { path, faces, .. }| {
        let faces = match faces {
            Ok(faces) => faces,
            Err(error) => {
                refusals.add(&path, &error);
                return Ok(());
            }
        };
        let path = path.to_string_lossy();
        faces.into_iter().try_for_each(|RecognizedFace { face, measures, template }| {
            let face = face.map(|face| FaceDto::new(&face, measures.as_ref()));
            let embedding = template.embedding.as_slice();
            printer.json(&EmbeddingDto { path: &path, face, model: &digest, embedding })
        })
    })
}

/// Writes a matrix and the names of its rows; what an earlier run embedded before it was stopped is not embedded again.
fn to_matrix(
    args: &EmbedArgs,
    pipeline: &Pipeline,
    pictures: &Pictures,
    out: &Path,
    refusals: &mut Refusals,
    printer: &Printer,
) -> anyhow::Result<()> {
    let (mut unfinished, earlier) = Unfinished::open(out, &made_with(args, pipeline))?;
    if !earlier.is_empty() {
        let n = earlier.len();
        printer.note(format_args!("going on: an earlier run embedded {n} pictures"));
    }
    let (mut names, mut rows) = (String::new(), Vec::new());
    let sources = Sources {
        places: &pictures.paths,
        bytes: &|index| load::read_file(&pictures.paths[index]),
    };
    let is_known = |_, digest: &[u8; 32]| Ok(earlier.contains_key(digest));
    load::embed_new(pipeline, sources, &is_known, printer, |embedded| {
        let Embedded { path, digest, is_known, faces } = embedded;
        let of_picture = match faces {
            Ok(_) if is_known => earlier.get(&digest).cloned().unwrap_or_default(),
            Ok(faces) => {
                let row = |it: RecognizedFace| it.template.embedding.as_slice().to_vec();
                let of_picture: Vec<Vec<f32>> = faces.into_iter().map(row).collect();
                unfinished.keep(&digest, &of_picture)?;
                of_picture
            }
            Err(error) => {
                refusals.add(&path, &error);
                return Ok(());
            }
        };
        let (path, n_faces) = (path.to_string_lossy(), of_picture.len());
        for (number, row) in (1..).zip(of_picture) {
            names += &if n_faces == 1 { format!("{path}\n") } else { format!("{path}#{number}\n") };
            rows.push(row);
        }
        Ok(())
    })?;
    if !rows.is_empty() {
        npy::write_rows(out, &rows)?;
        let list = out.with_extension("names.txt");
        whole_file::write(&list, names.as_bytes())?;
        let (n, out, list) = (rows.len(), out.display(), list.display());
        printer.note(format_args!("{n} embeddings in {out}, their names in {list}"));
    }
    unfinished.finish()
}

/// All that decides what embedding a picture has, as a digest.
fn made_with(args: &EmbedArgs, pipeline: &Pipeline) -> String {
    let recognizer = pipeline.recognizer();
    let detector = pipeline.sight().map(Sight::detector);
    let detector = detector.map(|it| (it.digest().to_string(), it.card()));
    let SightArgs { detector: looks, face } = &args.sight;
    let ways = (looks.min_score, looks.min_size, looks.one_pass, face);
    let model = (recognizer.digest().to_string(), recognizer.card());
    let version = env!("CARGO_PKG_VERSION");
    sha256(format!("{version} {model:?} {detector:?} {ways:?}").as_bytes())
}

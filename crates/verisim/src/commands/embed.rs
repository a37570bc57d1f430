//! `verisim embed`: pictures to embeddings.

use std::path::PathBuf;

use anyhow::bail;
use serde::Serialize;
use verisim_core::Embedding;
use verisim_face::folder::find_pictures;
use verisim_face::pipeline::RecognizedFace;

use super::Outcome;
use super::face_dto::FaceDto;
use super::load::{self, Embedded};
use crate::cli::{ModelArgs, SightArgs};
use crate::npy;
use crate::output::{Printer, explained};
use crate::whole_file;

/// Turn pictures into embeddings
///
/// Prints one JSON line a picture, or writes a NumPy matrix and, beside it, the names of its rows. With a detector
/// the pictures are photographs, and each chosen face has its line; several of one are `a.jpg#1`, `a.jpg#2`.
/// Pictures that cannot be used are named on standard error, and the exit status is 2.
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

    /// A picture, or a folder of pictures
    pictures: PathBuf,

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
    let paths = find_pictures(&args.pictures)?;
    let digest = pipeline.recognizer().digest().to_string();
    let mut names = String::new();
    let mut embeddings: Vec<Embedding> = Vec::new();
    let mut n_failures = 0;
    for Embedded { path, faces, .. } in load::embed_files(&pipeline, &paths, printer) {
        let faces = match faces {
            Ok(faces) => faces,
            Err(error) => {
                printer.warning(explained(&error));
                n_failures += 1;
                continue;
            }
        };
        let path = path.to_string_lossy();
        let n_faces = faces.len();
        for (number, RecognizedFace { face, measures, template }) in (1..).zip(faces) {
            if args.out.is_none() {
                let face = face.map(|face| FaceDto::new(&face, measures.as_ref()));
                let embedding = template.embedding.as_slice();
                printer.json(&EmbeddingDto { path: &path, face, model: &digest, embedding })?;
            } else {
                names +=
                    &if n_faces == 1 { format!("{path}\n") } else { format!("{path}#{number}\n") };
                embeddings.push(template.embedding);
            }
        }
    }
    if let Some(out) = &args.out
        && !embeddings.is_empty()
    {
        npy::write_embeddings(out, &embeddings.iter().collect::<Vec<_>>())?;
        let list = out.with_extension("names.txt");
        whole_file::write(&list, names.as_bytes())?;
        let (n, out, list) = (embeddings.len(), out.display(), list.display());
        printer.note(format_args!("{n} embeddings in {out}, their names in {list}"));
    }
    if n_failures > 0 {
        bail!("{n_failures} of {} pictures have no embedding", paths.len());
    }
    Ok(Outcome::Done)
}

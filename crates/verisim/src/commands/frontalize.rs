//! `verisim frontalize`: a face as from the front.

use std::path::PathBuf;

use anyhow::{Context, ensure};
use verisim_face::align::Template;
use verisim_face::choice::FaceChoice;
use verisim_face::frontal::{Camera, Hidden, frontal};
use verisim_face::image::encode_png;
use verisim_face::{FoundFace, Picture};

use super::Outcome;
use super::align::size;
use super::load;
use crate::cli::{SightArgs, WhichFace};
use crate::dataset::read_picture;
use crate::output::Printer;
use crate::whole_file;

/// Turn a face to the front, by a generic head
///
/// A camera is fitted to five landmarks, and the front view is read from the photograph; what the camera could not
/// see is taken from the other half of the face. It is an experiment: docs/frontal.md says where it helps.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  verisim frontalize in.jpg out.png --detector yunet.onnx --size 152"
)]
pub(crate) struct FrontalizeArgs {
    /// The photograph
    photograph: PathBuf,

    /// The chip to write, as PNG
    out: PathBuf,

    #[command(flatten)]
    sight: SightArgs,

    /// Size of the chip in pixels: 112, or width x height as 47x55
    #[arg(long, value_name = "SIZE", default_value = "112", value_parser = size)]
    size: [usize; 2],
}

/// Runs the command.
pub(crate) fn frontalize(args: &FrontalizeArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    ensure!(args.sight.face != Some(WhichFace::All), "--face all: one face becomes one chip");
    let sight = load::sight(&args.sight, FaceChoice::Central)?;
    let sight = sight.context("give what finds faces with --detector")?;
    let photograph = read_picture(&args.photograph)?;
    let template = Template::new(args.size);
    let seen = sight.see(&photograph, &template);
    let seen = seen.with_context(|| format!("cannot use {}", args.photograph.display()))?;
    let face = seen.first().context("no face was chosen")?.face;
    let chip = chip_of(&photograph, &face, &template)?;
    whole_file::write(&args.out, &encode_png(&chip)?)?;
    let pose = landmarks_of(&face).and_then(|it| Ok(Camera::from_landmarks(it)?.pose()))?;
    printer.data(format_args!(
        "{}: turned back by {:.0} degrees of yaw and {:.0} of pitch",
        args.out.display(),
        pose.yaw,
        pose.pitch
    ))?;
    Ok(Outcome::Done)
}

/// The chip of a face as from the front.
pub(super) fn chip_of(
    photograph: &Picture,
    face: &FoundFace,
    template: &Template,
) -> anyhow::Result<Picture> {
    let camera = Camera::from_landmarks(landmarks_of(face)?)?;
    Ok(frontal(photograph, &camera, template, Hidden::Mirrored)?.picture)
}

fn landmarks_of(face: &FoundFace) -> anyhow::Result<&verisim_face::Landmarks> {
    face.landmarks
        .as_ref()
        .context("this detector finds no landmarks, without which no head can be fitted")
}

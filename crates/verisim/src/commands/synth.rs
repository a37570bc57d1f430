//! `verisim synth`: faces of people who do not exist, to train on and to test with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use rayon::prelude::*;
use verisim_face::image::encode_png;
use verisim_face::synth::{Framing, Population, SyntheticFace};

use super::Outcome;
use crate::output::Printer;

/// Draw faces of people who do not exist
///
/// Each identity has its own head, colors, hair, eyes, nose and mouth; each picture its own pose, light,
/// expression, blur, noise and occlusion. The true landmarks are in landmarks.csv. The same seed draws the
/// same pictures.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim synth --identities 100 --images 12 --out faces/")]
pub(crate) struct SynthArgs {
    /// Folder to write to, to be made
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    /// Number of identities
    #[arg(long, value_name = "N", default_value_t = 100)]
    identities: usize,

    /// Pictures of each
    #[arg(long, value_name = "N", default_value_t = 12)]
    images: usize,

    /// Width and height in pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 112)]
    size: usize,

    /// Seed of everything
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// How many faces to draw.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crowd {
    pub(crate) n_identities: usize,
    pub(crate) n_images: usize,
    pub(crate) size: usize,
    pub(crate) seed: u64,
}

/// Runs the command.
pub(crate) fn synth(args: &SynthArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    for (name, n) in [("--identities", args.identities), ("--images", args.images)] {
        if !(1..=1_000_000).contains(&n) {
            bail!("{name} is {n}, but must be from 1 to 1000000");
        }
    }
    if !(16..=2048).contains(&args.size) {
        bail!("--size is {}, but must be from 16 to 2048", args.size);
    }
    if args.out.is_dir() && fs::read_dir(&args.out)?.next().is_some() {
        bail!("{} is not empty; choose a folder to be made", args.out.display());
    }
    let crowd = Crowd {
        n_identities: args.identities,
        n_images: args.images,
        size: args.size,
        seed: args.seed,
    };
    draw_crowd(crowd, &args.out, printer)?;
    let (n, folder) = (args.identities * args.images, args.out.display());
    printer.note(format_args!("{n} pictures of {} identities in {folder}", args.identities));
    Ok(Outcome::Done)
}

/// Draws a crowd into a folder: `0001/0001.png`, and `landmarks.csv`.
pub(crate) fn draw_crowd(crowd: Crowd, out: &Path, printer: &Printer) -> anyhow::Result<()> {
    let population = Population { seed: crowd.seed };
    let framing = Framing::Chip { side: crowd.size };
    let bar = printer.progress("drawing", crowd.n_identities * crowd.n_images);
    let lines: Vec<String> = (0..crowd.n_identities)
        .into_par_iter()
        .map(|identity| -> anyhow::Result<String> {
            let name = format!("{:04}", identity + 1);
            let folder = out.join(&name);
            fs::create_dir_all(&folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            let mut lines = String::new();
            for image in 0..crowd.n_images {
                let face = population.draw(identity, image, &framing);
                let file = format!("{:04}.png", image + 1);
                let path = folder.join(&file);
                fs::write(&path, encode_png(&face.picture)?)
                    .with_context(|| format!("cannot write {}", path.display()))?;
                lines += &sidecar_line(&format!("{name}/{file}"), &face);
                bar.inc(1);
            }
            Ok(lines)
        })
        .collect::<anyhow::Result<_>>()?;
    bar.finish_and_clear();
    let path = out.join("landmarks.csv");
    let text = format!("{SIDECAR_HEADER}\n{}", lines.concat());
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// The points are, in this order: the eye on the left of the picture, the eye on the right, the tip of the
/// nose, the left and the right corner of the mouth; `v` tells whether each is seen.
const SIDECAR_HEADER: &str = "path,left_eye_x,left_eye_y,left_eye_v,right_eye_x,right_eye_y,\
    right_eye_v,nose_x,nose_y,nose_v,left_mouth_x,left_mouth_y,left_mouth_v,right_mouth_x,\
    right_mouth_y,right_mouth_v,yaw,pitch,roll";

fn sidecar_line(path: &str, face: &SyntheticFace) -> String {
    let points: String = face
        .landmarks
        .iter()
        .zip(face.visible)
        .map(|([x, y], visible)| format!(",{x:.3},{y:.3},{}", u8::from(visible)))
        .collect();
    let pose = face.pose;
    format!("{path}{points},{:.2},{:.2},{:.2}\n", pose.yaw, pose.pitch, pose.roll)
}

//! `verisim align`: from photographs to chips that any recipe and any model takes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use verisim_face::align::Template;
use verisim_face::choice::FaceChoice;
use verisim_face::image::encode_png;
use verisim_face::pipeline::Sight;

use super::Outcome;
use super::each::each;
use super::frontalize::chip_of;
use super::load;
use super::pictures::PictureArgs;
use super::refusals::Refusals;
use crate::cli::SightArgs;
use crate::dataset::read_picture;
use crate::output::Printer;
use crate::whole_file;

/// Cut aligned faces out of photographs
///
/// Each chosen face becomes a chip: turned upright, moved and scaled to ArcFace's template. Chips are PNG files in the
/// same folders as their photographs, so that NAME/1.jpg becomes NAME/1.png. What is there already is passed over: a
/// run that was stopped goes on. Photographs without a chip are named at the end, and the exit status is 2.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim align photographs/ --detector yunet.onnx --out faces/
  verisim align party.jpg --detector yunet.onnx --face all --size 160 --out faces/")]
pub(crate) struct AlignArgs {
    #[command(flatten)]
    pictures: PictureArgs,

    /// Folder for the chips
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    sight: SightArgs,

    /// Size of a chip in pixels: 112, or width x height as 47x55
    #[arg(long, value_name = "SIZE", default_value = "112", value_parser = size)]
    size: [usize; 2],

    /// Turn faces to the front by a generic head
    #[arg(long)]
    frontal: bool,
}

/// Width and height as they are typed.
pub(super) fn size(text: &str) -> Result<[usize; 2], String> {
    let (width, height) = text.split_once('x').unwrap_or((text, text));
    let side = |text: &str| match text.parse() {
        Ok(side @ 8..=4096) => Ok(side),
        _ => Err(format!("{text:?} is no side of a chip: from 8 to 4096 pixels are expected")),
    };
    Ok([side(width)?, side(height)?])
}

/// What became of a photograph.
enum Aligned {
    Written(usize),
    WasThere,
}

/// Runs the command.
pub(crate) fn align(args: &AlignArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let sight = load::sight(&args.sight, FaceChoice::Central)?;
    let sight = sight.context("give what finds faces with --detector")?;
    let pictures = args.pictures.find()?;
    let paths = &pictures.paths;
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let out = fs::canonicalize(&args.out)?;
    for folder in &pictures.folders {
        ensure!(
            !out.starts_with(fs::canonicalize(folder)?),
            "{} lies in {}: its chips would be taken for photographs the next time",
            args.out.display(),
            folder.display()
        );
    }
    let targets: Vec<PathBuf> = pictures.inside.iter().map(|it| args.out.join(it)).collect();
    let mut by_target = BTreeMap::new();
    for (path, target) in paths.iter().zip(&targets) {
        if let Some(other) = by_target.insert(target.with_extension(""), path) {
            bail!("{} and {} would have chips of one name", other.display(), path.display());
        }
    }
    let template = Template::new(args.size);
    let (mut n_chips, mut n_there, mut refusals) = (0, 0, Refusals::default());
    let align =
        |index: usize| write_chips(&sight, &template, args.frontal, &paths[index], &targets[index]);
    let n = (paths.len(), load::PICTURES_AT_ONCE);
    each(n, ("aligning", printer), align, |index, aligned| {
        match aligned {
            Ok(Aligned::Written(n)) => n_chips += n,
            Ok(Aligned::WasThere) => n_there += 1,
            Err(error) => refusals.add(&paths[index], &error),
        }
        Ok(())
    })?;
    let mut said =
        format!("{n_chips} chips of {} photographs in {}", paths.len(), args.out.display());
    if n_there > 0 {
        let _ = write!(said, "; those of {n_there} were there");
    }
    printer.data(said)?;
    let what = (paths.len(), "photographs have no chip");
    refusals.finish(what, &args.pictures.refusals, printer)
}

/// Writes the chips of a photograph: `1.png` for one, `1-1.png`, `1-2.png` for several.
fn write_chips(
    sight: &Sight,
    template: &Template,
    frontal: bool,
    path: &Path,
    target: &Path,
) -> anyhow::Result<Aligned> {
    let named = |ending: &str| {
        let stem = target.file_stem().unwrap_or_default().to_string_lossy();
        target.with_file_name(format!("{stem}{ending}.png"))
    };
    // The first of several is written last, so that a run that was stopped does not take part of them for all.
    if named("").is_file() || named("-1").is_file() {
        return Ok(Aligned::WasThere);
    }
    let photograph = read_picture(path)?;
    let seen = sight.see(&photograph, template);
    let seen = seen.with_context(|| format!("cannot align {}", path.display()))?;
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
    }
    let n_faces = seen.len();
    for (index, seen) in seen.into_iter().enumerate().rev() {
        let chip = if frontal { chip_of(&photograph, &seen.face, template)? } else { seen.chip };
        let name = if n_faces == 1 { named("") } else { named(&format!("-{}", index + 1)) };
        whole_file::write(&name, &encode_png(&chip)?)?;
    }
    Ok(Aligned::Written(n_faces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_side_or_two() {
        assert_eq!(size("112"), Ok([112, 112]));
        assert_eq!(size("47x55"), Ok([47, 55]));
        for wrong in ["", "7", "5000", "x", "112x", "1x1", "-112", "112X112"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}

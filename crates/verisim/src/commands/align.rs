//! `verisim align`: from photographs to chips that any recipe and any model takes.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use verisim_face::align::Template;
use verisim_face::choice::FaceChoice;
use verisim_face::folder::find_pictures;
use verisim_face::image::encode_png;
use verisim_face::pipeline::{Sight, on_all_cores};

use super::Outcome;
use super::frontalize::chip_of;
use super::load;
use crate::cli::SightArgs;
use crate::dataset::read_picture;
use crate::output::{Printer, explained};
use crate::whole_file;

/// What could not be aligned, in the folder of the chips.
const REFUSED: &str = "refused.csv";

/// Cut aligned faces out of photographs
///
/// Each chosen face becomes a chip: turned upright, moved and scaled to ArcFace's template. Chips are PNG files in the
/// same folders as their photographs, so that NAME/1.jpg becomes NAME/1.png. What is there already is passed over: a
/// run that was stopped goes on. What has no chip is listed in refused.csv.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim align photographs/ --detector yunet.onnx --out faces/
  verisim align party.jpg --detector yunet.onnx --face all --size 160 --out faces/")]
pub(crate) struct AlignArgs {
    /// A photograph, or a folder of photographs
    photographs: PathBuf,

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
    let paths = find_pictures(&args.photographs)?;
    let root = if args.photographs.is_dir() { Some(args.photographs.as_path()) } else { None };
    fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot create {}", args.out.display()))?;
    let out = fs::canonicalize(&args.out)?;
    if let Some(root) = root {
        ensure!(
            !out.starts_with(fs::canonicalize(root)?),
            "{} lies in {}: its chips would be taken for photographs the next time",
            args.out.display(),
            root.display()
        );
    }
    let targets: Vec<PathBuf> = paths.iter().map(|path| target(&args.out, root, path)).collect();
    let mut by_target = BTreeMap::new();
    for (path, target) in paths.iter().zip(&targets) {
        if let Some(other) = by_target.insert(target.with_extension(""), path) {
            bail!("{} and {} would have chips of one name", other.display(), path.display());
        }
    }
    let template = Template::new(args.size);
    let bar = printer.progress("aligning", paths.len());
    let aligned = on_all_cores(paths.len(), |index| {
        let (path, target) = (&paths[index], &targets[index]);
        let aligned = write_chips(&sight, &template, args.frontal, path, target);
        bar.inc(1);
        aligned
    });
    bar.finish_and_clear();
    let (mut n_chips, mut n_there, mut refused) = (0, 0, Vec::new());
    for (path, aligned) in paths.iter().zip(aligned) {
        match aligned {
            Ok(Aligned::Written(n)) => n_chips += n,
            Ok(Aligned::WasThere) => n_there += 1,
            Err(error) => refused.push((path, explained(&error))),
        }
    }
    write_refused(&args.out.join(REFUSED), &refused)?;
    for (_, reason) in &refused {
        printer.warning(reason);
    }
    let mut said =
        format!("{n_chips} chips of {} photographs in {}", paths.len(), args.out.display());
    if n_there > 0 {
        let _ = write!(said, "; those of {n_there} were there");
    }
    printer.data(said)?;
    match refused.len() {
        0 => Ok(Outcome::Done),
        n => bail!("{n} of {} photographs have no chip, see {REFUSED}", paths.len()),
    }
}

/// Where the chip of a photograph lies: in the folder of chips as the photograph in its own.
fn target(out: &Path, root: Option<&Path>, path: &Path) -> PathBuf {
    let inside = root.and_then(|root| path.strip_prefix(root).ok());
    out.join(inside.unwrap_or(path.file_name().map_or(path, Path::new)))
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

fn write_refused(path: &Path, refused: &[(&PathBuf, String)]) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record(["path", "reason"])?;
    for (photograph, reason) in refused {
        csv.write_record([photograph.to_string_lossy().as_ref(), reason])?;
    }
    whole_file::write(path, &csv.into_inner()?)
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

//! `verisim detect`: where are faces on these photographs?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use verisim_face::folder::find_pictures;
use verisim_face::image::encode_png;

use super::Outcome;
use crate::detection::{
    DetectorArgs, FacesCsv, Searched, SearchedDto, TABLE_HEAD, drawn, search, table,
};
use crate::output::{Printer, explained};
use crate::whole_file;

/// Find faces on photographs
///
/// Prints a table, or one JSON line a photograph. A photograph is looked at as often as it takes to find every
/// face from --min-size up to one that fills it; --one-pass is faster and finds less. Places are
/// in pixels from the upper left corner; left and right of landmarks are the viewer's. Photographs that cannot be
/// used are named at the end; the exit status is 2 if none could be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim detect --detector yunet.onnx party.jpg
  verisim detect --detector yunet.onnx photos/ --csv faces.csv --draw boxes/")]
pub(crate) struct DetectArgs {
    /// Photographs, and folders of photographs
    #[arg(required = true)]
    photographs: Vec<PathBuf>,

    #[command(flatten)]
    detector: DetectorArgs,

    /// Print JSON lines, with landmarks
    #[arg(long)]
    json: bool,

    /// Write a line for each face, with landmarks, to this file
    #[arg(long, value_name = "FILE", conflicts_with = "json")]
    csv: Option<PathBuf>,

    /// Write photographs with boxes and landmarks, as PNG, to this folder
    #[arg(long, value_name = "FOLDER")]
    draw: Option<PathBuf>,
}

/// Runs the command.
pub(crate) fn detect(args: &DetectArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let detector = args.detector.load()?;
    let digest = detector.digest().to_string();
    let (mut paths, mut drawings) = (Vec::new(), Vec::new());
    for root in &args.photographs {
        let found = find_pictures(root)?;
        drawings.extend(found.iter().map(|path| name_of_drawing(root, path)));
        paths.extend(found);
    }
    if let Some(folder) = &args.draw {
        check_drawings(folder, &drawings, &paths)?;
    }
    let mut csv = args.csv.as_ref().map(|_| FacesCsv::new()).transpose()?;
    if !args.json && csv.is_none() {
        printer.data(TABLE_HEAD)?;
    }
    let (mut n_faces, mut errors, mut drawings) = (0, Vec::new(), drawings.into_iter());
    search(&detector, &paths, printer, |searched| {
        let drawing = drawings.next();
        let searched = match searched {
            Ok(searched) => searched,
            Err(error) => {
                errors.push(explained(&error));
                return Ok(());
            }
        };
        n_faces += searched.faces.len();
        if let (Some(folder), Some(drawing)) = (&args.draw, drawing) {
            draw(&searched, &folder.join(drawing))?;
        }
        if args.json {
            return printer.json(&SearchedDto::new(&searched, &digest));
        }
        match &mut csv {
            Some(csv) => csv.add(&searched),
            None => table(&searched).iter().try_for_each(|line| printer.data(line)),
        }
    })?;
    if let (Some(path), Some(csv)) = (&args.csv, csv) {
        whole_file::write(path, &csv.finish()?)?;
    }
    for error in &errors {
        printer.warning(error);
    }
    let (n, n_used) = (paths.len(), paths.len() - errors.len());
    if n_used == 0 {
        bail!("none of {n} photographs could be used");
    }
    printer.note(format_args!("{n_faces} faces on {n_used} of {n} photographs"));
    Ok(Outcome::Done)
}

/// Where a drawing lies in its folder: as the photograph in the one that was named.
fn name_of_drawing(root: &Path, path: &Path) -> PathBuf {
    let inside = path.strip_prefix(root).ok().filter(|it| !it.as_os_str().is_empty());
    let inside = inside.map(Path::to_owned).or_else(|| path.file_name().map(PathBuf::from));
    // The ending stays, since a.jpg and a.png are two photographs.
    let mut name = inside.unwrap_or_default().into_os_string();
    name.push(".png");
    PathBuf::from(name)
}

/// Refuses drawings that would overwrite each other, or a photograph.
fn check_drawings(folder: &Path, drawings: &[PathBuf], paths: &[PathBuf]) -> anyhow::Result<()> {
    let photographs: BTreeSet<PathBuf> = paths.iter().flat_map(fs::canonicalize).collect();
    let mut names = BTreeSet::new();
    for name in drawings {
        let target = folder.join(name);
        ensure!(
            names.insert(name),
            "two photographs would be drawn to {}; search their folders one by one",
            target.display()
        );
        ensure!(
            fs::canonicalize(&target).map_or(true, |it| !photographs.contains(&it)),
            "{} is a photograph, and would be drawn over; give --draw another folder",
            target.display()
        );
    }
    Ok(())
}

fn draw(searched: &Searched, target: &Path) -> anyhow::Result<()> {
    if let Some(folder) = target.parent() {
        let cannot = || format!("cannot make the folder {}", folder.display());
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    let png = encode_png(&drawn(&searched.photograph, &searched.faces))?;
    whole_file::write(target, &png)
}

//! `verisim detect`: where are faces on these photographs?

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use verisim_face::image::encode_png;

use super::Outcome;
use super::pictures::PictureArgs;
use super::refusals::Refusals;
use crate::cli::DetectorArgs;
use crate::detection::{
    FacesCsv, Searched, SearchedDto, TABLE_HEAD, drawn, needed_detector, search, table,
};
use crate::output::Printer;
use crate::whole_file;

/// Find faces on photographs
///
/// Prints a table, or one JSON line a photograph. A photograph is looked at as often as it takes to find every
/// face from --min-size up to one that fills it; --one-pass is faster and finds less. Places are
/// in pixels from the upper left corner; left and right of landmarks are the viewer's. Photographs that cannot be
/// used are named at the end, and the exit status is 2.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim detect --detector yunet.onnx party.jpg
  verisim detect --detector yunet.onnx photos/ --csv faces.csv --draw boxes/")]
pub(crate) struct DetectArgs {
    #[command(flatten)]
    pictures: PictureArgs,

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
    let detector = needed_detector(&args.detector)?;
    let digest = detector.digest().to_string();
    let pictures = args.pictures.find()?;
    let n = pictures.paths.len();
    let drawings: Vec<PathBuf> = pictures.inside.iter().map(|it| name_of_drawing(it)).collect();
    if let Some(folder) = &args.draw {
        check_drawings(folder, &drawings, &pictures.paths)?;
    }
    let mut csv = args.csv.as_ref().map(|_| FacesCsv::new()).transpose()?;
    if !args.json && csv.is_none() {
        printer.data(TABLE_HEAD)?;
    }
    let (mut n_faces, mut refusals) = (0, Refusals::default());
    search(&detector, &pictures.paths, printer, |index, searched| {
        let searched = match searched {
            Ok(searched) => searched,
            Err(error) => {
                refusals.add(&pictures.paths[index], &error);
                return Ok(());
            }
        };
        n_faces += searched.faces.len();
        if let Some(folder) = &args.draw {
            draw(&searched, &folder.join(&drawings[index]))?;
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
    let n_used = n - refusals.len();
    printer.note(format_args!("{n_faces} faces on {n_used} of {n} photographs"));
    refusals.finish((n, "photographs could not be used"), &args.pictures.refusals, printer)
}

/// Where a drawing lies in its folder: as the photograph in the one that was named.
fn name_of_drawing(inside: &Path) -> PathBuf {
    // The ending stays, since a.jpg and a.png are two photographs.
    let mut name = inside.as_os_str().to_owned();
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

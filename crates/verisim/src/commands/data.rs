//! `verisim data`: what lies in a folder or an archive of faces, whether all of it can be read, packing.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use rayon::prelude::*;
use serde::Serialize;
use verisim_face::archive::recordio::RecordWriter;
use verisim_face::archive::{self, Archive};
use verisim_face::chip::resize;
use verisim_face::image::{DecodeLimits, decode, encode_jpeg};

use super::Outcome;
use crate::dataset::FaceSet;
use crate::output::{MAX_NAMED, Printer, explained, first_named};
use crate::whole_file;

/// Pictures that are read and shrunk at once: bounded memory, all cores busy.
const PICTURES_AT_ONCE: usize = 1024;
/// Pictures that `info` looks at for their sizes.
const N_LOOKED_AT: usize = 100;

/// Look into, check and pack faces: folders, .rec, .bin, .tar, .parquet, .csv
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  verisim data pack faces/ --out train.rec")]
pub(crate) enum DataCommand {
    /// What lies there: pictures, identities, sizes
    Info(InfoArgs),
    /// Decode every picture, and name those that cannot be used
    Check(CheckArgs),
    /// Write a RecordIO file (train.rec, .idx, .lst), as InsightFace trains from
    Pack(PackArgs),
}

/// What to look into.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim data info train.rec")]
pub(crate) struct InfoArgs {
    /// Folder of faces, file, or shards: train-{000..012}.tar
    path: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to check.
///
/// Exits with status 2 if a picture cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim data check train.rec")]
pub(crate) struct CheckArgs {
    /// Folder of faces, file, or shards: train-{000..012}.tar
    path: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What to pack, and how.
///
/// Picture files are packed as they are, unless --size is given. Identities are numbered in the order of
/// their names, which stand in the .lst file.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim data pack faces/ --out train.rec --size 112")]
pub(crate) struct PackArgs {
    /// Folder of faces, file, or shards: train-{000..012}.tar
    path: PathBuf,

    /// File to write, with a .idx and a .lst beside it
    #[arg(long, value_name = "FILE.rec")]
    out: PathBuf,

    /// Shrink pictures to this width and height, and write them as JPEG
    #[arg(long, value_name = "PIXELS")]
    size: Option<usize>,

    /// Quality of these JPEGs, from 1 to 100
    #[arg(long, default_value_t = 95, requires = "size")]
    quality: u8,

    /// Pack without the pictures that cannot be read
    #[arg(long)]
    skip_unreadable: bool,
}

/// Runs the command.
pub(crate) fn data(command: &DataCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        DataCommand::Info(args) => info(args, printer),
        DataCommand::Check(args) => check(args, printer),
        DataCommand::Pack(args) => pack(args, printer),
    }
}

#[derive(Serialize)]
struct InfoDto {
    path: PathBuf,
    format: String,
    pictures: usize,
    identities: usize,
    /// Least, median and most pictures of an identity.
    pictures_of_an_identity: [usize; 3],
    /// Widths and heights, and how many of some pictures have them.
    sizes: BTreeMap<String, usize>,
    corrupt: Vec<CorruptDto>,
}

#[derive(Serialize)]
struct CorruptDto {
    place: PathBuf,
    reason: String,
}

#[derive(Serialize)]
struct CheckDto {
    path: PathBuf,
    format: String,
    pictures: usize,
    corrupt: Vec<CorruptDto>,
}

fn info(args: &InfoArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let archive = archive::open(&args.path)?;
    let n_pictures = archive.labels().len();
    let mut corrupt = listed_as_corrupt(archive.as_ref());
    let mut sizes = BTreeMap::<String, usize>::new();
    for index in (0..n_pictures).step_by(n_pictures.div_ceil(N_LOOKED_AT).max(1)) {
        match picture_size(archive.as_ref(), index) {
            Ok(size) => *sizes.entry(size).or_default() += 1,
            Err(found) => corrupt.push(found),
        }
    }
    let dto = InfoDto {
        path: args.path.clone(),
        format: archive.format().to_string(),
        pictures: n_pictures,
        identities: archive.identities().len(),
        pictures_of_an_identity: spread(archive.as_ref()),
        sizes,
        corrupt,
    };
    if args.json {
        printer.pretty_json(&dto)?;
        return Ok(Outcome::Done);
    }
    let [least, median, most] = dto.pictures_of_an_identity;
    printer.data(format_args!(
        "{}: {}, {n_pictures} pictures of {} identities, {least} to {most} of each (median {median})",
        args.path.display(),
        dto.format,
        dto.identities
    ))?;
    let sizes: Vec<String> = dto.sizes.iter().map(|(size, n)| format!("{n} of {size}")).collect();
    printer.data(format_args!("sizes of some pictures: {}", sizes.join(", ")))?;
    if !dto.corrupt.is_empty() {
        printer.data(format_args!(
            "{} cannot be read:{}",
            dto.corrupt.len(),
            named(&dto.corrupt)
        ))?;
    }
    Ok(Outcome::Done)
}

fn check(args: &CheckArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let archive = archive::open(&args.path)?;
    let n_listed = archive.labels().len();
    let mut corrupt = listed_as_corrupt(archive.as_ref());
    let bar = printer.progress("checking", n_listed);
    let found: Vec<CorruptDto> = (0..n_listed)
        .into_par_iter()
        .filter_map(|index| {
            let size = picture_size(archive.as_ref(), index);
            bar.inc(1);
            size.err()
        })
        .collect();
    bar.finish_and_clear();
    let n_pictures = n_listed + corrupt.len();
    corrupt.extend(found);
    let dto = CheckDto {
        path: args.path.clone(),
        format: archive.format().to_string(),
        pictures: n_pictures,
        corrupt,
    };
    if args.json {
        printer.pretty_json(&dto)?;
    } else {
        for CorruptDto { place, reason } in &dto.corrupt {
            printer.data(format_args!("{}: {reason}", place.display()))?;
        }
    }
    let n_corrupt = dto.corrupt.len();
    if n_corrupt > 0 {
        bail!("{n_corrupt} of {n_pictures} pictures of {} cannot be used", args.path.display());
    }
    printer.note(format_args!("{n_pictures} pictures, all of which can be used"));
    Ok(Outcome::Done)
}

fn pack(args: &PackArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let is_record_file = args.out.extension().is_some_and(|it| it == "rec");
    ensure!(is_record_file, "--out is {}, but must end in .rec", args.out.display());
    ensure!(!args.out.exists(), "{} exists already", args.out.display());
    ensure!(
        (1..=100).contains(&args.quality),
        "--quality is {}, but must be from 1 to 100",
        args.quality
    );
    if let Some(size) = args.size {
        ensure!((16..=2048).contains(&size), "--size is {size}, but must be from 16 to 2048");
    }
    let mut set = FaceSet::open(&args.path)?;
    set.check_listing(args.skip_unreadable, printer)?;
    set.each("checking", args.skip_unreadable, printer, drop)?;
    let set = set.in_order_of_labels();
    let [index, list] = ["idx", "lst"].map(|extension| args.out.with_extension(extension));
    // The records come last: without them the other two files mean nothing.
    whole_file::write_with(&args.out, |records| {
        whole_file::write_with(&index, |index| {
            let written = whole_file::write_with(&list, |list| {
                write(&set, args, [records, index, list], printer).map_err(|error| said(&error))
            });
            written.map_err(|error| said(&error))
        })
        .map_err(|error| said(&error))
    })?;
    printer.note(format_args!(
        "{}: {} pictures of {} identities",
        args.out.display(),
        set.samples.len(),
        set.names.len()
    ));
    Ok(Outcome::Done)
}

fn write(
    set: &FaceSet,
    args: &PackArgs,
    files: [&mut dyn Write; 3],
    printer: &Printer,
) -> anyhow::Result<()> {
    let (n_pictures, n_identities) = (set.samples.len(), set.names.len());
    let mut writer = RecordWriter::new(files, n_pictures as u64, n_identities as u64)?;
    let places = set.places();
    let bar = printer.progress("packing", n_pictures);
    for start in (0..n_pictures).step_by(PICTURES_AT_ONCE) {
        let indices = start..n_pictures.min(start + PICTURES_AT_ONCE);
        let pictures: Vec<anyhow::Result<Vec<u8>>> =
            indices.clone().into_par_iter().map(|index| packed(set, index, args)).collect();
        for (index, picture) in indices.zip(pictures) {
            let label = set.samples[index].label;
            let name = places[index].file_name().unwrap_or_default();
            let path = Path::new(&set.names[label as usize]).join(name);
            writer.push(label, &path, &picture?)?;
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(writer.finish()?)
}

/// The bytes of a picture as they are packed.
fn packed(set: &FaceSet, index: usize, args: &PackArgs) -> anyhow::Result<Vec<u8>> {
    let Some(size) = args.size else { return set.bytes(index) };
    let picture = resize(&set.picture(index)?, size, size);
    encode_jpeg(&picture, args.quality).context("cannot encode a picture")
}

fn said(error: &anyhow::Error) -> io::Error {
    io::Error::other(explained(error))
}

fn listed_as_corrupt(archive: &dyn Archive) -> Vec<CorruptDto> {
    let corrupt = archive.corrupt().iter().cloned();
    corrupt.map(|it| CorruptDto { place: it.place, reason: it.reason }).collect()
}

/// Width and height of a picture: `112 x 112`.
fn picture_size(archive: &dyn Archive, index: usize) -> Result<String, CorruptDto> {
    let corrupt = |reason: String| CorruptDto { place: archive.place(index), reason };
    let bytes = archive.read(index).map_err(|error| corrupt(error.reason))?;
    let picture = decode(&bytes, &DecodeLimits::default());
    let picture = picture.map_err(|error| corrupt(error.to_string()))?;
    Ok(format!("{} x {}", picture.width(), picture.height()))
}

/// Least, median and most pictures of an identity.
fn spread(archive: &dyn Archive) -> [usize; 3] {
    let mut counts = vec![0; archive.identities().len()];
    for &label in archive.labels() {
        counts[label as usize] += 1;
    }
    counts.sort_unstable();
    let at = |index: usize| counts.get(index).copied().unwrap_or(0);
    [at(0), at(counts.len() / 2), at(counts.len().saturating_sub(1))]
}

fn named(corrupt: &[CorruptDto]) -> String {
    let lines: Vec<String> =
        corrupt.iter().map(|it| format!("{}: {}", it.place.display(), it.reason)).collect();
    first_named(&lines, MAX_NAMED)
}

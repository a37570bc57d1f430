//! `verisim bench data`: how fast pictures come out of an archive, decoding included.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use rayon::prelude::*;
use serde::Serialize;
use verisim_face::archive::recordio::RecordWriter;
use verisim_face::image::encode_jpeg;
use verisim_face::synth::{Framing, Population};
use verisim_learn::data::ChipSource;
use verisim_learn::train::InputConfig;

use super::Outcome;
use crate::chips::ArchiveChips;
use crate::dataset::FaceSet;
use crate::memory::peak_mib;
use crate::output::Printer;

/// Size of the chips, as everybody trains on.
const INPUT: InputConfig = InputConfig { width: 112, height: 112, channels: 3, crop: None };
/// Pictures of each drawn identity.
const N_OF_IDENTITY: usize = 8;
/// Chips that a thread reads before it looks at the clock.
const CHIPS_AT_ONCE: usize = 64;
/// Far from neighbors, so that records come in no order: a prime.
const STRIDE: usize = 7919;

/// What is packed and read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim bench data --seconds 5")]
pub(crate) struct DataBench {
    /// Drawn faces that are packed, 112x112
    #[arg(long, value_name = "N", default_value_t = 1024)]
    images: usize,

    /// Quality of the JPEGs, from 1 to 100
    #[arg(long, default_value_t = 95)]
    quality: u8,

    /// Seconds that are timed, with one thread and then with all
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct DataBenchDto {
    images: usize,
    bytes_per_image: usize,
    threads: usize,
    /// With one thread.
    images_per_second_of_one: f64,
    /// With all threads, together.
    images_per_second_of_all: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
}

/// Runs the benchmark.
pub(crate) fn bench_data(args: &DataBench, printer: &Printer) -> anyhow::Result<Outcome> {
    let is_count = (N_OF_IDENTITY..=1_000_000).contains(&args.images);
    ensure!(is_count, "--images is {}, but must be from 8 to 1000000", args.images);
    ensure!((1..=100).contains(&args.quality), "--quality is {}, not 1 to 100", args.quality);
    ensure!(args.seconds > 0.0 && args.seconds < 3600.0, "--seconds is {}", args.seconds);
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let path = folder.path().join("bench.rec");
    let n_bytes = pack(args, &path, printer)?;
    let chips = ArchiveChips::new(FaceSet::open(&path)?, INPUT);
    let of_one = rate(&chips, 1, args.seconds)?;
    let threads = rayon::current_num_threads();
    let of_all = rate(&chips, threads, args.seconds)?;
    let dto = DataBenchDto {
        images: chips.labels().len(),
        bytes_per_image: n_bytes / chips.labels().len(),
        threads,
        images_per_second_of_one: of_one,
        images_per_second_of_all: of_all,
        peak_memory_mb: peak_mib(),
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        let memory = dto.peak_memory_mb.map(|mb| format!(", {mb:.0} MB")).unwrap_or_default();
        printer.data(format_args!(
            "RecordIO of JPEG 112x112, {} bytes each: {of_one:.0} images/s with one thread, {of_all:.0} \
             with {threads} ({:.0} a thread){memory}",
            dto.bytes_per_image,
            of_all / threads as f64
        ))?;
    }
    Ok(Outcome::Done)
}

/// Draws faces into a record file, and returns the bytes of all pictures.
fn pack(args: &DataBench, path: &Path, printer: &Printer) -> anyhow::Result<usize> {
    let population = Population { seed: 1 };
    let framing = Framing::Chip { side: INPUT.width };
    let n_identities = args.images / N_OF_IDENTITY;
    let n_images = n_identities * N_OF_IDENTITY;
    let bar = printer.progress("drawing", n_images);
    let pictures: Vec<Vec<u8>> = (0..n_images)
        .into_par_iter()
        .map(|index| {
            let (identity, number) = (index / N_OF_IDENTITY, index % N_OF_IDENTITY);
            let face = population.draw(identity, number, &framing);
            bar.inc(1);
            encode_jpeg(&face.picture, args.quality)
        })
        .collect::<Result<_, _>>()?;
    bar.finish_and_clear();
    let create = |extension| {
        let path = path.with_extension(extension);
        let file = File::create(&path);
        Ok::<_, anyhow::Error>(BufWriter::new(
            file.with_context(|| format!("cannot create {}", path.display()))?,
        ))
    };
    let (mut records, mut index, mut list) = (create("rec")?, create("idx")?, create("lst")?);
    let files: [&mut dyn Write; 3] = [&mut records, &mut index, &mut list];
    let mut writer = RecordWriter::new(files, n_images as u64, n_identities as u64)?;
    for (number, picture) in pictures.iter().enumerate() {
        let label = number / N_OF_IDENTITY;
        writer.push(label as u64, format!("{label}/{number}.jpg").as_ref(), picture)?;
    }
    writer.finish()?;
    for file in [&mut records, &mut index, &mut list] {
        file.flush().context("cannot write the records")?;
    }
    Ok(pictures.iter().map(Vec::len).sum())
}

/// Chips a second that so many threads read, in no order.
fn rate(chips: &ArchiveChips, n_threads: usize, seconds: f64) -> anyhow::Result<f64> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build()?;
    let (n_chips, n_read) = (chips.labels().len(), AtomicU64::new(0));
    let start = Instant::now();
    let duration = Duration::from_secs_f64(seconds);
    let outcomes = pool.broadcast(|thread| {
        let mut pixels = vec![0; INPUT.size().len()];
        let mut at = thread.index();
        while start.elapsed() < duration {
            for _ in 0..CHIPS_AT_ONCE {
                at = (at + STRIDE) % n_chips;
                chips.read(at, &mut pixels)?;
            }
            n_read.fetch_add(CHIPS_AT_ONCE as u64, Ordering::Relaxed);
        }
        anyhow::Ok(())
    });
    outcomes.into_iter().collect::<anyhow::Result<()>>()?;
    Ok(n_read.into_inner() as f64 / start.elapsed().as_secs_f64())
}

//! `verisim bench gallery`: how fast the nearest of very many templates are found, and that they are.

mod crowd;
pub(super) mod enrolling;
mod growth;
pub(super) mod load;
mod measured;
mod people;
mod rows_file;
mod stored;
mod worker;

use std::path::PathBuf;

use anyhow::ensure;
use serde::{Deserialize, Serialize};
use verisim_core::knn::Precision;

use super::Outcome;
use crate::output::Printer;
use crate::report::number::count;

/// How many templates, and how they are kept.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  verisim bench gallery --n 1M\n  verisim bench gallery --n 1M --stored\n  verisim bench gallery --growth 10k,100k,1M --out growth.svg"
)]
pub(crate) struct GalleryBench {
    /// Templates of made-up identities, such as 50000, 100k or 1M
    #[arg(long, value_name = "N", default_value = "100k", value_parser = size)]
    n: usize,

    /// Components of a template
    #[arg(long, default_value_t = 512)]
    dim: usize,

    /// Probes; every second is of an enrolled identity
    #[arg(long, default_value_t = 128)]
    probes: usize,

    /// What the pass over all templates reads
    #[arg(long, value_enum, default_value = "int8")]
    precision: PrecisionArg,

    /// Where the random templates begin
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Keep templates, probes and the rows found in this folder, for others to search
    #[arg(long, value_name = "DIR")]
    vectors: Option<PathBuf>,

    /// Measure several sizes, each in a process of its own
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', value_parser = size, conflicts_with_all = ["n", "vectors"])]
    growth: Vec<usize>,

    /// Draw time and memory over the size (SVG)
    #[arg(long, value_name = "FILE", requires = "growth")]
    out: Option<PathBuf>,

    /// Fill a gallery in a folder, open it in another process, search and change it
    #[arg(long, conflicts_with_all = ["growth", "vectors"])]
    stored: bool,

    /// With --stored, a gallery that is sealed
    #[arg(long)]
    sealed: bool,

    /// Measure as the other process of --stored
    #[arg(long, hide = true, value_name = "DIR")]
    opened: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the codes of templates are.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PrecisionArg {
    /// A byte a component
    Int8,
    /// Two bytes a component
    Bf16,
    /// The templates themselves, four bytes a component
    F32,
}

impl PrecisionArg {
    fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Bf16 => "bf16",
            Self::F32 => "f32",
        }
    }
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Int8 => Self::Int8,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::F32 => Self::F32,
        }
    }
}

/// Searches of one number of templates.
#[derive(Serialize, Deserialize)]
struct GalleryDto {
    templates: usize,
    identities: usize,
    dim: usize,
    probes: usize,
    seed: u64,
    precision: String,
    /// Nearest templates that each search looks for.
    k: usize,
    /// Making codes of the templates, on one thread.
    seconds_to_build: f64,
    /// Held after the codes were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_mb: Option<f64>,
    /// Held at most, with everything that the benchmark itself needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
    searches: Vec<SearchDto>,
    /// Templates of a probe that were scored exactly, at the median and at most.
    reranked_median: usize,
    reranked_max: usize,
    /// Share of the nearest one, and ten, of the plain scan that were found.
    recall_at_1: f64,
    recall_at_10: f64,
    /// Probes whose rows and scores are those of the plain scan, to the bit.
    identical: usize,
    /// Probes whose result was proved exact.
    proved: usize,
    /// Share of mated probes whose nearest template is of their identity.
    mated_found: f64,
}

/// Searches of a number of probes at once.
#[derive(Serialize, Deserialize)]
struct SearchDto {
    batch: usize,
    threads: usize,
    /// Median over the searches, and the fastest.
    seconds_per_batch: f64,
    fastest_seconds: f64,
    /// Mean time of all processors together, which does not depend on what else they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_seconds: Option<f64>,
    probes_per_second: f64,
}

/// Runs the benchmark.
pub(crate) fn bench_gallery(args: &GalleryBench, printer: &Printer) -> anyhow::Result<Outcome> {
    for (flag, value) in [("n", args.n), ("dim", args.dim), ("probes", args.probes)] {
        ensure!(value >= 1, "--{flag} is 0, but must be 1 or more");
    }
    if !args.growth.is_empty() {
        return growth::bench_growth(args, printer);
    }
    if let Some(folder) = &args.opened {
        return stored::measure_opened(args, folder, printer);
    }
    if args.stored {
        return stored::bench_stored(args, printer);
    }
    let dto = measured::measure(args, printer)?;
    if args.json {
        printer.json(&dto)?;
    } else {
        print(&dto, printer)?;
    }
    Ok(Outcome::Done)
}

fn print(dto: &GalleryDto, printer: &Printer) -> anyhow::Result<()> {
    printer.data(format_args!(
        "{} templates of {} components, {} identities, {} probes, {}, {} nearest, seed {}",
        count(dto.templates),
        dto.dim,
        count(dto.identities),
        dto.probes,
        dto.precision,
        dto.k,
        dto.seed
    ))?;
    let mb = |mb: Option<f64>| mb.map_or("–".to_owned(), |mb| format!("{mb:.0} MB"));
    printer.data(format_args!(
        "built in {:.2} s, {} resident, {} at most",
        dto.seconds_to_build,
        mb(dto.resident_mb),
        mb(dto.peak_memory_mb)
    ))?;
    printer.data("| batch | threads | ms a batch | fastest | processor ms | probes/s |\n|---|---|---|---|---|---|")?;
    for it in &dto.searches {
        let processor =
            it.processor_seconds.map_or("–".to_owned(), |it| format!("{:.2}", 1e3 * it));
        printer.data(format_args!(
            "| {} | {} | {:.2} | {:.2} | {processor} | {:.1} |",
            it.batch,
            it.threads,
            1e3 * it.seconds_per_batch,
            1e3 * it.fastest_seconds,
            it.probes_per_second
        ))?;
    }
    printer.data(format_args!(
        "scored exactly: {} templates a probe at the median, {} at most",
        dto.reranked_median, dto.reranked_max
    ))?;
    printer.data(format_args!(
        "recall@1 {:.4}, recall@10 {:.4} beside the plain scan; {} of {} the same to the bit, {} \
         proved; nearest of mated probes their own: {:.4}",
        dto.recall_at_1, dto.recall_at_10, dto.identical, dto.probes, dto.proved, dto.mated_found
    ))
}

/// A count such as 50000, 100k or 1M.
fn size(text: &str) -> Result<usize, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'M']) {
        Some(digits) if text.ends_with('k') => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (text, 1),
    };
    let number = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(unit));
    number.ok_or_else(|| "it must be a count such as 50000, 100k or 1M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(["7", "10k", "2M"].map(size), [Ok(7), Ok(10_000), Ok(2_000_000)]);
        for broken in ["", "k", "1.5M", "-3", "99999999999999999M"] {
            assert!(size(broken).is_err(), "{broken}");
        }
    }
}

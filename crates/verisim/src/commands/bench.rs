//! `verisim bench`: how fast is this machine?

use std::time::{Duration, Instant};

use serde::Serialize;
use verisim_learn::bench::{LossStep, TimedNetwork, TrainingStep};
use verisim_learn::device::DeviceKind;
use verisim_learn::loss::LossConfig;
use verisim_learn::train::Precision;

use super::Outcome;
use super::bench_data::{DataBench, bench_data};
use super::bench_gallery::enrolling::{EnrollBench, bench_enroll};
use super::bench_gallery::load::{LoadBench, bench_load};
use super::bench_gallery::{GalleryBench, bench_gallery};
use super::bench_partial_fc::{PartialFcBench, bench_partial_fc};
use super::bench_photographs::{PhotographsBench, bench_photographs};
use crate::memory::peak_mib;
use crate::output::Printer;

/// Measure speed on this machine
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  verisim bench train --batch 32 --steps 10")]
pub(crate) enum BenchCommand {
    /// Training steps of a network at 112x112: forward, backward and step
    Train(TrainBench),
    /// A loss by itself: forward and backward on random features
    Loss(LossBench),
    /// Very many identities: a step of their centers, all of them and a share
    PartialFc(PartialFcBench),
    /// Pictures out of a RecordIO file: reading and decoding
    Data(DataBench),
    /// Very many templates: the nearest to a probe, alone and in batches
    Gallery(GalleryBench),
    /// A mixed load on a gallery in a folder: enroll, search, forget, many threads at once
    GalleryLoad(LoadBench),
    /// Enrolling embeddings, one by one and many in a durable change
    GalleryEnroll(EnrollBench),
    /// Photographs to embeddings: finding faces, aligning, embedding
    Photographs(PhotographsBench),
}

/// A loss, and sizes of the batch.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  verisim bench loss --identities 256 --images 4 'kind = \"triplet\"'"
)]
pub(crate) struct LossBench {
    /// The loss, as in the loss table of a recipe
    #[arg(value_name = "TOML")]
    loss: String,

    /// Identities that there are
    #[arg(long, default_value_t = 64)]
    identities: usize,

    /// Pictures of each in the batch
    #[arg(long, default_value_t = 4)]
    images: usize,

    /// Pictures of the batch in all, if not every identity is in it
    #[arg(long)]
    batch: Option<usize>,

    /// Components of an embedding
    #[arg(long, default_value_t = 128)]
    dim: usize,

    /// Steps that are timed; two before them are not
    #[arg(long, default_value_t = 10)]
    steps: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// A network whose steps are timed.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum NetworkArg {
    /// 18 layers of residual blocks, as ArcFace uses them
    #[value(name = "iresnet18")]
    IResNet18,
    /// 50 layers of the same
    #[value(name = "iresnet50")]
    IResNet50,
    /// MobileFaceNet of the paper
    #[value(name = "mobilefacenet")]
    MobileFaceNet,
}

impl NetworkArg {
    /// What is timed, and what it is called.
    fn network(self) -> (TimedNetwork, &'static str) {
        match self {
            Self::IResNet18 => (TimedNetwork::IResNet18, "IResNet-18, 112x112"),
            Self::IResNet50 => (TimedNetwork::IResNet50, "IResNet-50, 112x112"),
            Self::MobileFaceNet => (TimedNetwork::MobileFaceNet, "MobileFaceNet, 112x112"),
        }
    }
}

/// What a network computes in.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PrecisionArg {
    /// Single precision
    Float32,
    /// Half precision with the range of single, on GPUs that have it
    Bf16,
    /// Half precision, on GPUs that have it
    F16,
}

impl From<PrecisionArg> for Precision {
    fn from(precision: PrecisionArg) -> Self {
        match precision {
            PrecisionArg::Float32 => Self::Float32,
            PrecisionArg::Bf16 => Self::Bf16,
            PrecisionArg::F16 => Self::F16,
        }
    }
}

/// Sizes of the benchmark.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainBench {
    /// The network
    #[arg(long, value_enum, default_value = "iresnet18")]
    network: NetworkArg,

    /// Where to compute: cpu, cuda or wgpu
    #[arg(long, default_value_t, value_name = "DEVICE")]
    device: DeviceKind,

    /// What the network computes in
    #[arg(long, value_enum, default_value = "float32")]
    precision: PrecisionArg,

    /// Pictures of a batch
    #[arg(long, default_value_t = 32)]
    batch: usize,

    /// Steps that are timed; two before them are not
    #[arg(long, default_value_t = 10)]
    steps: usize,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct TrainBenchDto {
    network: &'static str,
    device: String,
    precision: &'static str,
    batch: usize,
    threads: usize,
    steps: usize,
    /// Median over the steps.
    seconds_per_step: f64,
    images_per_second: f64,
    /// Largest amount of memory that the process held.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
}

/// Steps that fill caches and memory pools before the clock runs, at least.
const WARM_UP: usize = 2;
/// Time that warming up takes, and the timed steps then, at least: a system hands out fresh memory slowly.
const SETTLE: Duration = Duration::from_millis(500);

#[derive(Serialize)]
struct LossBenchDto {
    loss: String,
    batch: usize,
    identities: usize,
    dim: usize,
    threads: usize,
    value: f32,
    /// Median over the steps.
    seconds_per_step: f64,
    /// Largest amount of memory that the process held.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
    /// The same before the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_before_mb: Option<f64>,
}

/// Runs the command.
pub(crate) fn bench(command: &BenchCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        BenchCommand::Train(args) => bench_train(args, printer),
        BenchCommand::Loss(args) => bench_loss(args, printer),
        BenchCommand::PartialFc(args) => bench_partial_fc(args, printer),
        BenchCommand::Data(args) => bench_data(args, printer),
        BenchCommand::Gallery(args) => bench_gallery(args, printer),
        BenchCommand::GalleryLoad(args) => bench_load(args, printer),
        BenchCommand::GalleryEnroll(args) => bench_enroll(args, printer),
        BenchCommand::Photographs(args) => bench_photographs(args, printer),
    }
}

/// Median seconds of the steps, and what the last one found.
pub(super) fn time(
    steps: usize,
    printer: &Printer,
    mut run: impl FnMut() -> f32,
) -> anyhow::Result<(f64, f32)> {
    anyhow::ensure!(steps >= 1, "--steps is 0, but must be 1 or more");
    let mut seconds = Vec::new();
    let mut loss = 0.0;
    for (what, at_least) in [("warm-up", WARM_UP), ("step", steps)] {
        let begin = Instant::now();
        seconds.clear();
        while seconds.len() < at_least || begin.elapsed() < SETTLE {
            let start = Instant::now();
            loss = run();
            let taken = start.elapsed().as_secs_f64();
            seconds.push(taken);
            // Short ones come by the hundred.
            if taken > SETTLE.as_secs_f64() {
                printer
                    .note(format_args!("{what} {}: loss {loss:.4}, {taken:.2} s", seconds.len()));
            }
        }
    }
    seconds.sort_by(f64::total_cmp);
    Ok((seconds[seconds.len() / 2], loss))
}

fn bench_train(args: &TrainBench, printer: &Printer) -> anyhow::Result<Outcome> {
    anyhow::ensure!(args.batch >= 2, "--batch is {}, but must be 2 or more", args.batch);
    let (network, name) = args.network.network();
    let precision = Precision::from(args.precision);
    let device = args.device.open()?;
    let mut training = TrainingStep::new(network, args.batch, &device, precision)?;
    let (seconds_per_step, _) = time(args.steps, printer, || training.run())?;
    let dto = TrainBenchDto {
        network: name,
        device: args.device.to_string(),
        precision: precision.name(),
        batch: args.batch,
        threads: rayon::current_num_threads(),
        steps: args.steps,
        seconds_per_step,
        images_per_second: args.batch as f64 / seconds_per_step,
        peak_memory_mb: peak_mib(),
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        let memory = dto.peak_memory_mb.map(|mb| format!(", {mb:.0} MB")).unwrap_or_default();
        printer.data(format_args!(
            "{}, {}, {}, batch {}, {} threads: {:.3} s a step, {:.1} images/s{memory}",
            dto.network,
            dto.device,
            dto.precision,
            dto.batch,
            dto.threads,
            seconds_per_step,
            dto.images_per_second
        ))?;
    }
    Ok(Outcome::Done)
}

fn bench_loss(args: &LossBench, printer: &Printer) -> anyhow::Result<Outcome> {
    let config: LossConfig = toml::from_str(&args.loss)
        .map_err(|error| anyhow::anyhow!("the loss cannot be read: {}", error.message()))?;
    for (flag, value) in
        [("identities", args.identities), ("images", args.images), ("dim", args.dim)]
    {
        anyhow::ensure!(value >= 1, "--{flag} is 0, but must be 1 or more");
    }
    let batch = args.batch.unwrap_or(args.identities * args.images);
    anyhow::ensure!(batch >= 1, "--batch is 0, but must be 1 or more");
    let labels = (0..batch).map(|index| (index / args.images % args.identities) as u64).collect();
    let memory_before_mb = peak_mib();
    let mut step = LossStep::new(&config, args.identities, labels, args.dim)?;
    let (seconds_per_step, value) = time(args.steps, printer, || step.run())?;
    let dto = LossBenchDto {
        loss: args.loss.clone(),
        batch,
        identities: args.identities,
        dim: args.dim,
        threads: rayon::current_num_threads(),
        value,
        seconds_per_step,
        peak_memory_mb: peak_mib(),
        memory_before_mb,
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        let memory = dto.peak_memory_mb.map(|mb| format!(", {mb:.0} MB")).unwrap_or_default();
        printer.data(format_args!(
            "{batch} x {}, {} identities, {} threads: loss {value:.4}, {:.2} ms a step{memory}",
            dto.dim,
            dto.identities,
            dto.threads,
            1e3 * seconds_per_step
        ))?;
    }
    Ok(Outcome::Done)
}

//! `verisim bench`: how fast is this machine?

use std::time::Instant;

use serde::Serialize;
use verisim_learn::bench::TrainingStep;

use super::Outcome;
use crate::output::Printer;

/// Measure speed on this machine
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  verisim bench train --batch 32 --steps 10")]
pub(crate) enum BenchCommand {
    /// Training steps of IResNet-18 at 112x112: forward, backward and step
    Train(TrainBench),
}

/// Sizes of the benchmark.
#[derive(Debug, clap::Args)]
pub(crate) struct TrainBench {
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

/// Steps that fill caches and memory pools before the clock runs.
const WARM_UP: usize = 2;

/// Runs the command.
pub(crate) fn bench(command: &BenchCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    let BenchCommand::Train(args) = command;
    anyhow::ensure!(args.batch >= 2, "--batch is {}, but must be 2 or more", args.batch);
    anyhow::ensure!(args.steps >= 1, "--steps is 0, but must be 1 or more");
    let mut training = TrainingStep::iresnet18(args.batch);
    let mut seconds = Vec::new();
    for step in 0..WARM_UP + args.steps {
        let start = Instant::now();
        let loss = training.run();
        let taken = start.elapsed().as_secs_f64();
        printer.note(format_args!("step {step}: loss {loss:.4}, {taken:.3} s"));
        seconds.extend((step >= WARM_UP).then_some(taken));
    }
    seconds.sort_by(f64::total_cmp);
    let seconds_per_step = seconds[seconds.len() / 2];
    let dto = TrainBenchDto {
        network: "IResNet-18, 112x112",
        batch: args.batch,
        threads: rayon::current_num_threads(),
        steps: args.steps,
        seconds_per_step,
        images_per_second: args.batch as f64 / seconds_per_step,
        peak_memory_mb: peak_memory_mb(),
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        let memory = dto.peak_memory_mb.map(|mb| format!(", {mb:.0} MB")).unwrap_or_default();
        printer.data(format_args!(
            "{}, batch {}, {} threads: {:.3} s a step, {:.1} images/s{memory}",
            dto.network, dto.batch, dto.threads, seconds_per_step, dto.images_per_second
        ))?;
    }
    Ok(Outcome::Done)
}

/// What Linux says; nothing elsewhere.
fn peak_memory_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

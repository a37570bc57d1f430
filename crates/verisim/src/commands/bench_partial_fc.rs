//! `verisim bench partial-fc`: what a step costs with very many identities, all of them and a share.

use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use verisim_learn::bench_centers::CenterStep;
use verisim_learn::loss::LossConfig;

use super::Outcome;
use super::bench::time;
use crate::memory::{available_mib, peak_mib};
use crate::output::Printer;

/// Tables of the size of all centers that a step with all of them may hold at once: centers, gradient,
/// momentum, and what becomes of each.
const N_TABLES: f64 = 6.0;

/// How many identities, and what share of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim bench partial-fc --identities 100000 --rate 0.1")]
pub(crate) struct PartialFcBench {
    /// Identities that there are
    #[arg(long, default_value_t = 1_000_000)]
    identities: usize,

    /// Components of an embedding
    #[arg(long, default_value_t = 512)]
    dim: usize,

    /// Share of the identities that a step looks at, beside a step with all
    #[arg(long, default_value_t = 0.1)]
    rate: f64,

    /// Features of a batch
    #[arg(long, default_value_t = 64)]
    batch: usize,

    /// Steps that are timed; two before them are not
    #[arg(long, default_value_t = 5)]
    steps: usize,

    /// Time this rate alone, in this process: what the command starts for each
    #[arg(long, hide = true)]
    alone: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Steps at one rate, in a process of their own.
#[derive(Serialize, Deserialize)]
struct RateDto {
    sample_rate: f64,
    /// Median over the steps.
    seconds_per_step: f64,
    loss: f32,
    /// Largest amount of memory that the process held.
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
}

#[derive(Serialize)]
struct PartialFcDto {
    loss: &'static str,
    identities: usize,
    dim: usize,
    batch: usize,
    threads: usize,
    steps: usize,
    share: RateDto,
    #[serde(skip_serializing_if = "Option::is_none")]
    all: Option<RateDto>,
    /// Why all identities were not timed.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<String>,
    /// Time of a step with all by that with the share.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_as_fast: Option<f64>,
    /// Memory with all by that with the share.
    #[serde(skip_serializing_if = "Option::is_none")]
    times_the_memory: Option<f64>,
}

/// Runs the benchmark.
pub(crate) fn bench_partial_fc(
    args: &PartialFcBench,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let counts = [("identities", args.identities), ("dim", args.dim), ("batch", args.batch)];
    for (flag, value) in counts {
        ensure!(value >= 1, "--{flag} is 0, but must be 1 or more");
    }
    if args.alone {
        printer.json(&at_rate(args, printer)?)?;
        return Ok(Outcome::Done);
    }
    let share = in_a_process(args, args.rate)?;
    let mut dto = PartialFcDto {
        loss: "arcface",
        identities: args.identities,
        dim: args.dim,
        batch: args.batch,
        threads: rayon::current_num_threads(),
        steps: args.steps,
        share,
        all: None,
        left_out: None,
        times_as_fast: None,
        times_the_memory: None,
    };
    let table_mb = (args.identities * args.dim * size_of::<f32>()) as f64 / f64::from(1 << 20);
    match available_mib() {
        Some(free) if free < N_TABLES * table_mb => {
            let needed = N_TABLES * table_mb;
            dto.left_out = Some(format!(
                "all identities may need {needed:.0} MB, of which {free:.0} MB are free"
            ));
        }
        _ => {
            let all = in_a_process(args, 1.0)?;
            dto.times_as_fast = Some(all.seconds_per_step / dto.share.seconds_per_step);
            let memory = all.peak_memory_mb.zip(dto.share.peak_memory_mb);
            dto.times_the_memory = memory.map(|(all, share)| all / share);
            dto.all = Some(all);
        }
    }
    if args.json {
        printer.json(&dto)?;
    } else {
        print(&dto, printer)?;
    }
    Ok(Outcome::Done)
}

fn print(dto: &PartialFcDto, printer: &Printer) -> anyhow::Result<()> {
    printer.data(format_args!(
        "{}, {} identities, {} components, batch {}, {} threads: loss, backward and step of centers",
        dto.loss, dto.identities, dto.dim, dto.batch, dto.threads
    ))?;
    for it in [Some(&dto.share), dto.all.as_ref()].into_iter().flatten() {
        let memory = it.peak_memory_mb.map(|mb| format!(", {mb:.0} MB")).unwrap_or_default();
        let (rate, seconds) = (it.sample_rate, it.seconds_per_step);
        printer.data(format_args!("rate {rate}: {seconds:.3} s a step{memory}"))?;
    }
    if let Some(times) = dto.times_as_fast {
        let memory = dto.times_the_memory.map(|it| format!(", memory {:.2}x", it.recip()));
        let (rate, memory) = (dto.share.sample_rate, memory.unwrap_or_default());
        printer.data(format_args!("rate {rate} beside 1: speed {times:.2}x{memory}"))?;
    }
    if let Some(why) = &dto.left_out {
        printer.data(format_args!("rate 1 was left out: {why}"))?;
    }
    Ok(())
}

/// A process for each rate: the memory of one is not that of the other.
fn in_a_process(args: &PartialFcBench, rate: f64) -> anyhow::Result<RateDto> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let numbers = [
        ("--identities", args.identities.to_string()),
        ("--dim", args.dim.to_string()),
        ("--batch", args.batch.to_string()),
        ("--steps", args.steps.to_string()),
        ("--threads", rayon::current_num_threads().to_string()),
        ("--rate", rate.to_string()),
    ];
    let mut command = Command::new(program);
    command.args(["bench", "partial-fc", "--alone", "--quiet"]);
    command.args(numbers.iter().flat_map(|(flag, value)| [*flag, value.as_str()]));
    let output = command.output().context("cannot start this program again")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("rate {rate} ended with {}: {}", output.status, said.trim());
    }
    serde_json::from_slice(&output.stdout).context("cannot read what the other process found")
}

fn at_rate(args: &PartialFcBench, printer: &Printer) -> anyhow::Result<RateDto> {
    let rate = args.rate;
    let config: LossConfig =
        toml::from_str(&format!("kind = 'arcface'\nsample_rate = {rate:?}"))
            .map_err(|error| anyhow::anyhow!("--rate cannot be used: {}", error.message()))?;
    let mut step = CenterStep::new(&config, args.identities, args.dim, args.batch)?;
    let (seconds_per_step, loss) = time(args.steps, printer, || step.run())?;
    Ok(RateDto { sample_rate: rate, seconds_per_step, loss, peak_memory_mb: peak_mib() })
}

//! `verisim bench gallery-enroll`: how many people a second, one by one and many in a durable change.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use verisim_gallery::{Enrollment, Gallery, Sample};

use super::Outcome;
use super::crowd::{Crowd, N_OF_IDENTITY};
use super::people::{model, name, random_secret, samples};
use crate::output::Printer;
use crate::report::number::count;

/// Each size of a change is measured for so long, and for one change at least.
const AT_MOST: Duration = Duration::from_secs(20);

/// Enrolling embeddings, one by one and many in a durable change
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim bench gallery-enroll --n 20000 --batch 1,100,1000")]
pub(crate) struct EnrollBench {
    /// People at most, a template each
    #[arg(long, default_value_t = 20_000)]
    n: usize,

    /// People in a change
    #[arg(long, value_name = "N,N,...", value_delimiter = ',', default_value = "1,1000")]
    batch: Vec<usize>,

    /// Components of a template
    #[arg(long, default_value_t = 512)]
    dim: usize,

    /// Where the random templates begin
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Seal the gallery with a random key
    #[arg(long)]
    sealed: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct EnrollDto {
    batch: usize,
    people: usize,
    seconds: f64,
    per_second: f64,
}

/// Runs the benchmark.
pub(crate) fn bench_enroll(args: &EnrollBench, printer: &Printer) -> anyhow::Result<Outcome> {
    for (flag, value) in [("n", args.n), ("dim", args.dim)] {
        ensure!(value >= 1, "--{flag} is 0, but must be 1 or more");
    }
    ensure!(args.batch.iter().all(|&it| it >= 1), "--batch has a 0, but must be 1 or more");
    let crowd = Crowd { n_templates: usize::MAX / 2, dim: args.dim, seed: args.seed };
    let mut measured = Vec::new();
    for &batch in &args.batch {
        let dto = measure(args, &crowd, batch)?;
        if !args.json {
            printer.data(format_args!(
                "{} in a change: {:.0} people a second ({} of {} components in {:.2} s, {})",
                count(batch),
                dto.per_second,
                count(dto.people),
                args.dim,
                dto.seconds,
                if args.sealed { "sealed" } else { "plain" }
            ))?;
        }
        measured.push(dto);
    }
    if args.json {
        printer.json(&measured)?;
    }
    Ok(Outcome::Done)
}

fn measure(args: &EnrollBench, crowd: &Crowd, batch: usize) -> anyhow::Result<EnrollDto> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let secret = random_secret(args.sealed)?;
    let mut gallery = Gallery::create_or_open(folder.path(), model(), args.dim, secret.as_ref())?;
    let (mut people, mut time) = (0, Duration::ZERO);
    while people < args.n && (time < AT_MOST || people == 0) {
        let mut new: Vec<(String, Vec<Sample>)> = Vec::new();
        for identity in people..args.n.min(people + batch) {
            let one = crowd.templates(identity * N_OF_IDENTITY, 1)?;
            new.push((name(identity), samples(identity, one)));
        }
        let enrollments: Vec<Enrollment<'_>> =
            new.iter().map(|(name, samples)| Enrollment::new(name, samples)).collect();
        let start = Instant::now();
        let outcomes = gallery.enroll_many(&enrollments)?;
        time += start.elapsed();
        for outcome in outcomes {
            outcome?;
        }
        people += new.len();
    }
    let seconds = time.as_secs_f64();
    ensure!(gallery.n_templates()? == people, "not everybody was enrolled");
    Ok(EnrollDto { batch, people, seconds, per_second: people as f64 / seconds })
}

//! `verisim bench gallery-load`: many threads enroll, search and forget in one gallery at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;
use verisim_gallery::Gallery;

use super::Outcome;
use super::crowd::Crowd;
use super::people::{model, random_secret};
use super::worker::{Kind, Worked, Worker};
use crate::memory::resident_mib;
use crate::output::Printer;
use crate::report::number::count;
use crate::report::plot;
use crate::whole_file;

/// How often the memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A mixed load on a gallery in a folder
///
/// Each thread has a handle of its own. Seven of ten calls are searches, half of them for strangers; the
/// others enroll or forget, so that the number of people stays about the same. Every answer is checked, and
/// at the end the whole gallery, which must hold what the threads were told that it holds.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  verisim bench gallery-load --minutes 10 --threads 8 --out memory.svg"
)]
pub(crate) struct LoadBench {
    /// How long
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,

    /// People enrolled before it begins, three templates each
    #[arg(long, value_name = "N", default_value_t = 2000)]
    people: usize,

    /// Components of a template
    #[arg(long, default_value_t = 512)]
    dim: usize,

    /// Where the random templates begin
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Seal the gallery with a random key
    #[arg(long)]
    sealed: bool,

    /// Folder for the gallery, which must not be there; by default a temporary one
    #[arg(long, value_name = "DIR")]
    gallery: Option<PathBuf>,

    /// Draw the memory over time (SVG)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct LoadDto {
    minutes: f64,
    threads: usize,
    dim: usize,
    sealed: bool,
    people_at_first: usize,
    people_at_last: usize,
    calls: Vec<CallsDto>,
    /// Errors by kind: calls that were refused, all of which changed nothing.
    errors: BTreeMap<String, usize>,
    /// Searches that named somebody who was not asked for, or whom an enrolled template is of not at all.
    wrong_answers: usize,
    /// Calls to forget whose bytes another handle kept in the log of writes for longer than they waited.
    not_wiped_at_once: usize,
    /// People who were enrolled and are not there, and the other way round.
    lost: usize,
    ghosts: usize,
    /// Whether the check of the whole gallery passed, and if not, why.
    whole: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<String>,
    /// Mean memory in the second and in the last quarter of the time, and the ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_mb: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_growth: Option<f64>,
}

#[derive(Serialize)]
struct CallsDto {
    kind: &'static str,
    calls: usize,
    per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
}

/// Runs the benchmark.
pub(crate) fn bench_load(args: &LoadBench, printer: &Printer) -> anyhow::Result<Outcome> {
    ensure!(args.minutes > 0.0, "--minutes is {}, but must be above 0", args.minutes);
    ensure!(args.dim >= 1, "--dim is 0, but must be 1 or more");
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = args.gallery.clone().unwrap_or_else(|| temporary.path().join("gallery"));
    ensure!(!folder.exists(), "{} exists already", folder.display());
    let secret = random_secret(args.sealed)?;
    let open = || Gallery::create_or_open(&folder, model(), args.dim, secret.as_ref());

    let n_threads = rayon::current_num_threads();
    // Identities without end: each thread draws its own from every n-th place.
    let crowd = Crowd { n_templates: usize::MAX / 2, dim: args.dim, seed: args.seed };
    let mut workers = Vec::new();
    for thread in 0..n_threads {
        let share = args.people / n_threads + usize::from(thread < args.people % n_threads);
        let mut worker = Worker::new(open()?, crowd, (thread, n_threads), share);
        worker.fill()?;
        workers.push(worker);
    }
    printer.note(format_args!("{} people enrolled; {n_threads} threads begin", args.people));

    let duration = Duration::from_secs_f64(60.0 * args.minutes);
    let begin = Instant::now();
    let is_over = AtomicBool::new(false);
    let mut memory = Vec::new();
    let worked: Vec<anyhow::Result<Worked>> = thread::scope(|scope| {
        let is_over = &is_over;
        let run = |worker: Worker| scope.spawn(move || worker.run(is_over));
        let threads: Vec<_> = workers.into_iter().map(run).collect();
        while begin.elapsed() < duration
            && !threads.iter().any(thread::ScopedJoinHandle::is_finished)
        {
            memory.extend(resident_mib().map(|mib| (begin.elapsed().as_secs_f64() / 60.0, mib)));
            thread::sleep(LOOK_EVERY.min(duration.saturating_sub(begin.elapsed())));
        }
        is_over.store(true, Ordering::Relaxed);
        let joined = threads.into_iter().map(thread::ScopedJoinHandle::join);
        joined.map(|it| it.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    });
    let seconds = begin.elapsed().as_secs_f64();
    let mut all = Worked::default();
    for worked in worked {
        all.add(worked?);
    }

    let gallery = open()?;
    let found: Vec<String> = gallery.identities()?.into_iter().map(|it| it.details.name).collect();
    let n_found = |name: &&String| found.binary_search(name).is_ok();
    let n_kept = all.enrolled.iter().filter(n_found).count();
    let checked = gallery.check();
    let dto = LoadDto {
        minutes: seconds / 60.0,
        threads: n_threads,
        dim: args.dim,
        sealed: args.sealed,
        people_at_first: args.people,
        people_at_last: found.len(),
        calls: Kind::ALL.iter().map(|&kind| calls(kind, &mut all, seconds)).collect(),
        wrong_answers: all.n_wrong,
        not_wiped_at_once: all.n_lingering,
        lost: all.enrolled.len() - n_kept,
        ghosts: found.len() - n_kept,
        whole: checked.is_ok(),
        damage: checked.err().map(|error| error.to_string()),
        resident_mb: quarters(&memory),
        resident_growth: quarters(&memory).map(|[early, late]| late / early - 1.0),
        errors: all.errors,
    };
    if let Some(path) = &args.out {
        whole_file::write(path, plot::memory(&memory).as_bytes())?;
        printer.note(format_args!("drawn: {}", path.display()));
    }
    if args.json {
        printer.json(&dto)?;
    } else {
        print(&dto, printer)?;
    }
    let is_good = dto.whole && dto.lost == 0 && dto.ghosts == 0 && dto.wrong_answers == 0;
    Ok(if is_good { Outcome::Done } else { Outcome::Damaged })
}

fn calls(kind: Kind, all: &mut Worked, seconds: f64) -> CallsDto {
    let times = all.times.entry(kind).or_default();
    times.sort_unstable_by(f32::total_cmp);
    let at = |share: f64| {
        let place = (share * times.len() as f64).ceil() as usize;
        let time = times.get(place.saturating_sub(1));
        time.map_or(f64::NAN, |&it| 1e3 * f64::from(it))
    };
    CallsDto {
        kind: kind.name(),
        calls: times.len(),
        per_second: times.len() as f64 / seconds,
        p50_ms: at(0.5),
        p95_ms: at(0.95),
        p99_ms: at(0.99),
        max_ms: at(1.0),
    }
}

/// Mean memory in the second and in the last quarter, if the system tells.
fn quarters(memory: &[(f64, f64)]) -> Option<[f64; 2]> {
    let quarter = memory.len() / 4;
    let mean = |part: &[(f64, f64)]| {
        (!part.is_empty()).then(|| part.iter().map(|it| it.1).sum::<f64>() / part.len() as f64)
    };
    Some([mean(&memory[quarter..2 * quarter])?, mean(&memory[memory.len() - quarter..])?])
}

fn print(dto: &LoadDto, printer: &Printer) -> anyhow::Result<()> {
    printer.data(format_args!(
        "{:.1} minutes, {} threads, {} components, {}: {} people at first, {} at last",
        dto.minutes,
        dto.threads,
        dto.dim,
        if dto.sealed { "sealed" } else { "plain" },
        count(dto.people_at_first),
        count(dto.people_at_last)
    ))?;
    printer.data("| call | calls | a second | p50 ms | p95 ms | p99 ms | longest ms |\n|---|---|---|---|---|---|---|")?;
    for it in &dto.calls {
        printer.data(format_args!(
            "| {} | {} | {:.1} | {:.2} | {:.2} | {:.2} | {:.2} |",
            it.kind, it.calls, it.per_second, it.p50_ms, it.p95_ms, it.p99_ms, it.max_ms
        ))?;
    }
    let n_errors: usize = dto.errors.values().sum();
    let kinds: Vec<String> = dto.errors.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!(" ({})", kinds.join(", ")) };
    printer.data(format_args!(
        "{n_errors} errors{kinds}, {} wrong answers, {} lost, {} ghosts, {} forgotten whose bytes lingered",
        dto.wrong_answers, dto.lost, dto.ghosts, dto.not_wiped_at_once
    ))?;
    if let (Some([early, late]), Some(growth)) = (dto.resident_mb, dto.resident_growth) {
        printer.data(format_args!(
            "memory: {early:.1} MB in the second quarter, {late:.1} MB in the last ({:+.1} %)",
            100.0 * growth
        ))?;
    }
    match &dto.damage {
        None => printer.data("checked: whole"),
        Some(damage) => printer.data(format_args!("checked: {damage}")),
    }
}

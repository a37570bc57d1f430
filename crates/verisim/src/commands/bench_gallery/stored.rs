//! A gallery in a folder: filled, opened by a process of its own, searched, changed; it prints notes.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use verisim_core::{Embedding, Template};
use verisim_gallery::{DecisionRule, Enrollment, Gallery, Policy, Sample, Secret, Winner};

use super::crowd::{Crowd, N_OF_IDENTITY, is_mated};
use super::people::{model, name, samples, template};
use super::{GalleryBench, Outcome};
use crate::memory::{peak_mib, resident_mib};
use crate::output::Printer;
use crate::processor;
use crate::report::number::count;

/// Templates that are enrolled in one change.
const AT_ONCE: usize = 50_000;
/// Probes that are decided together.
const BATCH: usize = 64;
/// Identities that come and go again while the next answers are timed.
const N_CHANGES: usize = 7;
/// Nearest identities in an answer.
const LIMIT: usize = 3;
/// The key of sealed galleries that live no longer than a measurement.
const KEY: [u8; 32] = [7; 32];

/// A gallery that was filled, and what a process that opened it measured.
#[derive(Serialize, Deserialize)]
struct StoredDto {
    templates: usize,
    identities: usize,
    dim: usize,
    sealed: bool,
    /// Enrolling all, in changes of 50,000.
    seconds_to_fill: f64,
    /// The first search of all, which makes the file of packed templates.
    seconds_to_first_search: f64,
    store_mb: f64,
    matrix_mb: f64,
    opened: OpenedDto,
}

/// What a process measured that opened the gallery, whose files were read shortly before.
#[derive(Serialize, Deserialize)]
struct OpenedDto {
    /// Opening the gallery, and the first answer after that, which reads the packed templates.
    seconds_to_open: f64,
    seconds_to_first_answer: f64,
    /// Time of all processors together for both, and for one of the further answers: what else they
    /// do does not count.
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_seconds_to_first_answer: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processor_ms: Option<f64>,
    /// Further answers, one probe each.
    ms_median: f64,
    ms_p95: f64,
    /// 64 probes decided at once, for each.
    ms_of_64: f64,
    /// Enrolling somebody with 4 templates, and the next answer, which names them.
    ms_to_enroll: f64,
    ms_after_enrolling: f64,
    /// Giving these templates to another person, and the next answers, which name that one.
    ms_to_merge: f64,
    ms_after_merging: f64,
    ms_of_another_after_merging: f64,
    /// Forgetting somebody, and the next answer, which does not.
    ms_to_forget: f64,
    ms_after_forgetting: f64,
    /// The next answers of another who has the gallery open.
    ms_of_another_after_enrolling: f64,
    ms_of_another_after_forgetting: f64,
    /// Share of mated probes whose nearest identity is theirs.
    mated_found: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_mb: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peak_memory_mb: Option<f64>,
}

/// Fills a gallery, and has another process open it.
pub(super) fn bench_stored(args: &GalleryBench, printer: &Printer) -> anyhow::Result<Outcome> {
    let temporary = tempfile::tempdir().context("cannot make a temporary folder")?;
    let folder = temporary.path().join("gallery");
    let crowd = Crowd { n_templates: args.n, dim: args.dim, seed: args.seed };
    let start = Instant::now();
    let mut gallery = open(&folder, args)?;
    gallery.set_policy(Policy { record_searches: false, ..Policy::default() })?;
    for first in (0..crowd.n_identities()).step_by(AT_ONCE / N_OF_IDENTITY) {
        let n = (AT_ONCE / N_OF_IDENTITY).min(crowd.n_identities() - first);
        let people: Vec<(String, Vec<Sample>)> = crowd
            .templates(first * N_OF_IDENTITY, n * N_OF_IDENTITY)?
            .chunks(N_OF_IDENTITY)
            .enumerate()
            .map(|(idx, templates)| person(first + idx, templates))
            .collect();
        let all: Vec<_> = people.iter().map(|(name, it)| Enrollment::new(name, it)).collect();
        for outcome in gallery.enroll_many(&all)? {
            outcome?;
        }
        printer.note(format_args!("{} enrolled", count((first + n) * N_OF_IDENTITY)));
    }
    let seconds_to_fill = start.elapsed().as_secs_f64();
    let probe = template(crowd.probes(1)?.remove(0));
    let start = Instant::now();
    gallery.nearest(&probe, LIMIT)?;
    let seconds_to_first_search = start.elapsed().as_secs_f64();
    let stats = gallery.stats()?;
    drop(gallery);
    let mb = |n_bytes: u64| n_bytes as f64 / f64::from(1 << 20);
    let dto = StoredDto {
        templates: args.n,
        identities: crowd.n_identities(),
        dim: args.dim,
        sealed: args.sealed,
        seconds_to_fill,
        seconds_to_first_search,
        store_mb: mb(stats.n_bytes),
        matrix_mb: mb(stats.n_matrix_bytes),
        opened: in_a_process(args, &folder)?,
    };
    if args.json {
        printer.json(&dto)?;
    } else {
        print(&dto, printer)?;
    }
    Ok(Outcome::Done)
}

fn print(dto: &StoredDto, printer: &Printer) -> anyhow::Result<()> {
    let kind = if dto.sealed { "sealed" } else { "plain" };
    printer.data(format_args!(
        "{kind} gallery of {} templates of {} components, {} identities: filled in {:.1} s, first \
         search of all {:.2} s; store {:.0} MB, packed templates {:.0} MB",
        count(dto.templates),
        dto.dim,
        count(dto.identities),
        dto.seconds_to_fill,
        dto.seconds_to_first_search,
        dto.store_mb,
        dto.matrix_mb
    ))?;
    let it = &dto.opened;
    printer.data("| of a process that opened it | |\n|---|---|")?;
    printer.data(format_args!("| opening | {:.3} s |", it.seconds_to_open))?;
    printer
        .data(format_args!("| first answer after that | {:.3} s |", it.seconds_to_first_answer))?;
    for (what, ms) in [
        ("an answer, median", it.ms_median),
        ("an answer, 95 of 100", it.ms_p95),
        ("an answer among 64 at once", it.ms_of_64),
        ("enrolling somebody", it.ms_to_enroll),
        ("the next answer", it.ms_after_enrolling),
        ("that of another who has it open", it.ms_of_another_after_enrolling),
        ("merging them into another", it.ms_to_merge),
        ("the next answer", it.ms_after_merging),
        ("that of another who has it open", it.ms_of_another_after_merging),
        ("forgetting somebody", it.ms_to_forget),
        ("the next answer", it.ms_after_forgetting),
        ("that of another who has it open", it.ms_of_another_after_forgetting),
    ] {
        printer.data(format_args!("| {what} | {ms:.2} ms |"))?;
    }
    if let (Some(seconds), Some(ms)) = (it.processor_seconds_to_first_answer, it.processor_ms) {
        printer.data(format_args!("| processor time to the first answer | {seconds:.2} s |"))?;
        printer.data(format_args!("| processor time of an answer | {ms:.2} ms |"))?;
    }
    let mb = |mb: Option<f64>| mb.map_or("–".to_owned(), |mb| format!("{mb:.0} MB"));
    printer.data(format_args!(
        "| memory, and at most | {}, {} |",
        mb(it.resident_mb),
        mb(it.peak_memory_mb)
    ))?;
    printer.data(format_args!("| nearest of mated probes their own | {:.4} |", it.mated_found))
}

/// Opens the gallery in `folder`, measures, and prints JSON.
pub(super) fn measure_opened(
    args: &GalleryBench,
    folder: &Path,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let crowd = Crowd { n_templates: args.n, dim: args.dim, seed: args.seed };
    let probes: Vec<Template> = crowd.probes(args.probes)?.into_iter().map(template).collect();
    let worked_before = processor::seconds();
    let start = Instant::now();
    let mut gallery = open(folder, args)?;
    let seconds_to_open = start.elapsed().as_secs_f64();
    let start = Instant::now();
    gallery.nearest(&probes[0], LIMIT)?;
    let seconds_to_first_answer = start.elapsed().as_secs_f64();
    let worked_at_first = processor::seconds();

    let (mut ms, mut n_own) = (Vec::new(), 0);
    for (idx, probe) in probes.iter().enumerate() {
        let start = Instant::now();
        let found = gallery.nearest(probe, LIMIT)?;
        ms.push(ms_since(start));
        let own = name(crowd.mate(idx));
        n_own += usize::from(is_mated(idx) && found.first().is_some_and(|it| it.identity == own));
    }
    let worked = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
    let processor_seconds_to_first_answer = worked(worked_before, worked_at_first);
    let worked_since = worked(worked_at_first, processor::seconds());
    let processor_ms = worked_since.map(|it| 1e3 * it / probes.len() as f64);
    ms.sort_by(f64::total_cmp);
    let rule = DecisionRule { threshold: 0.4, winner: Winner::Best, limit: LIMIT };
    let batch: Vec<Template> = probes.iter().cycle().take(BATCH).cloned().collect();
    let start = Instant::now();
    gallery.decide_many(&batch, &rule)?;
    let ms_of_64 = ms_since(start) / BATCH as f64;
    // Before another takes as much again.
    let (resident_mb, peak_memory_mb) = (resident_mib(), peak_mib());

    let mut other = open(folder, args)?;
    other.nearest(&probes[0], LIMIT)?;
    let mut times: [Vec<f64>; 9] = Default::default();
    let strangers =
        Crowd { n_templates: N_CHANGES * N_OF_IDENTITY, seed: args.seed ^ 0x5eed, ..crowd };
    for (idx, templates) in strangers.templates(0, usize::MAX)?.chunks(N_OF_IDENTITY).enumerate() {
        let (name, samples) = person(crowd.n_identities() + idx, templates);
        let probe = &samples[0].template;
        let mut time = |which: usize, act: &mut dyn FnMut() -> anyhow::Result<()>| {
            let start = Instant::now();
            act()?;
            times[which].push(ms_since(start));
            anyhow::Ok(())
        };
        let first = |gallery: &mut Gallery| -> anyhow::Result<Option<String>> {
            Ok(gallery.nearest(probe, LIMIT)?.into_iter().next().map(|it| it.identity))
        };
        let is = |found: Option<String>, name: &str, expected: bool| {
            let is_found = found.as_deref() == Some(name);
            ensure!(is_found == expected, "{found:?} was found, not {name}");
            Ok(())
        };
        let taker = self::name(idx);
        time(0, &mut || Ok(gallery.enroll(&name, &samples).map(drop)?))?;
        time(1, &mut || is(first(&mut gallery)?, &name, true))?;
        time(2, &mut || is(first(&mut other)?, &name, true))?;
        time(3, &mut || Ok(gallery.merge(&taker, &name).map(drop)?))?;
        time(4, &mut || is(first(&mut gallery)?, &taker, true))?;
        time(5, &mut || is(first(&mut other)?, &taker, true))?;
        gallery.undo()?;
        time(6, &mut || Ok(gallery.forget(&name).map(drop)?))?;
        time(7, &mut || is(first(&mut gallery)?, &name, false))?;
        time(8, &mut || is(first(&mut other)?, &name, false))?;
    }
    let medians = times.map(|mut ms| {
        ms.sort_by(f64::total_cmp);
        ms[ms.len() / 2]
    });
    let [to_enroll, enrolled, other_enrolled, to_merge, merged, other_merged, ..] = medians;
    let [.., to_forget, forgotten, other_forgotten] = medians;
    let n_mated = (0..probes.len()).filter(|&it| is_mated(it)).count();
    printer.json(&OpenedDto {
        seconds_to_open,
        seconds_to_first_answer,
        processor_seconds_to_first_answer,
        processor_ms,
        ms_median: ms[ms.len() / 2],
        ms_p95: ms[ms.len() * 95 / 100],
        ms_of_64,
        ms_to_enroll: to_enroll,
        ms_after_enrolling: enrolled,
        ms_of_another_after_enrolling: other_enrolled,
        ms_to_merge: to_merge,
        ms_after_merging: merged,
        ms_of_another_after_merging: other_merged,
        ms_to_forget: to_forget,
        ms_after_forgetting: forgotten,
        ms_of_another_after_forgetting: other_forgotten,
        mated_found: n_own as f64 / n_mated as f64,
        resident_mb,
        peak_memory_mb,
    })?;
    Ok(Outcome::Done)
}

fn in_a_process(args: &GalleryBench, folder: &Path) -> anyhow::Result<OpenedDto> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(["bench", "gallery", "--json", "--quiet", "--opened"]).arg(folder);
    for (flag, number) in [
        ("--n", args.n as u64),
        ("--dim", args.dim as u64),
        ("--probes", args.probes as u64),
        ("--seed", args.seed),
    ] {
        command.args([flag, &number.to_string()]);
    }
    if args.sealed {
        command.arg("--sealed");
    }
    let output = command.output().context("cannot start this program again")?;
    if !output.status.success() {
        bail!(
            "it ended with {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    serde_json::from_slice(&output.stdout).context("cannot read what the other process found")
}

fn open(folder: &Path, args: &GalleryBench) -> anyhow::Result<Gallery> {
    let secret = args.sealed.then(|| Secret::from_key(KEY));
    Ok(Gallery::create_or_open(folder, model(), args.dim, secret.as_ref())?)
}

fn person(identity: usize, templates: &[Embedding]) -> (String, Vec<Sample>) {
    (name(identity), samples(identity, templates.to_vec()))
}

fn ms_since(start: Instant) -> f64 {
    1e3 * start.elapsed().as_secs_f64()
}

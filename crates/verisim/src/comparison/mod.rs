//! Losses compared fairly: same network, same budget, tuned on some identities, tested on others.
//!
//! Musgrave, Belongie, Lim, *A Metric Learning Reality Check*, ECCV 2020,
//! <https://arxiv.org/abs/2003.08505>, found most losses equal where this is done.
//!
//! ```text
//! entry    recipes that agree in all but the loss
//! divide   identities: half for training and tuning in folds, half under lock (test_half)
//! leaks    pictures that stand under two identities
//! plan     everything that decides the result, written down
//! stages   tune every loss, settle, look at the test half once; ledger keeps what was found
//! analysis intervals over seeds and identities, paired tests
//! ```

mod analysis;
mod csv;
mod differences;
mod divide;
mod entry;
mod leaks;
mod ledger;
mod measured;
mod page;
mod part;
mod plan;
mod progress;
mod show;
mod space;
mod stages;
mod test_half;
mod tune;
mod unit;

use std::path::PathBuf;

use anyhow::{Context, bail};
use serde::Serialize;
use verisim_learn::data::ChipSource;
use verisim_learn::device::DeviceKind;
use verisim_learn::train::Recipe;

use self::analysis::{Analysis, analyze};
use self::divide::Division;
use self::entry::entries;
use self::leaks::{Leak, scan};
use self::ledger::Ledger;
use self::plan::{Plan, PlannedLoss};
use self::progress::Progress;
use self::stages::{Stages, n_units};
use crate::digest::sha256_of_program;
use crate::output::{MAX_NAMED, Printer, first_named};
use crate::training::data::TrainingData;
use crate::whole_file;

pub(crate) use self::divide::Shares;
pub(crate) use self::plan::Budget;

/// What is to be compared, on what, and where the result goes.
pub(crate) struct Request {
    /// Recipes, the first of which is the baseline.
    pub(crate) recipes: Vec<Recipe>,
    /// Whether all that is not the loss is taken from the first.
    pub(crate) align: bool,
    /// The faces.
    pub(crate) data: TrainingData,
    /// How much is tried.
    pub(crate) budget: Budget,
    /// Whether pictures in both halves are put up with.
    pub(crate) allow_leaks: bool,
    /// Where to compute.
    pub(crate) device: DeviceKind,
    /// Folder of the result.
    pub(crate) out: PathBuf,
}

/// Everything that was done and found.
#[derive(Serialize)]
pub(crate) struct Comparison {
    plan: Plan,
    data: DataFacts,
    /// Pictures that stand under two identities.
    leaks: Vec<Leak>,
    /// Why figures may fall short, as far as the recipes show.
    cautions: Vec<String>,
    #[serde(flatten)]
    analysis: Analysis,
    /// The most memory that the process held.
    peak_mib: Option<u64>,
}

/// What was compared on.
#[derive(Serialize)]
struct DataFacts {
    name: String,
    n_images: usize,
    n_identities: usize,
    /// Identities to train and tune on, with those of one image.
    n_train: usize,
    /// Identities in each fold.
    n_in_folds: Vec<usize>,
    n_test: usize,
    n_test_images: usize,
}

/// Compares, going on where an earlier run was cut short, and writes results and report.
pub(crate) fn compare(request: Request, printer: &Printer) -> anyhow::Result<Comparison> {
    request.budget.check()?;
    let entries = entries(request.recipes, request.align)?;
    let first = entries.first().context("there is no recipe to compare")?;
    let cautions: Vec<String> = entries.iter().filter_map(entry::Entry::caution).collect();
    for caution in &cautions {
        printer.warning(caution);
    }
    request.device.open()?;
    let source = request.data.load(first.recipe.input, printer)?;
    let division = Division::new(source.labels(), &request.budget.shares)?;
    let leaks = scan(source.as_ref(), &division)?;
    refuse(&leaks, request.allow_leaks, printer)?;
    let plan = Plan {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        program_sha256: sha256_of_program()?,
        data_sha256: source.digest(),
        split_sha256: division.digest(source.identities()),
        device: request.device.to_string(),
        threads: rayon::current_num_threads(),
        budget: request.budget,
        shared: first.shared(),
        losses: entries.iter().map(PlannedLoss::new).collect(),
    };
    plan.keep(&request.out)?;
    let ledger = Ledger::open(&request.out.join("results.jsonl"))?;
    let (n_units, n_done) = (n_units(&plan), ledger.records().len());
    if n_done > 0 {
        printer.note(format_args!("going on after {n_done} of {n_units} units"));
    }
    let progress = Progress::new(n_units, n_done, printer);
    let divided = (&source, &division);
    let stages = Stages::new(&plan, &entries, divided, request.device, ledger, progress);
    let records = stages.run()?;
    let comparison = Comparison {
        data: DataFacts::new(&request.data, source.as_ref(), &division),
        leaks,
        cautions,
        analysis: analyze(&plan, &records),
        peak_mib: records.iter().filter_map(|record| record.cost().peak_mib).max(),
        plan,
    };
    let results = request.out.join("results.csv");
    whole_file::write(&results, &csv::csv(&comparison.analysis)?)?;
    printer.note(format_args!("results: {}", results.display()));
    let folder = request.out.join("report");
    let report = folder.join("index.html");
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create {}", folder.display()))?;
    whole_file::write(&report, comparison.page().as_bytes())?;
    printer.note(format_args!("report: {}", report.display()));
    Ok(comparison)
}

/// Says which pictures stand under two identities, and ends if both halves hold one.
fn refuse(leaks: &[Leak], are_allowed: bool, printer: &Printer) -> anyhow::Result<()> {
    let crossing: Vec<&Leak> = leaks.iter().filter(|leak| leak.crosses).collect();
    let n_within = leaks.len() - crossing.len();
    if n_within > 0 {
        printer.warning(format_args!(
            "pictures that look the same under two identities of one half, pairs of them: {n_within}"
        ));
    }
    if crossing.is_empty() {
        return Ok(());
    }
    let in_words = |leak: &&Leak| {
        let [a, b] = &leak.identities;
        let what = if leak.is_copy { "the same picture" } else { "nearly the same picture" };
        let [one, other] = leak.numbers;
        format!("picture {one} of {a} and picture {other} of {b}: {what}")
    };
    let named: Vec<String> = crossing.iter().map(in_words).collect();
    let message = format!(
        "pictures that look the same in training and in test, pairs of them: {}{}",
        crossing.len(),
        first_named(&named, MAX_NAMED)
    );
    if !are_allowed {
        bail!("{message}\nhint: mend the data, or compare anyway with --allow-leaks");
    }
    printer.warning(message);
    Ok(())
}

impl DataFacts {
    fn new(data: &TrainingData, source: &dyn ChipSource, division: &Division) -> Self {
        let is_tested = |label: &&u64| division.test.binary_search(label).is_ok();
        Self {
            name: data.name(),
            n_images: source.labels().len(),
            n_identities: division.train.len() + division.test.len(),
            n_train: division.train.len(),
            n_in_folds: division.folds.iter().map(Vec::len).collect(),
            n_test: division.test.len(),
            n_test_images: source.labels().iter().filter(is_tested).count(),
        }
    }
}

impl Comparison {
    /// What a terminal shows.
    pub(crate) fn table(&self) -> String {
        show::table(&self.analysis)
    }
}

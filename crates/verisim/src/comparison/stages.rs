//! The stages of a comparison, unit after unit: tune every loss, settle, then look at the test half
//! once. What was found before is not sought again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use verisim_learn::data::ChipSource;
use verisim_learn::device::DeviceKind;
use verisim_learn::train::Recipe;

use super::divide::Division;
use super::entry::{CONTROLS, Entry, Values};
use super::ledger::{Ledger, Record};
use super::measured::{Figure, Measure, map_at_r, measure};
use super::part::Part;
use super::plan::Plan;
use super::progress::Progress;
use super::test_half::{Decided, TestHalf};
use super::tune::{Trial, next_values};
use super::unit::{self, Outcome, cost_since};

/// The identities that a comparison may look at before everything is settled.
struct Fold {
    train: Arc<Part>,
    measured: Part,
}

/// A comparison under way.
pub(crate) struct Stages<'a> {
    plan: &'a Plan,
    entries: &'a [Entry],
    device: DeviceKind,
    folds: Vec<Fold>,
    train: Arc<Part>,
    test: TestHalf,
    ledger: Ledger,
    progress: Progress<'a>,
}

/// A network of the last stage, or what stands for one.
enum Contender<'a> {
    Loss(&'a Entry, &'a Values),
    Random,
    Untrained,
    Pixels,
}

/// Number of units of a comparison: training runs, and what stands for some.
pub(crate) fn n_units(plan: &Plan) -> usize {
    let budget = &plan.budget;
    let n_tuning = plan.losses.len() * budget.n_trials * budget.shares.n_folds;
    // Pixels are the same under every seed.
    n_tuning + (plan.losses.len() + CONTROLS.len() - 1) * budget.n_seeds + 1
}

impl<'a> Stages<'a> {
    pub(crate) fn new(
        plan: &'a Plan,
        entries: &'a [Entry],
        (source, division): (&Arc<dyn ChipSource>, &Division),
        device: DeviceKind,
        ledger: Ledger,
        progress: Progress<'a>,
    ) -> Self {
        let fold = |(fold, measured): (usize, &Vec<u64>)| Fold {
            train: Arc::new(Part::of(source, &division.trained_in(fold))),
            measured: Part::of(source, measured),
        };
        Self {
            plan,
            entries,
            device,
            folds: division.folds.iter().enumerate().map(fold).collect(),
            train: Arc::new(Part::of(source, &division.train)),
            test: TestHalf::lock(source, &division.test),
            ledger,
            progress,
        }
    }

    /// Goes through all stages, and gives all records.
    pub(crate) fn run(mut self) -> anyhow::Result<Vec<Record>> {
        let mut trials = BTreeMap::new();
        for entry in self.entries {
            trials.insert(entry.name.clone(), self.tune(entry)?);
        }
        let decided = Decided::new(self.plan, &trials)?;
        self.test_all(&decided)?;
        self.progress.finish();
        Ok(self.ledger.records().to_vec())
    }

    fn tune(&mut self, entry: &Entry) -> anyhow::Result<Vec<Trial>> {
        let plan = self.plan;
        let planned = plan.losses.iter().find(|it| it.name == entry.name);
        let space = planned.map(|it| it.space.as_slice()).unwrap_or_default();
        let mut trials = Vec::new();
        for number in 0..plan.budget.n_trials {
            let values = next_values(space, &trials, plan.budget.shares.seed)?;
            let mut sum = 0.0;
            for fold in 0..self.folds.len() {
                // A loss that fails once has failed: its other folds would change nothing.
                let Some(found) = self.trial(entry, number, fold, &values)? else {
                    sum = 0.0;
                    break;
                };
                sum += found;
            }
            trials.push(Trial { values, objective: sum / self.folds.len() as f64 });
        }
        Ok(trials)
    }

    /// MAP@R of one trial on one fold, or none if it failed; from the ledger if it is there.
    fn trial(
        &mut self,
        entry: &Entry,
        number: usize,
        fold: usize,
        values: &Values,
    ) -> anyhow::Result<Option<f64>> {
        if let Some(found) = found_trial(self.ledger.records(), &entry.name, number, fold) {
            return Ok(worth(found));
        }
        let start = Instant::now();
        let budget = &self.plan.budget;
        let what = format!(
            "{}, trial {}/{}, fold {}/{}",
            entry.name,
            number + 1,
            budget.n_trials,
            fold + 1,
            self.folds.len()
        );
        let Fold { train, measured } = &self.folds[fold];
        let outcome = match entry.with(values) {
            Ok(recipe) => {
                // Another seed for each fold, the same for all losses and trials.
                let recipe = undivided(recipe, entry.recipe.seed.wrapping_add(fold as u64));
                let mut observer = self.progress.observer(&what, recipe.epochs);
                unit::trained(&recipe, train, measured, self.device, &mut observer)?
            }
            // Two values that the recipe takes one by one, but not together.
            Err(error) => Err(error.to_string()),
        };
        let (map_at_r, failure) = match outcome {
            Ok(embeddings) => (Some(map_at_r(&embeddings, measured.labels())?), None),
            Err(reason) => (None, Some(reason)),
        };
        let record = Record::Trial {
            entry: entry.name.clone(),
            trial: number,
            fold,
            values: values.clone(),
            map_at_r,
            failure: failure.clone(),
            cost: cost_since(start),
        };
        let worth = worth(self.ledger.append(&record)?);
        let found = map_at_r.map(|it| format!("MAP@R {it:.4}"));
        let seconds = start.elapsed().as_secs_f64();
        let came_to = found.or(failure).unwrap_or_default();
        self.progress.done(&format!("{what}: {came_to} ({seconds:.0} s)"));
        Ok(worth)
    }

    /// The last stage: everything is settled, and the test half is looked at.
    fn test_all(&mut self, decided: &Decided) -> anyhow::Result<()> {
        let [first, ..] = self.entries else { return Ok(()) };
        let n_seeds = self.plan.budget.n_seeds as u64;
        let seeds = || (0..n_seeds).map(|idx| first.recipe.seed.wrapping_add(idx));
        for entry in self.entries {
            for seed in seeds() {
                let contender = Contender::Loss(entry, decided.values(entry));
                self.test(&entry.name, seed, &contender, decided)?;
            }
        }
        let [random, untrained, pixels] = CONTROLS;
        for seed in seeds() {
            self.test(random, seed, &Contender::Random, decided)?;
            self.test(untrained, seed, &Contender::Untrained, decided)?;
        }
        self.test(pixels, first.recipe.seed, &Contender::Pixels, decided)
    }

    fn test(
        &mut self,
        row: &str,
        seed: u64,
        contender: &Contender<'_>,
        decided: &Decided,
    ) -> anyhow::Result<()> {
        let is_same = |it: &Record| matches!(it, Record::Test { row: other, seed: at, .. } if other == row && *at == seed);
        if self.ledger.records().iter().any(is_same) {
            return Ok(());
        }
        let start = Instant::now();
        let what = format!("{row}, test, seed {seed}");
        let test = self.test.open(decided);
        let mut warnings = Vec::new();
        let outcome = self.embedded(&what, seed, contender, test, &mut warnings)?;
        let (measured, failure) = match outcome {
            Ok(embeddings) => {
                let n_replicates = self.plan.budget.n_replicates;
                let found = measure(embeddings, test.labels(), test.identities(), n_replicates)?;
                (Some(found), None)
            }
            Err(reason) => (None, Some(reason)),
        };
        let seconds = start.elapsed().as_secs_f64();
        let came_to = match (&measured, &failure) {
            (Some(measured), _) => {
                let Figure { value, .. } = measured.figures[&Measure::MapAtR];
                format!("MAP@R {value:.4}")
            }
            (None, reason) => reason.clone().unwrap_or_default(),
        };
        self.ledger.append(&Record::Test {
            row: row.to_owned(),
            seed,
            measured,
            failure,
            warnings,
            cost: cost_since(start),
        })?;
        self.progress.done(&format!("{what}: {came_to} ({seconds:.0} s)"));
        Ok(())
    }

    fn embedded(
        &self,
        what: &str,
        seed: u64,
        contender: &Contender<'_>,
        test: &Part,
        warnings: &mut Vec<String>,
    ) -> Outcome {
        let first = &self.entries[0].recipe;
        match contender {
            Contender::Loss(entry, values) => {
                let recipe = undivided(entry.with(values)?, seed);
                let mut observer = self.progress.observer(what, recipe.epochs);
                let outcome = unit::trained(&recipe, &self.train, test, self.device, &mut observer);
                *warnings = observer.into_warnings();
                outcome
            }
            Contender::Random => Ok(unit::random(test, first.backbone.embedding_dim(), seed)),
            Contender::Untrained => {
                let recipe = undivided(first.clone(), seed);
                unit::untrained(&recipe, &self.train, test, self.device)
            }
            Contender::Pixels => unit::pixels(test),
        }
    }
}

/// The recipe on all identities that it is given: they are divided already.
fn undivided(recipe: Recipe, seed: u64) -> Recipe {
    Recipe { seed, split: verisim_learn::data::SplitConfig::default(), ..recipe }
}

/// What the records have of a trial on a fold.
fn found_trial<'a>(
    records: &'a [Record],
    wanted: &str,
    number: usize,
    at: usize,
) -> Option<&'a Record> {
    records.iter().find(|it| {
        matches!(
            it,
            Record::Trial { entry, trial, fold, .. }
                if entry == wanted && *trial == number && *fold == at
        )
    })
}

/// MAP@R of a trial, or none if it failed.
fn worth(record: &Record) -> Option<f64> {
    match record {
        Record::Trial { map_at_r, .. } => *map_at_r,
        Record::Test { .. } => None,
    }
}

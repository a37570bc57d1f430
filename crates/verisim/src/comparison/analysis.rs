//! What the records say: means, intervals over seeds and identities, and which differences are more
//! than chance; it trains and prints nothing.

use std::collections::BTreeMap;

use serde::Serialize;
use verisim_core::measure::{Bootstrap, Estimate, holm, mean_of_repetitions, sign_flip_test};

use super::entry::{CONTROLS, Values};
use super::ledger::Record;
use super::measured::{Measure, Measured};
use super::plan::Plan;
use super::tune::{Trial, best};

/// Draws of the paired test beyond sixteen identities.
const N_DRAWS: usize = 20_000;
/// The chance of calling any difference real that is none.
const LEVEL: f64 = 0.05;

/// Everything that a comparison found.
#[derive(Debug, Serialize)]
pub(crate) struct Analysis {
    /// Losses in the order of the command line, then the controls.
    pub(crate) rows: Vec<Row>,
    /// Every loss but the first against the first.
    pub(crate) tests: Vec<PairedTest>,
    /// The false match rate that the true match rate is at.
    pub(crate) fmr: Option<f64>,
}

/// A loss or a control.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) is_control: bool,
    /// Runs that came to an end.
    pub(crate) n_runs: usize,
    /// Why others did not, one by one.
    pub(crate) failures: Vec<String>,
    /// What training warned about, each once.
    pub(crate) warnings: Vec<String>,
    pub(crate) figures: BTreeMap<Measure, Summary>,
    /// What it was trained with in the end.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) values: Values,
    /// Mean MAP@R of all trials over the folds, by number; none for a trial that failed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) trials: Vec<Option<f64>>,
    /// Why trials failed, each reason once.
    pub(crate) trial_failures: Vec<String>,
    /// Seconds that all trials took.
    pub(crate) tuning_seconds: f64,
    /// Seconds that all runs on the test half took.
    pub(crate) test_seconds: f64,
}

/// A measure over all runs of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Summary {
    /// The mean.
    pub(crate) mean: f64,
    /// Where the mean would fall with other seeds, by Student's t; none for fewer than two runs.
    pub(crate) seeds: Option<[f64; 2]>,
    /// Where the figure would fall with other identities: the mean of the runs' intervals.
    pub(crate) identities: [f64; 2],
}

/// Whether a loss is better or worse than the first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PairedTest {
    pub(crate) name: String,
    pub(crate) baseline: String,
    /// MAP@R above that of the first.
    pub(crate) difference: f64,
    /// Its interval over other seeds, by Student's t on the differences at equal seeds.
    pub(crate) seeds: Option<[f64; 2]>,
    /// Its interval over other identities, by bootstrap of the paired differences.
    pub(crate) identities: [f64; 2],
    /// Of the sign-flip test over identities.
    pub(crate) p: f64,
    /// The same, corrected for the number of tests by Holm's procedure.
    pub(crate) p_holm: f64,
    pub(crate) verdict: Verdict,
}

/// What may be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// It could be chance among identities or among seeds.
    NotShown,
}

/// Puts all records together.
pub(crate) fn analyze(plan: &Plan, records: &[Record]) -> Analysis {
    let names = plan.losses.iter().map(|loss| loss.name.as_str());
    let rows = names.chain(CONTROLS).map(|name| row(name, plan, records)).collect();
    let fmr = records.iter().find_map(|record| match record {
        Record::Test { measured, .. } => measured.as_ref()?.fmr,
        Record::Trial { .. } => None,
    });
    Analysis { rows, tests: tests(plan, records), fmr }
}

/// The runs of a row that came to an end, with their seeds.
fn runs<'a>(records: &'a [Record], name: &'a str) -> impl Iterator<Item = (u64, &'a Measured)> {
    records.iter().filter_map(move |record| match record {
        Record::Test { row, seed, measured: Some(measured), .. } if row == name => {
            Some((*seed, measured))
        }
        _ => None,
    })
}

fn row(name: &str, plan: &Plan, records: &[Record]) -> Row {
    let found: Vec<&Measured> = runs(records, name).map(|(_, measured)| measured).collect();
    let figures = Measure::ALL.into_iter().filter_map(|measure| {
        let figures: Vec<_> = found.iter().filter_map(|it| it.figures.get(&measure)).collect();
        let values: Vec<f64> = figures.iter().map(|it| it.value).collect();
        let seeds = mean_of_repetitions(&values).map(|it| [it.lower, it.upper]);
        let lower: Vec<f64> = figures.iter().map(|it| it.lower).collect();
        let upper: Vec<f64> = figures.iter().map(|it| it.upper).collect();
        let identities = [mean(&lower)?, mean(&upper)?];
        Some((measure, Summary { mean: mean(&values)?, seeds, identities }))
    });
    let mut row = Row {
        name: name.to_owned(),
        is_control: CONTROLS.contains(&name),
        n_runs: found.len(),
        failures: Vec::new(),
        warnings: Vec::new(),
        figures: figures.collect(),
        values: Values::new(),
        trials: Vec::new(),
        trial_failures: Vec::new(),
        tuning_seconds: 0.0,
        test_seconds: 0.0,
    };
    let mut trials = BTreeMap::<usize, (Vec<Option<f64>>, &Values)>::new();
    for record in records {
        match record {
            Record::Test { row: of, failure, warnings, cost, .. } if of == name => {
                row.test_seconds += cost.seconds;
                row.failures.extend(failure.clone());
                add_new(&mut row.warnings, warnings);
            }
            Record::Trial { entry, trial, values, map_at_r, failure, cost, .. }
                if entry == name =>
            {
                row.tuning_seconds += cost.seconds;
                add_new(&mut row.trial_failures, failure);
                trials.entry(*trial).or_insert((Vec::new(), values)).0.push(*map_at_r);
            }
            _ => {}
        }
    }
    let n_folds = plan.budget.shares.n_folds;
    let whole = |folds: &[Option<f64>]| -> Option<f64> {
        let found = folds.iter().copied().collect::<Option<Vec<f64>>>()?;
        (found.len() == n_folds).then(|| mean(&found)).flatten()
    };
    row.trials = trials.values().map(|(folds, _)| whole(folds)).collect();
    // As it was decided.
    let trials = trials.into_values().zip(&row.trials).map(|((_, values), found)| Trial {
        values: values.clone(),
        objective: found.unwrap_or(0.0),
    });
    let trials: Vec<Trial> = trials.collect();
    row.values = best(&trials).map(|it| it.values.clone()).unwrap_or_default();
    row
}

fn tests(plan: &Plan, records: &[Record]) -> Vec<PairedTest> {
    let [baseline, others @ ..] = plan.losses.as_slice() else { return Vec::new() };
    let compared = others.iter().filter_map(|it| test(&it.name, &baseline.name, plan, records));
    let mut tests: Vec<PairedTest> = compared.collect();
    let p_values: Vec<f64> = tests.iter().map(|test| test.p).collect();
    for (test, p_holm) in tests.iter_mut().zip(holm(&p_values)) {
        test.p_holm = p_holm;
        test.verdict = test.verdict();
    }
    tests
}

/// The test of one loss, before the correction; none if a run of either failed, for what is left
/// would be a choice of the lucky ones.
fn test(name: &str, baseline: &str, plan: &Plan, records: &[Record]) -> Option<PairedTest> {
    let n_seeds = plan.budget.n_seeds;
    let [own, other] = [name, baseline].map(|name| runs(records, name).collect::<Vec<_>>());
    if own.len() < n_seeds || other.len() < n_seeds {
        return None;
    }
    let map_at_r = |it: &Measured| it.figures.get(&Measure::MapAtR).map(|figure| figure.value);
    let by_seed = own.iter().filter_map(|(seed, own)| {
        let (_, other) = other.iter().find(|(at, _)| at == seed)?;
        Some(map_at_r(own)? - map_at_r(other)?)
    });
    let seeds = mean_of_repetitions(&by_seed.collect::<Vec<f64>>());
    let own = by_identity(&own)?;
    let other = by_identity(&other)?;
    let n_images: Vec<f64> = own.iter().map(|(n, _)| *n).collect();
    let differences: Vec<f64> = own.iter().zip(&other).map(|((_, a), (_, b))| a - b).collect();
    let weighted: Vec<f64> = n_images.iter().zip(&differences).map(|(n, it)| n * it).collect();
    let bootstrap = Bootstrap { n_replicates: plan.budget.n_replicates, seed: 0 };
    let difference = |weights: &[u32]| {
        let sum = |terms: &[f64]| {
            weights.iter().zip(terms).map(|(weight, term)| f64::from(*weight) * term).sum::<f64>()
        };
        let n = sum(&n_images);
        (n > 0.0).then(|| vec![sum(&weighted) / n])
    };
    let Estimate { value, lower, upper } =
        bootstrap.estimates(differences.len(), difference)?.first().copied()?;
    let p = sign_flip_test(&weighted, N_DRAWS, plan.budget.shares.seed);
    Some(PairedTest {
        name: name.to_owned(),
        baseline: baseline.to_owned(),
        difference: value,
        seeds: seeds.map(|it| [it.lower, it.upper]),
        identities: [lower, upper],
        p,
        p_holm: p,
        verdict: Verdict::NotShown,
    })
}

impl PairedTest {
    /// A difference counts if neither other identities nor other seeds would likely turn it.
    fn verdict(&self) -> Verdict {
        let is_above = self.difference > 0.0;
        let by_seeds = self.seeds.is_some_and(
            |[lower, upper]| {
                if is_above { lower > 0.0 } else { upper < 0.0 }
            },
        );
        match (self.p_holm <= LEVEL && by_seeds, is_above) {
            (false, _) => Verdict::NotShown,
            (true, true) => Verdict::Better,
            (true, false) => Verdict::Worse,
        }
    }
}

/// Images of each identity, and its MAP@R in the mean over runs.
fn by_identity(runs: &[(u64, &Measured)]) -> Option<Vec<(f64, f64)>> {
    let (_, first) = runs.first()?;
    let of = |idx: usize| {
        let found: Vec<f64> =
            runs.iter().filter_map(|(_, it)| Some(it.by_identity.get(idx)?.map_at_r)).collect();
        Some((first.by_identity[idx].n_images as f64, mean(&found)?))
    };
    (0..first.by_identity.len()).map(of).collect()
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn add_new<'a>(texts: &mut Vec<String>, more: impl IntoIterator<Item = &'a String>) {
    for text in more {
        if !texts.contains(text) {
            texts.push(text.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::entries;
    use super::super::entry::tests::recipe;
    use super::super::ledger::Cost;
    use super::super::measured::{Figure, OfIdentity};
    use super::super::plan::PlannedLoss;
    use super::super::plan::tests::plan;
    use super::*;

    /// A run in which identity `i` of twelve has the MAP@R `base + i / 100`.
    fn run(row: &str, seed: u64, base: f64) -> Record {
        let by_identity: Vec<OfIdentity> = (0..12)
            .map(|it| OfIdentity { n_images: 4, map_at_r: base + f64::from(it) / 100.0 })
            .collect();
        let value = by_identity.iter().map(|it| it.map_at_r).sum::<f64>() / 12.0;
        let figure = Figure { value, lower: value - 0.1, upper: value + 0.2 };
        let figures = BTreeMap::from([(Measure::MapAtR, figure)]);
        Record::Test {
            row: row.to_owned(),
            seed,
            measured: Some(Measured { figures, fmr: Some(0.1), by_identity }),
            failure: None,
            warnings: vec!["it wobbles".to_owned()],
            cost: Cost { seconds: 2.0, peak_mib: None },
        }
    }

    fn planned() -> Plan {
        let made = ["base", "good", "same"].map(|name| recipe(name, "{ kind = 'softmax' }"));
        let entries = entries(made.into(), false).unwrap();
        let mut plan = plan(&entries[0]);
        plan.budget.n_seeds = 3;
        plan.budget.shares.n_folds = 2;
        plan.losses = entries.iter().map(PlannedLoss::new).collect();
        plan
    }

    /// Three seeds of each loss: one is better by 0.1 whatever the seed, one by chance.
    fn records() -> Vec<Record> {
        let of = |name: &str, bases: [f64; 3]| -> Vec<Record> {
            (1..).zip(bases).map(|(seed, base)| run(name, seed, base)).collect()
        };
        let [base, good] = [of("base", [0.3, 0.31, 0.32]), of("good", [0.4, 0.41, 0.42])];
        [base, good, of("same", [0.2, 0.4, 0.35])].concat()
    }

    #[test]
    fn means_and_intervals_by_hand() {
        let analysis = analyze(&planned(), &records());
        let row = &analysis.rows[0];
        let found = row.figures[&Measure::MapAtR];
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        // The mean of 0.00 to 0.11 is 0.055; t with 2 degrees of freedom is 4.3027, s is 0.01.
        near(found.mean, 0.365);
        let half = 4.302_653 * 0.01 / 3.0f64.sqrt();
        near(found.seeds.unwrap()[0], 0.365 - half);
        near(found.seeds.unwrap()[1], 0.365 + half);
        near(found.identities[0], 0.265);
        near(found.identities[1], 0.565);
        assert_eq!((row.n_runs, row.test_seconds), (3, 6.0));
        assert_eq!(row.warnings, ["it wobbles"]);
        assert_eq!(analysis.fmr, Some(0.1));
    }

    #[test]
    fn a_difference_counts_if_neither_seeds_nor_identities_would_turn_it() {
        let analysis = analyze(&planned(), &records());
        let [good, same] = analysis.tests.as_slice() else { panic!("{analysis:?}") };
        assert!((good.difference - 0.1).abs() < 1e-9, "{good:?}");
        // Of 4096 choices of signs two are as far; Holm doubles that.
        assert!((good.p - 2.0 / 4096.0).abs() < 1e-12, "{good:?}");
        assert_eq!(good.p_holm, 2.0 * good.p);
        assert_eq!(good.verdict, Verdict::Better);
        // Every identity gains, and yet the seeds do not agree.
        assert!(same.p_holm < 0.05 && same.difference > 0.0, "{same:?}");
        assert_eq!(same.verdict, Verdict::NotShown);
    }

    #[test]
    fn a_loss_of_which_a_run_failed_is_not_tested() {
        let mut records = records();
        let Record::Test { measured, failure, .. } = &mut records[4] else { panic!() };
        (*measured, *failure) = (None, Some("the loss is NaN".to_owned()));
        let analysis = analyze(&planned(), &records);
        let tested: Vec<&str> = analysis.tests.iter().map(|test| test.name.as_str()).collect();
        assert_eq!(tested, ["same"]);
        assert_eq!(analysis.rows[1].failures, ["the loss is NaN"]);
        assert_eq!(analysis.rows[1].n_runs, 2);
    }

    #[test]
    fn the_best_trial_is_that_of_all_folds() {
        let trial = |trial, fold, map_at_r: Option<f64>| Record::Trial {
            entry: "base".to_owned(),
            trial,
            fold,
            values: Values::from([("optimizer.lr".to_owned(), trial as f64)]),
            map_at_r,
            failure: map_at_r.is_none().then(|| "the loss is NaN".to_owned()),
            cost: Cost::default(),
        };
        let records = [
            trial(0, 0, Some(0.5)),
            trial(0, 1, Some(0.3)),
            trial(1, 0, None),
            trial(2, 0, Some(0.9)),
            trial(2, 1, Some(0.1)),
        ];
        let row = &analyze(&planned(), &records).rows[0];
        let means: Vec<Option<i32>> =
            row.trials.iter().map(|it| it.map(|it| (1000.0 * it).round() as i32)).collect();
        assert_eq!(means, [Some(400), None, Some(500)]);
        assert_eq!(row.values["optimizer.lr"], 2.0);
        assert_eq!(row.trial_failures, ["the loss is NaN"]);
    }
}

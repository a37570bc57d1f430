//! A comparison as a page to look at: who is better by how much, how it was tuned, and what it rests
//! on.

use std::time::Duration;

use indicatif::HumanDuration;

use super::Comparison;
use super::analysis::{PairedTest, Row, Summary, Verdict};
use super::measured::Measure;
use super::plan::PlannedLoss;
use super::show::{self, verdict};
use super::space::Dimension;
use crate::report::number::{count, percent_interval};
use crate::report::plot::{self, Search, Whiskers};
use crate::report::{Highlight, NoteKind, Page, glossary};
use crate::training::page::table_rows;

/// Leaks that are listed one by one.
const MAX_LEAKS: usize = 30;

impl Comparison {
    /// The whole report.
    pub(crate) fn page(&self) -> String {
        let n_losses = count(self.plan.losses.len());
        let mut page = Page::new(
            &format!("{n_losses} losses compared on {}", self.data.name),
            "equally tuned on one half of the identities, tested once on the other",
        );
        self.add_facts(&mut page);
        page.section("In short", IN_SHORT);
        page.highlights(&self.highlights());
        self.add_notes(&mut page);
        page.figure(&self.chart(), CHART);
        self.add_tests(&mut page);
        self.add_measures(&mut page);
        self.add_tuning(&mut page);
        self.add_division(&mut page);
        self.add_leaks(&mut page);
        self.add_cost(&mut page);
        page.section("Words", "").glossary(&WORDS).glossary(&glossary::VERIFICATION);
        page.finish()
    }

    fn add_facts(&self, page: &mut Page) {
        let (plan, data) = (&self.plan, &self.data);
        let budget = &plan.budget;
        let baseline = plan.losses.first().map_or("", |loss| &loss.name);
        let threads = format!("{}, {} threads", plan.device, plan.threads);
        page.facts(&[
            ("Data", &data.name),
            ("Images", &count(data.n_images)),
            ("Identities", &count(data.n_identities)),
            ("Test identities", &count(data.n_test)),
            ("Baseline", baseline),
            ("Trials of each loss", &count(budget.n_trials)),
            ("Folds", &count(budget.shares.n_folds)),
            ("Seeds in the end", &count(budget.n_seeds)),
            ("Device", &threads),
            ("Written by", concat!("verisim ", env!("CARGO_PKG_VERSION"))),
            ("SHA-256 of the data", &format!("`{}`", plan.data_sha256)),
            ("SHA-256 of the division", &format!("`{}`", plan.split_sha256)),
            ("SHA-256 of the program", &format!("`{}`", plan.program_sha256)),
        ]);
    }

    /// MAP@R of every loss, never with precision at 1 alone.
    fn highlights(&self) -> Vec<Highlight> {
        let losses = self.analysis.rows.iter().filter(|row| !row.is_control);
        losses
            .filter_map(|row| {
                let summary = row.figures.get(&Measure::MapAtR)?;
                let test = self.analysis.tests.iter().find(|test| test.name == row.name);
                let is_first = self.plan.losses.first().is_some_and(|it| it.name == row.name);
                let untested = if is_first { "the baseline" } else { "not tested: a run failed" };
                let detail = test.map_or(untested.to_owned(), verdict);
                let label = format!("{}, MAP@R in %", row.name);
                Some(Highlight { label, value: show::with_seeds(summary), detail })
            })
            .collect()
    }

    fn add_notes(&self, page: &mut Page) {
        for caution in &self.cautions {
            page.note(NoteKind::Caution, &format!("{caution}."));
        }
        for row in &self.analysis.rows {
            for failure in &row.failures {
                let text = format!("A run of {} failed, so it is not tested: {failure}", row.name);
                page.note(NoteKind::Problem, &text);
            }
            for warning in &row.warnings {
                page.note(NoteKind::Caution, &format!("{}: {warning}.", row.name));
            }
        }
        let n_crossing = self.leaks.iter().filter(|leak| leak.crosses).count();
        if n_crossing > 0 {
            let text = format!(
                "Pictures look the same in training and in test, pairs of them: {}. The comparison \
                 was to go on all the same.",
                count(n_crossing)
            );
            page.note(NoteKind::Problem, &text);
        }
        if self.plan.budget.n_trials < 2 {
            page.note(NoteKind::Caution, UNTUNED);
        }
    }

    fn chart(&self) -> String {
        let rows = self.analysis.rows.iter().filter_map(|row| {
            let &Summary { mean, seeds, identities } = row.figures.get(&Measure::MapAtR)?;
            Some(Whiskers {
                name: row.name.clone(),
                value: mean,
                inner: seeds,
                outer: identities,
                is_faint: row.is_control,
            })
        });
        let rows: Vec<Whiskers> = rows.collect();
        plot::whiskers("MAP@R on the test half (%)", ["other seeds", "other identities"], &rows)
    }

    fn add_tests(&self, page: &mut Page) {
        page.section("Against the baseline", TESTS);
        let rows: Vec<Vec<String>> = self.analysis.tests.iter().map(test_row).collect();
        let headers = [
            "Loss",
            "MAP@R above the baseline's",
            "95 %, other seeds",
            "95 %, other identities",
            "p",
            "p by Holm",
            "Verdict",
        ];
        page.table("Differences in MAP@R, in percentage points", &headers, &rows);
    }

    fn add_measures(&self, page: &mut Page) {
        page.section("All measures", MEASURES);
        let names = Measure::ALL.map(|measure| show::name(measure, self.analysis.fmr));
        let mut headers = vec!["", "Runs"];
        headers.extend(names.iter().map(String::as_str));
        let rows = |cell: &dyn Fn(&Summary) -> String| -> Vec<Vec<String>> {
            let line = |row: &Row| {
                let cells = Measure::ALL.map(|it| row.figures.get(&it).map_or("–".into(), cell));
                let mut line = vec![row.name.clone(), row.n_runs.to_string()];
                line.extend(cells);
                line
            };
            self.analysis.rows.iter().map(line).collect()
        };
        let caption = "Means over seeds, in percent, ± half of the 95 % interval over seeds";
        page.table(caption, &headers, &rows(&show::with_seeds));
        let interval = |it: &Summary| percent_interval(it.identities[0], it.identities[1], 1);
        let caption = "95 % intervals over identities, by bootstrap, in the mean over seeds";
        page.table(caption, &headers, &rows(&interval));
    }

    fn add_tuning(&self, page: &mut Page) {
        page.section("Tuning", TUNING);
        let found =
            |loss: &PlannedLoss| self.analysis.rows.iter().find(|row| row.name == loss.name);
        let mut rows = Vec::new();
        for loss in &self.plan.losses {
            let row = found(loss);
            for dimension in &loss.space {
                let value = row.and_then(|row| row.values.get(&dimension.key).copied());
                rows.push(dimension_row(&loss.name, dimension, value));
            }
        }
        let headers = ["Loss", "Hyper-parameter", "Recipe", "Searched", "Steps", "Found"];
        page.table("What was searched, and what was best on the folds", &headers, &rows);
        let rows: Vec<&Row> =
            self.analysis.rows.iter().filter(|it| !it.trials.is_empty()).collect();
        let searches: Vec<Search<'_>> =
            rows.iter().map(|row| Search { name: &row.name, trials: &row.trials }).collect();
        page.figure(&plot::searches("Mean MAP@R over the folds (%)", &searches), TRIALS);
        for row in rows {
            for failure in &row.trial_failures {
                let text = format!("Trials of {} failed and count as 0: {failure}", row.name);
                page.note(NoteKind::Caution, &text);
            }
        }
    }

    fn add_division(&self, page: &mut Page) {
        let data = &self.data;
        page.section("Division", DIVISION);
        let mut rows = vec![
            vec!["training and tuning".to_owned(), count(data.n_train)],
            vec![format!("test ({} images)", count(data.n_test_images)), count(data.n_test)],
        ];
        for (fold, n) in (1..).zip(&data.n_in_folds) {
            rows.push(vec![format!("measured in fold {fold}"), count(*n)]);
        }
        page.table("Identities in each part", &["Part", "Identities"], &rows);
        let rows = table_rows(&self.plan.shared);
        page.table("What all losses share", &["Key", "Value"], &rows);
    }

    fn add_leaks(&self, page: &mut Page) {
        page.section("Pictures under two identities", LEAKS);
        let rows: Vec<Vec<String>> = self
            .leaks
            .iter()
            .take(MAX_LEAKS)
            .map(|leak| {
                let [one, other] = leak.numbers;
                let [a, b] = &leak.identities;
                let what = if leak.is_copy { "copy" } else { "nearly a copy" };
                let place = if leak.crosses { "training and test" } else { "one half" };
                vec![
                    format!("{a}, picture {one}"),
                    format!("{b}, picture {other}"),
                    what.to_owned(),
                    format!("{:.4}", leak.correlation),
                    place.to_owned(),
                ]
            })
            .collect();
        let n = self.leaks.len();
        let caption = if n > MAX_LEAKS {
            format!("The first {MAX_LEAKS} of {} pairs", count(n))
        } else {
            format!("Pairs: {}", count(n))
        };
        let headers = ["One", "The other", "What", "Correlation", "Where"];
        page.table(&caption, &headers, &rows);
    }

    fn add_cost(&self, page: &mut Page) {
        page.section("Cost", COST);
        let time = |seconds: f64| HumanDuration(Duration::from_secs_f64(seconds)).to_string();
        let line =
            |row: &Row| vec![row.name.clone(), time(row.tuning_seconds), time(row.test_seconds)];
        let rows: Vec<Vec<String>> = self.analysis.rows.iter().map(line).collect();
        page.table("Time on the clock", &["", "Tuning", "Test half"], &rows);
        if let Some(peak) = self.peak_mib {
            let peak = format!("{} MiB", count(peak as usize));
            page.table("Memory", &["", "Most"], &[vec!["the whole process".to_owned(), peak]]);
        }
    }
}

fn test_row(test: &PairedTest) -> Vec<String> {
    let points = |it: f64| format!("{:+.2}", 100.0 * it).replace('-', "\u{2212}");
    let interval = |[lower, upper]: [f64; 2]| format!("{} to {}", points(lower), points(upper));
    let weight = if test.verdict == Verdict::NotShown { "" } else { " (p ≤ 0.05)" };
    vec![
        test.name.clone(),
        points(test.difference),
        test.seeds.map_or("–".to_owned(), interval),
        interval(test.identities),
        format!("{:.4}", test.p),
        format!("{:.4}", test.p_holm),
        verdict(test) + weight,
    ]
}

fn dimension_row(loss: &str, dimension: &Dimension, found: Option<f64>) -> Vec<String> {
    let Dimension { key, low, high, start, is_logarithmic } = dimension;
    let steps = if *is_logarithmic { "factors" } else { "differences" };
    vec![
        loss.to_owned(),
        key.clone(),
        short(*start),
        format!("{} to {}", short(*low), short(*high)),
        steps.to_owned(),
        found.map_or("–".to_owned(), short),
    ]
}

/// A value with four digits.
fn short(value: f64) -> String {
    let decimals = (3.0 - value.abs().max(1e-300).log10().floor()).clamp(0.0, 9.0) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

const IN_SHORT: &str = "Every loss had the same network, the same data and as many trials. What is \
    shown was measured once, on identities that no network was trained on and no choice was made by.";
const CHART: &str = "MAP@R of every loss and of three controls. Thick: where the mean would fall with \
    other seeds. Thin: where it would fall with other identities. The dashed line is the baseline; \
    overlapping thin intervals do not mean that there is no difference, for losses are compared on \
    the same identities below.";
const UNTUNED: &str = "Losses were not tuned. A loss whose recipe happens to suit the data looks \
    better than it is.";
const TESTS: &str = "Each loss against the first, identity by identity, so that what is hard for both \
    cancels out. The p-value is of the sign-flip test over identities; by Holm's procedure it is \
    corrected for the number of losses. A loss is called better only if that is at most 0.05 and the \
    interval over seeds lies above 0, too.";
const MEASURES: &str = "Tuning went by MAP@R alone; the other measures were looked at in the end. \
    `random` are directions drawn by chance, `untrained` is the network with its first weights, \
    `pixels` are the chips themselves.";
const TUNING: &str = "Every loss was tuned on folds of the training half, each of which leaves other \
    identities out. The first trial is the recipe as it is, some are drawn, and the rest are proposed \
    by tree-structured Parzen estimators.";
const TRIALS: &str = "Every trial, and the best so far. A line that still rises at the end asks for \
    more trials.";
const DIVISION: &str = "No identity is in two parts. Each fold trains on the training half without the \
    identities that it measures, and the networks tested in the end train on all of it.";
const LEAKS: &str = "Pictures of different identities that are the same, or whose thumbnails of 16 × 16 \
    grey values correlate by 0.99 or more: the same person under two names, or a picture in the wrong \
    folder.";
const COST: &str =
    "All trials and runs, as they were found. It depends on what else the machine did.";

const WORDS: [(&str, &str); 4] = [
    (
        "MAP@R",
        "Every picture of an identity with R others searches for them among all pictures. Of its R \
         nearest, each hit counts the precision up to there; the mean over R and over all pictures.",
    ),
    ("R-precision", "The share of hits among the R nearest."),
    ("P@1", "How often the nearest picture is a hit. It saturates, and says little by itself."),
    (
        "Seed, identity",
        "Two reasons why a figure would be another one: a network that began with other weights and \
         batches, or other people to tell apart.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_four_digits() {
        let shown = [64.0, 0.123_456, 1e-3, 2.5e-4, 123_456.0].map(short);
        assert_eq!(shown, ["64", "0.1235", "0.001", "0.00025", "123456"]);
    }
}

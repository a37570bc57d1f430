//! A training run as a page to look at: curves, unseen identities, what the network saw, the recipe.

use std::time::Duration;

use indicatif::HumanDuration;
use verisim_core::measure::Verification;
use verisim_face::Picture;
use verisim_face::model::Card;
use verisim_learn::backbone::InputSize;
use verisim_learn::data::ChipSource;
use verisim_learn::train::metrics::Record;
use verisim_learn::train::{EpochRecord, Recipe, SpreadRecord, StepRecord, Trained};

use super::run_info::RunInfo;
use super::spread;
use crate::evaluation::{Operating, add_verification};
use crate::report::number::{count, percent};
use crate::report::plot::{self, ValidationCurve};
use crate::report::{Highlight, NoteKind, Page, Tile, glossary};

/// Chips shown as the network saw them.
const N_CHIPS: usize = 24;

/// What a run was, beside its figures.
pub(crate) struct Run<'a> {
    pub(crate) recipe: &'a Recipe,
    pub(crate) info: &'a RunInfo,
    pub(crate) card: &'a Card,
    pub(crate) trained: &'a Trained,
    pub(crate) source: &'a dyn ChipSource,
    /// Positions of the chips trained on.
    pub(crate) chips: &'a [usize],
    pub(crate) n_parameters: usize,
    /// Time since the command was given; a run that was resumed took longer.
    pub(crate) duration: Duration,
    pub(crate) warnings: &'a [String],
}

/// Steps, epochs and spreads of a run, as it noted them.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) steps: Vec<StepRecord>,
    pub(crate) epochs: Vec<EpochRecord>,
    /// Before the first step, and after the last.
    pub(crate) spreads: Vec<SpreadRecord>,
}

impl History {
    /// Sorts the lines of `metrics.jsonl`.
    pub(crate) fn new(records: Vec<Record>) -> Self {
        let mut history = Self::default();
        for record in records {
            match record {
                Record::Step(step) => history.steps.push(step),
                Record::Epoch(epoch) => history.epochs.push(epoch),
                Record::Spread(spread) => history.spreads.push(spread),
            }
        }
        history
    }

    /// Loss by step, and figures on unseen identities by epoch.
    pub(crate) fn add_curves(&self, page: &mut Page) {
        let by_step = |value: fn(&StepRecord) -> f64| -> Vec<(f64, f64)> {
            self.steps.iter().map(|it| (it.step as f64, value(it))).collect()
        };
        let loss = plot::loss(&by_step(|it| it.loss), &by_step(|it| it.lr));
        let mut figures = vec![(loss, "The loss of each batch, and the learning rate.")];
        let measured =
            self.epochs.iter().filter_map(|it| Some((it.epoch, it.validation.as_ref()?)));
        let measured: Vec<_> = measured.map(|(epoch, it)| ((epoch + 1) as f64, it)).collect();
        if !measured.is_empty() {
            let auc: Vec<_> = measured.iter().map(|(epoch, it)| (*epoch, it.auc)).collect();
            let tar: Vec<_> =
                measured.iter().map(|(epoch, it)| (*epoch, it.tar_at_fmr_1e2)).collect();
            let recall: Vec<_> =
                measured.iter().map(|(epoch, it)| (*epoch, it.recall_at_1)).collect();
            let curves = [("AUC", &auc), ("TAR at FMR 1 %", &tar), ("recall@1", &recall)]
                .map(|(name, points)| ValidationCurve { name, points });
            let caption = "After every epoch, on identities that are never trained on.";
            figures.push((plot::validation(&curves), caption));
        }
        page.figures(&figures);
    }
}

/// The whole report.
pub(crate) fn page(run: &Run<'_>, history: &History) -> String {
    let mut page = Page::new(
        &format!("Training run: {}", run.recipe.name),
        &format!("on {}", run.info.data.name()),
    );
    add_facts(&mut page, run, history);
    page.section("In short", "").highlights(&highlights(run, history));
    for warning in run.warnings {
        page.note(NoteKind::Caution, warning);
    }
    page.section("How it went", "");
    history.add_curves(&mut page);
    if let [before, .., after] = history.spreads.as_slice() {
        spread::add_change(&mut page, before, after);
    }
    if let Ok(verification) = Verification::new(&run.trained.comparisons) {
        page.section("Unseen identities", UNSEEN);
        let suggested = run.card.threshold(None).ok();
        let operating = suggested.map(|it| Operating { fmr: it.fmr, threshold: it.score });
        add_verification(&mut page, &verification, operating);
        add_thresholds(&mut page, run.card);
    }
    page.section(
        "What the network saw",
        "Chips as they were fed, changed at random by the recipe.",
    );
    page.picture_strip("Training chips, one of each identity", &augmented(run));
    page.section("Recipe", "Every value, with the defaults written out. It stands in recipe.toml.");
    page.table("Recipe", &["Key", "Value"], &recipe_rows(run.recipe));
    page.section("Words", "").glossary(&glossary::VERIFICATION);
    page.finish()
}

fn add_facts(page: &mut Page, run: &Run<'_>, history: &History) {
    let training = run.card.training.as_ref();
    let [n_identities, n_images] =
        training.map_or([0; 2], |it| [it.n_identities, it.n_images]).map(count);
    let data_digest = training.map(|it| it.data_sha256.clone()).unwrap_or_default();
    let duration = HumanDuration(run.duration).to_string();
    page.facts(&[
        ("Recipe", &run.recipe.name),
        ("Seed", &run.recipe.seed.to_string()),
        ("Data", &run.info.data.name()),
        ("Identities trained on", &n_identities),
        ("Images trained on", &n_images),
        ("Parameters", &count(run.n_parameters)),
        ("Epochs", &count(history.epochs.len())),
        ("Steps", &count(history.steps.len())),
        ("Time since start or resume", &duration),
        ("Device", &run.info.device_name()),
        ("Written by", concat!("verisim ", env!("CARGO_PKG_VERSION"))),
        ("SHA-256 of the data", &format!("`{data_digest}`")),
    ]);
}

fn highlights(run: &Run<'_>, history: &History) -> Vec<Highlight> {
    let mut highlights = Vec::new();
    let mut add = |label: &str, value: String, detail: String| {
        highlights.push(Highlight { label: label.to_owned(), value, detail });
    };
    if let (Some(first), Some(last)) = (history.epochs.first(), history.epochs.last()) {
        let detail = format!("{:.3} in the first epoch", first.mean_loss);
        add("mean loss, last epoch", format!("{:.3}", last.mean_loss), detail);
    }
    if let Some(figures) = &run.trained.validation {
        let on = format!("{} unseen identities", count(figures.n_identities));
        add("AUC", format!("{:.4}", figures.auc), on.clone());
        add("EER", percent(figures.eer, 1), on.clone());
        add("recall@1", percent(figures.recall_at_1, 1), on);
    }
    if let [before, .., after] = history.spreads.as_slice()
        && let (Some(first), Some(last)) = (before.ratio, after.ratio)
    {
        let detail = format!("{:.2} before training", first.value);
        add("between / within identities", format!("{:.2}", last.value), detail);
    }
    highlights
}

fn add_thresholds(page: &mut Page, card: &Card) {
    let Some(table) = &card.thresholds else { return };
    let rows: Vec<Vec<String>> = table
        .points
        .iter()
        .map(|it| {
            let suggested = if it.fmr == table.suggested_fmr { "suggested" } else { "" };
            let score = format!("{:.4}", it.score);
            let tar = percent(1.0 - it.fnmr, 2);
            vec![format!("{}", it.fmr), score, tar, suggested.to_owned()]
        })
        .collect();
    page.table("Thresholds on the model's card", &["FMR", "Threshold", "TAR", ""], &rows);
}

/// One chip of each of the first identities, changed as in training.
fn augmented(run: &Run<'_>) -> Vec<Tile> {
    let size = run.recipe.input.size();
    let mut tiles = Vec::new();
    let mut last = None;
    for &chip in run.chips {
        let label = run.source.labels()[chip];
        if last.replace(label) == Some(label) {
            continue;
        }
        let mut pixels = vec![0; size.len()];
        if run.source.read(chip, &mut pixels).is_ok() {
            let mut fed = vec![0.0; size.len()];
            run.recipe.augment.apply(&pixels, size, run.recipe.seed + chip as u64, &mut fed);
            let label = run.source.identities()[label as usize].clone();
            tiles.push(Tile { picture: picture(&fed, size), label, verdict: None });
        }
        if tiles.len() == N_CHIPS {
            break;
        }
    }
    tiles
}

/// A picture of what a network is fed: planes with values in `[-1, 1]`.
fn picture(fed: &[f32], size: InputSize) -> Picture {
    let n_pixels = size.width * size.height;
    let byte = |value: f32| (127.5 * (value + 1.0)).round().clamp(0.0, 255.0) as u8;
    let channel =
        |pixel: usize, channel: usize| byte(fed[channel.min(size.channels - 1) * n_pixels + pixel]);
    let pixels = (0..n_pixels).flat_map(|pixel| [0, 1, 2].map(|it| channel(pixel, it))).collect();
    Picture::new(size.width, size.height, pixels)
}

/// Dotted keys and values of a recipe.
fn recipe_rows(recipe: &Recipe) -> Vec<Vec<String>> {
    // A recipe that was read can be written. As text 0.1 stays 0.1, whatever its precision.
    match recipe.to_toml().map(|text| text.parse::<toml::Table>()) {
        Ok(Ok(table)) => table_rows(&table),
        _ => Vec::new(),
    }
}

/// Dotted keys and values of a table.
pub(crate) fn table_rows(table: &toml::Table) -> Vec<Vec<String>> {
    fn walk(prefix: &str, table: &toml::Table, rows: &mut Vec<Vec<String>>) {
        for (key, value) in table {
            let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                toml::Value::Table(table) => walk(&key, table, rows),
                value => rows.push(vec![key, value.to_string()]),
            }
        }
    }
    let mut rows = Vec::new();
    walk("", table, &mut rows);
    rows
}

const UNSEEN: &str = "Identities that were kept away from training, all pairs of their images. The \
    model's suggested threshold comes from these comparisons.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fed_becomes_a_picture_again() {
        let size = InputSize { width: 2, height: 1, channels: 3 };
        let fed = [-1.0, 1.0, 0.0, 0.0, 1.0, 2.0];
        assert_eq!(picture(&fed, size).as_rgb(), [0, 128, 255, 255, 128, 255]);
        let gray = picture(&[-1.0, 1.0], InputSize { channels: 1, ..size });
        assert_eq!(gray.as_rgb(), [0, 0, 0, 255, 255, 255]);
    }

    #[test]
    fn every_value_of_a_recipe_is_a_row() {
        let recipe = include_str!("../../../../recipes/demo.toml");
        let rows = recipe_rows(&Recipe::parse(recipe).unwrap());
        assert!(rows.contains(&vec!["backbone.kind".to_owned(), "\"resnet\"".to_owned()]));
        assert!(
            rows.contains(&vec!["augment.saturation".to_owned(), "0.2".to_owned()]),
            "{rows:?}"
        );
    }
}

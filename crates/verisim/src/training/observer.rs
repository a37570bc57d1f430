//! Shows how a run goes: a line that is redrawn on a terminal, plain lines in `run.log`.

use std::fs::File;
use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use verisim_learn::train::{
    EpochRecord, Observer, Recipe, RunFolder, SpreadRecord, StepRecord, Warning,
};

use crate::output::Printer;

/// Share of the newest step in the smoothed time of a step.
const NEWEST: f64 = 0.1;

/// Watches a run for its user.
pub(crate) struct RunObserver {
    n_epochs: usize,
    /// Pictures of a step.
    n_images: usize,
    log: File,
    printer: Printer,
    bar: ProgressBar,
    last_step: Instant,
    seconds_per_step: Option<f64>,
    log_error: Option<std::io::Error>,
    warnings: Vec<String>,
}

impl RunObserver {
    pub(crate) fn new(
        recipe: &Recipe,
        folder: &RunFolder,
        printer: &Printer,
    ) -> anyhow::Result<Self> {
        let path = folder.file("run.log");
        let log = File::options().create(true).append(true).open(&path);
        let log = log.with_context(|| format!("cannot write {}", path.display()))?;
        let bar = if printer.is_interactive() {
            let style = ProgressStyle::with_template("{msg}");
            ProgressBar::new_spinner()
                .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        } else {
            ProgressBar::hidden()
        };
        Ok(Self {
            n_epochs: recipe.epochs,
            n_images: recipe.sampler.batch_size() * recipe.accumulate,
            log,
            printer: printer.clone(),
            bar,
            last_step: Instant::now(),
            seconds_per_step: None,
            log_error: None,
            warnings: Vec::new(),
        })
    }

    /// Ends the line, gives the warnings, and says if the log could not be written.
    pub(crate) fn finish(self) -> anyhow::Result<Vec<String>> {
        self.bar.finish_and_clear();
        match self.log_error {
            Some(error) => Err(error).context("cannot write run.log"),
            None => Ok(self.warnings),
        }
    }

    fn log(&mut self, line: &str) {
        if let Err(error) = writeln!(self.log, "{line}") {
            self.log_error.get_or_insert(error);
        }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| self.printer.note(line));
    }
}

impl Observer for RunObserver {
    fn on_step(&mut self, record: &StepRecord, n_steps: usize) {
        let seconds = self.last_step.elapsed().as_secs_f64();
        self.last_step = Instant::now();
        let smoothed = self.seconds_per_step.map_or(seconds, |it| it + NEWEST * (seconds - it));
        self.seconds_per_step = Some(smoothed);
        let n_left = (self.n_epochs * n_steps).saturating_sub(record.step + 1);
        let left = HumanDuration(Duration::from_secs_f64(smoothed * n_left as f64));
        let active = record.n_active.map(|n| format!("  active {n}")).unwrap_or_default();
        let line = format!(
            "epoch {}/{}  step {}/{}  loss {:.4}  lr {:.2e}  {:.0} images/s{active}  {left:#} left",
            record.epoch + 1,
            self.n_epochs,
            record.step + 1,
            self.n_epochs * n_steps,
            record.loss,
            record.lr,
            self.n_images as f64 / smoothed,
        );
        self.log(&line);
        self.bar.set_message(line);
        self.bar.tick();
    }

    fn on_epoch(&mut self, record: &EpochRecord) {
        let validation = record.validation.as_ref().map(|it| {
            format!(
                "  unseen identities: AUC {:.4}  EER {:.1} %  TAR {:.1} % at FMR 1 %  recall@1 {:.1} %",
                it.auc,
                100.0 * it.eer,
                100.0 * it.tar_at_fmr_1e2,
                100.0 * it.recall_at_1
            )
        });
        let line = format!(
            "epoch {}/{}  mean loss {:.4}{}",
            record.epoch + 1,
            self.n_epochs,
            record.mean_loss,
            validation.unwrap_or_default(),
        );
        self.log(&line);
        self.say(&line);
        self.last_step = Instant::now();
    }

    fn on_warning(&mut self, warning: &Warning) {
        self.log(&format!("warning: {warning}"));
        let text = warning.to_string();
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
        self.bar.suspend(|| self.printer.warning(warning));
    }
    fn on_spread(&mut self, record: &SpreadRecord) {
        let line = super::spread::in_words(record);
        self.log(&line);
        self.say(&line);
        self.last_step = Instant::now();
    }
}

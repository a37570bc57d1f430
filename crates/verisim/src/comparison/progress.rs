//! How far a comparison is: a bar for who looks, a line for each finished unit; it trains nothing.

use indicatif::ProgressBar;
use verisim_learn::train::{EpochRecord, Observer, StepRecord, Warning};

use crate::output::Printer;

/// Watches a comparison for its user.
pub(crate) struct Progress<'a> {
    bar: ProgressBar,
    printer: &'a Printer,
}

/// Watches one training run.
pub(crate) struct UnitObserver {
    bar: ProgressBar,
    what: String,
    n_epochs: usize,
    warnings: Vec<String>,
}

impl<'a> Progress<'a> {
    /// Begins with `n_units` to do, some of which may be done.
    pub(crate) fn new(n_units: usize, n_done: usize, printer: &'a Printer) -> Self {
        let bar = printer.progress("comparing", n_units);
        bar.set_position(n_done as u64);
        // What was done before took no time now.
        bar.reset_eta();
        Self { bar, printer }
    }

    /// Watches a run of so many epochs.
    pub(crate) fn observer(&self, what: &str, n_epochs: usize) -> UnitObserver {
        UnitObserver {
            bar: self.bar.clone(),
            what: what.to_owned(),
            n_epochs,
            warnings: Vec::new(),
        }
    }

    /// Says what came of a unit.
    pub(crate) fn done(&self, line: &str) {
        self.bar.suspend(|| self.printer.note(line));
        self.bar.inc(1);
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl UnitObserver {
    /// What training warned about, each once.
    pub(crate) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }
}

impl Observer for UnitObserver {
    fn on_step(&mut self, record: &StepRecord, n_steps: usize) {
        let (epoch, n_epochs) = (record.epoch + 1, self.n_epochs);
        let step = record.step % n_steps.max(1) + 1;
        self.bar
            .set_message(format!("{}, epoch {epoch}/{n_epochs}, step {step}/{n_steps}", self.what));
    }

    fn on_epoch(&mut self, _: &EpochRecord) {}

    fn on_warning(&mut self, warning: &Warning) {
        let text = warning.to_string();
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

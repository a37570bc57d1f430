//! What people and programs see: data on standard output, everything else on standard error.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use anyhow::Context;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// Pictures that are named one by one before the rest is only counted.
pub(crate) const MAX_NAMED: usize = 5;

/// Prints for one command.
#[derive(Clone, Debug)]
pub(crate) struct Printer {
    quiet: bool,
}

#[expect(clippy::unused_self, reason = "whoever prints asks a printer, quiet or not")]
impl Printer {
    pub(crate) fn new(quiet: bool) -> Self {
        Self { quiet }
    }

    /// A line of data, for standard output.
    pub(crate) fn data(&self, line: impl Display) -> anyhow::Result<()> {
        writeln!(io::stdout().lock(), "{line}").context("cannot write to standard output")
    }

    /// A value as one line of JSON, for standard output.
    pub(crate) fn json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.data(serde_json::to_string(value).context("cannot write JSON")?)
    }

    /// A value as JSON over many lines, for standard output.
    pub(crate) fn pretty_json(&self, value: &impl Serialize) -> anyhow::Result<()> {
        self.data(serde_json::to_string_pretty(value).context("cannot write JSON")?)
    }

    /// A line about what is going on, for standard error.
    pub(crate) fn note(&self, line: impl Display) {
        if !self.quiet {
            self.stderr(&line);
        }
    }

    /// A line about something that the user should look at, quiet or not.
    pub(crate) fn warning(&self, line: impl Display) {
        self.stderr(&format_args!("warning: {line}"));
    }

    /// The error that ends the command, with what led to it.
    pub(crate) fn error(&self, error: &anyhow::Error) {
        self.stderr(&format_args!("error: {}", explained(error)));
    }

    /// A bar over `n` things, if somebody is looking.
    pub(crate) fn progress(&self, what: &'static str, n: usize) -> ProgressBar {
        if self.quiet || !io::stderr().is_terminal() {
            return ProgressBar::with_draw_target(Some(n as u64), ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template(
            "{msg:>12} {bar:30} {human_pos}/{human_len} {per_sec} {eta} left",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::new(n as u64).with_style(style).with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// A bar over the bytes of a file, if somebody is looking.
    pub(crate) fn bytes_progress(&self, what: &str, n_bytes: u64) -> ProgressBar {
        if !self.is_interactive() {
            return ProgressBar::with_draw_target(Some(n_bytes), ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template(
            "{msg:>12} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
        );
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        ProgressBar::new(n_bytes).with_style(style).with_message(what.to_owned())
    }

    /// Whether a line may be redrawn in place.
    pub(crate) fn is_interactive(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    fn stderr(&self, line: &dyn Display) {
        // If standard error is gone there is nobody left to tell.
        let _ = writeln!(io::stderr().lock(), "{line}");
    }
}

/// An error with its causes, each said once: many errors repeat their cause in their own words.
pub(crate) fn explained(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.ends_with(&cause) {
            continue;
        }
        if !text.is_empty() {
            text += ": ";
        }
        text += &cause;
    }
    text
}

/// A size in words: 227.14 KiB.
pub(crate) fn size(n_bytes: u64) -> String {
    HumanBytes(n_bytes).to_string()
}

/// The first of several things, each on its line, and how many there are more.
pub(crate) fn first_named(things: &[String], most: usize) -> String {
    let named = things.iter().take(most).fold(String::new(), |all, it| all + "\n  " + it);
    let n_more = things.len().saturating_sub(most);
    if n_more > 0 { format!("{named}\n  and {n_more} more") } else { named }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "no such file");
        let plain = anyhow::Error::new(missing()).context("cannot read a.jpg");
        assert_eq!(explained(&plain), "cannot read a.jpg: no such file");
        let repeated = anyhow::Error::new(missing()).context("cannot read a.jpg: no such file");
        assert_eq!(explained(&repeated), "cannot read a.jpg: no such file");
    }
}

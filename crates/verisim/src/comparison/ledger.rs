//! What was found so far, a line each, so that a run that was killed goes on; it decides nothing.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::entry::Values;
use super::measured::Measured;

/// One training run, or what stands for one, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Record {
    /// One trial on one fold.
    Trial {
        /// Name of the loss.
        entry: String,
        /// Number of the trial, from 0.
        trial: usize,
        /// Number of the fold, from 0.
        fold: usize,
        /// What was tried.
        values: Values,
        /// MAP@R of the identities that the fold measures.
        map_at_r: Option<f64>,
        /// Why there is none.
        failure: Option<String>,
        /// What it took.
        cost: Cost,
    },
    /// One network, or what stands for one, on the test half.
    Test {
        /// Name of the loss, or of the control.
        row: String,
        /// Seed of the run.
        seed: u64,
        /// What was found.
        measured: Option<Measured>,
        /// Why nothing was.
        failure: Option<String>,
        /// What training warned about.
        warnings: Vec<String>,
        /// What it took.
        cost: Cost,
    },
}

/// What a unit took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// Seconds on the clock.
    pub(crate) seconds: f64,
    /// The most memory that the process had held until then, where the system tells.
    pub(crate) peak_mib: Option<u64>,
}

impl Record {
    /// What it took.
    pub(crate) fn cost(&self) -> Cost {
        let (Self::Trial { cost, .. } | Self::Test { cost, .. }) = self;
        *cost
    }
}

/// The file of all records, locked for one process.
pub(crate) struct Ledger {
    path: PathBuf,
    file: File,
    records: Vec<Record>,
}

impl Ledger {
    /// Opens or begins a ledger. A last line that was cut short is taken off.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let at = || path.display();
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false).open(path);
        let mut file = file.with_context(|| format!("cannot write {}", at()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another process is writing {}", at()),
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", at()));
            }
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(|| format!("cannot read {}", at()))?;
        let end = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        let cut_off = file.set_len(end as u64).and_then(|()| file.seek(SeekFrom::End(0)));
        cut_off.with_context(|| format!("cannot write {}", at()))?;
        let mut records = Vec::new();
        for (number, line) in (1..).zip(text[..end].split(|byte| *byte == b'\n')) {
            if !line.is_empty() {
                let record = serde_json::from_slice(line);
                records.push(record.with_context(|| {
                    format!("cannot use line {number} of {}; remove the file to begin anew", at())
                })?);
            }
        }
        Ok(Self { path: path.to_owned(), file, records })
    }

    /// All records, in the order in which they were found.
    pub(crate) fn records(&self) -> &[Record] {
        &self.records
    }

    /// Writes a record down, for good when this returns, and gives it as a later run will read it.
    pub(crate) fn append(&mut self, record: &Record) -> anyhow::Result<&Record> {
        let mut line = serde_json::to_string(record).context("cannot write JSON")?;
        // A number may come back from its text with another last digit, and a search goes by it.
        let record = serde_json::from_str(&line).context("cannot read a line that was written")?;
        line.push('\n');
        self.file
            .write_all(line.as_bytes())
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("cannot write {}", self.path.display()))?;
        self.records.push(record);
        Ok(&self.records[self.records.len() - 1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(trial: usize, map_at_r: f64) -> Record {
        Record::Trial {
            entry: "arcface".to_owned(),
            trial,
            fold: 0,
            values: Values::from([("loss.margin".to_owned(), 0.1 + 0.2)]),
            map_at_r: Some(map_at_r),
            failure: None,
            cost: Cost { seconds: 1.5, peak_mib: None },
        }
    }

    #[test]
    fn a_line_that_was_cut_short_is_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let mut ledger = Ledger::open(&path).unwrap();
        ledger.append(&record(0, 0.25)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        ledger.append(&record(1, 0.5)).unwrap();
        let both = std::fs::read(&path).unwrap();
        drop(ledger);

        for end in whole.len()..both.len() {
            std::fs::write(&path, &both[..end]).unwrap();
            let mut ledger = Ledger::open(&path).unwrap();
            assert_eq!(ledger.records(), [record(0, 0.25)]);
            ledger.append(&record(1, 0.5)).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), both);
        }
    }

    #[test]
    fn a_line_that_is_none_of_ours_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        std::fs::write(&path, "{\"stage\":\"breakfast\"}\n").unwrap();
        let said = format!("{:#}", Ledger::open(&path).err().unwrap());
        assert!(said.contains("line 1") && said.contains("breakfast"), "{said}");
    }

    #[test]
    fn two_processes_do_not_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        let first = Ledger::open(&path).unwrap();
        let said = Ledger::open(&path).err().unwrap().to_string();
        assert!(said.contains("another process"), "{said}");
        drop(first);
        assert!(Ledger::open(&path).is_ok());
    }
}

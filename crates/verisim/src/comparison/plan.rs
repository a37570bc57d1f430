//! Everything that decides the result of a comparison, written down before it begins; it does not
//! carry it out.

use std::path::Path;

use anyhow::{Context, bail};
use serde::Serialize;
use serde_json::Value;
use toml::Table;

use super::differences::{differences, listed};
use super::divide::Shares;
use super::entry::Entry;
use super::space::{Dimension, space};
use crate::whole_file;

/// How much is tried, and how it is divided and measured.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Budget {
    /// How identities are divided.
    #[serde(flatten)]
    pub(crate) shares: Shares,
    /// Trials of each loss, of which the first is the recipe as it is; 0 for no tuning.
    pub(crate) n_trials: usize,
    /// Networks of each loss in the end, 2 or more.
    pub(crate) n_seeds: usize,
    /// Replicates of the bootstrap.
    pub(crate) n_replicates: usize,
}

/// What the result rests on: who differs in any of it compares something else.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Plan {
    /// Version of the program.
    pub(crate) version: String,
    /// Digest of the program.
    pub(crate) program_sha256: String,
    /// Digest of the names and pixels of all chips.
    pub(crate) data_sha256: String,
    /// Digest of who is in which part.
    pub(crate) split_sha256: String,
    /// Where it is computed.
    pub(crate) device: String,
    /// Threads: another number gives other last digits.
    pub(crate) threads: usize,
    /// How much is tried.
    pub(crate) budget: Budget,
    /// What all recipes say.
    pub(crate) shared: Table,
    /// The losses; the first is what the others are tested against.
    pub(crate) losses: Vec<PlannedLoss>,
}

/// A loss, and where it is searched.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PlannedLoss {
    /// What its recipe calls it.
    pub(crate) name: String,
    /// What its recipe says.
    pub(crate) loss: toml::Value,
    /// What is tuned.
    pub(crate) space: Vec<Dimension>,
}

impl Budget {
    /// Names what cannot be.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        if self.n_seeds < 2 {
            bail!("--seeds is {}, but must be 2 or more: one run has no spread", self.n_seeds);
        }
        if self.n_replicates == 0 {
            bail!("--replicates is 0, but must be 1 or more");
        }
        Ok(())
    }
}

impl PlannedLoss {
    pub(crate) fn new(entry: &Entry) -> Self {
        Self { name: entry.name.clone(), loss: entry.loss().clone(), space: space(entry) }
    }
}

impl Plan {
    /// Writes the plan to a new folder, or checks that the folder's plan is the same.
    pub(crate) fn keep(&self, folder: &Path) -> anyhow::Result<()> {
        let path = folder.join("plan.json");
        let text = serde_json::to_string_pretty(self).context("cannot write the plan")?;
        if !path.exists() {
            if std::fs::read_dir(folder).is_ok_and(|mut files| files.next().is_some()) {
                bail!(
                    "{} holds files, but no plan.json of a comparison\nhint: --out names another \
                     folder",
                    folder.display()
                );
            }
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
            return whole_file::write(&path, text.as_bytes());
        }
        let kept = std::fs::read_to_string(&path);
        let kept = kept.with_context(|| format!("cannot read {}", path.display()))?;
        let parse = |text: &str| serde_json::from_str::<Value>(text);
        let kept = parse(&kept).with_context(|| format!("cannot use {}", path.display()))?;
        // Both went through text, which may change the last digit of a number.
        let found = differences(&parse(&text)?, &kept);
        if !found.is_empty() {
            bail!(
                "{} holds a comparison by another plan:{}\nhint: --out names another folder",
                folder.display(),
                listed(&found)
            );
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::entry::entries;
    use super::super::entry::tests::recipe;
    use super::*;

    pub(in crate::comparison) fn plan(entry: &Entry) -> Plan {
        Plan {
            version: "1".to_owned(),
            program_sha256: "p".to_owned(),
            data_sha256: "d".to_owned(),
            split_sha256: "s".to_owned(),
            device: "cpu".to_owned(),
            threads: 2,
            budget: Budget {
                shares: Shares { test_share: 0.1 + 0.2, n_folds: 4, seed: 1 },
                n_trials: 20,
                n_seeds: 5,
                n_replicates: 1000,
            },
            shared: entry.shared(),
            losses: vec![PlannedLoss::new(entry)],
        }
    }

    fn made() -> Plan {
        let triplet = recipe("it", "{ kind = 'triplet', margin = 0.2 }");
        plan(&entries(vec![triplet], false).unwrap()[0])
    }

    #[test]
    fn a_folder_keeps_to_its_plan() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = scratch.path().join("compare");
        let plan = made();
        plan.keep(&folder).unwrap();
        plan.keep(&folder).unwrap();
        let mut other = plan;
        other.budget.n_trials = 30;
        other.losses[0].space[0].high = 1.0;
        let said = other.keep(&folder).unwrap_err().to_string();
        assert!(said.contains("budget.n_trials is 30, not 20"), "{said}");
        assert!(said.contains("losses.0.space.0.high is 1.0, not"), "{said}");
        assert_eq!(said.lines().count(), 4, "{said}");
    }

    #[test]
    fn a_folder_of_something_else_is_left_alone() {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::write(scratch.path().join("letter.txt"), "Dear").unwrap();
        let said = made().keep(scratch.path()).unwrap_err().to_string();
        assert!(said.contains("no plan.json"), "{said}");
        assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
    }
}

//! Which pictures a run is trained on, in words that can be kept and followed again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use verisim_core::protocol::{Pair, parse_pairs};
use verisim_learn::data::ChipSource;
use verisim_learn::train::InputConfig;

use crate::chips::chips;
use crate::dataset::FaceSet;
use crate::output::Printer;

/// A folder of faces or an archive, less the identities that an evaluation needs unseen.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TrainingData {
    /// The folder or the file.
    pub(crate) folder: PathBuf,
    /// Pairs whose identities are kept away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exclude_pairs: Option<PathBuf>,
    /// Of those pairs, the folds, from 1; all if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) exclude_folds: Vec<usize>,
    /// Whether pictures that cannot be read are passed over.
    #[serde(default)]
    pub(crate) skip_unreadable: bool,
}

impl TrainingData {
    /// Reads the chips, or gets ready to.
    pub(crate) fn load(
        &self,
        input: InputConfig,
        printer: &Printer,
    ) -> anyhow::Result<Arc<dyn ChipSource>> {
        chips(self.faces(printer)?, input, self.skip_unreadable, printer)
    }

    /// Lists the pictures.
    pub(crate) fn faces(&self, printer: &Printer) -> anyhow::Result<FaceSet> {
        let mut set = FaceSet::open(&self.folder)?;
        if let Some(path) = &self.exclude_pairs {
            let pairs = read_pairs(path, &self.exclude_folds)?;
            let excluded = identities_of(&pairs);
            let n_before = set.names.len();
            set = set.filtered(|name| !excluded.contains(name));
            let n_excluded = n_before - set.names.len();
            printer
                .note(format_args!("{n_excluded} identities of {} are kept away", path.display()));
        }
        Ok(set)
    }

    /// What the data are called.
    pub(crate) fn name(&self) -> String {
        let name = self.folder.file_name().map(|it| it.to_string_lossy().into_owned());
        let name = name.unwrap_or_else(|| self.folder.display().to_string());
        match &self.exclude_pairs {
            None => name,
            Some(path) => {
                format!("{name} without identities of {}", pairs_name(path, &self.exclude_folds))
            }
        }
    }
}

/// Reads pairs, all or those of some folds, counted from 1.
pub(crate) fn read_pairs(path: &Path, folds: &[usize]) -> anyhow::Result<Vec<Pair>> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let pairs = parse_pairs(&text).with_context(|| format!("cannot use {}", path.display()))?;
    of_folds(pairs, path, folds)
}

/// Of pairs, those of some folds, counted from 1; all if none is named.
pub(crate) fn of_folds(
    pairs: Vec<Pair>,
    path: &Path,
    folds: &[usize],
) -> anyhow::Result<Vec<Pair>> {
    let n_folds = pairs.iter().map(|pair| pair.fold + 1).max().unwrap_or(0);
    if let Some(fold) = folds.iter().find(|fold| !(1..=n_folds).contains(*fold)) {
        anyhow::bail!("{} has folds 1 to {n_folds}, but fold {fold} was asked for", path.display());
    }
    let is_wanted = |pair: &Pair| folds.is_empty() || folds.contains(&(pair.fold + 1));
    Ok(pairs.into_iter().filter(is_wanted).collect())
}

/// The identities that pairs name.
pub(crate) fn identities_of(pairs: &[Pair]) -> BTreeSet<&str> {
    pairs
        .iter()
        .flat_map(|pair| [pair.reference.identity.as_str(), pair.probe.identity.as_str()])
        .collect()
}

/// What pairs are called: `pairs.txt, folds 1, 2`.
pub(crate) fn pairs_name(path: &Path, folds: &[usize]) -> String {
    let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    let folds: Vec<String> = folds.iter().map(ToString::to_string).collect();
    if folds.is_empty() { name } else { format!("{name}, folds {}", folds.join(", ")) }
}

//! Which identities are trained on, which are tuned on, and which are kept for the end; it knows
//! labels, no pixels.

use crate::digest::sha256;
use anyhow::{Context, bail};
use serde::Serialize;
use verisim_learn::data::{Split, SplitConfig};

/// Identities with two images that a part needs, for a figure of it to mean anything.
const MIN_IDENTITIES: usize = 2;

/// How identities are divided.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Shares {
    /// Share of the identities with two images or more that is kept for the end, in `(0, 1)`.
    pub(crate) test_share: f64,
    /// Number of folds of the others, 2 or more.
    pub(crate) n_folds: usize,
    /// Seed of the division.
    pub(crate) seed: u64,
}

/// A division of identities, by labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Division {
    /// All that is not kept for the end.
    pub(crate) train: Vec<u64>,
    /// Of these, the identities that each fold measures; those of one image are in none.
    pub(crate) folds: Vec<Vec<u64>>,
    /// What is kept for the end.
    pub(crate) test: Vec<u64>,
}

impl Division {
    /// Divides the identities of `labels`.
    pub(crate) fn new(labels: &[u64], shares: &Shares) -> anyhow::Result<Self> {
        let Shares { test_share, n_folds, seed } = *shares;
        if !(0.0 < test_share && test_share < 1.0) {
            bail!("--test-share is {test_share}, but must be above 0 and below 1");
        }
        if n_folds < 2 {
            bail!("--folds is {n_folds}, but must be 2 or more");
        }
        let n_paired = paired(labels).len();
        let n_test = (test_share * n_paired as f64).round() as usize;
        let n_left = n_paired.saturating_sub(n_test);
        if n_test < MIN_IDENTITIES || n_left < MIN_IDENTITIES * n_folds {
            bail!(
                "{n_paired} identities have two images or more, which leaves {n_left} for {n_folds} \
                 folds and {n_test} for the test, but each fold and the test need \
                 {MIN_IDENTITIES}\nhint: fewer --folds, another --test-share, or more identities"
            );
        }
        let config = SplitConfig { test_identities: n_test, ..SplitConfig::default() };
        let Split { train, test, .. } =
            Split::new(labels, &config, seed).context("cannot divide the identities")?;
        let folds = folds(labels, &train, shares)?;
        Ok(Self { train, folds, test })
    }

    /// What a fold is trained on: everything but the identities that it measures and the test.
    pub(crate) fn trained_in(&self, fold: usize) -> Vec<u64> {
        let is_measured = |label: &u64| self.folds[fold].binary_search(label).is_ok();
        self.train.iter().copied().filter(|label| !is_measured(label)).collect()
    }

    /// A digest of the names in each part.
    pub(crate) fn digest(&self, names: &[String]) -> String {
        let mut text = String::new();
        for part in self.folds.iter().chain([&self.train, &self.test]) {
            for &label in part {
                text += &format!("{}\n", names[label as usize]);
            }
            text.push('\n');
        }
        sha256(text.as_bytes())
    }
}

/// The identities with two images or more, ascending.
fn paired(labels: &[u64]) -> Vec<u64> {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).filter(|images| images.len() >= 2).map(|it| it[0]).collect()
}

/// Draws one fold after the other from what the folds before have left.
fn folds(labels: &[u64], train: &[u64], shares: &Shares) -> anyhow::Result<Vec<Vec<u64>>> {
    let is_left = |left: &[u64], label: &u64| left.binary_search(label).is_ok();
    let mut left = train.to_vec();
    let mut folds = Vec::new();
    for fold in 0..shares.n_folds {
        let images: Vec<u64> = labels.iter().copied().filter(|it| is_left(&left, it)).collect();
        let paired = paired(&images);
        if fold + 1 == shares.n_folds {
            folds.push(paired);
            break;
        }
        let n_measured = paired.len() / (shares.n_folds - fold);
        let config = SplitConfig { validation_identities: n_measured, ..SplitConfig::default() };
        let seed = shares.seed.wrapping_add(1 + fold as u64);
        let split = Split::new(&images, &config, seed).context("cannot divide into folds")?;
        folds.push(split.validation);
        left = split.train;
    }
    Ok(folds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shares(test_share: f64, n_folds: usize, seed: u64) -> Shares {
        Shares { test_share, n_folds, seed }
    }

    #[track_caller]
    fn check(images: &[usize], shares: &Shares) {
        let labels: Vec<u64> = (0..).zip(images).flat_map(|(label, &n)| vec![label; n]).collect();
        let division = Division::new(&labels, shares).unwrap();
        let Division { train, folds, test } = &division;
        let sorted = |parts: &[&Vec<u64>]| {
            let mut all: Vec<u64> = parts.iter().copied().flatten().copied().collect();
            all.sort_unstable();
            all
        };
        assert_eq!(sorted(&[train, test]), (0..images.len() as u64).collect::<Vec<u64>>());
        let is_paired = |label: &&u64| images[**label as usize] >= 2;
        assert!(test.iter().all(|label| is_paired(&label)));
        let measured = sorted(&folds.iter().collect::<Vec<_>>());
        assert_eq!(measured, train.iter().filter(is_paired).copied().collect::<Vec<u64>>());
        let sizes = folds.iter().map(Vec::len);
        assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1, "{folds:?}");
        for (fold, measured) in folds.iter().enumerate() {
            let trained = division.trained_in(fold);
            assert_eq!(sorted(&[&trained, measured]), *train);
            assert!(measured.iter().chain(&trained).all(|label| !test.contains(label)));
        }
    }

    #[test]
    fn no_identity_is_in_two_parts_and_none_is_lost() {
        for seed in 0..20 {
            check(&[2; 16], &shares(0.5, 4, seed));
            check(&[3, 1, 2, 9, 1, 2, 2, 5, 1, 2, 4, 2, 2], &shares(0.4, 3, seed));
        }
    }

    #[test]
    fn a_seed_decides_and_the_digest_tells() {
        let labels: Vec<u64> = (0..40).map(|index| index / 2).collect();
        let names: Vec<String> = (0..20).map(|label| format!("n{label}")).collect();
        let digest = |seed| Division::new(&labels, &shares(0.5, 4, seed)).unwrap().digest(&names);
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
    }

    #[test]
    fn too_few_identities_are_an_error() {
        let labels: Vec<u64> = (0..18).map(|index| index / 2).collect();
        let said = Division::new(&labels, &shares(0.5, 4, 1)).unwrap_err().to_string();
        assert!(said.contains("9 identities have two images or more"), "{said}");
        assert!(said.contains("hint"), "{said}");
        for (share, n_folds) in [(0.0, 4), (1.0, 4), (f64::NAN, 4), (0.5, 1)] {
            assert!(Division::new(&labels, &shares(share, n_folds, 1)).is_err());
        }
    }
}

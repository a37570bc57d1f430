//! Some identities of a set of chips, as a set of their own; it holds no pixels.

use std::sync::Arc;

use verisim_learn::backbone::InputSize;
use verisim_learn::data::{ChipSource, UnreadableChip};

use crate::digest::sha256;

/// A view of the chips of some identities, labeled anew: what a network cannot see it cannot learn.
pub(crate) struct Part {
    source: Arc<dyn ChipSource>,
    identities: Vec<String>,
    chips: Vec<usize>,
    labels: Vec<u64>,
}

impl Part {
    /// The chips of the identities with these labels, ascending.
    pub(crate) fn of(source: &Arc<dyn ChipSource>, wanted: &[u64]) -> Self {
        let names = source.identities();
        let (chips, labels) = (0..)
            .zip(source.labels())
            .filter_map(|(chip, label)| Some((chip, wanted.binary_search(label).ok()? as u64)))
            .unzip();
        let identities = wanted.iter().map(|&label| names[label as usize].clone()).collect();
        Self { source: Arc::clone(source), identities, chips, labels }
    }

    /// Positions of all its chips.
    pub(crate) fn positions(&self) -> Vec<usize> {
        (0..self.chips.len()).collect()
    }
}

impl ChipSource for Part {
    fn size(&self) -> InputSize {
        self.source.size()
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn read(&self, index: usize, pixels: &mut [u8]) -> Result<(), UnreadableChip> {
        self.source.read(self.chips[index], pixels)
    }

    fn digest(&self) -> String {
        sha256(format!("{} {:?}", self.source.digest(), self.chips).as_bytes())
    }
}

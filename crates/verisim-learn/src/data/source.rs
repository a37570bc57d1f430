//! Where chips come from: labels at once, pixels at random access.

use std::fmt;

use crate::backbone::InputSize;

/// A set of chips (aligned faces) of known identities.
///
/// This crate knows no decoder: whoever trains hands over pixels, from files, an archive or memory.
pub trait ChipSource: Send + Sync {
    /// Size of every chip.
    fn size(&self) -> InputSize;

    /// Names of the identities; a label is a position in this list.
    fn identities(&self) -> &[String];

    /// The label of each chip, below the number of identities.
    fn labels(&self) -> &[u64];

    /// Writes the pixels of one chip, `[height, width, channels]`.
    ///
    /// # Errors
    ///
    /// Fails if the chip cannot be read.
    fn read(&self, index: usize, pixels: &mut [u8]) -> Result<(), UnreadableChip>;

    /// A digest of the names, labels and pixels, as hexadecimal digits.
    fn digest(&self) -> String;
}

/// A chip that a [`ChipSource`] cannot deliver.
#[derive(Debug, thiserror::Error)]
#[error("cannot read chip {index} of identity {identity}: {reason}")]
pub struct UnreadableChip {
    /// Position in the source.
    pub index: usize,
    /// Name of its identity.
    pub identity: String,
    /// What went wrong.
    pub reason: String,
}

/// Chips that lie in memory.
#[derive(Clone)]
pub struct MemoryChips {
    size: InputSize,
    identities: Vec<String>,
    labels: Vec<u64>,
    pixels: Vec<u8>,
}

impl MemoryChips {
    /// Creates a set without chips.
    pub fn new(size: InputSize, identities: Vec<String>) -> Self {
        Self { size, identities, labels: Vec::new(), pixels: Vec::new() }
    }

    /// Adds a chip of the identity at position `label`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such identity, or if the pixels do not fill the size.
    pub fn push(&mut self, label: u64, pixels: &[u8]) {
        assert!(label < self.identities.len() as u64, "label {label} names no identity");
        assert_eq!(pixels.len(), self.size.len(), "the pixels do not fill a chip");
        self.labels.push(label);
        self.pixels.extend_from_slice(pixels);
    }

    /// The pixels of one chip, `[height, width, channels]`.
    ///
    /// # Panics
    ///
    /// Panics if there is no such chip.
    pub fn pixels(&self, index: usize) -> &[u8] {
        &self.pixels[index * self.size.len()..][..self.size.len()]
    }
}

impl ChipSource for MemoryChips {
    fn size(&self) -> InputSize {
        self.size
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn read(&self, index: usize, pixels: &mut [u8]) -> Result<(), UnreadableChip> {
        pixels.copy_from_slice(self.pixels(index));
        Ok(())
    }

    fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut hash = Sha256::new();
        for (index, &label) in self.labels.iter().enumerate() {
            hash.update(self.identities[label as usize].as_bytes());
            hash.update([0]);
            hash.update(self.pixels(index));
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for MemoryChips {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_chips, n_identities) = (self.labels.len(), self.identities.len());
        write!(f, "MemoryChips({n_chips} chips of {n_identities} identities)")
    }
}

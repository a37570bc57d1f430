//! What a loss remembers from batch to batch, whole in every checkpoint; it does not know what it means.

use prost::Message;

use crate::metric::matrix::Matrix;
use crate::metric::memory::{InvalidMemory, MemoryBank};

/// What a loss remembers from batch to batch: nothing, at first.
#[derive(Clone, Debug, Default)]
pub struct LossState {
    /// Batches seen.
    pub(super) n_steps: u64,
    /// Running averages and the like.
    pub(super) numbers: Option<Vec<f64>>,
    /// Samples of earlier batches.
    memory: Option<MemoryBank>,
    /// The states of the losses of a sum.
    pub(super) terms: Vec<LossState>,
}

/// Why bytes are no state of a loss.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidState {
    /// They are not in the form that states are written in.
    #[error("the state of the loss cannot be read: {0}")]
    Form(#[from] prost::DecodeError),
    /// The memory in them is damaged.
    #[error("the memory of the loss cannot be read: {0}")]
    Memory(#[from] InvalidMemory),
}

/// The form on the disk.
#[derive(Clone, PartialEq, Message)]
struct Stored {
    #[prost(uint64, tag = "1")]
    n_steps: u64,
    #[prost(bool, tag = "2")]
    has_numbers: bool,
    #[prost(double, repeated, tag = "3")]
    numbers: Vec<f64>,
    #[prost(bytes = "vec", optional, tag = "4")]
    memory: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "5")]
    terms: Vec<Stored>,
}

impl LossState {
    /// Puts a batch into the memory, if there is to be one, and returns it.
    pub(super) fn remember(
        &mut self,
        capacity: usize,
        rows: &Matrix,
        labels: &[u64],
    ) -> Option<&MemoryBank> {
        if capacity == 0 {
            return None;
        }
        let memory = self.memory.get_or_insert_with(|| MemoryBank::new(capacity, rows.n_columns()));
        let narrow: Vec<f32> = rows.data().iter().map(|&value| value as f32).collect();
        memory.enqueue(&narrow, labels);
        Some(memory)
    }

    /// The running averages, or their first values.
    pub(super) fn numbers(&mut self, first: impl FnOnce() -> Vec<f64>) -> &[f64] {
        self.numbers.get_or_insert_with(first)
    }

    /// As bytes, exact to the bit.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.store().encode_to_vec()
    }

    /// From the bytes of [`LossState::to_bytes`].
    ///
    /// # Errors
    ///
    /// Fails if they are not such bytes, or damaged.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, InvalidState> {
        Self::restore(Stored::decode(bytes)?)
    }

    fn store(&self) -> Stored {
        Stored {
            n_steps: self.n_steps,
            has_numbers: self.numbers.is_some(),
            numbers: self.numbers.clone().unwrap_or_default(),
            memory: self.memory.as_ref().map(MemoryBank::to_bytes),
            terms: self.terms.iter().map(Self::store).collect(),
        }
    }

    fn restore(stored: Stored) -> Result<Self, InvalidState> {
        let memory = stored.memory.as_deref().map(MemoryBank::from_bytes).transpose()?;
        let terms = stored.terms.into_iter().map(Self::restore).collect::<Result<_, _>>()?;
        let numbers = stored.has_numbers.then_some(stored.numbers);
        Ok(Self { n_steps: stored.n_steps, numbers, memory, terms })
    }
}

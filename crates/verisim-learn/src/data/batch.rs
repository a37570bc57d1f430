//! Batches made ahead of the network, chips on all cores, batches in order.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use rayon::prelude::*;

use super::augment::{AugmentConfig, to_network_input};
use super::source::{ChipSource, UnreadableChip};
use crate::random::derive_seed;

/// Batches that wait for the network at most: enough to bridge a slow chip, little memory.
const READ_AHEAD: usize = 2;

/// Chips ready for a network.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[n, channels, height, width]`, values in `[-1, 1]`.
    pub pixels: Vec<f32>,
    /// The label of each chip.
    pub labels: Vec<u64>,
}

/// One batch to be made.
#[derive(Clone, Debug)]
pub struct BatchPlan {
    /// Positions of the chips in the source.
    pub chips: Vec<usize>,
    /// Seed of the augmentation.
    pub seed: u64,
}

/// Makes the planned batches, a few ahead of the reader.
///
/// The reader gets them in the order of the plans; dropping it ends the thread.
pub fn read_ahead(
    source: Arc<dyn ChipSource>,
    augment: AugmentConfig,
    plans: Vec<BatchPlan>,
) -> Receiver<Result<Batch, UnreadableChip>> {
    let (sender, receiver) = sync_channel(READ_AHEAD);
    thread::spawn(move || {
        for plan in plans {
            let batch = make(source.as_ref(), &augment, &plan);
            let failed = batch.is_err();
            if sender.send(batch).is_err() || failed {
                break;
            }
        }
    });
    receiver
}

fn make(
    source: &dyn ChipSource,
    augment: &AugmentConfig,
    plan: &BatchPlan,
) -> Result<Batch, UnreadableChip> {
    let size = source.size();
    read_all(source, &plan.chips, |index, chip, output| {
        augment.apply(chip, size, derive_seed(plan.seed, index as u64), output);
    })
}

/// Reads chips as they are, without augmentation.
///
/// # Errors
///
/// Fails if a chip cannot be read.
pub fn read_plain(source: &dyn ChipSource, chips: &[usize]) -> Result<Batch, UnreadableChip> {
    let size = source.size();
    read_all(source, chips, |_, chip, output| to_network_input(chip, size, output))
}

/// Reads chips on all cores: decoding takes longer than anything else that is done with them.
fn read_all(
    source: &dyn ChipSource,
    chips: &[usize],
    prepare: impl Fn(usize, &[u8], &mut [f32]) + Sync,
) -> Result<Batch, UnreadableChip> {
    let n_values = source.size().len();
    let mut pixels = vec![0.0; chips.len() * n_values];
    let outputs = pixels.par_chunks_exact_mut(n_values).enumerate();
    outputs.zip(chips).try_for_each_init(
        || vec![0; n_values],
        |chip, ((index, output), &position)| {
            source.read(position, chip)?;
            prepare(index, chip, output);
            Ok::<_, UnreadableChip>(())
        },
    )?;
    let labels = chips.iter().map(|&position| source.labels()[position]).collect();
    Ok(Batch { pixels, labels })
}

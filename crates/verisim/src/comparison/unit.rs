//! One unit of a comparison: a network from training to embeddings, or what stands for one; it does
//! not know why it is asked for.

use std::sync::Arc;
use std::time::Instant;

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use verisim_core::Embedding;
use verisim_learn::data::ChipSource;
use verisim_learn::device::DeviceKind;
use verisim_learn::train::validation::EmbedError;
use verisim_learn::train::{Observer, Recipe, TrainError, Trainer, embed_chips};

use super::ledger::Cost;
use super::part::Part;
use crate::memory::peak_mib;

/// What came of a unit: embeddings, or why a network has none. An error beside it is of the data or
/// the machine, and ends the comparison.
pub(crate) type Outcome = anyhow::Result<Result<Vec<Embedding>, String>>;

/// Trains a network on one part and embeds another.
pub(crate) fn trained(
    recipe: &Recipe,
    train: &Arc<Part>,
    measured: &Part,
    device: DeviceKind,
    observer: &mut dyn Observer,
) -> Outcome {
    let opened = device.open()?;
    let source: Arc<dyn ChipSource> = Arc::<Part>::clone(train);
    let attempt = || -> Result<Vec<Embedding>, TrainError> {
        let network = Trainer::new(recipe.clone(), source, &opened)?.run(None, observer)?.backbone;
        let device = opened.clone().autodiff();
        Ok(embed_chips(&network, measured, &measured.positions(), &device)?)
    };
    told_apart(attempt())
}

/// Embeds with a network as it is before training.
pub(crate) fn untrained(
    recipe: &Recipe,
    train: &Arc<Part>,
    measured: &Part,
    device: DeviceKind,
) -> Outcome {
    let opened = device.open()?;
    let source: Arc<dyn ChipSource> = Arc::<Part>::clone(train);
    let attempt = || -> Result<Vec<Embedding>, TrainError> {
        let trainer = Trainer::new(recipe.clone(), source, &opened)?;
        let device = opened.clone().autodiff();
        Ok(embed_chips(trainer.backbone(), measured, &measured.positions(), &device)?)
    };
    told_apart(attempt())
}

/// Takes pixels as they are, around the middle of their range, for components.
pub(crate) fn pixels(measured: &Part) -> Outcome {
    let mut chip = vec![0; measured.size().len()];
    let mut embeddings = Vec::new();
    for position in measured.positions() {
        measured.read(position, &mut chip)?;
        let values = chip.iter().map(|byte| f32::from(*byte) - 127.5).collect();
        match Embedding::new(values) {
            Ok(embedding) => embeddings.push(embedding),
            Err(error) => return Ok(Err(format!("chip {position} has no direction: {error}"))),
        }
    }
    Ok(Ok(embeddings))
}

/// Draws directions that have nothing to do with the chips.
pub(crate) fn random(measured: &Part, dim: usize, seed: u64) -> Result<Vec<Embedding>, String> {
    let mut rng = Pcg64Mcg::seed_from_u64(seed);
    let draw = |_| Embedding::new((0..dim).map(|_| normal(&mut rng)).collect());
    let drawn: Result<Vec<Embedding>, _> = measured.positions().into_iter().map(draw).collect();
    drawn.map_err(|error| error.to_string())
}

/// A normal deviate, nearly: the sum of twelve uniform ones. Its direction is what counts.
fn normal(rng: &mut Pcg64Mcg) -> f32 {
    (0..12).map(|_| (rng.next_u32() >> 8) as f32 / (1 << 24) as f32 - 0.5).sum()
}

/// A network that diverged is a result; a chip that cannot be read is none.
fn told_apart(attempt: Result<Vec<Embedding>, TrainError>) -> Outcome {
    match attempt {
        Ok(embeddings) => Ok(Ok(embeddings)),
        Err(
            error @ (TrainError::LossNotFinite { .. }
            | TrainError::Recipe(_)
            | TrainError::Backbone(_)
            | TrainError::Loss(_)
            | TrainError::Embed(EmbedError::Embedding { .. })),
        ) => Ok(Err(error.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// What a unit took that began at `start`.
pub(crate) fn cost_since(start: Instant) -> Cost {
    Cost { seconds: start.elapsed().as_secs_f64(), peak_mib: peak_mib().map(|it| it as u64) }
}

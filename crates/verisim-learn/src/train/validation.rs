//! How well a network tells identities apart that it was never trained on; it measures with `core`.

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Comparison, Retrieval, Verification};
use verisim_core::protocol::all_pairs;
use verisim_core::{Embedding, InvalidEmbedding};

use crate::backbone::{Backbone, Dropout};
use crate::data::batch::read_plain;
use crate::data::{ChipSource, UnreadableChip};

/// Chips that go through the network together.
const BATCH: usize = 32;
/// Non-mated comparisons of one validation: enough for a false match rate of 1e-3.
const MAX_NON_MATED: usize = 200_000;
/// Seed of their choice, the same after every epoch.
const SEED: u64 = 0;
/// The false match rate that the share of true matches is given at.
const FMR: f64 = 0.01;

/// Figures of one validation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationFigures {
    /// Identities, none of them trained on.
    pub n_identities: usize,
    /// Their images.
    pub n_images: usize,
    /// Area under the ROC curve over all pairs, in `[0, 1]`.
    pub auc: f64,
    /// Equal error rate, in `[0, 1]`.
    pub eer: f64,
    /// Share of mated pairs that match at a false match rate of 1 %, in `[0, 1]`.
    pub tar_at_fmr_1e2: f64,
    /// Share of images whose nearest other image shows the same identity, in `[0, 1]`.
    pub recall_at_1: f64,
    /// Mean cosine of mated pairs, in `[-1, 1]`.
    pub mean_mated: f64,
    /// Mean cosine of non-mated pairs, in `[-1, 1]`.
    pub mean_non_mated: f64,
}

/// Why a network could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// A chip could not be read.
    #[error(transparent)]
    Chip(#[from] UnreadableChip),
    /// The network gave no direction.
    #[error("chip {index} has no embedding: {reason}")]
    Embedding {
        /// Position in the source.
        index: usize,
        /// What is wrong with the network's output.
        reason: InvalidEmbedding,
    },
}

/// Embeds chips of a source, as they are, in the order given.
///
/// # Errors
///
/// Fails if a chip cannot be read, or if the network's output is not finite or zero.
pub fn embed_chips(
    backbone: &Backbone,
    source: &dyn ChipSource,
    chips: &[usize],
    device: &Device,
) -> Result<Vec<Embedding>, EmbedError> {
    let rows = rows(backbone, source, chips, device, Backbone::embed)?;
    let embedding = |(row, &index): (Vec<f32>, &usize)| {
        Embedding::new(row).map_err(|reason| EmbedError::Embedding { index, reason })
    };
    rows.into_iter().zip(chips).map(embedding).collect()
}

/// Features of chips of a source, of whatever length the network gives them, in the order given.
///
/// # Errors
///
/// Fails if a chip cannot be read.
pub fn feature_chips(
    backbone: &Backbone,
    source: &dyn ChipSource,
    chips: &[usize],
    device: &Device,
) -> Result<Vec<Vec<f32>>, UnreadableChip> {
    let forward = |backbone: &Backbone, images| backbone.forward(images, &mut Dropout::none());
    rows(backbone, source, chips, device, forward)
}

/// What a network makes of each chip, some at a time.
fn rows(
    backbone: &Backbone,
    source: &dyn ChipSource,
    chips: &[usize],
    device: &Device,
    output: impl Fn(&Backbone, Tensor<4>) -> Tensor<2>,
) -> Result<Vec<Vec<f32>>, UnreadableChip> {
    let backbone = backbone.valid();
    let device = device.clone().inner();
    let size = source.size();
    let mut rows = Vec::with_capacity(chips.len());
    for positions in chips.chunks(BATCH) {
        let batch = read_plain(source, positions)?;
        let shape = [positions.len(), size.channels, size.height, size.width];
        let images = Tensor::<4>::from_data(TensorData::new(batch.pixels, shape), &device);
        let found = output(&backbone, images);
        let dim = found.dims()[1];
        let values: Vec<f32> = found.into_data().iter::<f32>().collect();
        rows.extend(values.chunks_exact(dim).map(<[f32]>::to_vec));
    }
    Ok(rows)
}

/// The comparisons of embeddings that a validation is made of: all mated pairs, and all non-mated ones
/// unless they are too many.
pub(crate) fn compare_all(
    embeddings: &[Embedding],
    labels: &[u64],
    score: impl Fn(&Embedding, &Embedding) -> f32,
) -> Vec<Comparison> {
    let pairs = all_pairs(labels, MAX_NON_MATED, SEED);
    pairs
        .mated
        .iter()
        .chain(&pairs.non_mated)
        .map(|pair| Comparison {
            score: score(&embeddings[pair.reference], &embeddings[pair.probe]),
            reference: labels[pair.reference],
            probe: labels[pair.probe],
        })
        .collect()
}

/// Measures embeddings of known identities, or nothing if they allow no comparison of both kinds.
pub(crate) fn measure(
    embeddings: &[Embedding],
    labels: &[u64],
    comparisons: &[Comparison],
) -> Option<ValidationFigures> {
    let verification = Verification::new(comparisons).ok()?;
    let mut packed = PackedEmbeddings::new(embeddings.first()?.dim());
    for embedding in embeddings {
        packed.push(embedding);
    }
    let retrieval = Retrieval::leave_one_out(&packed, labels).figures()?;
    let mean = |is_mated: bool| {
        let scores = comparisons.iter().filter(|it| it.is_mated() == is_mated);
        let (sum, n) = scores.fold((0.0, 0), |(sum, n), it| (sum + f64::from(it.score), n + 1));
        sum / f64::from(n)
    };
    Some(ValidationFigures {
        n_identities: verification.n_identities(),
        n_images: embeddings.len(),
        auc: verification.auc(),
        eer: verification.eer().rate,
        tar_at_fmr_1e2: 1.0 - verification.at_fmr(FMR).fnmr,
        recall_at_1: retrieval.recall_at_1,
        mean_mated: mean(true),
        mean_non_mated: mean(false),
    })
}

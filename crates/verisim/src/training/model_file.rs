//! The model at the end of a run: an ONNX file with its card.

use std::path::Path;

use anyhow::Context;
use verisim_core::measure::Verification;
use verisim_core::threshold::{Support, Threshold};
use verisim_face::chip::{Channels, Preprocessing};
use verisim_face::model::{
    Card, Figure, HEAD_KEY, METADATA_KEY, ThresholdPoint, ThresholdTable, TrainingFacts,
    head_to_toml,
};
use verisim_learn::data::ChipSource;
use verisim_learn::export::to_onnx;
use verisim_learn::train::{Recipe, Trained, TrainedHead};

use super::run_info::RunInfo;
use crate::digest::sha256;
use crate::whole_file;

/// False match rates that a card gives thresholds for, where the comparisons support them.
const FMRS: [f64; 6] = [0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6];
/// The false match rate of the suggested threshold, or the lowest that is supported above it.
const SUGGESTED_FMR: f64 = 1e-3;
/// Middle of the range of a pixel: what training maps to 0, and to 1 at the ends.
const MIDDLE: f32 = 127.5;

/// What the card says about the training.
pub(crate) fn facts(
    recipe: &Recipe,
    info: &RunInfo,
    source: &dyn ChipSource,
    n_identities: usize,
    n_images: usize,
) -> anyhow::Result<TrainingFacts> {
    let text = recipe.to_toml().context("cannot write the recipe")?;
    Ok(TrainingFacts {
        recipe: recipe.name.clone(),
        recipe_sha256: sha256(text.as_bytes()),
        data: info.data.name(),
        data_sha256: source.digest(),
        n_identities,
        n_images,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })
}

/// Writes the model: afterwards it is there whole, or as it was before.
pub(crate) fn write(
    trained: &Trained,
    recipe: &Recipe,
    card: &Card,
    path: &Path,
) -> anyhow::Result<()> {
    let text = card.to_toml().context("cannot write the card")?;
    let mut metadata = vec![
        (METADATA_KEY.to_owned(), text),
        ("license".to_owned(), card.license.clone()),
        ("name".to_owned(), card.name.clone()),
    ];
    if let Some(TrainedHead { head, .. }) = &trained.head {
        let text = head_to_toml(head).context("cannot write the head")?;
        metadata.push((HEAD_KEY.to_owned(), text));
    }
    let bytes = to_onnx(&trained.backbone, recipe.input.size(), card.embedding_dim, &metadata);
    whole_file::write(path, &bytes)
}

/// The card of a network that was trained.
pub(crate) fn card(trained: &Trained, recipe: &Recipe, facts: TrainingFacts) -> Card {
    let channels = if recipe.input.channels == 1 { Channels::Gray } else { Channels::Rgb };
    let verification = Verification::new(&trained.comparisons).ok();
    let measured_on = format!("{}, validation identities, all pairs", facts.data);
    let figure = |name: &str, value| Figure {
        name: name.to_owned(),
        value,
        measured_on: measured_on.clone(),
    };
    let by_head = trained.head.iter().filter_map(|it| Verification::new(&it.comparisons).ok());
    let by_head = by_head.flat_map(|it| {
        [figure("AUC by the head", it.auc()), figure("EER by the head", it.eer().rate)]
    });
    let figures = trained.validation.iter().flat_map(|figures| {
        [
            figure("AUC", figures.auc),
            figure("EER", figures.eer),
            figure("TAR at FMR 1e-2", figures.tar_at_fmr_1e2),
            figure("recall@1", figures.recall_at_1),
        ]
    });
    let license = match &recipe.weights {
        Some(_) => {
            "the trainer's own; the terms of the data and of the weights it began with apply"
        }
        None => "the trainer's own; the data's terms apply",
    };
    Card {
        name: recipe.name.clone(),
        license: license.to_owned(),
        embedding_dim: recipe.backbone.embedding_dim(),
        sha256: None,
        source: None,
        input: Preprocessing {
            width: recipe.input.width,
            height: recipe.input.height,
            crop: recipe.input.crop,
            channels,
            mean: vec![MIDDLE; channels.count()],
            std: vec![MIDDLE; channels.count()],
        },
        figures: figures.chain(by_head).collect(),
        thresholds: verification.and_then(|it| thresholds(&it, &facts.data)),
        training: Some(facts),
    }
}

/// Thresholds for the false match rates that the comparisons support.
fn thresholds(verification: &Verification, data: &str) -> Option<ThresholdTable> {
    let points: Vec<ThresholdPoint> = FMRS
        .iter()
        .filter_map(|&fmr| Threshold::at_fmr(verification, fmr).ok())
        .filter(|threshold| threshold.support >= Support::Fair)
        .map(|threshold| ThresholdPoint {
            fmr: threshold.demanded_fmr,
            score: threshold.score.clamp(-1.0, 1.0),
            fnmr: threshold.fnmr,
        })
        .collect();
    let supported = points.iter().map(|point| point.fmr).filter(|fmr| *fmr >= SUGGESTED_FMR);
    Some(ThresholdTable {
        data: data.to_owned(),
        protocol: "validation identities, never trained on, all pairs".to_owned(),
        n_non_mated: verification.n_non_mated(),
        suggested_fmr: supported.min_by(f64::total_cmp)?,
        points,
    })
}

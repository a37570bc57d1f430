//! What a network of two components makes of its data: features in a plane, and how they measure; it
//! draws nothing.

use anyhow::{Context, bail};
use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Bootstrap, Estimate, Retrieval, Spread, SpreadFigures};
use verisim_learn::data::chips_of;
use verisim_learn::train::feature_chips;

use super::opened::OpenedRun;

/// The network of a run, seen in the plane.
pub(crate) struct Plane {
    /// Of the identities trained on.
    pub(crate) trained: Group,
    /// Of those kept for validation and test.
    pub(crate) unseen: Group,
}

/// Some of the identities.
pub(crate) struct Group {
    /// The features of each identity, as the network gives them.
    pub(crate) features: Vec<Vec<[f32; 2]>>,
    /// Measures of their directions.
    pub(crate) spread: SpreadFigures<Option<Estimate>>,
    /// Mean average precision, each image searching for the others of its identity.
    pub(crate) map_at_r: Option<Estimate>,
}

impl Plane {
    /// Looks at all images of a run's data.
    pub(crate) fn of(run: &OpenedRun) -> anyhow::Result<Self> {
        let dim = run.recipe.backbone.embedding_dim();
        if dim != 2 {
            bail!(
                "the embeddings of {} have {dim} components, but a plane has 2; train with \
                 backbone.embedding_dim = 2",
                run.recipe.name
            );
        }
        let split = run.trainer.split();
        let mut unseen = [split.validation.as_slice(), &split.test].concat();
        unseen.sort_unstable();
        Ok(Self { trained: Group::of(run, &split.train)?, unseen: Group::of(run, &unseen)? })
    }
}

impl Group {
    fn of(run: &OpenedRun, identities: &[u64]) -> anyhow::Result<Self> {
        let labels = run.source.labels();
        let chips = chips_of(identities, labels);
        let labels: Vec<u64> = chips.iter().map(|&chip| labels[chip]).collect();
        let device = run.info.devices()?.open_first()?;
        let backbone = run.trainer.backbone();
        let rows = feature_chips(backbone, run.source.as_ref(), &chips, &device)?;

        let mut packed = PackedEmbeddings::new(2);
        let mut features = vec![Vec::new(); identities.len()];
        for (row, label) in rows.into_iter().zip(&labels) {
            let [x, y] = row[..] else { bail!("a feature has {} components, not 2", row.len()) };
            let identity = identities.partition_point(|it| it < label);
            features[identity].push([x, y]);
            let embedding = Embedding::new(row);
            packed.push(&embedding.context("the network gives a feature no direction")?);
        }
        let bootstrap = Bootstrap::default();
        let retrieval = Retrieval::leave_one_out(&packed, &labels).estimates(&bootstrap);
        Ok(Self {
            features,
            spread: Spread::new(&packed, &labels).estimates(&bootstrap),
            map_at_r: retrieval.map(|it| it.map_at_r),
        })
    }
}

//! What embeddings of the test half are worth: every measure, with an interval over identities; it
//! does not know what made them.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Estimate, Retrieval};

use crate::evaluation::{Basis, Demand, Samples, evaluate};

/// Non-mated comparisons at most: enough for a false match rate of 1 % with room to spare.
const MAX_NON_MATED: usize = 1_000_000;
/// The false match rate that the true match rate is given at, or the lowest above it that the data
/// reach.
const FMR: f64 = 0.01;

/// A measure of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Measure {
    /// Mean average precision among the nearest R, by which losses are tuned and tested.
    MapAtR,
    /// R-precision.
    RPrecision,
    /// Precision at 1.
    #[serde(rename = "precision_at_1")]
    PrecisionAt1,
    /// Area under the ROC curve.
    Auc,
    /// Equal error rate.
    Eer,
    /// True match rate at a bounded false match rate.
    Tar,
    /// Rank-1 identification, closed set.
    #[serde(rename = "rank_1")]
    Rank1,
}

impl Measure {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Self; 7] = [
        Self::MapAtR,
        Self::RPrecision,
        Self::PrecisionAt1,
        Self::Auc,
        Self::Eer,
        Self::Tar,
        Self::Rank1,
    ];

    /// What files call it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::MapAtR => "map_at_r",
            Self::RPrecision => "r_precision",
            Self::PrecisionAt1 => "precision_at_1",
            Self::Auc => "auc",
            Self::Eer => "eer",
            Self::Tar => "tar",
            Self::Rank1 => "rank_1",
        }
    }
}

/// A figure with its 95 % interval over identities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) lower: f64,
    pub(crate) upper: f64,
}

/// MAP@R of one identity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OfIdentity {
    /// Its images that have something to find.
    pub(crate) n_images: usize,
    /// The mean over these.
    pub(crate) map_at_r: f64,
}

/// Everything that is kept of one set of embeddings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// What the data allow to be measured.
    pub(crate) figures: BTreeMap<Measure, Figure>,
    /// The false match rate that the true match rate is at.
    pub(crate) fmr: Option<f64>,
    /// MAP@R of each identity, in the order of the test half.
    pub(crate) by_identity: Vec<OfIdentity>,
}

impl From<Estimate> for Figure {
    fn from(Estimate { value, lower, upper }: Estimate) -> Self {
        Self { value, lower, upper }
    }
}

/// MAP@R alone, which tuning goes by.
pub(crate) fn map_at_r(embeddings: &[Embedding], labels: &[u64]) -> anyhow::Result<f64> {
    let figures = Retrieval::leave_one_out(&packed(embeddings)?, labels).figures();
    Ok(figures.context("no identity has two images to find each other")?.map_at_r)
}

/// Measures embeddings of identities with these names.
pub(crate) fn measure(
    embeddings: Vec<Embedding>,
    labels: &[u64],
    names: &[String],
    n_replicates: usize,
) -> anyhow::Result<Measured> {
    let retrieval = Retrieval::leave_one_out(&packed(&embeddings)?, labels);
    let by_identity = retrieval
        .by_identity()
        .into_iter()
        .map(|it| OfIdentity { n_images: it.n_probes, map_at_r: it.figures.map_at_r });
    let by_identity = by_identity.collect();
    let samples = Samples::of_embeddings(names.to_vec(), labels.to_vec(), embeddings);
    let demand =
        Demand { pairs: None, max_non_mated: MAX_NON_MATED, seed: 0, n_replicates, learned: None };
    let evaluation = evaluate(samples, &demand, Basis::default())?;
    let mut figures = BTreeMap::new();
    let mut add = |measure, estimate: Estimate| figures.insert(measure, Figure::from(estimate));
    if let Some(retrieval) = evaluation.retrieval {
        add(Measure::MapAtR, retrieval.map_at_r);
        add(Measure::RPrecision, retrieval.r_precision);
        add(Measure::PrecisionAt1, retrieval.recall_at_1);
    }
    add(Measure::Auc, evaluation.figures.auc);
    add(Measure::Eer, evaluation.figures.eer);
    let reached = evaluation.figures.at_fmr.iter().filter(|it| it.demanded_fmr >= FMR);
    let lowest = reached.min_by(|a, b| a.demanded_fmr.total_cmp(&b.demanded_fmr));
    if let Some(it) = lowest {
        add(Measure::Tar, it.tar);
    }
    let ranks = evaluation.closed_set.iter().flat_map(|search| &search.ranks);
    if let Some((_, share)) = ranks.into_iter().find(|(rank, _)| *rank == 1) {
        add(Measure::Rank1, *share);
    }
    Ok(Measured { figures, fmr: lowest.map(|it| it.demanded_fmr), by_identity })
}

fn packed(embeddings: &[Embedding]) -> anyhow::Result<PackedEmbeddings> {
    let first = embeddings.first().context("there is nothing to measure")?;
    let mut packed = PackedEmbeddings::new(first.dim());
    for embedding in embeddings {
        packed.push(embedding);
    }
    Ok(packed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn embeddings_that_tell_identities_apart_are_perfect() {
        let labels: Vec<u64> = (0..12).map(|index| index / 3).collect();
        let names: Vec<String> = (0..4).map(|label| format!("n{label}")).collect();
        let corner = |label: &u64| {
            Embedding::new((0..4).map(|it| if it == *label { 1.0 } else { 0.0 }).collect()).unwrap()
        };
        let embeddings: Vec<Embedding> = labels.iter().map(corner).collect();
        assert_eq!(map_at_r(&embeddings, &labels).unwrap(), 1.0);
        let measured = measure(embeddings, &labels, &names, 20).unwrap();
        let values: Vec<f64> = Measure::ALL.map(|it| measured.figures[&it].value).into();
        assert_eq!(values, [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 1.0]);
        // Of 54 non-mated comparisons none is the one in a hundred.
        assert_eq!(measured.fmr, Some(0.1));
        assert_eq!(measured.by_identity, [OfIdentity { n_images: 3, map_at_r: 1.0 }; 4]);
    }

    #[test]
    fn files_call_measures_as_serde_does() {
        for measure in Measure::ALL {
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.key());
        }
    }
}

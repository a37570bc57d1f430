//! Measuring embeddings of known identities: one place for every command that evaluates.

mod discard;
mod hardest;
mod kmeans;
mod learned;
mod page;
mod row;
mod samples;
mod show;

use anyhow::{Context, bail};
use serde::Serialize;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{
    Bootstrap, Comparison, Estimate, FoldAccuracy, FoldedAccuracy, FoldedComparison,
    Identification, LabeledGallery, Retrieval, RetrievalFigures, Spread, SpreadFigures,
    Verification, VerificationFigures, fitted_accuracy, folded_accuracy,
};
use verisim_core::protocol::{Enrollment, Pair, all_pairs};
use verisim_face::Picture;

use crate::dataset::FaceSet;

use self::discard::Discard;
use self::kmeans::Clustering;
pub(crate) use self::learned::Learned;
use self::learned::LearnedFigures;
pub(crate) use self::page::{Operating, add_verification};
pub(crate) use self::row::Row;
pub(crate) use self::samples::{Failure, Samples, n_different};

/// False match rates that the true match rate is given at, where the comparisons reach them.
const FMRS: [f64; 5] = [0.1, 0.01, 1e-3, 1e-4, 1e-5];
/// False positive identification rates, likewise.
const FPIRS: [f64; 2] = [0.1, 0.01];
/// Ranks that are reported.
const RANKS: [usize; 2] = [1, 5];
/// Share of identities that are strangers in the open-set experiment.
const STRANGER_SHARE: f64 = 0.3;
/// Score of a comparison with a picture that has no embedding: it never matches.
const NO_SCORE: f32 = -1.0;

/// What is asked of an evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Demand {
    /// Pairs to compare; all pairs if there are none.
    pub(crate) pairs: Option<Vec<Pair>>,
    /// Non-mated comparisons at most, where all pairs are compared.
    pub(crate) max_non_mated: usize,
    /// Seed of every choice, and of the bootstrap.
    pub(crate) seed: u64,
    /// Replicates of the bootstrap.
    pub(crate) n_replicates: usize,
    /// What scores the pairs beside the cosine.
    pub(crate) learned: Option<Learned>,
}

/// What an evaluation rests on.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Basis {
    /// What made the embeddings.
    pub(crate) model: String,
    /// Digest of the model file, if there is one.
    pub(crate) model_sha256: Option<String>,
    /// What the data are called.
    pub(crate) data: String,
    /// How samples were compared.
    pub(crate) protocol: String,
    /// Whether embeddings of mirror images were added.
    pub(crate) mirrored: bool,
}

/// One comparison of two samples, by their positions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ScoredPair {
    pub(crate) samples: [usize; 2],
    pub(crate) score: f32,
    pub(crate) is_mated: bool,
}

/// Everything that was measured.
pub(crate) struct Evaluation {
    pub(crate) basis: Basis,
    pub(crate) n_images: usize,
    pub(crate) n_identities: usize,
    /// Names of the identities, by label; empty if the labels are all that is known.
    pub(crate) names: Vec<String>,
    /// The pictures, if there are any.
    pub(crate) set: Option<FaceSet>,
    /// The label of each sample.
    pub(crate) labels: Vec<u64>,
    pub(crate) failures: Vec<Failure>,
    pub(crate) pairs: Vec<ScoredPair>,
    pub(crate) verification: Verification,
    pub(crate) figures: VerificationFigures,
    pub(crate) folds: Option<FoldedAccuracy>,
    /// The accuracy of pairs without folds, at the threshold that fits them best.
    pub(crate) fitted: Option<FoldAccuracy>,
    /// The same pairs by what was learned over embeddings.
    pub(crate) learned: Option<LearnedFigures>,
    /// False non-matches by the quality of photographs.
    pub(crate) discard: Option<Discard>,
    /// Everybody with two images is enrolled with the first.
    pub(crate) closed_set: Option<SearchFigures>,
    /// Some identities are strangers.
    pub(crate) open_set: Option<SearchFigures>,
    pub(crate) retrieval: Option<RetrievalFigures<Estimate>>,
    pub(crate) spread: Option<SpreadFigures<Option<Estimate>>>,
    pub(crate) clustering: Option<Clustering>,
}

/// Figures of identification.
pub(crate) struct SearchFigures {
    pub(crate) n_enrolled: usize,
    pub(crate) identification: Identification,
    /// Shares found at [`RANKS`].
    pub(crate) ranks: Vec<(usize, Estimate)>,
    /// False negative identification rates at bounded false positive ones.
    pub(crate) at_fpir: Vec<(f64, f32, Estimate)>,
}

impl Evaluation {
    /// The picture of a sample, if there is one that can be read.
    pub(crate) fn picture(&self, sample: usize) -> Option<Picture> {
        self.set.as_ref()?.picture(sample).ok()
    }
}

/// Measures samples as demanded.
pub(crate) fn evaluate(
    samples: Samples,
    demand: &Demand,
    basis: Basis,
) -> anyhow::Result<Evaluation> {
    let bootstrap = Bootstrap { n_replicates: demand.n_replicates, seed: demand.seed };
    let (pairs, folds) = match &demand.pairs {
        Some(pairs) => listed(&samples, pairs)?,
        None => (every(&samples, demand), Vec::new()),
    };
    let comparisons: Vec<Comparison> = pairs
        .iter()
        .map(|pair| Comparison {
            score: pair.score,
            reference: samples.labels[pair.samples[0]],
            probe: samples.labels[pair.samples[1]],
        })
        .collect();
    let verification = Verification::new(&comparisons)
        .context("verification needs two images of an identity, and two identities")?;
    let reached = |fmr: &&f64| **fmr * verification.n_non_mated() as f64 >= 1.0;
    let fmrs: Vec<f64> = FMRS.iter().filter(reached).copied().collect();
    let figures = verification.figures(&bootstrap, &fmrs);
    let whole = samples.whole();
    // Identification searches a gallery; a list of pairs has none.
    let searches = demand.pairs.is_none();
    let search = |stranger_share| {
        searches.then(|| whole.as_ref()?.search(stranger_share, &bootstrap)).flatten()
    };
    let discard =
        page::operating(&figures).and_then(|it| Discard::of(&samples, &pairs, it, &bootstrap));
    let folded = folded_accuracy(&folds).ok();
    let by_learned = |it| LearnedFigures::of(it, &samples, &pairs, &folds, &bootstrap);
    Ok(Evaluation {
        learned: demand.learned.as_ref().and_then(by_learned),
        n_images: samples.labels.len(),
        n_identities: samples.n_identities(),
        fitted: fitted_accuracy(&folds).filter(|_| demand.pairs.is_some() && folded.is_none()),
        folds: folded,
        discard,
        closed_set: search(0.0),
        open_set: search(STRANGER_SHARE),
        retrieval: whole.as_ref().filter(|_| searches).and_then(|it| {
            Retrieval::leave_one_out(&it.embeddings, &it.labels).estimates(&bootstrap)
        }),
        spread: whole
            .as_ref()
            .filter(|_| searches)
            .map(|it| Spread::new(&it.embeddings, &it.labels).estimates(&bootstrap)),
        clustering: whole.as_ref().filter(|_| searches).map(|it| Clustering::of(it, &bootstrap)),
        failures: samples.failures,
        names: samples.names,
        set: samples.set,
        labels: samples.labels,
        basis,
        pairs,
        verification,
        figures,
    })
}

/// The pairs of a list, and the folds that they belong to.
fn listed(
    samples: &Samples,
    pairs: &[Pair],
) -> anyhow::Result<(Vec<ScoredPair>, Vec<FoldedComparison>)> {
    let mut scored = Vec::with_capacity(pairs.len());
    let mut folds = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let mut found = [0; 2];
        for (found, name) in found.iter_mut().zip([&pair.reference, &pair.probe]) {
            let Some(position) = samples.find(name) else {
                bail!("the pairs name {name}, but the data hold no such picture");
            };
            *found = position;
        }
        let (score, is_mated) = (samples.score(found), pair.is_mated());
        scored.push(ScoredPair { samples: found, score, is_mated });
        folds.push(FoldedComparison { score, mated: is_mated, fold: pair.fold });
    }
    // Folds that were left out leave no gap.
    let mut numbers: Vec<usize> = folds.iter().map(|it| it.fold).collect();
    numbers.sort_unstable();
    numbers.dedup();
    for comparison in &mut folds {
        comparison.fold = numbers.partition_point(|fold| *fold < comparison.fold);
    }
    Ok((scored, folds))
}

/// All mated pairs, and all non-mated ones unless they are too many.
fn every(samples: &Samples, demand: &Demand) -> Vec<ScoredPair> {
    let pairs = all_pairs(&samples.labels, demand.max_non_mated, demand.seed);
    let scored = |is_mated| {
        move |pair: &verisim_core::protocol::IndexPair| {
            let found = [pair.reference, pair.probe];
            ScoredPair { samples: found, score: samples.score(found), is_mated }
        }
    };
    let mated = pairs.mated.iter().map(scored(true));
    mated.chain(pairs.non_mated.iter().map(scored(false))).collect()
}

/// Samples that all have an embedding, packed for searching.
pub(crate) struct Whole {
    pub(crate) embeddings: PackedEmbeddings,
    pub(crate) labels: Vec<u64>,
}

impl Whole {
    /// Enrolls the first image of each identity, less the strangers, and searches for the others.
    fn search(&self, stranger_share: f64, bootstrap: &Bootstrap) -> Option<SearchFigures> {
        let enrollment =
            Enrollment { stranger_share, seed: bootstrap.seed, ..Enrollment::default() };
        let split = enrollment.split(&self.labels).ok()?;
        let pick = |positions: &[usize]| {
            let mut packed = PackedEmbeddings::new(self.embeddings.dim());
            for &position in positions {
                packed.push_row(self.embeddings.row(position));
            }
            let labels: Vec<u64> = positions.iter().map(|&it| self.labels[it]).collect();
            (packed, labels)
        };
        let (gallery, gallery_labels) = pick(&split.gallery);
        let is_open = stranger_share > 0.0;
        let probes = if is_open {
            [split.mated_probes, split.non_mated_probes].concat()
        } else {
            split.mated_probes
        };
        let (probes, labels) = pick(&probes);
        if gallery.is_empty() || probes.is_empty() {
            return None;
        }
        let gallery = LabeledGallery::new(&gallery, &gallery_labels);
        let identification = Identification::new(&gallery.search_all(&probes, &labels)).ok()?;
        let ranks = identification.ranks(bootstrap, &RANKS)?;
        let n_strangers = identification.n_non_mated() as f64;
        let fpirs: Vec<f64> = FPIRS.into_iter().filter(|fpir| fpir * n_strangers >= 1.0).collect();
        let at_fpir = identification.figures(bootstrap, &fpirs).unwrap_or_default();
        Some(SearchFigures {
            n_enrolled: gallery.n_identities(),
            ranks: RANKS.into_iter().zip(ranks).collect(),
            at_fpir: at_fpir
                .into_iter()
                .map(|it| (it.demanded_fpir, it.threshold, it.fnir))
                .collect(),
            identification,
        })
    }
}

impl Samples {
    /// Score of two samples; a sample without an embedding matches nothing.
    fn score(&self, [a, b]: [usize; 2]) -> f32 {
        match (&self.embeddings[a], &self.embeddings[b]) {
            (Some(a), Some(b)) => a.similarity(b),
            _ => NO_SCORE,
        }
    }

    /// The samples that have an embedding.
    fn whole(&self) -> Option<Whole> {
        let dim = self.embeddings.iter().flatten().next()?.dim();
        let mut whole = Whole { embeddings: PackedEmbeddings::new(dim), labels: Vec::new() };
        for (embedding, label) in self.embeddings.iter().zip(&self.labels) {
            if let Some(embedding) = embedding {
                whole.embeddings.push(embedding);
                whole.labels.push(*label);
            }
        }
        Some(whole)
    }
}

//! Measures of retrieval: every probe ranks all references; it does not know what a gallery is.
//!
//! Let `R` be the number of references that are *relevant* to the probe, those of its identity for
//! instance, and let `rel_k` be 1 if the `k`-th nearest reference is relevant, else 0. With
//! `P@k = (rel_1 + ... + rel_k) / k`, the figures of one probe are
//!
//! ```text
//! recall@k        max(rel_1, ..., rel_k)              of the literature on metric learning
//! precision@k     P@k
//! plain recall@k  (rel_1 + ... + rel_k) / R           of information retrieval
//! R-precision     P@R
//! MAP@R           1/R sum_{k=1..R} P@k rel_k
//! MAP             1/R sum_{k>=1}   P@k rel_k
//! MRR             1 / min{k : rel_k = 1}
//! ```
//!
//! and the figures of a set are their means over all probes with `R > 0`. All references are
//! ranked, however many there are, so that none of these depends on where a search was cut off.
//!
//! Musgrave, Belongie, Lim, *A Metric Learning Reality Check*, ECCV 2020,
//! <https://arxiv.org/abs/2003.08505>. The figures are those of pytorch-metric-learning's
//! `AccuracyCalculator`, which calls recall@1 `precision_at_1`. Recall@k is that of Jégou, Douze,
//! Schmid, *Product Quantization for Nearest Neighbor Search*, 2011, and of Oh Song et al., *Deep
//! Metric Learning via Lifted Structured Feature Embedding*, CVPR 2016,
//! <https://arxiv.org/abs/1511.06452>.

use std::array;

use super::interval::{Bootstrap, Estimate};
use super::ranks::Ranking;
use super::relevance::{Relation, Relevance, SameLabel};
use crate::identities::Identities;
use crate::knn::PackedEmbeddings;

/// How well probes find what is relevant to them.
///
/// Takes time in the product of the numbers of probes and references, on all cores, and memory
/// linear in them.
#[derive(Clone, Debug)]
pub struct Retrieval {
    probes: Vec<Probe>,
    identities: Identities,
    ks: Vec<usize>,
    n_without_relevant: usize,
}

/// What one probe found.
#[derive(Clone, Debug)]
struct Probe {
    identity: usize,
    figures: [f64; 5],   // in the order of `RetrievalFigures`
    at_k: Vec<[f64; 3]>, // in the order of `RetrievalAtK`
}

/// The measures of retrieval: of one probe or a set (`f64`), or with intervals ([`Estimate`]).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RetrievalFigures<T> {
    /// Whether the nearest reference is relevant.
    pub recall_at_1: T,
    /// Share of relevant references among the nearest `R`.
    pub r_precision: T,
    /// Mean average precision among the nearest `R`.
    pub map_at_r: T,
    /// Mean average precision.
    pub map: T,
    /// Mean reciprocal rank of the first relevant reference.
    pub mrr: T,
}

/// What the probes of one identity found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IdentityRetrieval {
    /// The identity.
    pub label: u64,
    /// Number of its probes that have something to find, 1 or more.
    pub n_probes: usize,
    /// Means over these.
    pub figures: RetrievalFigures<f64>,
}

/// The measures of retrieval among the `k` nearest references.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetrievalAtK<T> {
    /// Number of references looked at, above 0.
    pub k: usize,
    /// Share of probes with at least one relevant reference among them.
    pub recall: T,
    /// Share of relevant references among them. Its divisor is `k` even if there are fewer
    /// references, and it cannot reach 1 where `R < k`.
    pub precision: T,
    /// Share of the relevant references that is among them.
    pub plain_recall: T,
}

impl Retrieval {
    /// Numbers of references that [`leave_one_out`](Self::leave_one_out) looks at: those of Oh Song
    /// et al. for sets with many samples an identity.
    pub const KS: [usize; 4] = [1, 2, 4, 8];

    /// Lets every sample search for all others; `labels` are the labels of the rows.
    ///
    /// The probe is left out by its position, so that a copy of it is found like any other sample.
    /// Of equal scores the earlier row is nearer.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row.
    pub fn leave_one_out(samples: &PackedEmbeddings, labels: &[u64]) -> Self {
        let same = SameLabel { probes: labels, references: labels };
        Self::leave_one_out_by(samples, labels, &same, &Self::KS)
    }

    /// As [`leave_one_out`](Self::leave_one_out), with relevance by any rule and at other numbers
    /// of references.
    ///
    /// `identities` are the labels of the rows that intervals resample, whatever is relevant.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row, or if one of `ks` is 0.
    pub fn leave_one_out_by(
        samples: &PackedEmbeddings,
        identities: &[u64],
        relevance: &(impl Relevance + Sync + ?Sized),
        ks: &[usize],
    ) -> Self {
        let others = |probe: usize, reference: usize| {
            if probe == reference {
                Relation::Ignored
            } else {
                relevance.relation(probe, reference)
            }
        };
        Self::between([samples, samples], identities, &others, ks)
    }

    /// Lets every probe search for all references, none of which is a probe.
    ///
    /// `identities` are the labels of the probes that intervals resample, whatever is relevant.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each probe, if probes and references are not of the
    /// same dimension, or if one of `ks` is 0.
    pub fn between(
        [probes, references]: [&PackedEmbeddings; 2],
        identities: &[u64],
        relevance: &(impl Relevance + Sync + ?Sized),
        ks: &[usize],
    ) -> Self {
        assert_eq!(identities.len(), probes.len(), "each probe has one label");
        assert_eq!(probes.dim(), references.dim(), "the probes come from a different model");
        let score = |probe, reference| probes.similarity_to(probe, references, reference);
        Self::by_score(references.len(), identities, relevance, ks, score)
    }

    /// As [`between`](Self::between), with any score of a probe and a reference; higher is nearer.
    ///
    /// There are as many probes as `identities`. A probe that is among the references must be
    /// [`Ignored`](Relation::Ignored) there by `relevance`.
    ///
    /// # Panics
    ///
    /// Panics if one of `ks` is 0.
    pub fn by_score(
        n_references: usize,
        identities: &[u64],
        relevance: &(impl Relevance + Sync + ?Sized),
        ks: &[usize],
        score: impl Fn(usize, usize) -> f32 + Sync,
    ) -> Self {
        assert!(ks.iter().all(|&k| k > 0), "nothing is found among no references");
        let n_probes = identities.len();
        let numbers = Identities::new(identities.iter().copied());
        let ranking = Ranking { n_probes, n_references, relevance, score };
        let judged = ranking.map(|probe, ranks| {
            let identity = numbers.number(identities[probe]);
            Probe::of_ranks(identity, ranks, ks)
        });
        let probes: Vec<Probe> = judged.into_iter().flatten().collect();
        let n_without_relevant = n_probes - probes.len();
        Self { probes, identities: numbers, ks: ks.to_vec(), n_without_relevant }
    }

    /// Number of probes that the figures are means over.
    pub fn n_probes(&self) -> usize {
        self.probes.len()
    }

    /// Number of probes left out of the means, as nothing is relevant to them.
    pub fn n_without_relevant(&self) -> usize {
        self.n_without_relevant
    }

    /// The figures of the set; `None` if no probe has anything to find.
    pub fn figures(&self) -> Option<RetrievalFigures<f64>> {
        self.mean(&self.once(), |probe| probe.figures).map(RetrievalFigures::from_array)
    }

    /// The figures of each identity that has probes with something to find, by ascending label.
    ///
    /// Weighted by the numbers of probes, their mean is that of the set.
    pub fn by_identity(&self) -> Vec<IdentityRetrieval> {
        let mut sums = vec![(0, [0.0; 5]); self.identities.len()];
        for probe in &self.probes {
            let (n_probes, sum) = &mut sums[probe.identity];
            *n_probes += 1;
            sum.iter_mut().zip(probe.figures).for_each(|(sum, figure)| *sum += figure);
        }
        let labeled = self.identities.labels().iter().zip(sums);
        let found = labeled.filter(|(_, (n_probes, _))| *n_probes > 0);
        let mean = |(&label, (n_probes, sum)): (&u64, (usize, [f64; 5]))| IdentityRetrieval {
            label,
            n_probes,
            figures: RetrievalFigures::from_array(sum.map(|sum| sum / n_probes as f64)),
        };
        found.map(mean).collect()
    }

    /// The figures of the set at each number of references that was asked for, in that order;
    /// `None` if no probe has anything to find.
    pub fn at_k(&self) -> Option<Vec<RetrievalAtK<f64>>> {
        let weights = self.once();
        self.each_k(|idx| self.mean(&weights, |probe| probe.at_k[idx]))
    }

    /// The figures of the set with their intervals; `None` if no probe has anything to find.
    ///
    /// The identities of the probes are resampled; what they search stays as it is.
    pub fn estimates(&self, bootstrap: &Bootstrap) -> Option<RetrievalFigures<Estimate>> {
        let figures = |weights: &[u32]| self.mean(weights, |probe| probe.figures);
        let estimates = bootstrap.estimates_in(self.identities.len(), [0.0, 1.0], figures)?;
        Some(RetrievalFigures::from_array(estimates))
    }

    /// As [`at_k`](Self::at_k), with intervals as in [`estimates`](Self::estimates).
    pub fn estimates_at_k(&self, bootstrap: &Bootstrap) -> Option<Vec<RetrievalAtK<Estimate>>> {
        self.each_k(|idx| {
            let figures = |weights: &[u32]| self.mean(weights, |probe| probe.at_k[idx]);
            bootstrap.estimates_in(self.identities.len(), [0.0, 1.0], figures)
        })
    }

    /// How much each figure is above that of `before`, with intervals; `None` if the probes of the
    /// two are not of the same identities, or if either has no figures.
    ///
    /// A replicate draws the same identities in both. What every model finds easy or hard cancels
    /// out, so the interval is narrower than those of the two figures would suggest.
    pub fn change_from(
        &self,
        before: &Self,
        bootstrap: &Bootstrap,
    ) -> Option<RetrievalFigures<Estimate>> {
        if self.identities != before.identities {
            return None;
        }
        let change = |weights: &[u32]| {
            let [after, before] = [self, before].map(|it| it.mean(weights, |probe| probe.figures));
            let (after, before) = after.zip(before)?;
            Some(array::from_fn(|idx| after[idx] - before[idx]))
        };
        let changes = bootstrap.estimates_in(self.identities.len(), [-1.0, 1.0], change)?;
        Some(RetrievalFigures::from_array(changes))
    }

    /// Weights with which every identity counts once.
    fn once(&self) -> Vec<u32> {
        vec![1; self.identities.len()]
    }

    fn each_k<T>(&self, figures: impl Fn(usize) -> Option<[T; 3]>) -> Option<Vec<RetrievalAtK<T>>> {
        let at_k = |(idx, &k)| {
            let [recall, precision, plain_recall] = figures(idx)?;
            Some(RetrievalAtK { k, recall, precision, plain_recall })
        };
        self.ks.iter().enumerate().map(at_k).collect()
    }

    fn mean<const N: usize>(
        &self,
        weights: &[u32],
        figures: impl Fn(&Probe) -> [f64; N],
    ) -> Option<[f64; N]> {
        let mut sums = [0.0; N];
        let mut all = 0.0;
        for probe in &self.probes {
            let weight = f64::from(weights[probe.identity]);
            all += weight;
            for (sum, figure) in sums.iter_mut().zip(figures(probe)) {
                *sum += weight * figure;
            }
        }
        (all > 0.0).then(|| sums.map(|sum| sum / all))
    }
}

impl Probe {
    /// What a probe found whose relevant references have these ranks, ascending and from 1.
    fn of_ranks(identity: usize, ranks: &[usize], ks: &[usize]) -> Option<Self> {
        let first = *ranks.first()?;
        let n_relevant = ranks.len();
        let share = |sum: f64| sum / n_relevant as f64;
        // At the rank of the k-th relevant reference, k of `rank` references are relevant.
        let precisions = || (1..).zip(ranks).map(|(k, &rank)| (rank, f64::from(k) / rank as f64));
        let near = precisions().filter(|&(rank, _)| rank <= n_relevant);
        let found = |k: usize| if first <= k { 1.0 } else { 0.0 };
        let figures = [
            found(1),
            share(near.clone().count() as f64),
            share(near.map(|(_, precision)| precision).sum()),
            share(precisions().map(|(_, precision)| precision).sum()),
            1.0 / first as f64,
        ];
        let at_k = ks.iter().map(|&k| {
            let n_found = ranks.partition_point(|&rank| rank <= k) as f64;
            [found(k), n_found / k as f64, share(n_found)]
        });
        Some(Self { identity, figures, at_k: at_k.collect() })
    }
}

impl<T> RetrievalFigures<T> {
    fn from_array([recall_at_1, r_precision, map_at_r, map, mrr]: [T; 5]) -> Self {
        Self { recall_at_1, r_precision, map_at_r, map, mrr }
    }
}

#[cfg(test)]
mod tests;

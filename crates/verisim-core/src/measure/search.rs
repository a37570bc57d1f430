//! What one search of a gallery comes to: where the right identity ranks, and who scores best; it
//! does not know thresholds.

use std::fmt;

use crate::identities::Identities;
use crate::knn::{PackedEmbeddings, kernel};
use crate::{Embedding, parallel};

/// What the search for one probe came to.
///
/// The score of an identity is that of its best template.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SearchOutcome {
    /// The probe's identity is enrolled.
    Mated {
        /// Rank of the right identity, from 1. Identities of the same score rank before it.
        rank: usize,
        /// Score of the right identity.
        score: f32,
        /// Best score of anyone, the right identity included.
        best_score: f32,
    },
    /// The probe's identity is not enrolled.
    NonMated {
        /// Best score of anyone; minus infinity if nobody is enrolled.
        best_score: f32,
    },
}

/// Enrolled embeddings together with the identities they show, for many searches.
pub struct LabeledGallery<'a> {
    embeddings: &'a PackedEmbeddings,
    identities: Identities,
    identity_of_row: Vec<usize>,
}

impl<'a> LabeledGallery<'a> {
    /// Joins the enrolled embeddings with `labels`, the label of each row.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each row.
    pub fn new(embeddings: &'a PackedEmbeddings, labels: &[u64]) -> Self {
        assert_eq!(labels.len(), embeddings.len(), "each row of the gallery has one label");
        let identities = Identities::new(labels.iter().copied());
        let identity_of_row = labels.iter().map(|&label| identities.number(label)).collect();
        Self { embeddings, identities, identity_of_row }
    }

    /// Number of identities enrolled.
    pub fn n_identities(&self) -> usize {
        self.identities.len()
    }

    /// Searches for a probe of the identity `label`.
    ///
    /// # Panics
    ///
    /// Panics if the probe is not of the gallery's dimension.
    pub fn search(&self, probe: &Embedding, label: u64) -> SearchOutcome {
        assert_eq!(probe.dim(), self.embeddings.dim(), "the probe comes from a different model");
        self.outcome(probe.as_slice(), label)
    }

    /// Searches for many probes on all cores; the outcomes come in the order of the probes, each
    /// with the probe's label, as [`Identification`](super::Identification) takes them.
    ///
    /// # Panics
    ///
    /// Panics if there is not one label for each probe, or if the probes are not of the gallery's
    /// dimension.
    pub fn search_all(
        &self,
        probes: &PackedEmbeddings,
        labels: &[u64],
    ) -> Vec<(u64, SearchOutcome)> {
        assert_eq!(labels.len(), probes.len(), "each probe has one label");
        assert_eq!(probes.dim(), self.embeddings.dim(), "the probes come from a different model");
        parallel::map(probes.len(), |idx| (labels[idx], self.outcome(probes.row(idx), labels[idx])))
    }

    fn outcome(&self, probe: &[f32], label: u64) -> SearchOutcome {
        let mut scores = vec![f32::NEG_INFINITY; self.n_identities()];
        for (row, &identity) in self.identity_of_row.iter().enumerate() {
            let score = kernel::similarity(self.embeddings.row(row), probe);
            scores[identity] = scores[identity].max(score);
        }
        let best_score = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        match self.identities.find(label) {
            Some(right) => {
                let score = scores[right];
                // It is itself among those counted, hence ranks are from 1.
                let rank = scores.iter().filter(|&&other| other >= score).count();
                SearchOutcome::Mated { rank, score, best_score }
            }
            None => SearchOutcome::NonMated { best_score },
        }
    }
}

impl fmt::Debug for LabeledGallery<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n_rows, n_identities) = (self.embeddings.len(), self.n_identities());
        write!(f, "LabeledGallery({n_rows} templates of {n_identities} identities)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: u64 = (1 << 63) + 1;

    /// Embeddings whose cosine to (1, 0) is the given score.
    fn with_scores(scores: &[f32]) -> PackedEmbeddings {
        let mut rows = PackedEmbeddings::new(2);
        for &score in scores {
            rows.push(&with_score(score));
        }
        rows
    }

    fn with_score(score: f32) -> Embedding {
        Embedding::new(vec![score, (1.0 - score * score).sqrt()]).unwrap()
    }

    #[track_caller]
    fn check(gallery: &[(f32, u64)], label: u64, expected: SearchOutcome) {
        let (scores, labels): (Vec<f32>, Vec<u64>) = gallery.iter().copied().unzip();
        let embeddings = with_scores(&scores);
        let gallery = LabeledGallery::new(&embeddings, &labels);
        let found = gallery.search(&with_score(1.0), label);
        assert_eq!(found, expected);
        assert_eq!(gallery.search_all(&with_scores(&[1.0]), &[label]), [(label, found)]);
    }

    #[test]
    fn an_identity_ranks_by_its_best_template() {
        let gallery = [(0.0, 1), (0.6, 2), (1.0, FAR), (0.6, FAR), (-1.0, 2)];
        let mated = |rank, score| SearchOutcome::Mated { rank, score, best_score: 1.0 };
        check(&gallery, FAR, mated(1, 1.0));
        check(&gallery, 2, mated(2, 0.6));
        check(&gallery, 1, mated(3, 0.0));
    }

    #[test]
    fn identities_of_the_same_score_rank_before_the_right_one() {
        let gallery = [(0.6, 1), (0.6, 2), (0.6, 3), (0.0, 4)];
        check(&gallery, 1, SearchOutcome::Mated { rank: 3, score: 0.6, best_score: 0.6 });
    }

    #[test]
    fn a_label_that_a_float_would_merge_is_not_enrolled() {
        check(&[(0.6, FAR), (0.0, 1)], FAR - 1, SearchOutcome::NonMated { best_score: 0.6 });
    }

    #[test]
    fn nobody_scores_in_an_empty_gallery() {
        check(&[], 1, SearchOutcome::NonMated { best_score: f32::NEG_INFINITY });
    }
}

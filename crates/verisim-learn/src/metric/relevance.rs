//! Which samples of a batch belong together, as a table; the rules are those that retrieval is measured by.

use rayon::prelude::*;
pub use verisim_core::measure::{Hierarchy, Relation, Relevance, SameLabel, SharedLabel};

use crate::ops::kernel::simd::vectorized;

/// The relation of every sample of a batch to every reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relations {
    relations: Vec<Relation>,
    n_anchors: usize,
    n_references: usize,
}

impl Relations {
    /// Asks a rule for every pair.
    pub fn new(
        [n_anchors, n_references]: [usize; 2],
        relevance: &(impl Relevance + ?Sized),
    ) -> Self {
        let relations = (0..n_anchors)
            .flat_map(|anchor| {
                (0..n_references).map(move |reference| relevance.relation(anchor, reference))
            })
            .collect();
        Self { relations, n_anchors, n_references }
    }

    /// A batch with itself, by label; no sample is related to itself.
    pub fn within(labels: &[u64]) -> Self {
        let n = labels.len();
        let mut relations = vec![Relation::NonMated; n * n];
        relations.par_chunks_mut(n.max(1)).enumerate().for_each(|(anchor, row)| {
            let own = labels[anchor];
            vectorized(
                #[inline(always)]
                || {
                    for (relation, &label) in row.iter_mut().zip(labels) {
                        *relation = if label == own { Relation::Mated } else { Relation::NonMated };
                    }
                },
            );
            row[anchor] = Relation::Ignored;
        });
        Self { relations, n_anchors: n, n_references: n }
    }

    /// Number of samples.
    pub fn n_anchors(&self) -> usize {
        self.n_anchors
    }

    /// Number of references.
    pub fn n_references(&self) -> usize {
        self.n_references
    }

    /// Relation of one sample to one reference.
    pub fn at(&self, anchor: usize, reference: usize) -> Relation {
        self.of(anchor)[reference]
    }

    /// Relations of one sample to all references.
    pub fn of(&self, anchor: usize) -> &[Relation] {
        &self.relations[anchor * self.n_references..(anchor + 1) * self.n_references]
    }

    /// The references of one sample that are mated, in order.
    pub fn mated(&self, anchor: usize) -> impl Iterator<Item = usize> {
        self.which(anchor, Relation::Mated)
    }

    /// The references of one sample that are non-mated, in order.
    pub fn non_mated(&self, anchor: usize) -> impl Iterator<Item = usize> {
        self.which(anchor, Relation::NonMated)
    }

    fn which(&self, anchor: usize, wanted: Relation) -> impl Iterator<Item = usize> {
        let relations = self.of(anchor).iter().enumerate();
        relations.filter(move |(_, relation)| **relation == wanted).map(|(index, _)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_not_related_to_itself() {
        let relations = Relations::within(&[7, 8, 7]);
        assert_eq!(relations.of(0), [Relation::Ignored, Relation::NonMated, Relation::Mated]);
        assert_eq!(relations.mated(2).collect::<Vec<_>>(), [0]);
        assert_eq!(relations.non_mated(2).collect::<Vec<_>>(), [1]);
        assert_eq!((relations.n_anchors(), relations.n_references()), (3, 3));
    }
}

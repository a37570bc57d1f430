//! Which samples belong together: by identity, by shared labels, in a hierarchy, or by a rule of one's own.

use rayon::prelude::*;

/// What two samples are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// They belong together.
    Mated,
    /// They do not.
    NonMated,
    /// Neither: a sample and itself, or a pair that nobody judged.
    Ignored,
}

/// Says what a sample of a batch is to a reference.
///
/// Implemented by [`SameLabel`], [`SharedLabel`], [`Hierarchy`], and by every function of two positions.
pub trait Relevance {
    /// Relation of the sample at position `anchor` to the reference at position `reference`.
    fn relation(&self, anchor: usize, reference: usize) -> Relation;
}

impl<F: Fn(usize, usize) -> Relation> Relevance for F {
    fn relation(&self, anchor: usize, reference: usize) -> Relation {
        self(anchor, reference)
    }
}

/// Mated is who has the same label.
#[derive(Clone, Copy, Debug)]
pub struct SameLabel<'a> {
    /// Label of each sample.
    pub anchors: &'a [u64],
    /// Label of each reference.
    pub references: &'a [u64],
}

impl Relevance for SameLabel<'_> {
    fn relation(&self, anchor: usize, reference: usize) -> Relation {
        mated_if(self.anchors[anchor] == self.references[reference])
    }
}

/// Mated is who shares a label with the sample, where a sample may have several.
#[derive(Clone, Copy, Debug)]
pub struct SharedLabel<'a> {
    /// Labels of each sample, in any order.
    pub anchors: &'a [Vec<u64>],
    /// Labels of each reference.
    pub references: &'a [Vec<u64>],
}

impl Relevance for SharedLabel<'_> {
    fn relation(&self, anchor: usize, reference: usize) -> Relation {
        let references = &self.references[reference];
        mated_if(self.anchors[anchor].iter().any(|label| references.contains(label)))
    }
}

/// Mated is who has the same path in a hierarchy, down to a level: same family at 0, same person at 1.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchy<'a> {
    /// Labels of each sample from the root down.
    pub anchors: &'a [Vec<u64>],
    /// Labels of each reference from the root down.
    pub references: &'a [Vec<u64>],
    /// Level down to which the labels must agree, from 0.
    pub level: usize,
}

impl Relevance for Hierarchy<'_> {
    fn relation(&self, anchor: usize, reference: usize) -> Relation {
        let paths = [&self.anchors[anchor], &self.references[reference]];
        // A path that ends above the level says nothing about it.
        match paths.map(|path| path.get(..=self.level)) {
            [Some(anchor), Some(reference)] => mated_if(anchor == reference),
            _ => Relation::Ignored,
        }
    }
}

fn mated_if(is_mated: bool) -> Relation {
    if is_mated { Relation::Mated } else { Relation::NonMated }
}

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
            for (relation, label) in row.iter_mut().zip(labels) {
                if *label == labels[anchor] {
                    *relation = Relation::Mated;
                }
            }
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

    #[test]
    fn one_shared_label_of_several_is_enough() {
        let anchors = [vec![1, 5], vec![2], vec![]];
        let shared = SharedLabel { anchors: &anchors, references: &anchors };
        let relations = Relations::new([3, 3], &shared);
        assert_eq!(relations.at(0, 0), Relation::Mated);
        assert_eq!(relations.at(0, 1), Relation::NonMated);
        let other = SharedLabel { anchors: &anchors, references: &[vec![5, 2]] };
        assert_eq!(Relations::new([3, 1], &other).mated(1).count(), 1);
        assert_eq!(other.relation(2, 0), Relation::NonMated);
    }

    #[test]
    fn a_hierarchy_is_compared_down_to_its_level() {
        let paths = [vec![1, 1], vec![1, 2], vec![2, 1], vec![1]];
        let at = |level| Hierarchy { anchors: &paths, references: &paths, level };
        assert_eq!(at(0).relation(0, 1), Relation::Mated);
        assert_eq!(at(1).relation(0, 1), Relation::NonMated);
        assert_eq!(at(0).relation(0, 2), Relation::NonMated);
        assert_eq!(at(1).relation(0, 3), Relation::Ignored);
    }
}

//! Which references a probe should find: those of its identity, with a shared label, of its branch
//! of a hierarchy, or by a rule of one's own; it does not know scores.

/// What a reference is to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is relevant: the probe should find it.
    Mated,
    /// It is not: whatever of these ranks before a mated one is an error.
    NonMated,
    /// Neither: it is taken out of the ranking, as the probe itself is, or a pair nobody judged.
    Ignored,
}

/// Says what a reference is to a probe.
///
/// Implemented by [`SameLabel`], [`SharedLabel`], [`Hierarchy`], and by every function of two
/// positions. It is asked for the same pair more than once, and must answer the same.
pub trait Relevance {
    /// Relation of the reference at position `reference` to the probe at position `probe`.
    fn relation(&self, probe: usize, reference: usize) -> Relation;
}

impl<F: Fn(usize, usize) -> Relation> Relevance for F {
    fn relation(&self, probe: usize, reference: usize) -> Relation {
        self(probe, reference)
    }
}

/// Mated is who has the same label.
#[derive(Clone, Copy, Debug)]
pub struct SameLabel<'a> {
    /// Label of each probe.
    pub probes: &'a [u64],
    /// Label of each reference.
    pub references: &'a [u64],
}

impl Relevance for SameLabel<'_> {
    fn relation(&self, probe: usize, reference: usize) -> Relation {
        mated_if(self.probes[probe] == self.references[reference])
    }
}

/// Mated is who shares a label with the probe, where a sample may have several.
#[derive(Clone, Copy, Debug)]
pub struct SharedLabel<'a> {
    /// Labels of each probe, in any order.
    pub probes: &'a [Vec<u64>],
    /// Labels of each reference.
    pub references: &'a [Vec<u64>],
}

impl Relevance for SharedLabel<'_> {
    fn relation(&self, probe: usize, reference: usize) -> Relation {
        let references = &self.references[reference];
        mated_if(self.probes[probe].iter().any(|label| references.contains(label)))
    }
}

/// Mated is who has the same path in a hierarchy, down to a level: same family at 0, same person at
/// 1, say.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchy<'a> {
    /// Labels of each probe from the root down.
    pub probes: &'a [Vec<u64>],
    /// Labels of each reference from the root down.
    pub references: &'a [Vec<u64>],
    /// Level down to which the labels must agree, from 0.
    pub level: usize,
}

impl Relevance for Hierarchy<'_> {
    fn relation(&self, probe: usize, reference: usize) -> Relation {
        let paths = [&self.probes[probe], &self.references[reference]];
        // A path that ends above the level says nothing about it.
        match paths.map(|path| path.get(..=self.level)) {
            [Some(probe), Some(reference)] => mated_if(probe == reference),
            _ => Relation::Ignored,
        }
    }
}

fn mated_if(is_mated: bool) -> Relation {
    if is_mated { Relation::Mated } else { Relation::NonMated }
}

#[cfg(test)]
mod tests {
    use super::Relation::{Ignored, Mated, NonMated};
    use super::*;

    #[test]
    fn labels_that_a_float_would_merge_are_not_the_same() {
        let same = SameLabel { probes: &[1 << 63], references: &[1 << 63, (1 << 63) + 1] };
        assert_eq!([0, 1].map(|reference| same.relation(0, reference)), [Mated, NonMated]);
    }

    #[test]
    fn one_shared_label_of_several_is_enough() {
        let (probes, references) = ([vec![1, 5], vec![]], [vec![5, 2], vec![2]]);
        let shared = SharedLabel { probes: &probes, references: &references };
        assert_eq!([0, 1].map(|reference| shared.relation(0, reference)), [Mated, NonMated]);
        assert_eq!(shared.relation(1, 0), NonMated);
    }

    #[test]
    fn a_hierarchy_is_compared_down_to_its_level() {
        let paths = [vec![1, 1], vec![1, 2], vec![2, 1], vec![1]];
        let found = |level| {
            let rule = Hierarchy { probes: &paths, references: &paths, level };
            [1, 2, 3].map(|reference| rule.relation(0, reference))
        };
        assert_eq!(found(0), [Mated, NonMated, Mated]);
        // The third path ends before the level.
        assert_eq!(found(1), [NonMated, NonMated, Ignored]);
    }
}

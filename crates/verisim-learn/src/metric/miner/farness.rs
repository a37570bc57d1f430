//! How far references lie from their anchors, larger being farther whatever the distance; it chooses
//! nothing.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;
use rayon::prelude::*;

use crate::metric::matrix::Matrix;
use crate::metric::relevance::Relations;
use crate::metric::scene::Scene;
use crate::metric::tuples::{Pairs, Triplet};
use crate::random::derive_seed;

/// A reference and how far it is.
pub(super) type Other = (usize, f64);

/// How far every reference lies from every anchor.
#[derive(Clone, Copy)]
pub(super) struct Farness<'a> {
    values: &'a Matrix,
    relations: &'a Relations,
    sign: f64,
}

impl<'a> Farness<'a> {
    pub(super) fn new(scene: &'a Scene<'_>) -> Self {
        let (values, relations) = (scene.values(), scene.batch.relations);
        Self { values, relations, sign: scene.distance.sign() }
    }

    pub(super) fn n_anchors(&self) -> usize {
        self.relations.n_anchors()
    }

    /// How far one reference is.
    pub(super) fn at(&self, anchor: usize, reference: usize) -> f64 {
        // The sum makes 0 of -0, so that both tie.
        self.sign * self.values[(anchor, reference)] + 0.0
    }

    /// The mated references of an anchor, by position.
    pub(super) fn mated(self, anchor: usize) -> impl Iterator<Item = Other> {
        self.relations.mated(anchor).map(move |other| (other, self.at(anchor, other)))
    }

    /// The non-mated references of an anchor, by position.
    pub(super) fn non_mated(self, anchor: usize) -> impl Iterator<Item = Other> {
        self.relations.non_mated(anchor).map(move |other| (other, self.at(anchor, other)))
    }
}

/// The nearest; of several, the first.
pub(super) fn nearest(others: impl Iterator<Item = Other>) -> Option<Other> {
    others.min_by(|one, other| one.1.total_cmp(&other.1))
}

/// The farthest; of several, the first.
pub(super) fn farthest(others: impl Iterator<Item = Other>) -> Option<Other> {
    // `max_by` would take the last.
    others.min_by(|one, other| other.1.total_cmp(&one.1))
}

/// By how far they are, nearest first; ties by position.
pub(super) fn sorted(others: impl Iterator<Item = Other>) -> Vec<Other> {
    let mut others: Vec<Other> = others.collect();
    others.sort_by(|one, other| one.1.total_cmp(&other.1));
    others
}

/// The triplets of all anchors, in order.
pub(super) fn triplets_by_anchor(
    n_anchors: usize,
    triplets_of: impl Fn(usize) -> Vec<Triplet> + Send + Sync,
) -> Vec<Triplet> {
    (0..n_anchors).into_par_iter().map(triplets_of).collect::<Vec<_>>().concat()
}

/// The triplets of all anchors, in order, of which there may be millions: `visit` is called twice an
/// anchor, to count and to list, since a list that grows would need twice its size for a while.
pub(super) fn counted_triplets(
    n_anchors: usize,
    visit: impl Fn(usize, &mut dyn FnMut(Triplet)) + Send + Sync,
) -> Vec<Triplet> {
    let count_of = |anchor| {
        let mut count = 0;
        visit(anchor, &mut |_| count += 1);
        count
    };
    let counts: Vec<usize> = (0..n_anchors).into_par_iter().map(count_of).collect();
    let mut triplets = vec![[0; 3]; counts.iter().sum()];
    let mut parts = Vec::with_capacity(n_anchors);
    let mut rest = triplets.as_mut_slice();
    for &count in &counts {
        let (part, after) = rest.split_at_mut(count);
        parts.push(part);
        rest = after;
    }
    parts.into_par_iter().enumerate().for_each(|(anchor, part)| {
        let mut places = part.iter_mut();
        visit(anchor, &mut |triplet| {
            if let Some(place) = places.next() {
                *place = triplet;
            }
        });
    });
    triplets
}

/// The pairs of all anchors, in order, given the mated and the non-mated references of one.
pub(super) fn pairs_by_anchor(
    n_anchors: usize,
    references_of: impl Fn(usize) -> [Vec<usize>; 2] + Send + Sync,
) -> Pairs {
    let references: Vec<[Vec<usize>; 2]> =
        (0..n_anchors).into_par_iter().map(references_of).collect();
    let mut pairs = Pairs::default();
    for (anchor, [mated, non_mated]) in references.into_iter().enumerate() {
        pairs.mated.extend(mated.into_iter().map(|other| [anchor, other]));
        pairs.non_mated.extend(non_mated.into_iter().map(|other| [anchor, other]));
    }
    pairs
}

/// A generator for one anchor, whose draws do not depend on those of others.
pub(super) fn generator(scene_seed: u64, anchor: usize) -> Pcg64Mcg {
    Pcg64Mcg::seed_from_u64(derive_seed(scene_seed, anchor as u64))
}

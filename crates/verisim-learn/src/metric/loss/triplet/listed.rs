//! The triplet loss over listed triplets: those that a miner chose, or that were drawn.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

use super::{TripletLoss, nearer};
use crate::metric::matrix::Matrix;
use crate::metric::scene::{Scene, Slope};
use crate::metric::tuples::Triplet;
use crate::random::{below, derive_seed};

/// The loss over a list.
pub(super) fn over_list(loss: &TripletLoss, scene: &Scene<'_>, triplets: &[Triplet]) -> Slope {
    let (values, sign) = (scene.values(), scene.distance.sign());
    let swapped = loss.swapped(scene);
    let at = |&[anchor, mated, other]: &Triplet| {
        let far = sign * values[(anchor, other)];
        let between = nearer(swapped, sign, mated, other, far);
        let excess = sign * values[(anchor, mated)] - between.unwrap_or(far);
        (loss.loss(excess), between.is_some())
    };
    let losses: Vec<f64> = triplets.iter().map(|triplet| at(triplet).0.0).collect();
    let anchors: Vec<usize> = triplets.iter().map(|&[anchor, ..]| anchor).collect();
    let reduced = scene.reduce(&losses, &anchors);
    let mut to_values = Matrix::zeros(values.shape());
    let mut to_references = swapped
        .filter(|_| !loss.looks_up_among_embeddings(scene))
        .map(|it| Matrix::zeros(it.shape()));
    for (triplet, weight) in triplets.iter().zip(&reduced.weights) {
        let [anchor, mated, other] = *triplet;
        let ((_, slope), is_swapped) = at(triplet);
        let pull = sign * weight * slope;
        to_values[(anchor, mated)] += pull;
        if is_swapped {
            to_references.as_mut().unwrap_or(&mut to_values)[(mated, other)] -= pull;
        } else {
            to_values[(anchor, other)] -= pull;
        }
    }
    Slope {
        value: reduced.value,
        values: Some(to_values),
        between_references: to_references,
        n_active: Some(reduced.n_active),
        ..Slope::default()
    }
}

/// Triplets at random: so many of each anchor that has references of both kinds, less those that
/// mining does not allow.
pub(super) fn draw(loss: &TripletLoss, scene: &Scene<'_>, n_per_anchor: usize) -> Vec<Triplet> {
    let (relations, sign) = (scene.batch.relations, scene.distance.sign());
    let mut triplets = Vec::new();
    for anchor in 0..relations.n_anchors() {
        let mated: Vec<usize> = relations.mated(anchor).collect();
        let others: Vec<usize> = relations.non_mated(anchor).collect();
        if mated.is_empty() || others.is_empty() {
            continue;
        }
        let mut rng = Pcg64Mcg::seed_from_u64(derive_seed(scene.seed, anchor as u64));
        let far = |reference: usize| sign * scene.values()[(anchor, reference)];
        for _ in 0..n_per_anchor {
            let mated = mated[below(&mut rng, mated.len())];
            let other = others[below(&mut rng, others.len())];
            if loss.mining.allows(far(other) - far(mated), loss.mining_margin()) {
                triplets.push([anchor, mated, other]);
            }
        }
    }
    triplets
}

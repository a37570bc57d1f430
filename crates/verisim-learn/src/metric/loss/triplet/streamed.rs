//! The triplet loss over all triplets that mining allows, anchor by anchor, without a list of them.

use rayon::prelude::*;

use super::hinge::Others;
use super::mining::Mining;
use super::ranked::{Ranked, Rule};
use super::reduction::{Tally, Window, weigh};
use super::{TripletLoss, nearer};
use crate::metric::matrix::Matrix;
use crate::metric::relevance::{Relation, Relations};
use crate::metric::scene::{Scene, Slope};

/// Mated references up to which it takes longer to rank the others than to look at each triplet.
const FEW: usize = 6;

/// What all threads look at.
#[derive(Clone, Copy)]
struct View<'a> {
    loss: &'a TripletLoss,
    values: &'a Matrix,
    swapped: Option<&'a Matrix>,
    relations: &'a Relations,
    sign: f64,
    rule: Rule,
}

/// The loss over all triplets.
pub(super) fn over_all(loss: &TripletLoss, scene: &Scene<'_>) -> Slope {
    let view = View {
        loss,
        values: scene.values(),
        swapped: loss.swapped(scene),
        relations: scene.batch.relations,
        sign: scene.distance.sign(),
        rule: Rule {
            margin: loss.margin,
            mining: loss.mining,
            mining_margin: loss.mining_margin(),
            window: Window::of(scene.reducer),
        },
    };
    let mut to_values = Matrix::zeros(view.values.shape());
    // Rows hold slopes before reduction: what a loss weighs is known when all are.
    let rows = to_values.par_rows_mut().enumerate();
    let mut tallies: Vec<Tally> = rows
        .map_init(<(Ranked, Others)>::default, |(ranked, others), (anchor, to)| {
            let is_hinge = !loss.smooth && !loss.swap;
            if is_hinge && view.relations.mated(anchor).nth(FEW).is_some() {
                view.at_once(ranked, anchor, to)
            } else if is_hinge && loss.mining != Mining::Facenet {
                view.side_by_side(others, anchor, to)
            } else {
                view.one_by_one(anchor, to)
            }
        })
        .collect();
    // Without references there are no rows.
    tallies.resize(scene.batch.embeddings.n_rows(), Tally::default());
    let weighed = weigh(scene, &tallies);
    to_values.par_rows_mut().zip(&weighed.weights).for_each(|(row, weight)| {
        // Most are 0, and stay as they are.
        for value in row.iter_mut().filter(|value| **value != 0.0) {
            *value *= view.sign * weight;
        }
    });
    let mut to_references = None;
    if let Some(table) = view.swapped {
        if loss.looks_up_among_embeddings(scene) {
            view.add_swapped(&weighed.weights, &mut to_values);
        } else {
            let mut to = Matrix::zeros(table.shape());
            view.add_swapped(&weighed.weights, &mut to);
            to_references = Some(to);
        }
    }
    Slope {
        value: weighed.value,
        values: Some(to_values),
        between_references: to_references,
        n_active: Some(weighed.n_active),
        ..Slope::default()
    }
}

impl<'a> View<'a> {
    fn far(&self, anchor: usize, reference: usize) -> f64 {
        self.sign * self.values[(anchor, reference)]
    }

    /// The references of an anchor that are not mated with it, each with its distance.
    fn others(&self, anchor: usize) -> impl Iterator<Item = (usize, f64)> + use<'a> {
        let (row, sign) = (self.values.row(anchor), self.sign);
        self.relations.non_mated(anchor).map(move |other| (other, sign * row[other]))
    }

    /// The hinge of all triplets of an anchor.
    fn at_once(&self, ranked: &mut Ranked, anchor: usize, to: &mut [f64]) -> Tally {
        let mut tally = Tally::default();
        let distances = self.relations.mated(anchor).map(|mated| self.far(anchor, mated));
        let Some(farthest) = distances.reduce(f64::max) else { return tally };
        ranked.rank(self.others(anchor), |other| self.rule.is_far(farthest, other));
        for mated in self.relations.mated(anchor) {
            to[mated] += ranked.pull(self.far(anchor, mated), &self.rule, &mut tally) as f64;
        }
        for (other, count) in ranked.pulls() {
            to[other] -= count as f64;
        }
        tally
    }

    /// The hinge of the triplets of an anchor that has few mated references.
    fn side_by_side(&self, others: &mut Others, anchor: usize, to: &mut [f64]) -> Tally {
        let mut tally = Tally::default();
        others.take(self.others(anchor));
        for mated in self.relations.mated(anchor) {
            to[mated] += others.pull(self.far(anchor, mated), &self.rule, &mut tally);
        }
        for (other, count) in others.pulls() {
            to[other] -= count;
        }
        tally
    }

    /// The losses of an anchor, each by itself.
    fn one_by_one(&self, anchor: usize, to: &mut [f64]) -> Tally {
        let mut tally = Tally::default();
        for mated in self.relations.mated(anchor) {
            self.each(anchor, mated, |other, between, value, slope| {
                tally.add(value, self.rule.window);
                if self.rule.window.holds(value) {
                    to[mated] += slope;
                    if between.is_none() {
                        to[other] -= slope;
                    }
                }
            });
        }
        tally
    }

    /// Adds the slopes of `d(p, n)` to row `p`, where it took the place of `d(a, n)`.
    fn add_swapped(&self, weights: &[f64], to: &mut Matrix) {
        // The other way around than above, since several anchors share a row.
        to.par_rows_mut().enumerate().for_each(|(mated, to)| {
            for (anchor, weight) in weights.iter().enumerate() {
                // There may be more rows of embeddings than references.
                if self.relations.of(anchor).get(mated) != Some(&Relation::Mated) {
                    continue;
                }
                self.each(anchor, mated, |other, between, value, slope| {
                    if between.is_some() && self.rule.window.holds(value) {
                        to[other] -= self.sign * weight * slope;
                    }
                });
            }
        });
    }

    /// Hands out the triplets of a pair: the non-mated reference, `d(p, n)` if it took the place of
    /// `d(a, n)`, the loss, and its slope.
    fn each(
        &self,
        anchor: usize,
        mated: usize,
        mut take: impl FnMut(usize, Option<f64>, f64, f64),
    ) {
        let Rule { mining, mining_margin, .. } = self.rule;
        let near = self.far(anchor, mated);
        mining.each(near, self.others(anchor), mining_margin, |other, far| {
            let between = nearer(self.swapped, self.sign, mated, other, far);
            let (value, slope) = self.loss.loss(near - between.unwrap_or(far));
            take(other, between, value, slope);
        });
    }
}

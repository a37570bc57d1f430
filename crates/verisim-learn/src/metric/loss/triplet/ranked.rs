//! The hinge over all triplets of an anchor at once: its non-mated references in order of distance, sums
//! of their distances, and counts of who pulls at whom.

use std::ops::Range;

use super::mining::Mining;
use super::reduction::{Tally, Window};

/// Triplets of a pair up to which their losses are summed one by one, which keeps every digit.
const SHORT: usize = 16;

/// Non-mated references of an anchor by distance, nearest first; equally near ones by position.
#[derive(Debug, Default)]
pub(super) struct Ranked {
    order: Vec<(f64, u32)>,
    far: Vec<(f64, u32)>,
    distances: Vec<f64>,
    /// Sum of all distances before each.
    sums: Vec<f64>,
    /// How many more pairs pull at each than at the one before.
    steps: Vec<i64>,
}

/// Which triplets count, and what the hinge makes of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    pub(super) margin: f64,
    pub(super) mining: Mining,
    pub(super) mining_margin: f64,
    pub(super) window: Window,
}

impl Rule {
    fn loss(&self, mated: f64, other: f64) -> f64 {
        ((mated - other) + self.margin).max(0.0)
    }

    /// Whether a reference is so far that it pulls at no mated one up to this distance, nor is mined
    /// for being near.
    pub(super) fn is_far(&self, mated: f64, other: f64) -> bool {
        other - mated > self.mining_margin.max(0.0) && self.loss(mated, other) == 0.0
    }
}

impl Ranked {
    /// Ranks the references of another anchor, in the memory of the last.
    ///
    /// Those that are far from every mated one come last and in no order: no mated reference tells
    /// them apart.
    pub(super) fn rank(
        &mut self,
        others: impl Iterator<Item = (usize, f64)>,
        is_far: impl Fn(f64) -> bool,
    ) {
        self.order.clear();
        self.far.clear();
        for (position, distance) in others {
            let part = if is_far(distance) { &mut self.far } else { &mut self.order };
            part.push((distance, position as u32));
        }
        self.order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.order.append(&mut self.far);
        self.distances.clear();
        self.sums.clear();
        self.steps.clear();
        let mut sum = 0.0;
        for &(distance, _) in &self.order {
            self.distances.push(distance);
            self.sums.push(sum);
            sum += distance;
        }
        self.sums.push(sum);
        self.steps.resize(self.sums.len(), 0);
    }

    /// Adds all triplets of one mated reference, and says how many pull at it.
    pub(super) fn pull(&mut self, mated: f64, rule: &Rule, tally: &mut Tally) -> usize {
        let others = &self.distances;
        let chosen = rule.mining.range(mated, others, rule.mining_margin);
        // Ends of ranges are found by the loss itself, so that rounding decides as in a list.
        let loss = |other: f64| rule.loss(mated, other);
        let n_active = others.partition_point(|&other| loss(other) > 0.0);
        let n_above = others.partition_point(|&other| loss(other) > rule.window.low);
        let n_beyond = others.partition_point(|&other| loss(other) >= rule.window.high);
        let counted = both(&chosen, &(n_beyond..n_above));
        let pulling = both(&counted, &(0..n_active));
        tally.n_all += chosen.len();
        tally.n_active += both(&chosen, &(0..n_active)).len();
        tally.n_counted += counted.len();
        tally.sum += if pulling.len() <= SHORT {
            others[pulling.clone()].iter().map(|&other| loss(other)).sum()
        } else {
            let sum = self.sums[pulling.end] - self.sums[pulling.start];
            pulling.len() as f64 * (mated + rule.margin) - sum
        };
        self.steps[pulling.start] += 1;
        self.steps[pulling.end] -= 1;
        pulling.len()
    }

    /// How many triplets pull at each reference, by position.
    pub(super) fn pulls(&self) -> impl Iterator<Item = (usize, i64)> {
        let counts = self.steps.iter().scan(0, |count, step| {
            *count += step;
            Some(*count)
        });
        self.order.iter().map(|&(_, position)| position as usize).zip(counts)
    }
}

fn both(one: &Range<usize>, other: &Range<usize>) -> Range<usize> {
    let start = one.start.max(other.start);
    start..one.end.min(other.end).max(start)
}

//! The hinge of one mated pair against all non-mated references of its anchor, several at a time.

use super::mining::Mining;
use super::ranked::Rule;
use super::reduction::Tally;
use crate::ops::kernel::simd::vectorized;

/// Triplets that are looked at together.
const WIDTH: usize = 8;

/// The non-mated references of an anchor, side by side in memory.
#[derive(Debug, Default)]
pub(super) struct Others {
    positions: Vec<usize>,
    distances: Vec<f64>,
    /// How often each is pulled at.
    pulls: Vec<f64>,
}

/// Sums over triplets, a lane each.
#[derive(Clone, Copy, Default)]
struct Lanes {
    sum: [f64; WIDTH],
    counted: [f64; WIDTH],
    active: [f64; WIDTH],
    all: [f64; WIDTH],
    pulling: [f64; WIDTH],
}

impl Others {
    /// Takes the references of another anchor, in the memory of the last.
    pub(super) fn take(&mut self, others: impl Iterator<Item = (usize, f64)>) {
        self.positions.clear();
        self.distances.clear();
        for (position, distance) in others {
            self.positions.push(position);
            self.distances.push(distance);
        }
        self.pulls.clear();
        self.pulls.resize(self.distances.len(), 0.0);
    }

    /// Goes through the triplets of a mated reference, and returns how many pull at it.
    pub(super) fn pull(&mut self, mated: f64, rule: &Rule, tally: &mut Tally) -> f64 {
        let bounds = bounds(rule.mining, rule.mining_margin);
        let mut lanes = Lanes::default();
        vectorized(
            #[inline(always)]
            || {
                let (distances, rest) = self.distances.as_chunks::<WIDTH>();
                let (pulls, pulls_rest) = self.pulls.as_chunks_mut::<WIDTH>();
                for (distances, pulls) in distances.iter().zip(pulls) {
                    for lane in 0..WIDTH {
                        lanes.look(lane, mated, distances[lane], rule, bounds, &mut pulls[lane]);
                    }
                }
                for (lane, (distance, pull)) in rest.iter().zip(pulls_rest).enumerate() {
                    lanes.look(lane, mated, *distance, rule, bounds, pull);
                }
            },
        );
        let total = |lanes: [f64; WIDTH]| lanes.iter().sum::<f64>();
        tally.sum += total(lanes.sum);
        tally.n_counted += total(lanes.counted) as usize;
        tally.n_active += total(lanes.active) as usize;
        tally.n_all += total(lanes.all) as usize;
        total(lanes.pulling)
    }

    /// Each reference, and how often it was pulled at.
    pub(super) fn pulls(&self) -> impl Iterator<Item = (usize, f64)> {
        self.positions.iter().copied().zip(self.pulls.iter().copied())
    }
}

impl Lanes {
    #[expect(clippy::inline_always, reason = "what is vectorized reaches only what is inlined")]
    #[inline(always)]
    fn look(
        &mut self,
        lane: usize,
        mated: f64,
        other: f64,
        rule: &Rule,
        [above, up_to]: [f64; 2],
        pull: &mut f64,
    ) {
        let gap = other - mated;
        let one_if = |holds: bool| if holds { 1.0 } else { 0.0 };
        let allowed = one_if(gap > above) * one_if(gap <= up_to);
        let loss = ((mated - other) + rule.margin).max(0.0);
        let active = allowed * one_if(loss > 0.0);
        let counted = allowed * one_if(loss > rule.window.low) * one_if(loss < rule.window.high);
        self.all[lane] += allowed;
        self.active[lane] += active;
        self.counted[lane] += counted;
        self.sum[lane] += if counted > 0.0 { loss } else { 0.0 };
        self.pulling[lane] += active * counted;
        *pull += active * counted;
    }
}

/// The gaps that mining allows: above the first, up to the second.
fn bounds(mining: Mining, margin: f64) -> [f64; 2] {
    match mining {
        Mining::All => [f64::NEG_INFINITY, f64::INFINITY],
        Mining::Violating => [f64::NEG_INFINITY, margin],
        Mining::Hard => [f64::NEG_INFINITY, 0.0],
        Mining::Easy => [margin, f64::INFINITY],
        Mining::SemiHard | Mining::Facenet => [0.0, margin],
    }
}

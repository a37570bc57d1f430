//! What a reduction makes of losses that are never listed, from what those of each anchor come to.

use crate::metric::reducer::{Elements, Reducer};
use crate::metric::scene::Scene;

/// The losses that a reduction counts: those between two bounds, both excluded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    pub(super) low: f64,
    pub(super) high: f64,
}

/// What the losses of one anchor come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    /// Sum of those within the window.
    pub(super) sum: f64,
    /// Losses within the window.
    pub(super) n_counted: usize,
    /// Losses above 0.
    pub(super) n_active: usize,
    /// All losses.
    pub(super) n_all: usize,
}

/// One number, and how it changes with each counted loss of each anchor.
#[derive(Debug)]
pub(super) struct Weighed {
    pub(super) value: f64,
    pub(super) weights: Vec<f64>,
    pub(super) n_active: usize,
}

impl Window {
    /// The window of a reduction.
    pub(super) fn of(reducer: &Reducer) -> Self {
        let (low, high) = match reducer {
            Reducer::NonZeroMean => (Some(0.0), None),
            Reducer::Threshold { low, high } => (*low, *high),
            Reducer::Mean
            | Reducer::Sum
            | Reducer::ClassWeighted { .. }
            | Reducer::PerAnchor { .. }
            | Reducer::Divisor { .. } => (None, None),
        };
        Self { low: low.unwrap_or(f64::NEG_INFINITY), high: high.unwrap_or(f64::INFINITY) }
    }

    /// Whether a loss is counted.
    pub(super) fn holds(&self, loss: f64) -> bool {
        loss > self.low && loss < self.high
    }
}

impl Tally {
    /// Takes in one loss.
    pub(super) fn add(&mut self, loss: f64, window: Window) {
        self.n_all += 1;
        self.n_active += usize::from(loss > 0.0);
        if window.holds(loss) {
            self.n_counted += 1;
            self.sum += loss;
        }
    }
}

/// Reduces the losses of all anchors.
pub(super) fn weigh(scene: &Scene<'_>, tallies: &[Tally]) -> Weighed {
    let total = |part: fn(&Tally) -> usize| tallies.iter().map(part).sum::<usize>();
    let n_all = total(|tally| tally.n_all);
    let n = n_all.max(1) as f64;
    let same = |weight: f64| vec![weight; tallies.len()];
    let weights = match scene.reducer {
        Reducer::Mean => same(1.0 / n),
        Reducer::Sum => same(1.0),
        Reducer::NonZeroMean | Reducer::Threshold { .. } => {
            same(1.0 / total(|tally| tally.n_counted).max(1) as f64)
        }
        Reducer::ClassWeighted { weights } => {
            let weight = |anchor: usize| {
                let label = scene.batch.labels.map(|labels| labels[anchor] as usize);
                label.and_then(|label| weights.get(label)).unwrap_or(&1.0) / n
            };
            (0..tallies.len()).map(weight).collect()
        }
        Reducer::PerAnchor { then } => {
            let share = |tally: &Tally| 1.0 / tally.n_all.max(1) as f64;
            let means: Vec<f64> = tallies.iter().map(|tally| tally.sum * share(tally)).collect();
            let reduced = then.reduce(&Elements {
                losses: &means,
                anchors: &(0..means.len()).collect::<Vec<_>>(),
                n_anchors: means.len(),
                labels: scene.batch.labels,
                divisor: n_all as f64,
            });
            reduced.weights.iter().zip(tallies).map(|(weight, it)| weight * share(it)).collect()
        }
        Reducer::Divisor { divisor } => {
            let divisor = divisor.unwrap_or(n_all as f64);
            same(if divisor > 0.0 { 1.0 / divisor } else { 0.0 })
        }
    };
    let value = tallies.iter().zip(&weights).map(|(tally, weight)| tally.sum * weight).sum();
    Weighed { value, weights, n_active: total(|tally| tally.n_active) }
}

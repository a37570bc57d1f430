//! One sum over pairs, of which most losses over pairs have two: it knows no loss, only its value and slope.

use crate::metric::matrix::Matrix;
use crate::metric::scene::{Scene, Slope};

/// Loss of one pair, and its change with the pair's distance or similarity.
#[derive(Clone, Copy, Debug)]
pub(super) struct PairLoss {
    pub(super) loss: f64,
    pub(super) slope: f64,
}

impl PairLoss {
    /// `excess` where it is above 0; it grows `slope` times as fast as the distance or similarity.
    pub(super) fn hinge(excess: f64, slope: f64) -> Self {
        if excess > 0.0 { Self { loss: excess, slope } } else { Self { loss: 0.0, slope: 0.0 } }
    }
}

/// Terms of a loss over pairs, each reduced for itself.
pub(super) struct Terms<'a> {
    scene: &'a Scene<'a>,
    value: f64,
    n_active: usize,
    values: Matrix,
}

impl<'a> Terms<'a> {
    /// No terms yet.
    pub(super) fn new(scene: &'a Scene<'a>) -> Self {
        let values = Matrix::zeros(scene.values().shape());
        Self { scene, value: 0.0, n_active: 0, values }
    }

    /// Adds the reduced losses of pairs, by their distances or similarities.
    pub(super) fn add(&mut self, pairs: &[[usize; 2]], loss: impl Fn(f64) -> PairLoss) {
        let of_pairs = pairs.iter().map(|&pair| (pair, loss(self.scene.values()[pair.into()])));
        self.add_all(&of_pairs.collect::<Vec<_>>());
    }

    /// Adds the reduced losses of pairs.
    pub(super) fn add_all(&mut self, of_pairs: &[([usize; 2], PairLoss)]) {
        let losses: Vec<f64> = of_pairs.iter().map(|(_, pair)| pair.loss).collect();
        let anchors: Vec<usize> = of_pairs.iter().map(|([anchor, _], _)| *anchor).collect();
        let reduced = self.scene.reduce(&losses, &anchors);
        self.value += reduced.value;
        self.n_active += reduced.n_active;
        for (&(pair, of_pair), weight) in of_pairs.iter().zip(&reduced.weights) {
            self.values[pair.into()] += of_pair.slope * weight;
        }
    }

    /// What the terms come to.
    pub(super) fn slope(self) -> Slope {
        Slope {
            value: self.value,
            values: Some(self.values),
            n_active: Some(self.n_active),
            ..Slope::default()
        }
    }
}

//! Losses that are one number an anchor, from its row of distances or similarities, all anchors at once.

#![expect(
    clippy::inline_always,
    reason = "vector instructions reach only what is inlined into the function around it"
)]

use std::borrow::Cow;

use rayon::prelude::*;

use super::exp::{WIDTH, exp_of_negative};
use crate::metric::matrix::Matrix;
use crate::metric::relevance::{Relation, Relations};
use crate::metric::scene::{Scene, Slope};
use crate::ops::kernel::simd::vectorized;

/// What one anchor is compared with.
pub(super) struct Row<'a> {
    /// What each reference is to the anchor.
    pub(super) relations: &'a [Relation],
    /// Distances or similarities.
    pub(super) values: &'a [f64],
    /// Change of the anchor's loss with each of them; zeros at first.
    pub(super) slopes: &'a mut [f64],
}

/// `log Σ exp(x)` over some references of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogSum {
    /// The logarithm; negative infinity if there was nothing to add up.
    pub(super) value: f64,
    /// What makes shares of the sum from the terms that [`Row::log_sums`] left behind.
    pub(super) share: f64,
}

impl LogSum {
    fn new(max: f64, sum: f64) -> Self {
        if sum > 0.0 {
            Self { value: max + sum.ln(), share: 1.0 / sum }
        } else {
            Self { value: f64::NEG_INFINITY, share: 0.0 }
        }
    }

    /// The logarithm, or `other` if there was nothing to add up.
    pub(super) fn value_or(self, other: f64) -> f64 {
        if self.value == f64::NEG_INFINITY { other } else { self.value }
    }
}

impl Row<'_> {
    /// `log Σ exp(x)` over the mated, and over the non-mated, where `x` is a function of the distance or
    /// similarity; `start` is a first term of both, without a reference.
    ///
    /// Leaves `exp(x)` in the slopes, but for a factor that is the same for all mated, or non-mated.
    pub(super) fn log_sums(
        &mut self,
        start: Option<f64>,
        mated: impl Fn(f64) -> f64,
        non_mated: impl Fn(f64) -> f64,
    ) -> [LogSum; 2] {
        let start = start.unwrap_or(f64::NEG_INFINITY);
        let (relations, values) = (self.relations, self.values);
        let slopes = &mut *self.slopes;
        vectorized(
            #[inline(always)]
            move || {
                for ((slope, &value), &relation) in slopes.iter_mut().zip(values).zip(relations) {
                    // Both, and one of them taken: a branch would make it one number at a time.
                    let (mated, non_mated) = (mated(value), non_mated(value));
                    let term = if relation == Relation::Mated { mated } else { non_mated };
                    // What is ignored becomes 0 in the end.
                    let is_ignored = relation == Relation::Ignored;
                    *slope = if is_ignored { f64::NEG_INFINITY } else { term };
                }
                let max = by_kind(slopes, relations, f64::NEG_INFINITY, f64::max);
                let max = max.map(|max| max.max(start));
                for (slope, &relation) in slopes.iter_mut().zip(relations) {
                    let max = if relation == Relation::Mated { max[0] } else { max[1] };
                    *slope = exp_of_negative(*slope - max);
                }
                let sums = by_kind(slopes, relations, 0.0, |one, other| one + other);
                [0, 1].map(|kind| {
                    let first =
                        if start == f64::NEG_INFINITY { 0.0 } else { (start - max[kind]).exp() };
                    LogSum::new(max[kind], first + sums[kind])
                })
            },
        )
    }

    /// Multiplies what [`Row::log_sums`] left behind.
    pub(super) fn scale(&mut self, mated: f64, non_mated: f64) {
        self.scale_by(move |_| mated, move |_| non_mated);
    }

    /// Multiplies what [`Row::log_sums`] left behind, by a function of the distance or similarity.
    pub(super) fn scale_by(&mut self, mated: impl Fn(f64) -> f64, non_mated: impl Fn(f64) -> f64) {
        let (relations, values) = (self.relations, self.values);
        let slopes = &mut *self.slopes;
        vectorized(
            #[inline(always)]
            move || {
                for ((slope, &value), &relation) in slopes.iter_mut().zip(values).zip(relations) {
                    let (mated, non_mated) = (mated(value), non_mated(value));
                    *slope *= if relation == Relation::Mated { mated } else { non_mated };
                }
            },
        );
    }
}

/// Folds the terms of the mated, and those of all others, several side by side; `neutral` changes nothing.
#[inline(always)]
fn by_kind(
    terms: &[f64],
    relations: &[Relation],
    neutral: f64,
    fold: impl Fn(f64, f64) -> f64,
) -> [f64; 2] {
    let mut lanes = [[neutral; WIDTH]; 2];
    let ((chunks, rest), (kinds, rest_kinds)) =
        (terms.as_chunks::<WIDTH>(), relations.as_chunks::<WIDTH>());
    let [mated, others] = &mut lanes;
    let mut add = |terms: &[f64], kinds: &[Relation]| {
        for (((mated, others), &term), kind) in
            mated.iter_mut().zip(&mut *others).zip(terms).zip(kinds)
        {
            let is_mated = *kind == Relation::Mated;
            *mated = fold(*mated, if is_mated { term } else { neutral });
            *others = fold(*others, if is_mated { neutral } else { term });
        }
    };
    for (terms, kinds) in chunks.iter().zip(kinds) {
        add(terms, kinds);
    }
    add(rest, rest_kinds);
    lanes.map(|lanes| lanes.into_iter().fold(neutral, &fold))
}

/// What the pairs in question are to each other: of those mined, however often, or of all.
pub(super) fn relations<'a>(scene: &Scene<'a>) -> Cow<'a, Relations> {
    let all = scene.batch.relations;
    let Some(tuples) = &scene.tuples else { return Cow::Borrowed(all) };
    let (n, m) = (all.n_anchors(), all.n_references());
    let mut mined = vec![Relation::Ignored; n * m];
    let pairs = tuples.pairs();
    pairs.mated.iter().for_each(|&[i, j]| mined[i * m + j] = Relation::Mated);
    pairs.non_mated.iter().for_each(|&[i, j]| mined[i * m + j] = Relation::NonMated);
    Cow::Owned(Relations::new([n, m], &|i: usize, j: usize| mined[i * m + j]))
}

/// Reduces the losses of all anchors.
pub(super) fn by_row(
    scene: &Scene<'_>,
    relations: &Relations,
    loss: impl Fn(&mut Row<'_>) -> f64 + Sync,
) -> Slope {
    let values = scene.values();
    let mut slopes = Matrix::zeros(values.shape());
    if values.data().is_empty() {
        return Slope { values: Some(slopes), ..Slope::default() };
    }
    let losses: Vec<f64> = slopes
        .par_rows_mut()
        .enumerate()
        .map(|(anchor, slopes)| {
            loss(&mut Row { relations: relations.of(anchor), values: values.row(anchor), slopes })
        })
        .collect();
    let anchors: Vec<usize> = (0..losses.len()).collect();
    let reduced = scene.reduce(&losses, &anchors);
    slopes.par_rows_mut().zip(&reduced.weights).for_each(|(slopes, weight)| {
        for slope in slopes {
            *slope *= weight;
        }
    });
    Slope { value: reduced.value, values: Some(slopes), ..Slope::default() }
}

/// `log(1 + exp(x))`, and its slope.
pub(super) fn softplus(x: f64) -> (f64, f64) {
    let small = (-x.abs()).exp();
    let slope = if x >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    (x.max(0.0) + small.ln_1p(), slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softplus_neither_overflows_nor_vanishes() {
        assert_eq!(softplus(1000.0), (1000.0, 1.0));
        assert_eq!(softplus(f64::NEG_INFINITY), (0.0, 0.0));
        assert_eq!(softplus(0.0), (std::f64::consts::LN_2, 0.5));
        let (value, slope) = softplus(-40.0);
        assert!((value / slope - 1.0).abs() < 1e-12 && value > 0.0);
    }

    #[test]
    fn sums_of_large_terms_do_not_overflow() {
        use Relation::{Ignored, Mated};
        let mut row = Row {
            relations: &[Mated, Ignored, Mated],
            values: &[800.0, 5000.0, 800.0],
            slopes: &mut [0.0; 3],
        };
        let [mated, non_mated] = row.log_sums(None, |value| value, |value| value);
        assert_eq!(mated.value, 800.0 + std::f64::consts::LN_2);
        assert_eq!((non_mated.value, non_mated.value_or(7.0)), (f64::NEG_INFINITY, 7.0));
        row.scale(mated.share, non_mated.share);
        assert_eq!(row.slopes, [0.5, 0.0, 0.5]);
    }
}

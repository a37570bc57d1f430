//! Plots of measurements as SVG, in the colors and the font of the page; they read no files.
//!
//! - [`roc()`], [`det()`] and [`score_histogram`]: verification.
//! - [`error_versus_discard`], whether quality means something.
//! - [`cmc`] and [`open_set`]: identification.
//! - [`loss`] and [`validation`]: training.
//! - [`planes`]: embeddings of two components, network beside network.
//! - [`whiskers()`] and [`searches`]: comparisons of losses.
//! - [`growth()`]: searches of ever more templates. [`memory()`]: a process over time.
//! - [`similarities()`] and [`nearest_pairs`]: which identities are hard to tell apart.
//!
//! Rates of 0, which neither a logarithm nor a normal deviate has, lie in a shaded lane marked 0.

mod axis;
mod canvas;
mod det;
mod discard;
mod dots;
mod frame;
mod growth;
mod histogram;
mod identification;
mod legend;
mod memory;
mod nearest;
mod place;
mod plane;
mod probit;
mod roc;
mod search;
mod similarities;
mod stairs;
mod text;
mod training;
mod whiskers;

pub(crate) use det::det;
pub(crate) use discard::error_versus_discard;
pub(crate) use growth::{GrowthCurve, growth};
pub(crate) use histogram::{NamedThreshold, score_histogram};
pub(crate) use identification::{RankCurve, cmc, open_set};
pub(crate) use memory::memory;
pub(crate) use nearest::{NearestPair, nearest_pairs};
pub(crate) use plane::{Panel, planes};
pub(crate) use roc::roc;
pub(crate) use search::{Search, searches};
pub(crate) use similarities::similarities;
pub(crate) use training::{ValidationCurve, loss, validation};
pub(crate) use whiskers::{Whiskers, whiskers};

use canvas::Ink;
use legend::{Key, KeyKind};

/// The error rates of one model or one set of data; `P` is an operating point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Curve<'a, P> {
    /// What the legend calls it.
    pub(crate) name: &'a str,
    /// In any order; thousands are too many for a page, and hundreds suffice.
    pub(crate) points: &'a [P],
    /// Number of mated comparisons or searches: lower rates than one in so many cannot be seen.
    pub(crate) n_mated: usize,
    /// Number of non-mated comparisons or searches.
    pub(crate) n_non_mated: usize,
    /// Points to mark with a dot and a label.
    pub(crate) marks: &'a [Mark<P>],
}

/// A point of a curve that the text speaks of.
#[derive(Clone, Debug)]
pub(crate) struct Mark<P> {
    /// The point.
    pub(crate) point: P,
    /// A few words beside it.
    pub(crate) label: String,
}

/// The names of curves, in the inks of their positions.
fn keys<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Key> {
    let key = |(idx, name): (usize, &str)| Key {
        name: name.to_owned(),
        ink: Ink::Series(idx),
        kind: KeyKind::Line,
    };
    names.enumerate().map(key).collect()
}

/// The marks of all curves, each in the ink of its curve.
fn marks<'a, P: Copy>(
    curves: &[Curve<'a, P>],
    place: impl Fn(P) -> Option<(f64, f64)>,
) -> Vec<(Ink, (f64, f64), &'a str)> {
    let mut marks = Vec::new();
    for (idx, curve) in curves.iter().enumerate() {
        let placed =
            curve.marks.iter().filter_map(|it| Some((place(it.point)?, it.label.as_str())));
        marks.extend(placed.map(|(point, label)| (Ink::Series(idx), point, label)));
    }
    marks
}

/// The lowest rate but 0 that any of so many trials can show; a tenth where there are few.
fn lowest_rate(n_trials: impl Iterator<Item = usize>) -> f64 {
    n_trials.map(|n| 1.0 / n.max(1) as f64).fold(0.1, f64::min)
}

/// A round rate below the lowest of `rates`, which their axis starts from; 0 if there are none.
fn floor_of(rates: impl Iterator<Item = f64>) -> f64 {
    let lowest = rates.filter(|rate| rate.is_finite()).reduce(f64::min).unwrap_or(0.0);
    let floors = [0.99, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.25];
    floors.into_iter().find(|&floor| floor < lowest).unwrap_or(0.0)
}

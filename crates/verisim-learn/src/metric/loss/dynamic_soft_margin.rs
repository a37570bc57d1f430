//! The dynamic soft margin: triplets, each weighted by how hard it is among the triplets of the batch.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bins::Bins;
use crate::metric::compat::Compat;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Dynamic soft margin loss.
///
/// With `x = d_ap - d_an` the violation of a triplet, and `C` the cumulated histogram of all
/// violations, read at the lower end of the bin,
///
/// ```text
/// L = mean C(x) x
/// ```
///
/// so that no margin has to be set: the hardest triplets count 1, the easiest nothing. The loss may be
/// negative. It is one number for the whole batch: a reduction has no part in it. All triplets count
/// without a miner; the authors take the hardest non-mated sample of each mated pair, as the
/// batch-hard miner does.
///
/// The authors keep a running histogram, of which each batch renews a hundredth. A loss has no memory
/// here: the histogram is that of the batch, which is what theirs is at the first step.
///
/// Zhang and Rusinkiewicz, *Learning Local Descriptors With a CDF-Based Dynamic Soft Margin*, ICCV 2019,
/// <https://openaccess.thecvf.com/content_ICCV_2019/html/Zhang_Learning_Local_Descriptors_With_a_CDF-Based_Dynamic_Soft_Margin_ICCV_2019_paper.html>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicSoftMarginLoss {
    /// Least violation, below 0; the histogram spans as much above 0. -2 for unit vectors.
    #[serde(default = "authors_min")]
    pub min_violation: f64,
    /// Number of bins, at least 1; 511, between 512 nodes, in the authors' code, 10 in
    /// pytorch-metric-learning.
    #[serde(default = "authors_bins")]
    pub n_bins: usize,
    /// `pml`: the gradient also goes through the histogram, which the authors hold fixed.
    #[serde(default)]
    pub compat: Option<Compat>,
}

fn authors_min() -> f64 {
    -2.0
}

fn authors_bins() -> usize {
    511
}

/// What the triplets of an anchor, or of all, leave at the nodes.
#[derive(Clone)]
struct Histogram {
    counts: Vec<f64>,
    /// Sum of the violations that read their weight here.
    violations: Vec<f64>,
    n: usize,
}

impl TupleLoss for DynamicSoftMarginLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("min_violation", self.min_violation, self.min_violation < 0.0, "below 0")?;
        require("n_bins", self.n_bins as f64, self.n_bins >= 1, "at least 1")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let width = -2.0 * self.min_violation / self.n_bins as f64;
        let bins = Bins { low: self.min_violation, width, n_bins: self.n_bins };
        let mined = mined_by_anchor(scene);
        let all = histogram(scene, mined.as_deref(), bins);
        let mut values = Matrix::zeros(scene.values().shape());
        if all.n == 0 {
            return Slope { values: Some(values), ..Slope::default() };
        }
        let n = all.n as f64;
        let mut weights = all.counts;
        for node in 1..weights.len() {
            weights[node] += weights[node - 1];
        }
        for weight in &mut weights {
            *weight /= n;
        }
        let value = weights.iter().zip(&all.violations).map(|(weight, sum)| weight * sum / n).sum();
        let sign = scene.distance.sign();
        values.par_rows_mut().enumerate().for_each(|(anchor, row)| {
            each_triplet(scene, mined.as_deref(), anchor, |mated, other, violation| {
                let place = bins.place(violation);
                let mut slope = weights[weight_node(bins, violation)];
                if self.compat == Some(Compat::Pml) {
                    // A larger violation leaves less at the node that its bin reads.
                    slope -= place.slope * all.violations[place.bin] / n;
                }
                row[mated] += sign * slope / n;
                row[other] -= sign * slope / n;
            });
        });
        Slope { value, values: Some(values), ..Slope::default() }
    }
}

/// The node that a violation reads its weight at.
fn weight_node(bins: Bins, violation: f64) -> usize {
    let place = bins.place(violation);
    // Only beyond the last node all of a value lies there.
    place.bin + usize::from(place.share >= 1.0)
}

fn histogram(scene: &Scene<'_>, mined: Option<&[Vec<[usize; 2]>]>, bins: Bins) -> Histogram {
    let nothing = vec![0.0; bins.n_nodes()];
    let empty = Histogram { counts: nothing.clone(), violations: nothing, n: 0 };
    let parts: Vec<Histogram> = (0..scene.batch.embeddings.n_rows())
        .into_par_iter()
        .map(|anchor| {
            let mut part = empty.clone();
            each_triplet(scene, mined, anchor, |_, _, violation| {
                bins.place(violation).add_to(&mut part.counts);
                part.violations[weight_node(bins, violation)] += violation;
                part.n += 1;
            });
            part
        })
        .collect();
    let mut all = empty;
    for part in parts {
        all.counts.iter_mut().zip(part.counts).for_each(|(sum, count)| *sum += count);
        all.violations.iter_mut().zip(part.violations).for_each(|(sum, it)| *sum += it);
        all.n += part.n;
    }
    all
}

/// Mated and non-mated reference of each mined triplet, by anchor.
fn mined_by_anchor(scene: &Scene<'_>) -> Option<Vec<Vec<[usize; 2]>>> {
    let tuples = scene.tuples.as_ref()?;
    let mut by_anchor = vec![Vec::new(); scene.batch.embeddings.n_rows()];
    for &[anchor, mated, other] in tuples.triplets().iter() {
        by_anchor[anchor].push([mated, other]);
    }
    Some(by_anchor)
}

/// Calls with mated reference, non-mated reference and violation of each triplet of an anchor.
fn each_triplet(
    scene: &Scene<'_>,
    mined: Option<&[Vec<[usize; 2]>]>,
    anchor: usize,
    mut call: impl FnMut(usize, usize, f64),
) {
    let row = scene.values().row(anchor);
    let mut with = |mated: usize, other: usize| {
        call(mated, other, scene.distance.margin(row[mated], row[other]));
    };
    if let Some(mined) = mined {
        mined[anchor].iter().for_each(|&[mated, other]| with(mated, other));
        return;
    }
    let others: Vec<usize> = scene.batch.relations.non_mated(anchor).collect();
    for mated in scene.batch.relations.mated(anchor) {
        for &other in &others {
            with(mated, other);
        }
    }
}

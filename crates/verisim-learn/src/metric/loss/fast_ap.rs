//! `FastAP`: one minus an average precision that is read off histograms of distances.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::bins::{Bins, Place};
use super::chosen;
use super::closeness::gap;
use crate::metric::distance::Distance;
use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relation;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Fast average precision.
///
/// The distances of an anchor are shared out linearly among the nodes `z_0 .. z_L` of a histogram over
/// `[0, 2^power]`. With `h⁺_l` what mated references leave at node `l`, and `H⁺_l`, `H_l` the sums up
/// to it over mated and over all,
///
/// ```text
/// L = 1 - 1/|P| Σ_l h⁺_l H⁺_l / H_l
/// ```
///
/// averaged over the anchors that have a mated reference. Distances beyond the last node count there;
/// unit vectors have none, and the loss is made for them. A similarity `s` is taken as the distance
/// `1 - s`. A miner weights the anchors by how often it chose them.
///
/// Cakir et al., *Deep Metric Learning to Rank*, CVPR 2019,
/// <https://openaccess.thecvf.com/content_CVPR_2019/html/Cakir_Deep_Metric_Learning_to_Rank_CVPR_2019_paper.html>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FastApLoss {
    /// Number of bins `L`, at least 1; 10 in the authors' code.
    #[serde(default = "authors_bins")]
    pub n_bins: usize,
}

fn authors_bins() -> usize {
    10
}

impl TupleLoss for FastApLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("n_bins", self.n_bins as f64, self.n_bins >= 1, "at least 1")
    }

    fn distance(&self) -> Distance {
        Distance::SQUARED
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let farthest = match scene.distance {
            Distance::Lp { power, .. } => 2f64.powf(power),
            Distance::Cosine | Distance::Dot | Distance::Snr { .. } => 2.0,
        };
        let width = farthest / self.n_bins as f64;
        let bins = Bins { low: 0.0, width, n_bins: self.n_bins };
        let weights = chosen::weights(scene);
        let mut values = Matrix::zeros(scene.values().shape());
        let losses: Vec<Option<f64>> = values
            .par_rows_mut()
            .enumerate()
            .map(|(anchor, row)| loss(scene, anchor, bins, row))
            .collect();
        let counted = || losses.iter().enumerate().filter_map(|(i, loss)| Some((i, (*loss)?)));
        let anchors: Vec<usize> = counted().map(|(anchor, _)| anchor).collect();
        let losses: Vec<f64> = counted().map(|(anchor, loss)| loss * weights[anchor]).collect();
        let reduced = scene.reduce(&losses, &anchors);
        for (&anchor, weight) in anchors.iter().zip(&reduced.weights) {
            let weight = weight * weights[anchor];
            values.row_mut(anchor).iter_mut().for_each(|slope| *slope *= weight);
        }
        Slope { value: reduced.value, values: Some(values), ..Slope::default() }
    }
}

/// The loss of one anchor, none if it has no mated reference.
fn loss(scene: &Scene<'_>, anchor: usize, bins: Bins, row: &mut [f64]) -> Option<f64> {
    let relations = scene.batch.relations.of(anchor);
    let places: Vec<Place> =
        scene.values().row(anchor).iter().map(|&it| bins.place(gap(scene.distance, it))).collect();
    let (mut mated, mut all) = (vec![0.0; bins.n_nodes()], vec![0.0; bins.n_nodes()]);
    let mut n_mated = 0;
    for (place, &relation) in places.iter().zip(relations) {
        if relation == Relation::Ignored {
            continue;
        }
        place.add_to(&mut all);
        if relation == Relation::Mated {
            place.add_to(&mut mated);
            n_mated += 1;
        }
    }
    if n_mated == 0 {
        return None;
    }
    let n = f64::from(n_mated);
    let (mated_sums, all_sums) = (running_sums(&mated), running_sums(&all));
    let precision = |node: usize| {
        // Nothing up to here: what comes first is mated, or changes nothing.
        if all_sums[node] > 0.0 { mated_sums[node] / all_sums[node] } else { 0.0 }
    };
    let value: f64 = (0..mated.len()).map(|node| mated[node] * precision(node)).sum();
    // Change of the sum with what mated references, and with what others leave at each node.
    let (mut to_mated, mut to_others) = (vec![0.0; mated.len()], vec![0.0; mated.len()]);
    let (mut with_mated, mut with_all) = (0.0, 0.0);
    for node in (0..mated.len()).rev() {
        if all_sums[node] > 0.0 {
            with_mated += mated[node] / all_sums[node];
            with_all += mated[node] * precision(node) / all_sums[node];
        }
        to_mated[node] = precision(node) + with_mated - with_all;
        to_others[node] = -with_all;
    }
    for ((slope, place), &relation) in row.iter_mut().zip(&places).zip(relations) {
        let nodes = match relation {
            Relation::Mated => &to_mated,
            Relation::NonMated => &to_others,
            Relation::Ignored => continue,
        };
        *slope = -scene.distance.sign() * place.slope_of(nodes) / n;
    }
    Some(1.0 - value / n)
}

fn running_sums(values: &[f64]) -> Vec<f64> {
    let sum = |sum: &mut f64, value: &f64| {
        *sum += value;
        Some(*sum)
    };
    values.iter().scan(0.0, sum).collect()
}

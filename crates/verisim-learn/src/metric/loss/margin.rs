//! The margin loss: mated pairs within a boundary, non-mated pairs beyond it, where the boundary may be
//! learned.

use serde::{Deserialize, Serialize};

use crate::metric::matrix::Matrix;
use crate::metric::reducer::Reducer;
use crate::metric::relevance::Relations;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Margin loss.
///
/// With `β` the boundary of the anchor, over the triplets of a batch,
///
/// ```text
/// L = Σ ( (d_ap - β + m)₊ + (β - d_an + m)₊ ) / n + ν β
/// ```
///
/// where `n` is the number of terms above 0. The last term is there only if the boundary is learned;
/// with one boundary an identity it is `ν Σ β / n` over the triplets. With a similarity all signs turn.
/// Without triplets the loss is 0.
///
/// What is reduced are the hinges of pairs, each times the number of triplets that it is in: their sum
/// divided by `n` is the value above, and no list of triplets is needed.
///
/// Wu et al., *Sampling Matters in Deep Embedding Learning*, ICCV 2017, <https://arxiv.org/abs/1706.07567>.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarginLoss {
    /// Margin `m` on both sides of the boundary; 0.2 in the paper.
    #[serde(default = "paper_margin")]
    pub margin: f64,
    /// Weight `ν` of the learned boundary, 0 or more; 0 in pytorch-metric-learning.
    #[serde(default)]
    pub nu: f64,
    /// The boundary `β`, or its first value if it is learned; 1.2 in the paper.
    #[serde(default = "paper_beta")]
    pub beta: f64,
    /// Whether the boundary is learned, and how many there are; it is fixed in pytorch-metric-learning
    /// unless asked for.
    #[serde(default)]
    pub learned: LearnedBoundary,
}

/// What is learned of the boundary between mated and non-mated pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnedBoundary {
    /// Nothing.
    #[default]
    None,
    /// One boundary for all.
    One,
    /// One for each identity, by label; an anchor without a known one has the first value.
    PerIdentity,
}

fn paper_margin() -> f64 {
    0.2
}

fn paper_beta() -> f64 {
    1.2
}

/// A pair, and the number of triplets that it is in.
struct Counted {
    pair: [usize; 2],
    n_triplets: f64,
}

impl TupleLoss for MarginLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, true, "a number")?;
        require("nu", self.nu, self.nu >= 0.0, "0 or more")?;
        require("beta", self.beta, true, "a number")
    }

    fn reducer(&self) -> Reducer {
        Reducer::Divisor { divisor: None }
    }

    fn parameters(&self, n_identities: usize, _dim: usize) -> Vec<f64> {
        match self.learned {
            LearnedBoundary::None => Vec::new(),
            LearnedBoundary::One => vec![self.beta],
            LearnedBoundary::PerIdentity => vec![self.beta; n_identities],
        }
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let mut values = Matrix::zeros(scene.values().shape());
        let mut parameters = vec![0.0; scene.parameters.len()];
        let (mated, others) = counted_pairs(scene);
        let n_triplets: f64 = mated.iter().map(|it| it.n_triplets).sum();
        if n_triplets == 0.0 {
            return Slope {
                values: Some(values),
                parameters,
                n_active: Some(0),
                ..Slope::default()
            };
        }
        // Which side of the boundary a pair belongs to: 1 for within.
        let terms = || mated.iter().map(|it| (it, 1.0)).chain(others.iter().map(|it| (it, -1.0)));
        let beta = |anchor| self.place(scene, anchor).map_or(self.beta, |at| scene.parameters[at]);
        let hinge = |it: &Counted, side: f64| {
            let [anchor, reference] = it.pair;
            let beyond = scene.distance.margin(scene.values()[(anchor, reference)], beta(anchor));
            (side * beyond + self.margin).max(0.0)
        };
        let losses: Vec<f64> = terms().map(|(it, side)| it.n_triplets * hinge(it, side)).collect();
        let anchors: Vec<usize> = terms().map(|(it, _)| it.pair[0]).collect();
        let active = terms().zip(&losses).filter(|(_, loss)| **loss > 0.0);
        let n_active: f64 = active.map(|((it, _), _)| it.n_triplets).sum();
        let reduced = scene.reduce_over(&losses, &anchors, n_active);
        let sign = scene.distance.sign();
        for (((it, side), weight), loss) in terms().zip(&reduced.weights).zip(&losses) {
            let [anchor, reference] = it.pair;
            let slope = if *loss > 0.0 { sign * side * weight * it.n_triplets } else { 0.0 };
            values[(anchor, reference)] += slope;
            if let Some(at) = self.place(scene, anchor) {
                parameters[at] -= slope;
            }
        }
        let boundary = self.weigh_boundary(scene, &mated, n_active, &mut parameters);
        Slope {
            value: reduced.value + boundary,
            values: Some(values),
            parameters,
            n_active: Some(reduced.n_active),
            ..Slope::default()
        }
    }
}

impl MarginLoss {
    /// Where the boundary of an anchor is among the learned numbers.
    fn place(&self, scene: &Scene<'_>, anchor: usize) -> Option<usize> {
        let place = match self.learned {
            LearnedBoundary::None => None,
            LearnedBoundary::One => Some(0),
            LearnedBoundary::PerIdentity => {
                scene.batch.labels.and_then(|labels| usize::try_from(labels[anchor]).ok())
            }
        };
        place.filter(|&place| place < scene.parameters.len())
    }

    /// The weight of the boundaries themselves; adds its slope.
    fn weigh_boundary(
        &self,
        scene: &Scene<'_>,
        mated: &[Counted],
        n_active: f64,
        parameters: &mut [f64],
    ) -> f64 {
        let mut value = 0.0;
        let mut add = |at: usize, weight: f64| {
            value += weight * scene.parameters[at];
            parameters[at] += weight;
        };
        match self.learned {
            LearnedBoundary::One if !scene.parameters.is_empty() => add(0, self.nu),
            LearnedBoundary::PerIdentity => {
                let anchors: Vec<usize> = mated.iter().map(|it| it.pair[0]).collect();
                let once = vec![1.0; anchors.len()];
                let shares = scene.reduce_over(&once, &anchors, n_active).weights;
                for (it, share) in mated.iter().zip(shares) {
                    if let Some(at) = self.place(scene, it.pair[0]) {
                        add(at, self.nu * it.n_triplets * share);
                    }
                }
            }
            LearnedBoundary::None | LearnedBoundary::One => {}
        }
        value
    }
}

/// The mated and the non-mated pairs of all triplets, or of those mined.
fn counted_pairs(scene: &Scene<'_>) -> (Vec<Counted>, Vec<Counted>) {
    let Some(tuples) = &scene.tuples else { return all_pairs(scene.batch.relations) };
    let once = |pair| Counted { pair, n_triplets: 1.0 };
    let triplets = tuples.triplets();
    let mated = triplets.iter().map(|&[anchor, mated, _]| once([anchor, mated])).collect();
    let others = triplets.iter().map(|&[anchor, _, other]| once([anchor, other])).collect();
    (mated, others)
}

fn all_pairs(relations: &Relations) -> (Vec<Counted>, Vec<Counted>) {
    let (mut mated, mut others) = (Vec::new(), Vec::new());
    for anchor in 0..relations.n_anchors() {
        let [n_mated, n_others] =
            [relations.mated(anchor).count(), relations.non_mated(anchor).count()];
        if n_mated == 0 || n_others == 0 {
            continue;
        }
        let counted =
            |n: usize| move |reference| Counted { pair: [anchor, reference], n_triplets: n as f64 };
        mated.extend(relations.mated(anchor).map(counted(n_others)));
        others.extend(relations.non_mated(anchor).map(counted(n_mated)));
    }
    (mated, others)
}

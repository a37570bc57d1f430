//! Contrastive loss with squares: the verification signal of `DeepID2`.

use serde::{Deserialize, Serialize};

use super::pair_term::{PairLoss, Terms};
use crate::metric::distance::Distance;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};
use crate::metric::{InvalidLoss, require};

/// Contrastive loss with squares.
///
/// With `d` the distance of a pair, the loss of the pair is
///
/// ```text
/// ½ d²            if it is mated
/// ½ (m - d)₊²     if it is not
/// ```
///
/// and `L` is the mean over all pairs, mated and non-mated together. As in the paper, `d` is the
/// Euclidean distance of the embeddings as they are, not of unit vectors, unless another is asked for.
/// It has to be a distance: a similarity `s` is taken as `d = 1 - s`.
///
/// Among all pairs of a batch, few are mated; a miner or a sampler can even them out.
///
/// Sun et al., *Deep Learning Face Representation by Joint Identification-Verification*, NIPS 2014,
/// <https://arxiv.org/abs/1406.4773>; before it Hadsell et al., CVPR 2006.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SquaredContrastiveLoss {
    /// Distance `m` beyond which a non-mated pair is left alone, above 0. The paper searches for it
    /// while training; 1 is ours, and suits embeddings whose length is about 1.
    #[serde(default = "one")]
    pub margin: f64,
}

fn one() -> f64 {
    1.0
}

impl TupleLoss for SquaredContrastiveLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        require("margin", self.margin, self.margin > 0.0, "above 0")
    }

    fn distance(&self) -> Distance {
        Distance::Lp { p: 2.0, power: 1.0, normalize: false }
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let pairs = scene.pairs();
        let values = scene.values();
        let sign = scene.distance.sign();
        let distance = |[anchor, other]: [usize; 2]| {
            let value = values[(anchor, other)];
            if scene.distance.is_similarity() { 1.0 - value } else { value }
        };
        let half_square = |excess: f64, slope: f64| PairLoss {
            loss: 0.5 * excess * excess,
            slope: slope * excess,
        };
        let mated = pairs.mated.iter().map(|&pair| (pair, half_square(distance(pair), sign)));
        let non_mated = pairs
            .non_mated
            .iter()
            .map(|&pair| (pair, half_square((self.margin - distance(pair)).max(0.0), -sign)));
        let mut terms = Terms::new(scene);
        terms.add_all(&mated.chain(non_mated).collect::<Vec<_>>());
        terms.slope()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;
    use crate::metric::matrix::Matrix;

    #[test]
    fn the_loss_agrees_with_one_worked_by_hand() {
        // Distances: 0.5 of the mated pair, 0.2 and 0.3 of the others, each twice.
        let rows = Matrix::new(vec![0.0, 0.5, 0.2], [3, 1]);
        let loss = SquaredContrastiveLoss { margin: 0.25 };
        let found = within(&loss, &rows, &[0, 0, 1]);
        let expected = 0.5 * (0.25 + 0.05 * 0.05 + 0.0) / 3.0;
        assert!((found.value - expected).abs() < 1e-12, "{}", found.value);
        assert_eq!(found.n_active, Some(4));
    }
}

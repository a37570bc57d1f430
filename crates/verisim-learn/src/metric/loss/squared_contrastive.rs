//! Contrastive loss with squares: the verification signal of `DeepID2`.

use serde::{Deserialize, Serialize};

use super::adapted_margin::AdaptedMargin;
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
/// The margin has no gradient to follow: it would fall to 0. With `adapt_pairs` it is set anew whenever so
/// many pairs were seen, to the distance that verifies them best. The paper counts errors of pairs that it
/// draws; here each kind of error is a share of its kind of pairs, since those of a batch are mostly
/// non-mated. The margin and the pairs seen are part of the state of the loss.
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
    /// Pairs after which the margin is set anew, both orders of a pair counted; 0, the default, never does.
    /// The paper has about 200,000.
    #[serde(default)]
    pub adapt_pairs: usize,
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
        let mut adapted = AdaptedMargin::from_numbers(scene.state, self.margin);
        let margin = if self.adapt_pairs > 0 { adapted.margin() } else { self.margin };
        let half_square = |excess: f64, slope: f64| PairLoss {
            loss: 0.5 * excess * excess,
            slope: slope * excess,
        };
        let mated = pairs.mated.iter().map(|&pair| (pair, half_square(distance(pair), sign)));
        let non_mated = pairs
            .non_mated
            .iter()
            .map(|&pair| (pair, half_square((margin - distance(pair)).max(0.0), -sign)));
        let mut terms = Terms::new(scene);
        terms.add_all(&mated.chain(non_mated).collect::<Vec<_>>());
        let mut slope = terms.slope();
        if self.adapt_pairs > 0 {
            pairs.mated.iter().for_each(|&pair| adapted.see(distance(pair), true));
            pairs.non_mated.iter().for_each(|&pair| adapted.see(distance(pair), false));
            adapted.adapt(self.adapt_pairs);
            slope.state = adapted.to_numbers();
        }
        slope
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::loss::contract::within;
    use crate::metric::matrix::Matrix;
    use crate::metric::relevance::Relations;
    use crate::metric::scene::{Batch, Options, evaluate};

    #[test]
    fn the_loss_agrees_with_one_worked_by_hand() {
        // Distances: 0.5 of the mated pair, 0.2 and 0.3 of the others, each twice.
        let rows = Matrix::new(vec![0.0, 0.5, 0.2], [3, 1]);
        let loss = SquaredContrastiveLoss { margin: 0.25, adapt_pairs: 0 };
        let found = within(&loss, &rows, &[0, 0, 1]);
        let expected = 0.5 * (0.25 + 0.05 * 0.05 + 0.0) / 3.0;
        assert!((found.value - expected).abs() < 1e-12, "{}", found.value);
        assert_eq!(found.n_active, Some(4));
    }

    #[test]
    fn the_margin_follows_the_pairs_of_the_batches_before() {
        let loss = SquaredContrastiveLoss { margin: 0.25, adapt_pairs: 12 };
        let value = |rows: &Matrix, state: &[f64]| {
            let relations = Relations::within(&[0, 0, 1]);
            let batch =
                Batch { embeddings: rows, references: None, relations: &relations, labels: None };
            let found = evaluate(&loss, batch, &Options { state, ..Options::default() });
            (found.value, found.state)
        };
        // Twice the same three: mated at 1, non-mated at 3 and 4.
        let rows = Matrix::new(vec![0.0, 1.0, 4.0], [3, 1]);
        let (first, state) = value(&rows, &[]);
        let expected = 0.5 / 3.0;
        assert!((first - expected).abs() < 1e-12, "{first}");
        let (second, state) = value(&rows, &state);
        assert_eq!((second, state.as_slice()), (first, &[2.0][..]));
        // 3 and 4 are beyond the margin of 2, too; 1.5 is within.
        let (third, _) = value(&Matrix::new(vec![0.0, 1.0, 2.5], [3, 1]), &state);
        let expected = 0.5 * (1.0 + 0.0 + 0.25) / 3.0;
        assert!((third - expected).abs() < 1e-12, "{third}");
    }
}

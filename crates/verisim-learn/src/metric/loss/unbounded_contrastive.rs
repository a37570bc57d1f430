//! Contrastive loss as it was first written down: distances of mated pairs less those of non-mated ones.

use serde::{Deserialize, Serialize};

use super::pair_term::{PairLoss, Terms};
use crate::metric::InvalidLoss;
use crate::metric::reducer::Reducer;
use crate::metric::scene::{Scene, Slope, TupleLoss};

/// Contrastive loss without a margin.
///
/// With `d` the distance of a pair,
///
/// ```text
/// L = mean d over mated pairs - mean d over non-mated pairs
/// ```
///
/// With a similarity `s`, `-s` takes the place of `d`.
///
/// Nothing bounds the second term. With unit vectors, the default, `L` is in `[-2, 2]`; with a distance
/// that does not normalize, embeddings can grow without end, and the loss falls without limit. Non-mated
/// pairs that are far apart already pull as hard as near ones. [`ContrastiveLoss`](super::ContrastiveLoss)
/// has the margin that was added for this reason.
///
/// There are no parameters. Losses of non-mated pairs are below 0, so reductions that leave out losses
/// of 0 or less leave out all of them; the default is the mean.
///
/// Chopra et al., *Learning a Similarity Metric Discriminatively, with Application to Face Verification*,
/// CVPR 2005, <https://doi.org/10.1109/CVPR.2005.202>, on why the second term needs care.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnboundedContrastiveLoss {}

impl TupleLoss for UnboundedContrastiveLoss {
    fn check(&self) -> Result<(), InvalidLoss> {
        Ok(())
    }

    fn reducer(&self) -> Reducer {
        Reducer::Mean
    }

    fn evaluate(&self, scene: &Scene<'_>) -> Slope {
        let sign = scene.distance.sign();
        let pairs = scene.pairs();
        let mut terms = Terms::new(scene);
        terms.add(&pairs.mated, |value| PairLoss { loss: sign * value, slope: sign });
        terms.add(&pairs.non_mated, |value| PairLoss { loss: -sign * value, slope: -sign });
        // Every pair pulls, always; the sign of its loss says nothing about that.
        Slope { n_active: Some(pairs.mated.len() + pairs.non_mated.len()), ..terms.slope() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::distance::Distance;
    use crate::metric::matrix::Matrix;
    use crate::metric::relevance::Relations;
    use crate::metric::scene::{Batch, Options, evaluate};

    fn value(size: f64, distance: Distance) -> f64 {
        let rows = Matrix::new(vec![size, 0.0, size, 0.0, -size, 0.0], [3, 2]);
        let relations = Relations::within(&[0, 0, 1]);
        let batch =
            Batch { embeddings: &rows, references: None, relations: &relations, labels: None };
        let options = Options { distance: Some(&distance), ..Options::default() };
        evaluate(&UnboundedContrastiveLoss {}, batch, &options).value
    }

    #[test]
    fn the_loss_is_bounded_for_unit_vectors_alone() {
        let raw = Distance::Lp { p: 2.0, power: 1.0, normalize: false };
        assert_eq!(value(10.0, Distance::EUCLIDEAN), -2.0);
        assert_eq!(value(10.0, raw), -20.0);
        assert_eq!(value(1000.0, raw), -2000.0);
    }
}

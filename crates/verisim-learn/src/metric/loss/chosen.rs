//! How much each anchor counts where a miner chose pairs or triplets, but the loss is one of whole rankings.

use crate::metric::scene::Scene;
use crate::metric::tuples::Tuples;

/// How often each sample was chosen, as anchor, mated or non-mated, by the most often chosen; 1 for
/// all without a miner.
///
/// A miner that chose nothing leaves 0 for all: there is nothing to learn.
pub(super) fn weights(scene: &Scene<'_>) -> Vec<f64> {
    let n = scene.batch.embeddings.n_rows();
    let Some(tuples) = &scene.tuples else { return vec![1.0; n] };
    let mut counts = vec![0usize; n];
    // Positions of references are not positions of anchors unless the two are the same.
    let n_parts = |all: usize| if scene.is_within() { all } else { 1 };
    match tuples {
        Tuples::Triplets(triplets) => {
            let parts = triplets.iter().flat_map(|triplet| &triplet[..n_parts(3)]);
            parts.for_each(|&position| counts[position] += 1);
        }
        Tuples::Pairs(pairs) => {
            let all = pairs.mated.iter().chain(&pairs.non_mated);
            let parts = all.flat_map(|pair| &pair[..n_parts(2)]);
            parts.for_each(|&position| counts[position] += 1);
        }
    }
    let most = counts.iter().max().map_or(1, |&most| most.max(1)) as f64;
    counts.into_iter().map(|count| count as f64 / most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::distance::Distance;
    use crate::metric::matrix::Matrix;
    use crate::metric::reducer::Reducer;
    use crate::metric::relevance::Relations;
    use crate::metric::scene::{Batch, scene};
    use crate::metric::tuples::Pairs;

    fn weights_of(tuples: Option<Tuples>, references: Option<&Matrix>) -> Vec<f64> {
        let (rows, relations) = (Matrix::zeros([3, 2]), Relations::within(&[0, 0, 1]));
        let batch = Batch { embeddings: &rows, references, relations: &relations, labels: None };
        let mut scene = scene(batch, Distance::Cosine, &Reducer::Mean);
        scene.tuples = tuples;
        weights(&scene)
    }

    #[test]
    fn whoever_was_chosen_half_as_often_counts_half() {
        let triplets = || Some(Tuples::Triplets(vec![[0, 1, 2], [0, 1, 2], [1, 0, 2]]));
        let mated = vec![[0, 1]];
        let pairs = Tuples::Pairs(Pairs { mated, non_mated: vec![[0, 2], [2, 0], [2, 0]] });
        assert_eq!(weights_of(None, None), [1.0; 3]);
        assert_eq!(weights_of(triplets(), None), [1.0; 3]);
        assert_eq!(weights_of(Some(pairs), None), [1.0, 0.25, 0.75]);
        assert_eq!(weights_of(Some(Tuples::Triplets(vec![])), None), [0.0; 3]);
        // A position in the references says nothing about an anchor.
        let references = Matrix::zeros([3, 2]);
        assert_eq!(weights_of(triplets(), Some(&references)), [1.0, 0.5, 0.0]);
    }
}

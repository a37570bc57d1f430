//! How often each score occurs, mated and non-mated apart; it does not know how to draw.

use super::verification::Verification;

/// Counts of scores in bins of equal width over `[-1, 1]`, from low to high.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScoreHistogram {
    /// Number of mated comparisons in each bin.
    pub mated: Vec<u64>,
    /// Number of non-mated comparisons in each bin.
    pub non_mated: Vec<u64>,
}

impl Verification {
    /// Counts the scores in `n_bins` bins.
    ///
    /// A score between two bins belongs to the higher one, and a score of 1 to the last. Scores
    /// outside `[-1, 1]`, which no similarity has, are counted in the bins at the ends.
    ///
    /// # Panics
    ///
    /// Panics if `n_bins` is 0.
    pub fn histogram(&self, n_bins: usize) -> ScoreHistogram {
        assert!(n_bins > 0, "a histogram has at least one bin");
        let count = |scores: &[f32]| {
            let mut counts = vec![0; n_bins];
            for &score in scores {
                let bin = f64::midpoint(f64::from(score), 1.0) * n_bins as f64;
                // The cast turns what is negative into 0.
                counts[(bin as usize).min(n_bins - 1)] += 1;
            }
            counts
        };
        ScoreHistogram {
            mated: count(&self.mated.scores),
            non_mated: count(&self.non_mated.scores),
        }
    }
}

impl ScoreHistogram {
    /// Number of bins.
    pub fn n_bins(&self) -> usize {
        self.mated.len()
    }

    /// The lowest score of bin `bin`; that of bin [`n_bins`](Self::n_bins) is the end, 1.
    pub fn lower_edge(&self, bin: usize) -> f64 {
        2.0 * bin as f64 / self.n_bins() as f64 - 1.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::verification::tests::experiment;

    #[test]
    fn scores_fall_into_bins_of_equal_width() {
        let histogram = experiment(&[1.0, 0.5, 0.49, 0.0], &[-1.0, -0.5, -0.51, 0.1]).histogram(4);
        assert_eq!(histogram.mated, [0, 0, 2, 2]);
        assert_eq!(histogram.non_mated, [2, 1, 1, 0]);
        let edges: Vec<f64> = (0..=4).map(|bin| histogram.lower_edge(bin)).collect();
        assert_eq!(edges, [-1.0, -0.5, 0.0, 0.5, 1.0]);
    }

    #[test]
    fn scores_that_are_no_similarity_count_at_the_ends() {
        let histogram = experiment(&[7.0], &[-7.0]).histogram(3);
        assert_eq!((histogram.mated, histogram.non_mated), (vec![0, 0, 1], vec![1, 0, 0]));
    }
}

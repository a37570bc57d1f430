//! A margin that follows the distances of recent pairs; it knows no loss.

/// The margin in use, and the pairs seen since it was set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AdaptedMargin {
    margin: f64,
    seen: Vec<SeenPair>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct SeenPair {
    distance: f64,
    is_mated: bool,
}

impl AdaptedMargin {
    /// What the numbers of [`AdaptedMargin::to_numbers`] say; without any, a margin and no pairs.
    pub(super) fn from_numbers(numbers: &[f64], first: f64) -> Self {
        let Some((&margin, seen)) = numbers.split_first() else {
            return Self { margin: first, seen: Vec::new() };
        };
        let (seen, _) = seen.as_chunks();
        let seen =
            seen.iter().map(|&[distance, mated]| SeenPair { distance, is_mated: mated > 0.0 });
        Self { margin, seen: seen.collect() }
    }

    /// The margin, then two numbers a pair.
    pub(super) fn to_numbers(&self) -> Vec<f64> {
        let pairs = self.seen.iter();
        let pairs = pairs.flat_map(|pair| [pair.distance, f64::from(u8::from(pair.is_mated))]);
        [self.margin].into_iter().chain(pairs).collect()
    }

    pub(super) fn margin(&self) -> f64 {
        self.margin
    }

    pub(super) fn see(&mut self, distance: f64, is_mated: bool) {
        self.seen.push(SeenPair { distance, is_mated });
    }

    /// Once so many pairs were seen, sets the margin where it separates them best, and forgets them.
    pub(super) fn adapt(&mut self, n_pairs: usize) {
        if self.seen.len() >= n_pairs {
            self.margin = best_threshold(&mut self.seen).unwrap_or(self.margin);
            self.seen.clear();
        }
    }
}

/// The distance with the fewest mated pairs beyond it and non-mated ones within, each kind weighing the
/// same; none if a kind is missing, or if all distances are 0.
///
/// It lies in the middle between two distances, or on the largest; of equally good ones it is the least.
fn best_threshold(pairs: &mut [SeenPair]) -> Option<f64> {
    pairs.sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance));
    let n_mated = pairs.iter().filter(|pair| pair.is_mated).count() as f64;
    let n_non_mated = pairs.len() as f64 - n_mated;
    if n_mated == 0.0 || n_non_mated == 0.0 {
        return None;
    }
    let mut within = [0.0, 0.0];
    let mut best = (f64::INFINITY, 0.0);
    for (index, pair) in pairs.iter().enumerate() {
        within[usize::from(pair.is_mated)] += 1.0;
        let next = pairs.get(index + 1).map_or(pair.distance, |next| next.distance);
        if next == pair.distance && index + 1 < pairs.len() {
            continue;
        }
        let error = within[0] / n_non_mated + (1.0 - within[1] / n_mated);
        if error < best.0 {
            best = (error, f64::midpoint(pair.distance, next));
        }
    }
    Some(best.1).filter(|margin| *margin > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A margin of 9 that saw mated pairs at some distances, and non-mated ones at others.
    fn seen(mated: &[f64], non_mated: &[f64]) -> AdaptedMargin {
        let mut margin = AdaptedMargin::from_numbers(&[], 9.0);
        for (distances, is_mated) in [(mated, true), (non_mated, false)] {
            for &distance in distances {
                margin.see(distance, is_mated);
            }
        }
        margin
    }

    #[track_caller]
    fn check(mated: &[f64], non_mated: &[f64], expected: f64) {
        let mut margin = seen(mated, non_mated);
        margin.adapt(mated.len() + non_mated.len());
        assert_eq!(margin, AdaptedMargin { margin: expected, seen: Vec::new() });
    }

    #[test]
    fn the_margin_lies_where_it_errs_least() {
        check(&[1.0, 2.0], &[4.0, 5.0, 6.0], 3.0);
        // Errors beyond 1, 2, 3, 4 and 5: 1/2, 1/2 + 1/3, 1/3, 2/3, 1.
        check(&[1.0, 3.0], &[2.0, 4.0, 5.0], 3.5);
        // One mated pair of four beyond weighs less than one non-mated pair of two within.
        check(&[1.0, 1.0, 1.0, 4.0], &[3.0, 5.0], 2.0);
        // As many pairs of the other kind change nothing.
        check(&[1.0, 1.0, 1.0, 4.0], &[3.0, 5.0].repeat(50), 2.0);
    }

    #[test]
    fn pairs_at_one_distance_are_not_split() {
        check(&[1.0, 2.0, 2.0], &[2.0, 3.0], 2.5);
    }

    #[test]
    fn what_cannot_be_separated_leaves_the_margin() {
        check(&[1.0, 2.0], &[], 9.0);
        check(&[], &[1.0, 2.0], 9.0);
        check(&[0.0], &[0.0], 9.0);
    }

    #[test]
    fn too_few_pairs_are_kept_for_later_and_survive_as_numbers() {
        let mut margin = seen(&[1.0], &[4.0]);
        margin.adapt(3);
        assert_eq!(margin.to_numbers(), [9.0, 1.0, 1.0, 4.0, 0.0]);
        let mut margin = AdaptedMargin::from_numbers(&margin.to_numbers(), 7.0);
        assert_eq!(margin, seen(&[1.0], &[4.0]));
        margin.see(2.0, true);
        margin.adapt(3);
        assert_eq!(margin.to_numbers(), [3.0]);
    }
}

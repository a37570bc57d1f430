//! Which samples of a noisy training set to drop, judged by sub-centers that a loss has learned.

use super::subcenter_arcface::first_largest;

/// What is left of a training set, and of its sub-centers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// The sub-center of each identity that is nearest to most of its samples; none without a sample.
    pub dominant: Vec<Option<usize>>,
    /// Samples too far from the dominant sub-center of their identity, in order.
    pub dropped: Vec<usize>,
}

/// Drops the samples whose angle to the dominant sub-center of their identity is above `max_angle`, in
/// radians: 75 degrees in the paper of [`SubCenterArcFaceLoss`].
///
/// `cosines` are those of all samples, or of all samples of some identities, with all sub-centers, row by
/// row. Of two sub-centers with equally many samples, and of two equally near, the first counts. A second
/// training then starts from the dominant sub-centers, with one center for each identity.
///
/// The samples dropped are those of pytorch-metric-learning's `get_outliers`.
///
/// # Panics
///
/// Panics if there is not one label for each row, `sub_centers` is 0, or a label has no sub-center.
///
/// [`SubCenterArcFaceLoss`]: super::SubCenterArcFaceLoss
pub fn prune(
    cosines: &[f32],
    n_centers: usize,
    labels: &[usize],
    sub_centers: usize,
    max_angle: f64,
) -> Pruning {
    assert_eq!(cosines.len(), n_centers * labels.len(), "not one label for each row");
    let own = |sample: usize| {
        let first = sample * n_centers + labels[sample] * sub_centers;
        &cosines[first..first + sub_centers]
    };
    let mut counts = vec![0.0; n_centers];
    for (sample, &label) in labels.iter().enumerate() {
        counts[label * sub_centers + first_largest(own(sample))] += 1.0;
    }
    let dominant: Vec<Option<usize>> = counts
        .chunks(sub_centers)
        .map(|counts| counts.iter().any(|&count| count > 0.0).then(|| first_largest(counts)))
        .collect();
    let min_cosine = max_angle.cos();
    let is_far = |&sample: &usize| {
        let dominant = dominant[labels[sample]].unwrap_or_default();
        f64::from(own(sample)[dominant]) < min_cosine
    };
    let dropped = (0..labels.len()).filter(is_far).collect();
    Pruning { dominant, dropped }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_the_lesser_sub_center_are_dropped_if_they_are_far() {
        // Two identities with two sub-centers each; the third identity has no sample.
        #[rustfmt::skip]
        let cosines = [
            0.9, 0.1,  0.0, 0.0,  0.0, 0.0,
            0.8, 0.2,  0.0, 0.0,  0.0, 0.0,
            // Nearest to the lesser one, yet within 75 degrees of the dominant one.
            0.3, 0.9,  0.0, 0.0,  0.0, 0.0,
            0.2, 0.9,  0.0, 0.0,  0.0, 0.0,
            0.7, 0.0,  0.0, 0.0,  0.0, 0.0,
            0.0, 0.0,  0.1, 0.2,  0.0, 0.0,
        ];
        let found = prune(&cosines, 6, &[0, 0, 0, 0, 0, 1], 2, 75f64.to_radians());
        let expected = Pruning { dominant: vec![Some(0), Some(1), None], dropped: vec![3, 5] };
        assert_eq!(found, expected);
    }
}

//! Who is who among several faces at once, nobody twice; it does not know where the faces were seen.

/// Gives each probe at most one identity, and each identity to at most one probe.
///
/// `scores` is `[n_probes, n_identities]`, row after row: the similarity of each probe to each identity. Nobody
/// can be in a photograph twice, so where two faces match one identity, only one of them is that person.
///
/// The highest score of all that is at least `threshold` becomes a match; its probe and its identity are taken,
/// and the highest of what is left is next. Of equal scores the earlier probe wins, then the earlier identity.
/// The result is the one stable matching: there are no probe and identity that are more alike than both are to
/// what they got instead. (The other known rule, the highest sum of scores, would take a person from the face
/// that is most like it if that gave two lesser matches, and so add false ones.) A score that is not a number
/// is no match.
///
/// The time grows as `n log n` with the `n` scores that reach the threshold.
///
/// ```
/// use verisim_core::assign;
///
/// // Both faces are like Ada (the first column), the first one more.
/// let found = assign(&[0.9, 0.3, 0.8, 0.6], 2, 0.5);
/// assert_eq!(found, [Some(0), Some(1)]);
/// ```
///
/// # Panics
///
/// Panics if the scores do not fill rows of `n_identities`.
pub fn assign(scores: &[f32], n_identities: usize, threshold: f32) -> Vec<Option<usize>> {
    if n_identities == 0 {
        assert!(scores.is_empty(), "there are scores, but no identities");
        return Vec::new();
    }
    let (rows, rest) = (scores.chunks_exact(n_identities), scores.len() % n_identities);
    assert_eq!(rest, 0, "scores do not fill rows of {n_identities}");
    let n_probes = rows.len();
    let mut matches: Vec<usize> =
        (0..scores.len()).filter(|&index| scores[index] >= threshold).collect();
    // Stable: equal scores stay in the order of probes, then of identities.
    matches.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
    let mut assigned = vec![None; n_probes];
    let mut taken = vec![false; n_identities];
    for index in matches {
        let (probe, identity) = (index / n_identities, index % n_identities);
        if assigned[probe].is_none() && !taken[identity] {
            assigned[probe] = Some(identity);
            taken[identity] = true;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_identity_is_given_to_the_face_that_is_most_like_it() {
        let scores = [
            0.70, 0.60, 0.10, // its best is taken by the next, so it gets its second
            0.95, 0.20, 0.10, //
            0.94, 0.30, 0.20, // its only match is taken
        ];
        assert_eq!(assign(&scores, 3, 0.5), [Some(1), Some(0), None]);
    }

    #[test]
    fn the_surest_match_is_kept_even_if_two_others_would_sum_to_more() {
        // 0.9 alone against 0.8 + 0.7.
        assert_eq!(assign(&[0.9, 0.7, 0.8, 0.1], 2, 0.5), [Some(0), None]);
    }

    #[test]
    fn a_match_reaches_the_threshold_and_is_a_number() {
        assert_eq!(assign(&[0.5, f32::NAN, 0.499_999], 1, 0.5), [Some(0), None, None]);
        assert_eq!(assign(&[f32::NAN; 4], 2, f32::NEG_INFINITY), [None, None]);
    }

    #[test]
    fn of_equals_the_first_wins() {
        assert_eq!(assign(&[0.8; 6], 3, 0.5), [Some(0), Some(1)]);
        assert_eq!(assign(&[0.8; 6], 2, 0.5), [Some(0), Some(1), None]);
        assert_eq!(assign(&[0.0, -0.0], 2, -1.0), [Some(0)]);
    }

    #[test]
    fn nobody_is_assigned_where_nobody_is() {
        assert!(assign(&[], 3, 0.0).is_empty());
        assert!(assign(&[], 0, 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn nobody_is_twice_and_no_pair_would_rather_have_each_other(
            scores in proptest::collection::vec(-1.0f32..1.0, 1..40),
            n_identities in 1usize..6,
            threshold in -1.0f32..1.0,
        ) {
            let n_probes = scores.len() / n_identities;
            let scores = &scores[..n_probes * n_identities];
            let assigned = assign(scores, n_identities, threshold);
            prop_assert_eq!(assigned.len(), n_probes);
            let score = |probe: usize, identity: usize| scores[probe * n_identities + identity];
            let holder = |identity| assigned.iter().position(|it| *it == Some(identity));
            for identity in 0..n_identities {
                prop_assert!(assigned.iter().filter(|it| **it == Some(identity)).count() <= 1);
            }
            for (probe, own) in assigned.iter().enumerate() {
                for identity in 0..n_identities {
                    let pair = score(probe, identity);
                    let has = own.map_or(threshold, |own| score(probe, own));
                    let held = holder(identity).map_or(threshold, |other| score(other, identity));
                    prop_assert!(pair <= has.max(held) || pair < threshold);
                }
            }
        }
    }
}

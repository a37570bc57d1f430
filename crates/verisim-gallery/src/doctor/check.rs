//! Each template as a probe against the rest: whom would it be taken for? It suggests nothing.

use verisim_core::knn::Neighbor;

use super::Roll;

/// How each template would be found if it were a probe, and not enrolled.
///
/// An identity is as near here as the nearest of its other templates, whatever the score rule of the
/// gallery. Templates of which the identity has no other can only be taken for somebody else; they
/// count among the non-mated alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaveOneOut {
    /// Templates of identities that have another: mated probes.
    pub n_mated: usize,
    /// Of the mated, those nearest to their own identity, whatever the score: rank-1.
    pub n_rank_1: usize,
    /// Of the mated, those named rightly: nearest to their own identity, at or above the threshold.
    pub n_named: usize,
    /// Of the mated, those refused: below the threshold to everybody.
    pub n_refused: usize,
    /// Of the mated, those taken for somebody else.
    pub n_mistaken: usize,
    /// Templates with their whole identity left out, if there is another: non-mated probes.
    pub n_non_mated: usize,
    /// Of the non-mated, those taken for somebody: the FPIR of people like these.
    pub n_false_positives: usize,
}

/// Counts, given the nearest of its own identity and of the others for every template.
pub(super) fn leave_one_out(
    roll: &Roll,
    own: &[Option<Neighbor>],
    others: &[Vec<Neighbor>],
    threshold: f32,
) -> LeaveOneOut {
    let mut check = LeaveOneOut::default();
    for (own, others) in own.iter().zip(others) {
        let other = others.first();
        if let Some(other) = other {
            check.n_non_mated += 1;
            check.n_false_positives += usize::from(other.score >= threshold);
        }
        let Some(own) = own else { continue };
        check.n_mated += 1;
        let name = |it: &Neighbor| roll.identities[roll.owner(it.row)].name.as_str();
        // Ties are ordered by name, as they are by a search.
        let is_first = other.is_none_or(|other| {
            own.score > other.score || (own.score == other.score && name(own) < name(other))
        });
        let score = if is_first { own.score } else { other.map_or(own.score, |it| it.score) };
        check.n_rank_1 += usize::from(is_first);
        match (score >= threshold, is_first) {
            (false, _) => check.n_refused += 1,
            (true, true) => check.n_named += 1,
            (true, false) => check.n_mistaken += 1,
        }
    }
    check
}

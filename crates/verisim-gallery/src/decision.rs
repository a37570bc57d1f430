//! Who a probe shows, if anybody: threshold, votes, runner-up; it does not know how scores came.

use std::cmp::Ordering;

/// An identity found by a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Name of the identity.
    pub identity: String,
    /// Similarity of its templates to the probe, as the gallery's
    /// [`ScoreRule`](crate::ScoreRule) has it: a cosine, higher is closer.
    pub score: f32,
}

/// How a probe is decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DecisionRule {
    /// Least score at which a comparison matches, from -1 to 1.
    pub threshold: f32,
    /// Who wins.
    pub winner: Winner,
    /// Number of identities in [`Decision::nearest`].
    pub limit: usize,
}

/// Who wins, if the threshold is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Winner {
    /// The identity of the greatest score.
    Best,
    /// The identity with most of the nearest templates.
    ///
    /// Of the `k` templates nearest to the probe, those that reach the threshold have one vote each.
    /// Among equally many votes the greater score wins. The score of the winner must reach the
    /// threshold, too.
    Vote {
        /// Number of templates that may vote; at least 1.
        k: usize,
    },
}

/// Who a probe shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The winner; nobody if the probe shows a stranger.
    pub identity: Option<String>,
    /// The winner, or who would have won if the threshold were low enough; nobody in an empty
    /// gallery.
    pub best: Option<Candidate>,
    /// The identity of the greatest score but for `best`.
    pub runner_up: Option<Candidate>,
    /// Score of `best` above that of `runner_up`; below 0 if votes decided against the score.
    pub margin: Option<f32>,
    /// The nearest identities by score, best first, whether they match or not.
    pub nearest: Vec<Candidate>,
}

/// What a decision is made from.
pub(crate) struct Scores<'a> {
    /// `[n_templates]`: similarity of each template to the probe.
    pub(crate) templates: &'a [f32],
    /// `[n_templates]`: position of its identity.
    pub(crate) owners: &'a [usize],
    /// `[n_identities]`: score of each identity.
    pub(crate) identities: &'a [f32],
    /// `[n_identities]`.
    pub(crate) names: &'a [String],
}

impl Scores<'_> {
    /// The positions of the `limit` identities of the greatest scores, best first, ties by name.
    pub(crate) fn nearest(&self, limit: usize) -> Vec<usize> {
        let mut found: Vec<usize> = (0..self.names.len()).collect();
        if limit < found.len() {
            found.select_nth_unstable_by(limit, |&a, &b| self.order(a, b));
            found.truncate(limit);
        }
        found.sort_unstable_by(|&a, &b| self.order(a, b));
        found
    }

    /// The identity at a position.
    pub(crate) fn candidate(&self, position: usize) -> Candidate {
        Candidate { identity: self.names[position].clone(), score: self.identities[position] }
    }

    /// Decides.
    pub(crate) fn decide(&self, rule: &DecisionRule) -> Decision {
        let nearest = self.nearest(rule.limit.max(2));
        let winner = match rule.winner {
            Winner::Best => None,
            Winner::Vote { k } => self.elected(k, rule.threshold),
        };
        let best = winner.or(nearest.first().copied());
        let runner_up = nearest.iter().copied().find(|&it| Some(it) != best);
        let is_match = |&it: &usize| {
            let has_votes = rule.winner == Winner::Best || winner.is_some();
            has_votes && self.identities[it] >= rule.threshold
        };
        let margin =
            |(best, runner_up): (usize, usize)| self.identities[best] - self.identities[runner_up];
        Decision {
            identity: best.filter(is_match).map(|it| self.names[it].clone()),
            best: best.map(|it| self.candidate(it)),
            runner_up: runner_up.map(|it| self.candidate(it)),
            margin: best.zip(runner_up).map(margin),
            nearest: nearest.iter().take(rule.limit).map(|&it| self.candidate(it)).collect(),
        }
    }

    /// The identity with most votes of the `k` nearest templates, if any reaches the threshold.
    fn elected(&self, k: usize, threshold: f32) -> Option<usize> {
        let mut voters: Vec<usize> =
            (0..self.templates.len()).filter(|&it| self.templates[it] >= threshold).collect();
        // Among equals at the end of the k, who is enrolled under the earlier name has the vote.
        let nearer = |&a: &usize, &b: &usize| {
            let by_score = self.templates[b].total_cmp(&self.templates[a]);
            by_score.then_with(|| self.names[self.owners[a]].cmp(&self.names[self.owners[b]]))
        };
        let k = k.max(1);
        if k < voters.len() {
            voters.select_nth_unstable_by(k, nearer);
            voters.truncate(k);
        }
        let mut owners: Vec<usize> = voters.into_iter().map(|it| self.owners[it]).collect();
        owners.sort_unstable();
        let votes = owners.chunk_by(|a, b| a == b).map(|votes| (votes[0], votes.len()));
        let winner =
            votes.max_by(|&(a, n_a), &(b, n_b)| n_a.cmp(&n_b).then_with(|| self.order(b, a)));
        winner.map(|(owner, _)| owner)
    }

    fn order(&self, a: usize, b: usize) -> Ordering {
        let by_score = self.identities[b].total_cmp(&self.identities[a]);
        by_score.then_with(|| self.names[a].cmp(&self.names[b]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ScoreRule, Tally};

    /// Decides about templates, given as the names of their identities and their scores, by the
    /// best of each identity.
    fn decide(templates: &[(&str, f32)], winner: Winner, threshold: f32) -> Decision {
        let mut names: Vec<String> = templates.iter().map(|it| it.0.to_owned()).collect();
        names.sort_unstable();
        names.dedup();
        let owner = |name: &str| names.iter().position(|it| it == name).unwrap();
        let owners: Vec<usize> = templates.iter().map(|it| owner(it.0)).collect();
        let scores: Vec<f32> = templates.iter().map(|it| it.1).collect();
        let mut tallies = vec![Tally::default(); names.len()];
        owners.iter().zip(&scores).for_each(|(&owner, &score)| tallies[owner].add(score, None));
        let identities: Vec<f32> = tallies.iter().map(|it| it.score(ScoreRule::Best)).collect();
        let scores =
            Scores { templates: &scores, owners: &owners, identities: &identities, names: &names };
        scores.decide(&DecisionRule { threshold, winner, limit: 3 })
    }

    /// Name of the winner, the best, the runner-up, and the margin.
    fn summary(decision: &Decision) -> (Option<&str>, &str, &str, f32) {
        let best = decision.best.as_ref().unwrap();
        let runner_up = decision.runner_up.as_ref().unwrap();
        let winner = decision.identity.as_deref();
        (winner, &best.identity, &runner_up.identity, decision.margin.unwrap())
    }

    const TEMPLATES: [(&str, f32); 6] =
        [("Ann", 0.75), ("Bob", 0.625), ("Bob", 0.5), ("Ann", 0.25), ("Eve", 0.5), ("Bob", -0.5)];

    #[test]
    fn the_best_wins_and_another_identity_is_the_runner_up() {
        let decision = decide(&TEMPLATES, Winner::Best, 0.5);
        assert_eq!(summary(&decision), (Some("Ann"), "Ann", "Bob", 0.125));
        let nearest: Vec<_> = decision.nearest.iter().map(|it| (&*it.identity, it.score)).collect();
        assert_eq!(nearest, [("Ann", 0.75), ("Bob", 0.625), ("Eve", 0.5)]);
    }

    #[test]
    fn below_the_threshold_everybody_is_a_stranger() {
        assert_eq!(decide(&TEMPLATES, Winner::Best, 0.75).identity.as_deref(), Some("Ann"));
        let decision = decide(&TEMPLATES, Winner::Best, 0.750_000_1);
        assert_eq!(summary(&decision), (None, "Ann", "Bob", 0.125));
        let decision = decide(&TEMPLATES, Winner::Vote { k: 3 }, 0.750_000_1);
        assert_eq!(summary(&decision), (None, "Ann", "Bob", 0.125));
    }

    #[test]
    fn votes_are_counted_among_the_nearest_that_reach_the_threshold() {
        let vote = |k, threshold| {
            let decision = decide(&TEMPLATES, Winner::Vote { k }, threshold);
            let (identity, _, runner_up, margin) = summary(&decision);
            (identity.unwrap().to_owned(), runner_up.to_owned(), margin)
        };
        let found = |winner: &str, runner_up: &str, margin: f32| {
            (winner.to_owned(), runner_up.to_owned(), margin)
        };
        // The nearest three: Ann, Bob, Bob (before Eve, by name).
        assert_eq!(vote(3, 0.5), found("Bob", "Ann", -0.125));
        assert_eq!(vote(1, 0.5), found("Ann", "Bob", 0.125));
        assert_eq!(vote(0, 0.5), found("Ann", "Bob", 0.125));
        // One vote each: the greater score wins.
        assert_eq!(vote(2, 0.5), found("Ann", "Bob", 0.125));
        // Of the nearest three, only two reach this threshold.
        assert_eq!(vote(3, 0.625), found("Ann", "Bob", 0.125));
        // All: Bob 3, Ann 2, Eve 1.
        assert_eq!(vote(99, -1.0), found("Bob", "Ann", -0.125));
    }

    #[test]
    fn nobody_is_found_in_an_empty_gallery_and_no_runner_up_where_one_is_enrolled() {
        for winner in [Winner::Best, Winner::Vote { k: 3 }] {
            let decision = decide(&[], winner, -1.0);
            let nobody = (None, None, None);
            assert_eq!((decision.identity, decision.best, decision.runner_up), nobody);
            let decision = decide(&[("Ann", 0.5), ("Ann", 0.25)], winner, 0.5);
            assert_eq!((decision.identity.as_deref(), decision.margin), (Some("Ann"), None));
        }
    }
}

//! Who is on one picture, when nobody can be on it twice; it knows decisions, no gallery and no files.

use verisim_core::assign;
use verisim_gallery::{Decision, DecisionRule, Winner};

/// A face with a name, or why it has none.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// Who it is.
    pub(super) identity: Option<String>,
    /// Similarity to that person, or else to the nearest.
    pub(super) score: Option<f32>,
    pub(super) reason: Reason,
}

/// Why a face has the name that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    /// It matches.
    Match,
    /// Nobody is near enough.
    BelowThreshold,
    /// Whom it matches is on the picture already, with a face that is more alike.
    TakenByAnotherFace,
    /// Nobody is enrolled.
    NobodyEnrolled,
}

/// Names the faces of one picture; `decisions` has one of each, with at least as many of its nearest as there are
/// faces.
pub(super) fn name_faces(decisions: &[Decision], rule: &DecisionRule) -> Vec<Named> {
    let mut people: Vec<&str> = Vec::new();
    let mut entries: Vec<(usize, usize, f32)> = Vec::new();
    for (face, decision) in decisions.iter().enumerate() {
        let elected = decision.identity.as_ref().and(decision.best.as_ref());
        let candidates: Vec<_> = match rule.winner {
            Winner::Best => decision.nearest.iter().collect(),
            Winner::Vote { .. } => elected.into_iter().collect(),
        };
        for candidate in candidates {
            let known = people.iter().position(|it| *it == candidate.identity);
            let person = known.unwrap_or_else(|| {
                people.push(&candidate.identity);
                people.len() - 1
            });
            entries.push((face, person, candidate.score));
        }
    }
    let mut scores = vec![f32::NAN; decisions.len() * people.len()];
    for (face, person, score) in entries {
        scores[face * people.len() + person] = score;
    }
    let mut assigned = assign(&scores, people.len(), rule.threshold);
    assigned.resize(decisions.len(), None);
    let named = decisions.iter().enumerate().zip(assigned).map(|((face, decision), person)| {
        let nearest = decision.best.as_ref().map(|best| best.score);
        match person {
            Some(person) => Named {
                identity: Some(people[person].to_owned()),
                score: Some(scores[face * people.len() + person]),
                reason: Reason::Match,
            },
            None => Named {
                identity: None,
                score: nearest,
                reason: match (&decision.identity, nearest) {
                    (Some(_), _) => Reason::TakenByAnotherFace,
                    (None, Some(_)) => Reason::BelowThreshold,
                    (None, None) => Reason::NobodyEnrolled,
                },
            },
        }
    });
    named.collect()
}

#[cfg(test)]
mod tests {
    use verisim_gallery::Candidate;

    use super::*;

    fn decision(threshold: f32, nearest: &[(&str, f32)]) -> Decision {
        let nearest: Vec<Candidate> = nearest
            .iter()
            .map(|&(identity, score)| Candidate { identity: identity.to_owned(), score })
            .collect();
        let best = nearest.first().cloned();
        let identity = best.clone().filter(|it| it.score >= threshold).map(|it| it.identity);
        Decision { identity, best, runner_up: nearest.get(1).cloned(), margin: None, nearest }
    }

    fn named(
        winner: Winner,
        faces: &[&[(&str, f32)]],
    ) -> Vec<(Option<String>, Option<f32>, Reason)> {
        let rule = DecisionRule { threshold: 0.5, winner, limit: 3 };
        let decisions: Vec<_> = faces.iter().map(|face| decision(0.5, face)).collect();
        let named = name_faces(&decisions, &rule).into_iter();
        named.map(|it| (it.identity, it.score, it.reason)).collect()
    }

    #[test]
    fn nobody_is_on_a_picture_twice() {
        let faces: [&[_]; 4] = [
            &[("Ann", 0.8), ("Bob", 0.6)],
            &[("Ann", 0.9), ("Bob", 0.1)],
            &[("Ann", 0.7), ("Bob", 0.3)],
            &[("Cy", 0.4)],
        ];
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(
            named(Winner::Best, &faces),
            [
                (some("Bob"), Some(0.6), Reason::Match),
                (some("Ann"), Some(0.9), Reason::Match),
                (None, Some(0.7), Reason::TakenByAnotherFace),
                (None, Some(0.4), Reason::BelowThreshold),
            ]
        );
    }

    #[test]
    fn votes_leave_no_second_choice() {
        let faces: [&[_]; 2] = [&[("Ann", 0.8), ("Bob", 0.6)], &[("Ann", 0.9)]];
        let found = named(Winner::Vote { k: 3 }, &faces);
        assert_eq!(found[0], (None, Some(0.8), Reason::TakenByAnotherFace));
        assert_eq!(found[1].0.as_deref(), Some("Ann"));
    }

    #[test]
    fn an_empty_gallery_names_nobody() {
        assert_eq!(named(Winner::Best, &[&[]]), [(None, None, Reason::NobodyEnrolled)]);
        assert!(named(Winner::Best, &[]).is_empty());
    }
}

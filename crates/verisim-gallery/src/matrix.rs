//! The templates of a gallery packed in memory for search; it does not know where they come from.

use std::collections::HashMap;

use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;

use crate::decision::{Candidate, Decision, DecisionRule, Scores};
use crate::policy::{ScoreRule, Tally};

/// Templates in the order of enrollment, and whose they are.
///
/// It is a cache of the store that only grows: after a template was forgotten it is built anew.
pub(crate) struct Matrix {
    embeddings: PackedEmbeddings,
    owners: Vec<usize>,         // [embeddings.len()], positions in `names`
    qualities: Vec<Option<u8>>, // [embeddings.len()]
    names: Vec<String>,
    owner_of_row: HashMap<i64, usize>, // by row of the identity in the store
    newest: i64,
    n_forgets: i64,
}

impl Matrix {
    /// Creates a matrix for embeddings of `dim` components, of a store that forgot `n_forgets` times.
    pub(crate) fn new(dim: usize, n_forgets: i64) -> Self {
        Self {
            embeddings: PackedEmbeddings::new(dim),
            owners: Vec::new(),
            qualities: Vec::new(),
            names: Vec::new(),
            owner_of_row: HashMap::new(),
            newest: 0,
            n_forgets,
        }
    }

    /// Row in the store of the template added last; 0 if there is none.
    pub(crate) fn newest(&self) -> i64 {
        self.newest
    }

    /// How many times the store had forgotten somebody when this matrix was begun.
    pub(crate) fn n_forgets(&self) -> i64 {
        self.n_forgets
    }

    /// Position of the identity of row `identity`, if it was introduced.
    pub(crate) fn owner(&self, identity: i64) -> Option<usize> {
        self.owner_of_row.get(&identity).copied()
    }

    /// Names the identity of row `identity`, before its first template comes; returns its position.
    pub(crate) fn introduce(&mut self, identity: i64, name: String) -> usize {
        self.owner_of_row.insert(identity, self.names.len());
        self.names.push(name);
        self.names.len() - 1
    }

    /// Adds the template of row `template`, which belongs to the identity at position `owner`.
    pub(crate) fn push(
        &mut self,
        template: i64,
        owner: usize,
        embedding: &Embedding,
        quality: Option<u8>,
    ) {
        self.embeddings.push(embedding);
        self.owners.push(owner);
        self.qualities.push(quality);
        self.newest = template;
    }

    /// The `limit` identities nearest to `probe`, best first, ties by name.
    pub(crate) fn nearest(
        &self,
        probe: &Embedding,
        rule: ScoreRule,
        limit: usize,
    ) -> Vec<Candidate> {
        self.score(probe, rule, |scores| {
            scores.nearest(limit).into_iter().map(|it| scores.candidate(it)).collect()
        })
    }

    /// Who `probe` shows.
    pub(crate) fn decide(
        &self,
        probe: &Embedding,
        rule: ScoreRule,
        decision: &DecisionRule,
    ) -> Decision {
        self.score(probe, rule, |scores| scores.decide(decision))
    }

    /// Compares `probe` with every template.
    fn score<T>(&self, probe: &Embedding, rule: ScoreRule, answer: impl Fn(&Scores<'_>) -> T) -> T {
        let templates: Vec<f32> = self.embeddings.similarities(probe).collect();
        let mut tallies = vec![Tally::default(); self.names.len()];
        for ((&owner, &quality), &score) in self.owners.iter().zip(&self.qualities).zip(&templates)
        {
            tallies[owner].add(score, quality);
        }
        let identities: Vec<f32> = tallies.iter().map(|it| it.score(rule)).collect();
        answer(&Scores {
            templates: &templates,
            owners: &self.owners,
            identities: &identities,
            names: &self.names,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at_angle(degrees: f32) -> Embedding {
        let (sin, cos) = degrees.to_radians().sin_cos();
        Embedding::new(vec![cos, sin]).unwrap()
    }

    /// A matrix of templates on the unit circle, each an identity's row and an angle in degrees.
    fn matrix(templates: &[(i64, f32)]) -> Matrix {
        let mut matrix = Matrix::new(2, 0);
        for (template, &(identity, angle)) in (1..).zip(templates) {
            let known = matrix.owner(identity);
            let owner =
                known.unwrap_or_else(|| matrix.introduce(identity, format!("id{identity}")));
            matrix.push(template, owner, &at_angle(angle), None);
        }
        matrix
    }

    #[track_caller]
    fn check(templates: &[(i64, f32)], probe: f32, limit: usize, expected: &[&str]) {
        let found = matrix(templates).nearest(&at_angle(probe), ScoreRule::Best, limit);
        let names: Vec<&str> = found.iter().map(|it| it.identity.as_str()).collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn an_identity_is_as_near_as_its_best_template() {
        check(&[(1, 170.0), (2, 30.0), (1, 10.0), (3, 20.0)], 0.0, 9, &["id1", "id3", "id2"]);
    }

    #[test]
    fn ties_are_ordered_by_name_even_at_the_limit() {
        check(&[(3, 20.0), (1, 20.0), (2, 20.0)], 20.0, 2, &["id1", "id2"]);
    }

    #[test]
    fn no_limit_and_no_template_give_nobody() {
        check(&[(1, 0.0)], 0.0, 0, &[]);
        check(&[], 0.0, 5, &[]);
    }

    proptest! {
        #[test]
        fn agrees_with_comparing_everything(
            templates in prop::collection::vec((0i64..8, 0.0f32..360.0), 1..30),
            probe in 0.0f32..360.0,
            limit in 0usize..10,
        ) {
            let mut expected: Vec<(i64, f32)> = Vec::new();
            for &(identity, angle) in &templates {
                let score = at_angle(angle).similarity(&at_angle(probe));
                match expected.iter_mut().find(|it| it.0 == identity) {
                    Some(it) => it.1 = it.1.max(score),
                    None => expected.push((identity, score)),
                }
            }
            expected.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            expected.truncate(limit);
            let expected: Vec<Candidate> = expected
                .into_iter()
                .map(|(identity, score)| Candidate { identity: format!("id{identity}"), score })
                .collect();
            prop_assert_eq!(matrix(&templates).nearest(&at_angle(probe), ScoreRule::Best, limit), expected);
        }
    }
}

//! Searching the gallery: refresh the templates in memory, compare, record, answer.

use std::collections::HashMap;

use verisim_core::{Embedding, Template};

use super::Gallery;
use crate::audit::Action;
use crate::decision::{Candidate, Decision, DecisionRule};
use crate::matrix::Matrix;
use crate::policy::ScoreRule;
use crate::{GalleryError, people};

impl Gallery {
    /// The identities whose score is at least `threshold`, best first, ties by name.
    ///
    /// No candidate means that the probe shows nobody who is enrolled. Adding an identity never
    /// changes the score of another.
    ///
    /// # Errors
    ///
    /// Fails if the probe comes from another model, if new templates cannot be read, or if the
    /// search cannot be recorded.
    pub fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        self.search(std::slice::from_ref(probe), Vec::len, |matrix, rule, probe| {
            let mut found = matrix.nearest(probe, rule, limit);
            found.truncate(found.iter().take_while(|it| it.score >= threshold).count());
            found
        })
        .map(|mut answers| answers.pop().unwrap_or_default())
    }

    /// The identities nearest to the probe, however far: what explains that nobody was identified.
    ///
    /// # Errors
    ///
    /// As [`identify`](Self::identify).
    pub fn nearest(
        &mut self,
        probe: &Template,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        self.identify(probe, f32::NEG_INFINITY, limit)
    }

    /// Who each probe shows, if anybody, with the runner-up and the margin.
    ///
    /// The log keeps one record of all of them, written before the answers are returned.
    ///
    /// # Errors
    ///
    /// As [`identify`](Self::identify).
    pub fn decide_many(
        &mut self,
        probes: &[Template],
        decision: &DecisionRule,
    ) -> Result<Vec<Decision>, GalleryError> {
        let n_candidates = |it: &Decision| it.nearest.len();
        self.search(probes, n_candidates, |matrix, rule, probe| {
            matrix.decide(probe, rule, decision)
        })
    }

    /// Answers each probe, and leaves one record.
    fn search<T>(
        &mut self,
        probes: &[Template],
        n_candidates: impl Fn(&T) -> usize,
        answer: impl Fn(&Matrix, ScoreRule, &Embedding) -> T,
    ) -> Result<Vec<T>, GalleryError> {
        for probe in probes {
            self.expect(probe.model, probe.embedding.dim())?;
        }
        let policy = self.policy()?;
        self.refresh()?;
        let answer = |probe: &Template| answer(&self.matrix, policy.rule, &probe.embedding);
        let answers: Vec<T> = probes.iter().map(answer).collect();
        if policy.record_searches && !probes.is_empty() {
            let n_candidates = answers.iter().map(n_candidates).sum();
            let session = self.store.change()?;
            self.record(&session, Action::Searched { n_probes: probes.len(), n_candidates })?;
            session.commit()?;
        }
        Ok(answers)
    }

    /// Brings the matrix up to date with the store.
    fn refresh(&mut self) -> Result<(), GalleryError> {
        let session = self.store.view()?;
        let n_forgets = session.n_forgets()?;
        if n_forgets != self.matrix.n_forgets() {
            self.matrix = Matrix::new(self.dim, n_forgets);
        }
        let matrix = &mut self.matrix;
        let mut persons = HashMap::new();
        // Should a row fail, those before it are in the matrix, and the next call goes on from there.
        session.templates_after(matrix.newest(), |row| {
            let known = matrix.owner(row.identity).zip(persons.get(&row.identity));
            let (owner, person) = if let Some(known) = known {
                known
            } else {
                let identity = session.identity(row.identity)?;
                let (details, person) = people::open(&session, &self.vault, &identity)?;
                let owner = matrix.owner(row.identity);
                let owner = owner.unwrap_or_else(|| matrix.introduce(row.identity, details.name));
                (owner, &*persons.entry(row.identity).or_insert(person))
            };
            let (embedding, _) =
                people::open_template(&session, &self.vault, person, &row, self.dim)?;
            matrix.push(row.id, owner, &embedding, row.quality);
            Ok(())
        })
    }
}

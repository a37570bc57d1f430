//! Searching the gallery: refresh the packed templates, compare, record, answer.

use verisim_core::{Embedding, Template};

use super::Gallery;
use crate::GalleryError;
use crate::audit::{Action, ledger};
use crate::cache::MatrixFile;
use crate::decision::{Candidate, Decision, DecisionRule, Scores};
use crate::matrix::{Query, Truth, Unanswered};

impl Gallery {
    /// The identities whose score is at least `threshold`, best first, ties by name.
    ///
    /// No candidate means that the probe shows nobody who is enrolled. Adding an identity never
    /// changes the score of another.
    ///
    /// # Errors
    ///
    /// Fails if the probe comes from another model, if templates cannot be read, or if the search
    /// cannot be recorded.
    pub fn identify(
        &mut self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        let query = Query { n_identities: limit, least: threshold, votes: None };
        self.search(std::slice::from_ref(probe), &query, Vec::len, |scores| {
            let nearest = scores.nearest(limit).into_iter().map(|it| scores.candidate(it));
            nearest.take_while(|it| it.score >= threshold).collect()
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
    /// The probes share passes over the templates, on all cores, which is several times as fast as
    /// one after the other. The log keeps one record of all of them, written before the answers are
    /// returned.
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
        self.search(probes, &Query::of(decision), n_candidates, |scores| scores.decide(decision))
    }

    /// Answers each probe, and leaves one record.
    fn search<T>(
        &mut self,
        probes: &[Template],
        query: &Query,
        n_candidates: impl Fn(&T) -> usize,
        answer: impl Fn(&Scores<'_>) -> T,
    ) -> Result<Vec<T>, GalleryError> {
        for probe in probes {
            self.expect(probe.model, probe.embedding.dim())?;
        }
        let embeddings: Vec<&Embedding> = probes.iter().map(|it| &it.embedding).collect();
        let Self { store, vault, row, packed, .. } = self;
        let file = MatrixFile::beside(store.path(), vault, *row);
        packed.load(&file);
        let session = store.view()?;
        ledger::expect_vouched(&session, &vault.chain())?;
        let policy = session.policy()?;
        let truth = &mut Truth::new(&session, vault, *row);
        let rules = (policy.rule, query);
        let answers = packed.refresh(truth)?.answer(truth, &embeddings, rules, &answer);
        let answers = match answers {
            Ok(answers) => answers,
            Err(Unanswered::Failed(error)) => return Err(error),
            Err(Unanswered::Contradicted) => {
                let answers = packed.rebuild(truth)?.answer(truth, &embeddings, rules, &answer);
                answers.map_err(|it| match it {
                    Unanswered::Failed(error) => error,
                    Unanswered::Contradicted => Self::contradicted(&session),
                })?
            }
        };
        drop(session);
        if policy.record_searches && !probes.is_empty() {
            let n_candidates = answers.iter().map(n_candidates).sum();
            let session = self.store.change()?;
            self.record(&session, Action::Searched { n_probes: probes.len(), n_candidates })?;
            session.commit()?;
        }
        self.keep_matrix_file();
        Ok(answers)
    }
}

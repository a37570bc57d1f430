//! Enrolling people into an embedded gallery, many in one change.

use super::{Gallery, unix_seconds};
use crate::admission::{Enrolled, Enrollment, Kept, Plan};
use crate::audit::Action;
use crate::people::{self, Person};
use crate::policy::Policy;
use crate::store::Session;
use crate::{GalleryError, Sample};

impl Gallery {
    /// Adds samples to an identity, which need not be known.
    ///
    /// A picture that is enrolled for this identity already is passed over. Without samples nothing
    /// happens.
    ///
    /// # Errors
    ///
    /// Fails if the name is not allowed, if a template comes from another model, if the identity
    /// would have too many templates, or if the store cannot be written; then nothing was added.
    pub fn enroll(&mut self, identity: &str, samples: &[Sample]) -> Result<Enrolled, GalleryError> {
        let outcomes = self.enroll_many(&[Enrollment::new(identity, samples)])?;
        outcomes.into_iter().next().unwrap_or_else(|| Ok(Enrolled::default()))
    }

    /// Enrolls many in one durable change, and says what became of each.
    ///
    /// One that is refused, for the reasons of [`enroll`](Self::enroll) or because another identity
    /// bears its external id, leaves nothing behind and does not keep the others out. The gallery is
    /// locked for the changes of other processes meanwhile.
    ///
    /// # Errors
    ///
    /// Fails if the store cannot be read or written; then nobody was enrolled.
    pub fn enroll_many(
        &mut self,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Vec<Result<Enrolled, GalleryError>>, GalleryError> {
        let now = unix_seconds();
        let session = self.store.change()?;
        let policy = session.policy()?;
        let mut outcomes = Vec::with_capacity(enrollments.len());
        for enrollment in enrollments {
            outcomes.push(match self.plan(&session, policy, enrollment)? {
                Ok((person, plan)) => Ok(self.carry_out(&session, person, &plan, now)?),
                Err(refusal) => Err(refusal),
            });
        }
        session.commit()?;
        self.append_to_matrix_file();
        Ok(outcomes)
    }

    /// Whom an enrollment names, if known, and what it will change, or why it is refused; nothing is
    /// written yet.
    fn plan<'a>(
        &self,
        session: &Session<'_>,
        policy: Policy,
        enrollment: &Enrollment<'a>,
    ) -> Result<Result<(Option<Person>, Plan<'a>), GalleryError>, GalleryError> {
        let binding = self.binding();
        if let Err(refusal) = binding.admit(enrollment) {
            return Ok(Err(refusal));
        }
        let row = session.identity_named(&people::name_tag(&self.vault, enrollment.name))?;
        let open = |row| people::open(session, &self.vault, &row);
        let (details, person) = row.map(open).transpose()?.unzip();
        if let Some(external_id) = enrollment.external_id {
            let tag = people::external_tag(&self.vault, external_id);
            let bearer = session.identity_outside(&tag)?;
            let is_other = |it| person.as_ref().is_none_or(|person: &Person| person.id != it);
            if bearer.is_some_and(is_other) {
                return Ok(Err(binding.external_id_taken(external_id)));
            }
        }
        let mut templates = Vec::new();
        if let Some(person) = person.as_ref().filter(|_| !enrollment.samples.is_empty()) {
            session.templates_of(person.id, |row| {
                let opened =
                    people::open_template(session, &self.vault, person, &row, self.row.dim)?;
                templates.push((row.source_tag, opened.0));
                Ok(())
            })?;
        }
        let kept = details.map(|details| Kept { details, templates });
        let source_tag = |sample: &Sample| people::source_tag(&self.vault, sample.source);
        let plan = binding.plan(policy, enrollment, kept.as_ref(), source_tag);
        Ok(plan.map(|plan| (person, plan)))
    }

    /// Writes what was planned, and its record.
    fn carry_out(
        &self,
        session: &Session<'_>,
        person: Option<Person>,
        plan: &Plan<'_>,
        now: i64,
    ) -> Result<Enrolled, GalleryError> {
        let Plan { details, is_changed, samples, outcome } = plan;
        let person = match person {
            None if samples.is_empty() => return Ok(*outcome),
            None => people::add(session, &self.vault, details, now)?,
            Some(person) => {
                if *is_changed {
                    people::replace(session, &self.vault, &person, details)?;
                }
                person
            }
        };
        for sample in samples {
            people::add_sample(session, &self.vault, &person, sample, now)?;
        }
        if *is_changed || !samples.is_empty() {
            let (person, n_templates) = (person.uid, samples.len());
            self.record(session, Action::Enrolled { person, n_templates })?;
        }
        Ok(Enrolled { person: Some(person.uid), ..*outcome })
    }
}

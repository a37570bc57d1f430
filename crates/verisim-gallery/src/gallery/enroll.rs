//! Enrolling people, many in one change: what is let in, and what is said of each.

use verisim_core::Embedding;

use super::{Gallery, unix_seconds};
use crate::audit::Action;
use crate::details::{Details, Metadata};
use crate::id::RandomId;
use crate::people::{self, Person};
use crate::policy::{NEAR_DUPLICATE, NearDuplicates, Policy};
use crate::store::Session;
use crate::{GalleryError, Sample};

/// Who is to be enrolled, with what.
#[derive(Clone, Copy, Debug)]
pub struct Enrollment<'a> {
    /// Name of the identity, which need not be known.
    pub name: &'a str,
    /// What another system calls it; if nothing is given, what is kept stays.
    pub external_id: Option<&'a str>,
    /// What to keep with it; if nothing is given, what is kept stays.
    pub metadata: Option<&'a Metadata>,
    /// Samples to be added.
    pub samples: &'a [Sample],
}

/// What became of one [`Enrollment`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Enrolled {
    /// The identity; nobody if it was not known and there was no sample.
    pub person: Option<RandomId>,
    /// Number of templates that were added.
    pub n_added: usize,
    /// Number of samples whose pictures were enrolled for the same identity before.
    pub n_already_there: usize,
    /// Number of other samples that are nearly one that was enrolled for the same identity before;
    /// the [`Policy`] says whether they are among those added.
    pub n_near_duplicates: usize,
}

/// An identity that an enrollment names, if it is known.
struct Known {
    person: Person,
    details: Details,
}

/// What one enrollment will change.
struct Plan<'a> {
    known: Option<Known>,
    details: Details,
    samples: Vec<&'a Sample>,
    outcome: Enrolled,
}

impl<'a> Enrollment<'a> {
    /// Samples of an identity, without an external id and metadata.
    pub fn new(name: &'a str, samples: &'a [Sample]) -> Self {
        Self { name, external_id: None, metadata: None, samples }
    }
}

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
                Ok(plan) => Ok(self.carry_out(&session, plan, now)?),
                Err(refusal) => Err(refusal),
            });
        }
        session.commit()?;
        Ok(outcomes)
    }

    /// What an enrollment will change, or why it is refused; nothing is written yet.
    fn plan<'a>(
        &self,
        session: &Session<'_>,
        policy: Policy,
        enrollment: &Enrollment<'a>,
    ) -> Result<Result<Plan<'a>, GalleryError>, GalleryError> {
        let asked = Details {
            name: enrollment.name.to_owned(),
            external_id: enrollment.external_id.map(str::to_owned),
            metadata: enrollment.metadata.cloned(),
        };
        if let Err(refusal) = self.admit(&asked, enrollment.samples) {
            return Ok(Err(refusal));
        }
        let row = session.identity_named(&people::name_tag(&self.vault, &asked.name))?;
        let open = |row| people::open(session, &self.vault, &row);
        let known = row.map(open).transpose()?;
        let known = known.map(|(details, person)| Known { person, details });
        let path = || self.store.path().to_owned();
        if let Some(external_id) = &asked.external_id {
            let tag = people::external_tag(&self.vault, external_id);
            let bearer = session.identity_outside(&tag)?;
            if bearer.is_some_and(|it| known.as_ref().is_none_or(|known| known.person.id != it)) {
                let external_id = external_id.clone();
                return Ok(Err(GalleryError::ExternalIdTaken { path: path(), external_id }));
            }
        }
        let mut outcome =
            Enrolled { person: known.as_ref().map(|it| it.person.uid), ..Enrolled::default() };
        let mut there = self.embeddings(session, known.as_ref(), enrollment.samples.is_empty())?;
        let n_there = there.len();
        let mut samples: Vec<&Sample> = Vec::new();
        for sample in enrollment.samples {
            if self.has_source(session, known.as_ref(), &samples, sample)? {
                outcome.n_already_there += 1;
                continue;
            }
            let embedding = &sample.template.embedding;
            if there.iter().any(|it| it.similarity(embedding) >= NEAR_DUPLICATE) {
                outcome.n_near_duplicates += 1;
                if policy.near_duplicates == NearDuplicates::KeepOut {
                    continue;
                }
            }
            there.push(embedding.clone());
            samples.push(sample);
        }
        outcome.n_added = samples.len();
        let (wanted, max) = (n_there + samples.len(), policy.max_templates);
        if !samples.is_empty() && wanted > max as usize {
            return Ok(Err(GalleryError::TooManyTemplates { path: path(), wanted, max }));
        }
        let kept = known.as_ref().map(|it| it.details.clone());
        let details = Details {
            name: asked.name,
            external_id: asked.external_id.or(kept.as_ref().and_then(|it| it.external_id.clone())),
            metadata: asked.metadata.or(kept.and_then(|it| it.metadata)),
        };
        Ok(Ok(Plan { known, details, samples, outcome }))
    }

    /// Writes what was planned, and its record.
    fn carry_out(
        &self,
        session: &Session<'_>,
        plan: Plan<'_>,
        now: i64,
    ) -> Result<Enrolled, GalleryError> {
        let Plan { known, details, samples, mut outcome } = plan;
        let (person, is_changed) = match known {
            None if samples.is_empty() => return Ok(outcome),
            None => (people::add(session, &self.vault, &details, now)?, true),
            Some(Known { person, details: kept }) if kept == details => (person, false),
            Some(Known { person, .. }) => {
                people::replace(session, &self.vault, &person, &details)?;
                (person, true)
            }
        };
        for sample in &samples {
            people::add_sample(session, &self.vault, &person, sample, now)?;
        }
        if is_changed || !samples.is_empty() {
            let (person, n_templates) = (person.uid, samples.len());
            self.record(session, Action::Enrolled { person, n_templates })?;
        }
        outcome.person = Some(person.uid);
        Ok(outcome)
    }

    /// Fails if the gallery could not keep this of anybody.
    fn admit(&self, details: &Details, samples: &[Sample]) -> Result<(), GalleryError> {
        details.check()?;
        for sample in samples {
            self.expect(sample.template.model, sample.template.embedding.dim())?;
            sample.check()?;
        }
        Ok(())
    }

    /// The embeddings that are enrolled for an identity; none if they do not matter.
    fn embeddings(
        &self,
        session: &Session<'_>,
        known: Option<&Known>,
        is_needless: bool,
    ) -> Result<Vec<Embedding>, GalleryError> {
        let mut found = Vec::new();
        let Some(Known { person, .. }) = known.filter(|_| !is_needless) else { return Ok(found) };
        session.templates_of(person.id, |row| {
            let opened = people::open_template(session, &self.vault, person, &row, self.dim)?;
            found.push(opened.0);
            Ok(())
        })?;
        Ok(found)
    }

    /// Whether the picture of a sample is enrolled for the identity, or about to be.
    fn has_source(
        &self,
        session: &Session<'_>,
        known: Option<&Known>,
        planned: &[&Sample],
        sample: &Sample,
    ) -> Result<bool, GalleryError> {
        if planned.iter().any(|it| it.source == sample.source) {
            return Ok(true);
        }
        let Some(Known { person, .. }) = known else { return Ok(false) };
        session.has_source(person.id, &people::source_tag(&self.vault, sample.source))
    }
}

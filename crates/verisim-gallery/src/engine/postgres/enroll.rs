//! Enrolling people, many in one change: read whom they name, decide here, write in bulk.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::pin::pin;

use deadpool_postgres::Transaction;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::PostgresGallery;
use super::explain::Failure;
use super::rows::{IDENTITY, Identity, NEW_TEMPLATE, NewRow, TEMPLATE, select};
use crate::GalleryError;
use crate::admission::{Enrolled, Enrollment, Kept, Plan};
use crate::audit::Action;
use crate::details::Details;
use crate::gallery::unix_seconds;
use crate::id::RandomId;
use crate::policy::Policy;
use crate::vault::SealKey;

type Tag = [u8; 32];

/// An identity that enrollments name, as it is when one of them is decided.
struct Known {
    uid: RandomId,
    key: SealKey,
    kept: Kept,
    enrolled_at: i64,
    is_new: bool,
}

/// What a change is going to write.
#[derive(Default)]
struct Draft {
    /// By tag of the name.
    known: HashMap<Tag, Known>,
    /// Who bears an external id, by its tag.
    bearers: HashMap<Tag, RandomId>,
    /// Names of new identities, in the order of their enrollment.
    added: Vec<Tag>,
    /// Details of identities that were known, in the order of their changes.
    replaced: Vec<(RandomId, Details, i64)>,
    templates: Vec<NewRow>,
    actions: Vec<Action>,
}

impl PostgresGallery {
    pub(super) fn enroll_all(
        &self,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Vec<Result<Enrolled, GalleryError>>, GalleryError> {
        let changed = self.change(async |sql, state| {
            let now = unix_seconds();
            let mut draft = self.known(sql, enrollments).await?;
            let mut outcomes = Vec::with_capacity(enrollments.len());
            for enrollment in enrollments {
                outcomes.push(match self.plan(&draft, state.policy, enrollment) {
                    Ok(plan) => Ok(self.take_up(&mut draft, &plan, now)?),
                    Err(refusal) => Err(refusal),
                });
            }
            self.write(sql, &draft, now).await?;
            Ok((outcomes, draft.actions))
        })?;
        Ok(changed.value)
    }

    /// Everybody whom the enrollments name, or who bears an external id in them.
    async fn known(
        &self,
        sql: &Transaction<'_>,
        enrollments: &[Enrollment<'_>],
    ) -> Result<Draft, Failure> {
        let name_tags: Vec<Tag> = enrollments.iter().map(|it| self.name_tag(it.name)).collect();
        let external_tags: Vec<Tag> = enrollments
            .iter()
            .filter_map(|it| it.external_id)
            .map(|it| self.external_tag(it))
            .collect();
        let statement = format!(
            "SELECT {IDENTITY}, name_tag FROM identity
                WHERE name_tag = ANY($1) OR external_tag = ANY($2)"
        );
        let [named, outside] = [&name_tags, &external_tags]
            .map(|tags| tags.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>());
        let mut draft = Draft::default();
        for row in select(sql, &statement, &[&named, &outside]).await? {
            let identity = self.open_identity(&row, 0)?;
            let tag: Tag = row.try_get::<_, &[u8]>(6)?.try_into().unwrap_or_default();
            if let Some(external_id) = &identity.details.external_id {
                draft.bearers.insert(self.external_tag(external_id), identity.uid);
            }
            let Identity { uid, key, details, enrolled_at, .. } = identity;
            let kept = Kept { details, templates: Vec::new() };
            let known = Known { uid, key, kept, enrolled_at, is_new: false };
            draft.known.insert(tag, known);
        }
        let with_samples: Vec<(Tag, RandomId)> = enrollments
            .iter()
            .zip(&name_tags)
            .filter(|(enrollment, _)| !enrollment.samples.is_empty())
            .filter_map(|(_, tag)| Some((*tag, draft.known.get(tag)?.uid)))
            .collect();
        let tag_of: HashMap<RandomId, Tag> =
            with_samples.iter().map(|&(tag, uid)| (uid, tag)).collect();
        let uids: Vec<RandomId> = tag_of.keys().copied().collect();
        if uids.is_empty() {
            return Ok(draft);
        }
        let statement = format!("SELECT {TEMPLATE} FROM template WHERE person = ANY($1)");
        for row in select(sql, &statement, &[&uids]).await? {
            let person: RandomId = row.try_get(1)?;
            let known = tag_of.get(&person).and_then(|tag| draft.known.get_mut(tag));
            let Some(known) = known else { continue };
            let opened = self.open_template(&row, 0, &known.key)?;
            let tag: Tag = row.try_get::<_, &[u8]>(6)?.try_into().unwrap_or_default();
            known.kept.templates.push((tag, opened.embedding));
        }
        Ok(draft)
    }

    /// What an enrollment will change, or why it is refused.
    fn plan<'a>(
        &self,
        draft: &Draft,
        policy: Policy,
        enrollment: &Enrollment<'a>,
    ) -> Result<Plan<'a>, GalleryError> {
        let binding = self.binding();
        binding.admit(enrollment)?;
        let known = draft.known.get(&self.name_tag(enrollment.name));
        if let Some(external_id) = enrollment.external_id {
            let bearer = draft.bearers.get(&self.external_tag(external_id));
            if bearer.is_some_and(|bearer| known.is_none_or(|known| known.uid != *bearer)) {
                return Err(binding.external_id_taken(external_id));
            }
        }
        let kept = known.map(|it| &it.kept);
        binding.plan(policy, enrollment, kept, |sample| self.source_tag(sample.source))
    }

    /// Adds what was planned to what will be written.
    fn take_up(
        &self,
        draft: &mut Draft,
        plan: &Plan<'_>,
        now: i64,
    ) -> Result<Enrolled, GalleryError> {
        let Plan { details, is_changed, samples, outcome } = plan;
        let tag = self.name_tag(&details.name);
        let known = match draft.known.entry(tag) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(_) if samples.is_empty() => return Ok(*outcome),
            Entry::Vacant(it) => {
                let draw = || Ok((RandomId::draw()?, self.vault.draw_key()?));
                let drawn = draw().map_err(|error| GalleryError::from_io(self.place(), error));
                let (uid, key) = drawn?;
                let kept = Kept { details: details.clone(), templates: Vec::new() };
                draft.added.push(tag);
                it.insert(Known { uid, key, kept, enrolled_at: now, is_new: true })
            }
        };
        if *is_changed {
            if let Some(before) = &known.kept.details.external_id {
                draft.bearers.remove(&self.external_tag(before));
            }
            if let Some(external_id) = &details.external_id {
                draft.bearers.insert(self.external_tag(external_id), known.uid);
            }
            known.kept.details.clone_from(details);
            if !known.is_new {
                draft.replaced.push((known.uid, details.clone(), known.enrolled_at));
            }
        }
        for sample in samples {
            draft.templates.push(self.seal_sample(known.uid, &known.key, sample, now)?);
            let embedding = sample.template.embedding.clone();
            known.kept.templates.push((self.source_tag(sample.source), embedding));
        }
        let (person, n_templates) = (known.uid, samples.len());
        if *is_changed || !samples.is_empty() {
            draft.actions.push(Action::Enrolled { person, n_templates });
        }
        Ok(Enrolled { person: Some(person), ..*outcome })
    }

    async fn write(&self, sql: &Transaction<'_>, draft: &Draft, now: i64) -> Result<(), Failure> {
        let key_of: HashMap<RandomId, &SealKey> =
            draft.known.values().map(|it| (it.uid, &it.key)).collect();
        // One after the other: an external id may go from one to the next.
        for (uid, details, enrolled_at) in &draft.replaced {
            let Some(key) = key_of.get(uid) else { continue };
            let sealed = self.seal_details(*uid, key, details, *enrolled_at)?;
            let tag = details.external_id.as_deref().map(|it| self.external_tag(it).to_vec());
            let update = "UPDATE identity SET external_tag = $2, details = $3 WHERE person = $1";
            let update = sql.prepare_cached(update).await?;
            sql.execute(&update, &[uid, &tag, &sealed]).await?;
        }
        self.insert(sql, draft, now).await?;
        copy_in(sql, &draft.templates).await
    }

    async fn insert(&self, sql: &Transaction<'_>, draft: &Draft, now: i64) -> Result<(), Failure> {
        if draft.added.is_empty() {
            return Ok(());
        }
        let (mut uids, mut names, mut outside) = (Vec::new(), Vec::new(), Vec::new());
        let (mut all_details, mut keys) = (Vec::new(), Vec::new());
        for tag in &draft.added {
            let Some(Known { uid, key, kept, .. }) = draft.known.get(tag) else { continue };
            let external_id = kept.details.external_id.as_deref();
            uids.push(*uid);
            names.push(tag.as_slice());
            outside.push(external_id.map(|it| self.external_tag(it).to_vec()));
            all_details.push(self.seal_details(*uid, key, &kept.details, now)?);
            let wrapped = self.vault.wrap(*uid, key);
            keys.push(wrapped.map_err(|error| GalleryError::from_io(self.place(), error))?);
        }
        let insert = "INSERT INTO identity
                (person, name_tag, external_tag, details, person_key, enrolled_at)
            SELECT *, $6::bigint
            FROM unnest($1::uuid[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[])";
        let insert = sql.prepare_cached(insert).await?;
        sql.execute(&insert, &[&uids, &names, &outside, &all_details, &keys, &now]).await?;
        Ok(())
    }
}

/// Writes templates in the server's bulk format.
async fn copy_in(sql: &Transaction<'_>, templates: &[NewRow]) -> Result<(), Failure> {
    if templates.is_empty() {
        return Ok(());
    }
    let types = column_types(sql).await?;
    let statement = format!("COPY template ({NEW_TEMPLATE}) FROM STDIN BINARY");
    let writer = BinaryCopyInWriter::new(sql.copy_in(&statement).await?, &types);
    let mut writer = pin!(writer);
    for row in templates {
        write_row(writer.as_mut(), row).await?;
    }
    writer.finish().await?;
    Ok(())
}

/// The types of the columns of a [`NewRow`], of which one is made by an extension.
pub(super) async fn column_types(
    sql: &impl deadpool_postgres::GenericClient,
) -> Result<Vec<Type>, Failure> {
    let shape = sql.prepare_cached(&format!("SELECT {NEW_TEMPLATE} FROM template")).await?;
    Ok(shape.columns().iter().map(|it| it.type_().clone()).collect())
}

pub(super) async fn write_row(
    writer: std::pin::Pin<&mut BinaryCopyInWriter>,
    row: &NewRow,
) -> Result<(), Failure> {
    let NewRow { person, uid, source_tag, embedding, sealed, .. } = row;
    let NewRow { thumbnail, quality, enrolled_at, .. } = row;
    let tag = source_tag.as_slice();
    writer.write(&[person, uid, &tag, embedding, sealed, thumbnail, quality, enrolled_at]).await?;
    Ok(())
}

//! From format 1 to the present one: all templates, anew; it does not know the engine.
//!
//! The dates of templates are those of their identities, which is what format 1 kept. The gallery
//! stays plain. All is one change: killed at any moment, the gallery is of one format or the other.

use verisim_core::Template;

use crate::audit::{Action, Event, ledger};
use crate::details::Details;
use crate::id::RandomId;
use crate::schema::FORMAT_1;
use crate::store::{GalleryRow, Session};
use crate::vault::Vault;
use crate::{GalleryError, Sample, SourceDigest, blob, people};

/// Who is said to have enrolled what format 1 held.
const ACTOR: &str = "migration";

/// Brings a gallery of format 1 to the present format.
pub(crate) fn migrate(session: &Session<'_>, now: i64) -> Result<(), GalleryError> {
    let (model, dim) = session.set_format_1_aside()?;
    let uid = RandomId::draw().map_err(|error| session.failed(error))?;
    let vault = Vault::plain(uid);
    let chain = vault.chain();
    let row = GalleryRow { uid, model, dim };
    session.create(row, None, &chain.start())?;
    let record = |action| {
        let event = Event { at: now, actor: ACTOR.to_owned(), action };
        ledger::append(session, &chain, &event).map(drop)
    };
    record(Action::Migrated { format: FORMAT_1 })?;
    for old in session.old_identities()? {
        let details = Details { name: old.name, external_id: None, metadata: None };
        let person = people::add(session, &vault, &details, old.enrolled_at)?;
        let templates = session.old_templates(old.id)?;
        for template in &templates {
            let embedding = blob::decode(&template.embedding, dim, template.id);
            let embedding = embedding.map_err(|damage| session.damaged(damage))?;
            let source = SourceDigest::new(template.source);
            let sample = Sample::new(Template { embedding, model }, source);
            people::add_sample(session, &vault, &person, &sample, old.enrolled_at)?;
        }
        record(Action::Enrolled { person: person.uid, n_templates: templates.len() })?;
    }
    session.drop_format_1()
}

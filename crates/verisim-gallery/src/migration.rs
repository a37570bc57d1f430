//! From earlier formats to the present one; it does not know the engine.
//!
//! Of format 1 all templates are written anew. Their dates are those of their identities, which is what
//! it kept, and the gallery stays plain. Format 2 lacks nothing but a table, which is empty at first.
//! All is one change: killed at any moment, the gallery is of one format or the other.

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

/// Brings a gallery of an earlier format to the present one.
pub(crate) fn migrate(session: &Session<'_>, format: i32, now: i64) -> Result<(), GalleryError> {
    if format == FORMAT_1 { from_format_1(session, now) } else { session.add_table_of_changes() }
}

fn from_format_1(session: &Session<'_>, now: i64) -> Result<(), GalleryError> {
    let (model, dim) = session.set_format_1_aside()?;
    let uid = RandomId::draw().map_err(|error| session.failed(error))?;
    let vault = Vault::plain(uid);
    let chain = vault.chain();
    let genesis = chain.genesis();
    let row = GalleryRow { uid, model, dim };
    session.create(row, None, (&genesis, &chain.end(&genesis, 0)))?;
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

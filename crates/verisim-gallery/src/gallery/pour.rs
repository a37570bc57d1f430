//! An embedded gallery in portable rows, and made of them; it does not know the other end.

use std::collections::HashMap;
use std::io;
use std::path::Path;

use super::{Gallery, migrate, unlock};
use crate::audit::{Action, Hash, LogEnd, ledger};
use crate::engine::{Head, Intake, Noting, Outlet, PortableIdentity, PortableTemplate};
use crate::id::RandomId;
use crate::patience::BUSY_TIMEOUT;
use crate::people::{self, Person};
use crate::record::encode_sample;
use crate::store::{NewIdentity, NewTemplate, Session, Store};
use crate::vault::{Secret, Vault};
use crate::{Damage, GalleryError, file};

impl Outlet for Gallery {
    fn pour(&self, intake: &mut dyn Intake) -> Result<(), GalleryError> {
        let session = self.store.view()?;
        intake.head(&Head {
            row: session.gallery()?,
            seal: session.seal()?,
            policy: session.policy()?,
            settings: session.settings()?,
        })?;
        let mut persons = HashMap::new();
        for row in session.identities()? {
            let (details, person) = people::open(&session, &self.vault, &row)?;
            let external_id = details.external_id.as_deref();
            intake.identity(&PortableIdentity {
                uid: row.uid,
                name_tag: people::name_tag(&self.vault, &details.name),
                external_tag: external_id.map(|it| people::external_tag(&self.vault, it)),
                details: &row.details,
                wrapped_key: row.key.as_deref(),
                enrolled_at: row.enrolled_at,
            })?;
            persons.insert(row.id, person);
        }
        session.templates_after(0, |row| {
            let damaged = || session.damaged(Damage::Template { template: row.id });
            let person = persons.get(&row.identity).ok_or_else(damaged)?;
            let (embedding, label) =
                people::open_template(&session, &self.vault, person, &row, self.row.dim)?;
            intake.template(&PortableTemplate {
                uid: row.uid,
                person: person.uid,
                person_key: &person.key,
                source_tag: row.source_tag,
                embedding: &embedding,
                label: label.as_deref(),
                thumbnail: session.thumbnail(row.id)?.as_deref(),
                quality: row.quality,
                enrolled_at: row.enrolled_at,
            })
        })?;
        session.records_after(i64::MIN, |position, record, hash| {
            let head = hash.try_into();
            let head = head.map_err(|_| session.damaged(Damage::Log { position }))?;
            intake.record(position, &head, record)
        })
    }
}

impl Noting for Gallery {
    fn note(&mut self, action: Action) -> Result<(), GalleryError> {
        let session = self.store.change()?;
        self.record(&session, action)?;
        session.commit()
    }
}

impl Gallery {
    /// Makes a gallery in `folder` of what `from` holds, in one change.
    ///
    /// # Errors
    ///
    /// Fails if there is a gallery in the folder, if `from` cannot be read, if the secret is not the
    /// one that it needs, or if the folder cannot be written.
    pub(crate) fn take_in(
        from: &dyn Outlet,
        folder: &Path,
        secret: Option<&Secret>,
    ) -> Result<Self, GalleryError> {
        let target = file::path(folder)?;
        file::expect_no_gallery(&target)?;
        file::in_draft(folder, "copy", |draft| {
            let fill = |session: &Session<'_>| {
                let mut filling = Filling { session, path: &target, secret, state: None };
                from.pour(&mut filling)?;
                let state = filling.state.ok_or_else(|| headless(session))?;
                ledger::vouch(session, &state.vault.chain())
            };
            let store = Store::create_or_open(draft, &fill, &migrate)?;
            // What is still in the log of writes would stay behind.
            store.truncate_log(BUSY_TIMEOUT)?;
            let path = store.path().to_owned();
            drop(store);
            file::expect_no_gallery(&target)?;
            file::publish(&path, &target)
        })?;
        Self::open(folder, secret)
    }
}

/// A gallery file that is being filled.
struct Filling<'a> {
    session: &'a Session<'a>,
    path: &'a Path,
    secret: Option<&'a Secret>,
    state: Option<State>,
}

struct State {
    vault: Vault,
    persons: HashMap<RandomId, Person>,
}

impl Intake for Filling<'_> {
    fn head(&mut self, head: &Head) -> Result<(), GalleryError> {
        let session = self.session;
        let vault = unlock(head.seal.as_ref(), self.path, head.row.uid, self.secret)?;
        session.create(head.row, head.seal.as_ref(), &vault.chain().genesis())?;
        session.set_policy(head.policy)?;
        for (key, value) in &head.settings {
            session.set_setting(key, value)?;
        }
        self.state = Some(State { vault, persons: HashMap::new() });
        Ok(())
    }

    fn identity(&mut self, it: &PortableIdentity<'_>) -> Result<(), GalleryError> {
        let session = self.session;
        let state = self.state.as_mut().ok_or_else(|| headless(session))?;
        let key = state.vault.unwrap(it.uid, it.wrapped_key);
        let id = session.add_identity(&NewIdentity {
            uid: it.uid,
            name_tag: it.name_tag,
            external_tag: it.external_tag,
            details: it.details,
            key: it.wrapped_key,
            enrolled_at: it.enrolled_at,
        })?;
        let key = key.map_err(|_| session.damaged(Damage::Identity { identity: id }))?;
        let person = Person { id, uid: it.uid, key, enrolled_at: it.enrolled_at };
        state.persons.insert(it.uid, person);
        Ok(())
    }

    fn template(&mut self, it: &PortableTemplate<'_>) -> Result<(), GalleryError> {
        let session = self.session;
        let state = self.state.as_ref().ok_or_else(|| headless(session))?;
        let person = state.persons.get(&it.person).ok_or_else(|| headless(session))?;
        let seal = || -> io::Result<_> {
            let bytes = encode_sample(it.embedding, it.label).map_err(io::Error::other)?;
            let place = it.place();
            state.vault.seal(it.person_key, place, &bytes)
        };
        let sealed = seal().map_err(|error| session.failed(error))?;
        session.add_template(&NewTemplate {
            uid: it.uid,
            identity: person.id,
            source_tag: it.source_tag,
            sealed: &sealed,
            thumbnail: it.thumbnail,
            quality: it.quality,
            enrolled_at: it.enrolled_at,
        })
    }

    fn record(&mut self, position: i64, head: &Hash, record: &str) -> Result<(), GalleryError> {
        // What vouches for the end comes last.
        self.session.push_record(record, &LogEnd { position, head: *head, end: [0; 32] })
    }
}

/// Rows that come without what they belong to.
fn headless(session: &Session<'_>) -> GalleryError {
    session.damaged(Damage::Contradictions { table: "template", n_rows: 1 })
}

//! A gallery on a server in portable rows; it does not know where they go.
//!
//! Rows are drawn one by one from outside the runtime, for whoever takes them may have one of his own.

use std::collections::HashMap;
use std::pin::Pin;

use deadpool_postgres::Object;
use futures_util::TryStreamExt;
use tokio_postgres::{Row, RowStream};

use super::PostgresGallery;
use super::explain::Failure;
use super::rows::{TEMPLATE, quality, select};
use super::state::State;
use crate::audit::Action;
use crate::engine::{Head, Intake, Noting, Outlet, PortableIdentity, PortableTemplate};
use crate::id::RandomId;
use crate::vault::SealKey;
use crate::{Damage, GalleryError};

const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const IDENTITIES: &str = "SELECT position, person, name_tag, external_tag, details, person_key,
        enrolled_at FROM identity ORDER BY position";
const RECORDS: &str = "SELECT position, record, hash FROM event ORDER BY position";

impl Outlet for PostgresGallery {
    fn pour(&self, intake: &mut dyn Intake) -> Result<(), GalleryError> {
        let client = self.link.wait_patiently(async || {
            let client = self.link.primary().await?;
            client.batch_execute(BEGIN).await?;
            Ok(client)
        })?;
        let poured = self.pour_from(&client, intake);
        // The connection is in the middle of something: it ends, and nobody gets it again.
        drop(Object::take(client));
        poured
    }
}

impl Noting for PostgresGallery {
    fn note(&mut self, action: Action) -> Result<(), GalleryError> {
        self.change(async |_, _| Ok(((), vec![action.clone()]))).map(drop)
    }
}

impl PostgresGallery {
    fn pour_from(&self, client: &Object, intake: &mut dyn Intake) -> Result<(), GalleryError> {
        let head = self.link.wait(async {
            let state = State::read(client, self.link.place()).await?;
            let settings = select(client, "SELECT key, value FROM setting ORDER BY key", &[]);
            let setting = |row: &Row| Ok((row.try_get(0)?, row.try_get(1)?));
            let settings: Result<Vec<(String, String)>, Failure> =
                settings.await?.iter().map(setting).collect();
            let State { row, seal, policy, .. } = state;
            Ok(Head { row, seal, policy, settings: settings? })
        })?;
        intake.head(&head)?;
        let told = |failure: Failure| failure.told(self.link.place());
        let mut keys: HashMap<RandomId, SealKey> = HashMap::new();
        self.each(client, IDENTITIES, |row| {
            keys.insert(row.try_get(1).map_err(Failure::from).map_err(told)?, {
                let position = row.try_get(0).map_err(Failure::from).map_err(told)?;
                self.pour_identity(row, position, intake)?
            });
            Ok(())
        })?;
        let templates = format!("SELECT {TEMPLATE}, thumbnail FROM template ORDER BY position");
        self.each(client, &templates, |row| self.pour_template(row, &keys, intake))?;
        self.each(client, RECORDS, |row| {
            let read = || -> Result<_, Failure> {
                let (position, record): (i64, &str) = (row.try_get(0)?, row.try_get(1)?);
                let head = row.try_get::<_, &[u8]>(2)?.try_into();
                let head = head.map_err(|_| self.damaged(Damage::Log { position }))?;
                Ok((position, head, record))
            };
            let (position, head, record) = read().map_err(told)?;
            intake.record(position, &head, record)
        })
    }

    fn pour_identity(
        &self,
        row: &Row,
        position: i64,
        intake: &mut dyn Intake,
    ) -> Result<SealKey, GalleryError> {
        let read = || -> Result<_, Failure> {
            let damaged = || self.damaged(Damage::Identity { identity: position });
            let uid = row.try_get(1)?;
            let wrapped_key: Option<&[u8]> = row.try_get(5)?;
            let key = self.vault.unwrap(uid, wrapped_key).map_err(|_| damaged())?;
            let tag = row.try_get::<_, Option<&[u8]>>(3)?;
            let external_tag = tag.map(<[u8; 32]>::try_from).transpose();
            let identity = PortableIdentity {
                uid,
                name_tag: row.try_get::<_, &[u8]>(2)?.try_into().map_err(|_| damaged())?,
                external_tag: external_tag.map_err(|_| damaged())?,
                details: row.try_get(4)?,
                wrapped_key,
                enrolled_at: row.try_get(6)?,
            };
            Ok((key, identity))
        };
        let (key, identity) = read().map_err(|failure| failure.told(self.link.place()))?;
        intake.identity(&identity)?;
        Ok(key)
    }

    fn pour_template(
        &self,
        row: &Row,
        keys: &HashMap<RandomId, SealKey>,
        intake: &mut dyn Intake,
    ) -> Result<(), GalleryError> {
        let read = || -> Result<_, Failure> {
            let (position, person): (i64, RandomId) = (row.try_get(0)?, row.try_get(1)?);
            let damaged = || self.damaged(Damage::Template { template: position });
            let person_key = keys.get(&person).ok_or_else(damaged)?;
            Ok((person, person_key, self.open_template(row, 0, person_key)?))
        };
        let told = |failure: Failure| failure.told(self.link.place());
        let (person, person_key, opened) = read().map_err(told)?;
        let rest = || -> Result<_, Failure> {
            let damaged = || self.damaged(Damage::Contradictions { table: "template", n_rows: 1 });
            Ok(PortableTemplate {
                uid: row.try_get(2)?,
                person,
                person_key,
                source_tag: row.try_get::<_, &[u8]>(6)?.try_into().map_err(|_| damaged())?,
                embedding: &opened.embedding,
                label: opened.label.as_deref(),
                thumbnail: row.try_get(8)?,
                quality: quality(row.try_get(5)?),
                enrolled_at: row.try_get(7)?,
            })
        };
        intake.template(&rest().map_err(told)?)
    }

    /// Calls `each` with every row of a statement, as they come.
    fn each(
        &self,
        client: &Object,
        statement: &str,
        mut each: impl FnMut(&Row) -> Result<(), GalleryError>,
    ) -> Result<(), GalleryError> {
        let no_params: [&str; 0] = [];
        let rows = self.link.wait(async { Ok(client.query_raw(statement, no_params).await?) })?;
        let mut rows: Pin<Box<RowStream>> = Box::pin(rows);
        while let Some(row) = self.link.wait(async { Ok(rows.try_next().await?) })? {
            each(&row)?;
        }
        Ok(())
    }
}

//! A gallery on a server that is made of portable rows, in the server's bulk format.
//!
//! All is one transaction. The index is made last: over rows that are there it takes a fraction of
//! the time that it takes to let them in one by one.

use std::io;
use std::path::Path;
use std::pin::Pin;

use deadpool_postgres::Object;
use pgvector::Vector;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::Type;

use super::enroll::{column_types, write_row};
use super::explain::Failure;
use super::link::Link;
use super::rows::{NEW_TEMPLATE, NewRow};
use super::schema;
use super::state::{self, OPEN, State};
use super::{Address, PostgresGallery};
use crate::audit::{Hash, LogEnd};
use crate::engine::{Head, Intake, Outlet, PortableIdentity, PortableTemplate};
use crate::gallery::unlock;
use crate::record::encode_witness;
use crate::vault::{Secret, Vault};
use crate::{Damage, GalleryError};

const IDENTITIES: &str = "COPY identity
    (person, name_tag, external_tag, details, person_key, enrolled_at) FROM STDIN BINARY";
const IDENTITY_TYPES: [Type; 6] =
    [Type::UUID, Type::BYTEA, Type::BYTEA, Type::BYTEA, Type::BYTEA, Type::INT8];

/// Records of the log that are written at once.
const N_RECORDS: usize = 1000;

impl PostgresGallery {
    /// Makes a gallery at an address of what `from` holds.
    pub(crate) fn take_in(
        from: &dyn Outlet,
        address: &Address,
        secret: Option<&Secret>,
    ) -> Result<Self, GalleryError> {
        let link = Link::new(address)?;
        let client = link.wait(async { link.primary().await })?;
        let mut filling = Filling {
            link: &link,
            client: &client,
            schema: &address.schema,
            secret,
            vault: None,
            dim: 0,
            writer: None,
            records: Vec::new(),
        };
        let made = from.pour(&mut filling).and_then(|()| filling.finish());
        // Whatever is not committed is gone with the connection.
        drop(Object::take(client));
        made?;
        Self::open(address, secret)
    }
}

/// A schema that is being filled.
struct Filling<'a> {
    link: &'a Link,
    client: &'a Object,
    schema: &'a str,
    secret: Option<&'a Secret>,
    vault: Option<Vault>,
    dim: usize,
    writer: Option<Writer>,
    records: Vec<(LogEnd, String)>,
}

/// What rows go into now.
enum Writer {
    Identities(Pin<Box<BinaryCopyInWriter>>),
    Templates(Pin<Box<BinaryCopyInWriter>>),
}

impl Filling<'_> {
    /// Ends the bulk that rows go into, and begins another.
    fn turn_to(
        &mut self,
        statement: &str,
        types: &[Type],
    ) -> Result<BinaryCopyInWriter, GalleryError> {
        self.close()?;
        let client = self.client;
        let sink = self.link.wait(async { Ok(client.copy_in(statement).await?) })?;
        Ok(BinaryCopyInWriter::new(sink, types))
    }

    fn close(&mut self) -> Result<(), GalleryError> {
        let Some(Writer::Identities(mut writer) | Writer::Templates(mut writer)) =
            self.writer.take()
        else {
            return Ok(());
        };
        self.link.wait(async { Ok(writer.as_mut().finish().await.map(drop)?) })
    }

    fn flush_records(&mut self) -> Result<(), GalleryError> {
        let records = std::mem::take(&mut self.records);
        let client = self.client;
        self.link.wait(async { state::push_records(client, &records).await })
    }

    fn finish(&mut self) -> Result<(), GalleryError> {
        self.close()?;
        self.flush_records()?;
        let (client, dim) = (self.client, self.dim);
        self.link.wait(async {
            schema::make_index(client, dim).await?;
            client.batch_execute("COMMIT").await?;
            client.batch_execute("ANALYZE identity, template").await?;
            Ok(())
        })
    }

    fn place(&self) -> &Path {
        self.link.place()
    }

    /// Rows that come without what they belong to.
    fn headless(&self) -> GalleryError {
        let damage = Damage::Contradictions { table: "template", n_rows: 1 };
        GalleryError::Damaged { path: self.place().to_owned(), damage }
    }
}

impl Intake for Filling<'_> {
    fn head(&mut self, head: &Head) -> Result<(), GalleryError> {
        let (link, client, schema) = (self.link, self.client, self.schema);
        let vault = unlock(head.seal.as_ref(), link.place(), head.row.uid, self.secret)?;
        link.wait(async {
            let sql = client;
            sql.batch_execute("BEGIN").await?;
            schema::lock(sql, schema).await?;
            if schema::format(sql, schema).await?.is_some() {
                let path = link.place().to_owned();
                return Err(GalleryError::Occupied { path }.into());
            }
            schema::create(sql, link, schema, head.row.dim).await?;
            let start = vault.chain().start(OPEN);
            State::insert(sql, head.row, head.seal.as_ref(), &start).await?;
            state::set_policy(sql, head.policy).await?;
            for (key, value) in &head.settings {
                state::set_setting(sql, key, value).await?;
            }
            Ok::<(), Failure>(())
        })?;
        (self.vault, self.dim) = (Some(vault), head.row.dim);
        Ok(())
    }

    fn identity(&mut self, it: &PortableIdentity<'_>) -> Result<(), GalleryError> {
        if !matches!(self.writer, Some(Writer::Identities(_))) {
            let writer = self.turn_to(IDENTITIES, &IDENTITY_TYPES)?;
            self.writer = Some(Writer::Identities(Box::pin(writer)));
        }
        let Some(Writer::Identities(writer)) = &mut self.writer else { return Ok(()) };
        let tag = it.external_tag.as_ref().map(<[u8; 32]>::as_slice);
        let name_tag = it.name_tag.as_slice();
        self.link.wait(async {
            let PortableIdentity { uid, details, wrapped_key, enrolled_at, .. } = it;
            let writer = writer.as_mut();
            Ok(writer.write(&[uid, &name_tag, &tag, details, wrapped_key, enrolled_at]).await?)
        })
    }

    fn template(&mut self, it: &PortableTemplate<'_>) -> Result<(), GalleryError> {
        if !matches!(self.writer, Some(Writer::Templates(_))) {
            self.close()?;
            let client = self.client;
            let types = self.link.wait(async { column_types(client).await })?;
            let statement = format!("COPY template ({NEW_TEMPLATE}) FROM STDIN BINARY");
            let writer = self.turn_to(&statement, &types)?;
            self.writer = Some(Writer::Templates(Box::pin(writer)));
        }
        let vault = self.vault.as_ref().ok_or_else(|| self.headless())?;
        let seal = || -> io::Result<_> {
            let bytes = encode_witness(it.embedding, it.label).map_err(io::Error::other)?;
            vault.seal(it.person_key, it.place(), &bytes)
        };
        let row = NewRow {
            person: it.person,
            uid: it.uid,
            source_tag: it.source_tag,
            embedding: Vector::from(it.embedding.as_slice().to_vec()),
            sealed: seal().map_err(|error| GalleryError::from_io(self.place(), error))?,
            thumbnail: it.thumbnail.map(<[u8]>::to_vec),
            quality: it.quality.map(i16::from),
            enrolled_at: it.enrolled_at,
        };
        let Some(Writer::Templates(writer)) = &mut self.writer else { return Ok(()) };
        self.link.wait(write_row(writer.as_mut(), &row))
    }

    fn record(&mut self, position: i64, head: &Hash, record: &str) -> Result<(), GalleryError> {
        self.close()?;
        let chain = self.vault.as_ref().ok_or_else(|| self.headless())?.chain();
        self.records.push((chain.end_at(position, *head, OPEN), record.to_owned()));
        if self.records.len() >= N_RECORDS { self.flush_records() } else { Ok(()) }
    }
}

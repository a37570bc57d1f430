//! Rows of persons between the server and what a caller sees: opened and sealed; it decides nothing.

use std::error::Error;
use std::io;

use bytes::BytesMut;
use deadpool_postgres::GenericClient;
use pgvector::Vector;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use verisim_core::Embedding;

use super::PostgresGallery;
use super::explain::Failure;
use crate::details::Details;
use crate::id::RandomId;
use crate::record::{
    decode_details, decode_thumbnail, decode_witness, encode_details, encode_thumbnail,
    encode_witness,
};
use crate::vault::{Beside, Place, SealKey};
use crate::{Damage, GalleryError, Sample, SourceDigest, Thumbnail, blob, people};

/// An identity, opened.
pub(super) struct Identity {
    /// Its row, for what is said of it.
    pub(super) position: i64,
    pub(super) uid: RandomId,
    pub(super) key: SealKey,
    pub(super) details: Details,
    pub(super) enrolled_at: i64,
}

/// A template, opened.
pub(super) struct Opened {
    pub(super) embedding: Embedding,
    pub(super) label: Option<String>,
}

/// A template as it goes into a row.
pub(super) struct NewRow {
    pub(super) person: RandomId,
    pub(super) uid: RandomId,
    pub(super) source_tag: [u8; 32],
    pub(super) embedding: Vector,
    pub(super) sealed: Vec<u8>,
    pub(super) thumbnail: Option<Vec<u8>>,
    pub(super) quality: Option<i16>,
    pub(super) enrolled_at: i64,
}

/// The columns that [`PostgresGallery::open_identity`] needs.
pub(super) const IDENTITY: &str =
    "identity.position, identity.person, details, person_key, identity.enrolled_at, external_tag";
/// The columns that [`PostgresGallery::open_template`] needs.
pub(super) const TEMPLATE: &str =
    "template.position, template.person, uid, embedding, sealed, quality, source_tag,
    template.enrolled_at";
/// The columns of a [`NewRow`].
pub(super) const NEW_TEMPLATE: &str =
    "person, uid, source_tag, embedding, sealed, thumbnail, quality, enrolled_at";

impl PostgresGallery {
    pub(super) fn name_tag(&self, name: &str) -> [u8; 32] {
        people::name_tag(&self.vault, name)
    }

    pub(super) fn external_tag(&self, external_id: &str) -> [u8; 32] {
        people::external_tag(&self.vault, external_id)
    }

    pub(super) fn source_tag(&self, source: SourceDigest) -> [u8; 32] {
        people::source_tag(&self.vault, source)
    }

    /// The identity of a row whose columns from `first` on are those of [`IDENTITY`].
    pub(super) fn open_identity(&self, row: &Row, first: usize) -> Result<Identity, Failure> {
        let (position, uid): (i64, RandomId) = (row.try_get(first)?, row.try_get(first + 1)?);
        let damaged = || self.damaged(Damage::Identity { identity: position });
        let key = self.vault.unwrap(uid, row.try_get(first + 3)?).map_err(|_| damaged())?;
        let enrolled_at = row.try_get(first + 4)?;
        let tag: Option<&[u8]> = row.try_get(first + 5)?;
        let tag = tag.map(<[u8; 32]>::try_from).transpose().map_err(|_| damaged())?;
        let place = Place::Details(uid, people::beside_details(tag, enrolled_at));
        let details = self.vault.open(&key, place, row.try_get(first + 2)?).ok();
        let details = details.and_then(|bytes| decode_details(&bytes)).ok_or_else(damaged)?;
        Ok(Identity { position, uid, key, details, enrolled_at })
    }

    /// The template of a row whose columns from `first` on are those of [`TEMPLATE`].
    pub(super) fn open_template(
        &self,
        row: &Row,
        first: usize,
        key: &SealKey,
    ) -> Result<Opened, Failure> {
        let position = row.try_get(first)?;
        let (person, uid) = (row.try_get(first + 1)?, row.try_get(first + 2)?);
        let vector: Vector = row.try_get(first + 3)?;
        let embedding = blob::embedding(vector.into(), position);
        let embedding = embedding.map_err(|damage| self.damaged(damage))?;
        let damaged = || self.damaged(Damage::Template { template: position });
        let tag = row.try_get::<_, &[u8]>(first + 6)?.try_into().map_err(|_| damaged())?;
        let (quality, enrolled_at) = (quality(row.try_get(first + 5)?), row.try_get(first + 7)?);
        let beside = Beside { tag: Some(tag), quality, enrolled_at };
        let sealed = row.try_get(first + 4)?;
        let witness = self.vault.open(key, Place::Template(person, uid, beside), sealed).ok();
        let label = witness.and_then(|bytes| decode_witness(&bytes, &embedding).ok());
        let label = label.ok_or_else(damaged)?;
        Ok(Opened { embedding, label })
    }

    /// The thumbnail of a template, if it has one.
    pub(super) fn open_thumbnail(
        &self,
        (position, person, uid): (i64, RandomId, RandomId),
        sealed: Option<&[u8]>,
        key: &SealKey,
    ) -> Result<Option<Thumbnail>, Failure> {
        let Some(sealed) = sealed else { return Ok(None) };
        let opened = self.vault.open(key, Place::Thumbnail(person, uid), sealed).ok();
        let thumbnail = opened.and_then(|bytes| decode_thumbnail(&bytes));
        let damaged = || self.damaged(Damage::Template { template: position });
        thumbnail.map(Some).ok_or_else(damaged)
    }

    /// Details as a row keeps them.
    pub(super) fn seal_details(
        &self,
        person: RandomId,
        key: &SealKey,
        details: &Details,
        enrolled_at: i64,
    ) -> Result<Vec<u8>, GalleryError> {
        let tag = details.external_id.as_deref().map(|it| self.external_tag(it));
        let place = Place::Details(person, people::beside_details(tag, enrolled_at));
        let seal = || -> io::Result<_> {
            let bytes = encode_details(details).map_err(io::Error::other)?;
            self.vault.seal(key, place, &bytes)
        };
        seal().map_err(|error| GalleryError::from_io(self.place(), error))
    }

    /// A sample as a row keeps it.
    pub(super) fn seal_sample(
        &self,
        person: RandomId,
        key: &SealKey,
        sample: &Sample,
        now: i64,
    ) -> Result<NewRow, GalleryError> {
        let embedding = &sample.template.embedding;
        let source_tag = self.source_tag(sample.source);
        let beside = Beside { tag: Some(source_tag), quality: sample.quality, enrolled_at: now };
        let seal = || -> io::Result<_> {
            let uid = RandomId::draw()?;
            let label = sample.label.as_deref();
            let bytes = encode_witness(embedding, label).map_err(io::Error::other)?;
            let sealed = self.vault.seal(key, Place::Template(person, uid, beside), &bytes)?;
            let thumbnail = sample.thumbnail.as_ref().map(|it| -> io::Result<_> {
                let bytes = encode_thumbnail(it).map_err(io::Error::other)?;
                self.vault.seal(key, Place::Thumbnail(person, uid), &bytes)
            });
            Ok((uid, sealed, thumbnail.transpose()?))
        };
        let sealed = seal().map_err(|error| GalleryError::from_io(self.place(), error));
        let (uid, sealed, thumbnail) = sealed?;
        Ok(NewRow {
            person,
            uid,
            source_tag,
            embedding: Vector::from(embedding.as_slice().to_vec()),
            sealed,
            thumbnail,
            quality: sample.quality.map(i16::from),
            enrolled_at: now,
        })
    }
}

/// The quality in a column; what the table cannot hold is not there.
pub(super) fn quality(value: Option<i16>) -> Option<u8> {
    value.and_then(|it| u8::try_from(it).ok())
}

/// All rows of a statement that is prepared once for each connection.
pub(super) async fn select(
    sql: &impl GenericClient,
    statement: &str,
    params: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, Failure> {
    let statement = sql.prepare_cached(statement).await?;
    Ok(sql.query(&statement, params).await?)
}

/// The number in the only row of a statement.
pub(super) async fn count(sql: &impl GenericClient, statement: &str) -> Result<usize, Failure> {
    let n: i64 = sql.query_one(statement, &[]).await?.try_get(0)?;
    Ok(usize::try_from(n).unwrap_or(0))
}

impl ToSql for RandomId {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(self.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }

    to_sql_checked!();
}

impl<'a> FromSql<'a> for RandomId {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self::new(raw.try_into()?))
    }

    fn accepts(ty: &Type) -> bool {
        *ty == Type::UUID
    }
}

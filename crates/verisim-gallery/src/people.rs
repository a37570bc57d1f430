//! Identities and templates between what a caller sees and sealed rows; it decides nothing.

use std::io;

use verisim_core::Embedding;

use crate::details::Details;
use crate::id::RandomId;
use crate::record::{
    decode_details, decode_sample, decode_thumbnail, encode_details, encode_sample,
    encode_thumbnail,
};
use crate::store::{IdentityRow, NewIdentity, NewTemplate, Session, TemplateRow};
use crate::vault::{PersonKey, Place, Vault};
use crate::{Damage, GalleryError, Sample, SourceDigest, Thumbnail};

/// An identity in the store, with its key.
pub(crate) struct Person {
    /// Its row.
    pub(crate) id: i64,
    /// Its random id.
    pub(crate) uid: RandomId,
    /// Its key.
    pub(crate) key: PersonKey,
}

/// Tag of a name.
pub(crate) fn name_tag(vault: &Vault, name: &str) -> [u8; 32] {
    vault.tag("name", name.as_bytes())
}

/// Tag of an external id.
pub(crate) fn external_tag(vault: &Vault, external_id: &str) -> [u8; 32] {
    vault.tag("external id", external_id.as_bytes())
}

/// Tag of the source of a sample.
pub(crate) fn source_tag(vault: &Vault, source: SourceDigest) -> [u8; 32] {
    vault.tag("source", source.as_bytes())
}

/// The key of an identity.
pub(crate) fn person(
    session: &Session<'_>,
    vault: &Vault,
    row: &IdentityRow,
) -> Result<Person, GalleryError> {
    let key = vault.unwrap(row.uid, row.key.as_deref());
    let key = key.map_err(|_| session.damaged(Damage::Identity { identity: row.id }))?;
    Ok(Person { id: row.id, uid: row.uid, key })
}

/// The details of an identity, and its key.
pub(crate) fn open(
    session: &Session<'_>,
    vault: &Vault,
    row: &IdentityRow,
) -> Result<(Details, Person), GalleryError> {
    let person = person(session, vault, row)?;
    let details = vault.open(&person.key, Place::Details(row.uid), &row.details).ok();
    let details = details.and_then(|bytes| decode_details(&bytes));
    let details = details.ok_or_else(|| session.damaged(Damage::Identity { identity: row.id }))?;
    Ok((details, person))
}

/// The embedding of a template and the label of its picture.
pub(crate) fn open_template(
    session: &Session<'_>,
    vault: &Vault,
    person: &Person,
    row: &TemplateRow,
    dim: usize,
) -> Result<(Embedding, Option<String>), GalleryError> {
    let opened = vault.open(&person.key, Place::Template(person.uid, row.uid), &row.sealed);
    let opened = opened.map_err(|_| session.damaged(Damage::Template { template: row.id }))?;
    decode_sample(&opened, dim, row.id).map_err(|damage| session.damaged(damage))
}

/// The thumbnail of a template, if it has one.
pub(crate) fn open_thumbnail(
    session: &Session<'_>,
    vault: &Vault,
    person: &Person,
    row: &TemplateRow,
) -> Result<Option<Thumbnail>, GalleryError> {
    let Some(sealed) = session.thumbnail(row.id)? else { return Ok(None) };
    let opened = vault.open(&person.key, Place::Thumbnail(person.uid, row.uid), &sealed).ok();
    let thumbnail = opened.and_then(|bytes| decode_thumbnail(&bytes));
    thumbnail.map(Some).ok_or_else(|| session.damaged(Damage::Template { template: row.id }))
}

/// Adds an identity under a key of its own.
pub(crate) fn add(
    session: &Session<'_>,
    vault: &Vault,
    details: &Details,
    now: i64,
) -> Result<Person, GalleryError> {
    let make = || -> io::Result<_> {
        let (uid, key) = (RandomId::draw()?, vault.draw_key()?);
        let wrapped = vault.wrap(uid, &key)?;
        let sealed = vault.seal(&key, Place::Details(uid), &record_of(details)?)?;
        Ok((uid, key, wrapped, sealed))
    };
    let (uid, key, wrapped, sealed) = make().map_err(|error| session.failed(error))?;
    let id = session.add_identity(&NewIdentity {
        uid,
        name_tag: name_tag(vault, &details.name),
        external_tag: details.external_id.as_deref().map(|it| external_tag(vault, it)),
        details: &sealed,
        key: wrapped.as_deref(),
        enrolled_at: now,
    })?;
    Ok(Person { id, uid, key })
}

/// Replaces the details of an identity, except its name.
pub(crate) fn replace(
    session: &Session<'_>,
    vault: &Vault,
    person: &Person,
    details: &Details,
) -> Result<(), GalleryError> {
    let seal = || vault.seal(&person.key, Place::Details(person.uid), &record_of(details)?);
    let sealed = seal().map_err(|error| session.failed(error))?;
    let tag = details.external_id.as_deref().map(|it| external_tag(vault, it));
    session.set_details(person.id, tag, &sealed)
}

/// Adds a sample to an identity.
pub(crate) fn add_sample(
    session: &Session<'_>,
    vault: &Vault,
    person: &Person,
    sample: &Sample,
    now: i64,
) -> Result<(), GalleryError> {
    let make = || -> io::Result<_> {
        let uid = RandomId::draw()?;
        let bytes = encode_sample(sample).map_err(io::Error::other)?;
        let sealed = vault.seal(&person.key, Place::Template(person.uid, uid), &bytes)?;
        let thumbnail = sample.thumbnail.as_ref().map(|it| -> io::Result<_> {
            let bytes = encode_thumbnail(it).map_err(io::Error::other)?;
            vault.seal(&person.key, Place::Thumbnail(person.uid, uid), &bytes)
        });
        Ok((uid, sealed, thumbnail.transpose()?))
    };
    let (uid, sealed, thumbnail) = make().map_err(|error| session.failed(error))?;
    session.add_template(&NewTemplate {
        uid,
        identity: person.id,
        source_tag: source_tag(vault, sample.source),
        sealed: &sealed,
        thumbnail: thumbnail.as_deref(),
        quality: sample.quality,
        enrolled_at: now,
    })
}

fn record_of(details: &Details) -> io::Result<Vec<u8>> {
    encode_details(details).map_err(io::Error::other)
}

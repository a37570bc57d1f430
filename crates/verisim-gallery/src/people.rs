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
use crate::vault::{Beside, Place, SealKey, Vault};
use crate::{Damage, GalleryError, Sample, SourceDigest, Thumbnail};

/// An identity in the store, with its key.
pub(crate) struct Person {
    /// Its row.
    pub(crate) id: i64,
    /// Its random id.
    pub(crate) uid: RandomId,
    /// Its key.
    pub(crate) key: SealKey,
    /// When it was first enrolled.
    pub(crate) enrolled_at: i64,
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
    Ok(Person { id: row.id, uid: row.uid, key, enrolled_at: row.enrolled_at })
}

/// The details of an identity, and its key.
pub(crate) fn open(
    session: &Session<'_>,
    vault: &Vault,
    row: &IdentityRow,
) -> Result<(Details, Person), GalleryError> {
    let person = person(session, vault, row)?;
    let beside = beside_details(row.external_tag, row.enrolled_at);
    let details = vault.open(&person.key, Place::Details(row.uid, beside), &row.details).ok();
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
    let place = Place::Template(person.uid, row.uid, beside_template(row));
    let opened = vault.open(&person.key, place, &row.sealed);
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
    let uid = RandomId::draw().map_err(|error| session.failed(error))?;
    add_again(session, vault, uid, details, now)
}

/// Adds an identity, under a new key, that bore this random id before.
pub(crate) fn add_again(
    session: &Session<'_>,
    vault: &Vault,
    uid: RandomId,
    details: &Details,
    enrolled_at: i64,
) -> Result<Person, GalleryError> {
    let external_tag = details.external_id.as_deref().map(|it| external_tag(vault, it));
    let beside = beside_details(external_tag, enrolled_at);
    let make = || -> io::Result<_> {
        let key = vault.draw_key()?;
        let wrapped = vault.wrap(uid, &key)?;
        let sealed = vault.seal(&key, Place::Details(uid, beside), &record_of(details)?)?;
        Ok((key, wrapped, sealed))
    };
    let (key, wrapped, sealed) = make().map_err(|error| session.failed(error))?;
    let id = session.add_identity(&NewIdentity {
        uid,
        name_tag: name_tag(vault, &details.name),
        external_tag,
        details: &sealed,
        key: wrapped.as_deref(),
        enrolled_at,
    })?;
    Ok(Person { id, uid, key, enrolled_at })
}

/// Replaces the details of an identity, except its name.
pub(crate) fn replace(
    session: &Session<'_>,
    vault: &Vault,
    person: &Person,
    details: &Details,
) -> Result<(), GalleryError> {
    let tag = details.external_id.as_deref().map(|it| external_tag(vault, it));
    let place = Place::Details(person.uid, beside_details(tag, person.enrolled_at));
    let seal = || vault.seal(&person.key, place, &record_of(details)?);
    let sealed = seal().map_err(|error| session.failed(error))?;
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
    let source_tag = source_tag(vault, sample.source);
    let beside = Beside { tag: Some(source_tag), quality: sample.quality, enrolled_at: now };
    let make = || -> io::Result<_> {
        let uid = RandomId::draw()?;
        let label = sample.label.as_deref();
        let bytes = encode_sample(&sample.template.embedding, label).map_err(io::Error::other)?;
        let sealed = vault.seal(&person.key, Place::Template(person.uid, uid, beside), &bytes)?;
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
        source_tag,
        sealed: &sealed,
        thumbnail: thumbnail.as_deref(),
        quality: sample.quality,
        enrolled_at: now,
    })
}

/// What lies open beside the details of an identity.
pub(crate) fn beside_details(external_tag: Option<[u8; 32]>, enrolled_at: i64) -> Beside {
    Beside { tag: external_tag, quality: None, enrolled_at }
}

/// What lies open beside a template.
fn beside_template(row: &TemplateRow) -> Beside {
    let TemplateRow { source_tag, quality, enrolled_at, .. } = *row;
    Beside { tag: Some(source_tag), quality, enrolled_at }
}

/// Seals a template of one identity for another, to which it belongs from then on.
///
/// `tag` is that of its source; if the other has a template of the same, a tag of its own stands for it.
pub(crate) fn hand_over(
    session: &Session<'_>,
    vault: &Vault,
    (giver, taker): (&Person, &Person),
    row: &TemplateRow,
    tag: [u8; 32],
) -> Result<(), GalleryError> {
    let damaged = |_| session.damaged(Damage::Template { template: row.id });
    let beside = beside_template(row);
    let template = Place::Template(giver.uid, row.uid, beside);
    let template = vault.open(&giver.key, template, &row.sealed).map_err(damaged)?;
    let thumbnail = session.thumbnail(row.id)?;
    let place = Place::Thumbnail(giver.uid, row.uid);
    let thumbnail = thumbnail.map(|it| vault.open(&giver.key, place, &it)).transpose();
    let thumbnail = thumbnail.map_err(damaged)?;
    let is_there = session.has_source(taker.id, &tag)?;
    let source_tag =
        if is_there { vault.tag("another of a source", row.uid.as_bytes()) } else { tag };
    let seal = || -> io::Result<_> {
        let beside = Beside { tag: Some(source_tag), ..beside };
        let place = Place::Template(taker.uid, row.uid, beside);
        let sealed = vault.seal(&taker.key, place, &template)?;
        let place = Place::Thumbnail(taker.uid, row.uid);
        let thumbnail = thumbnail.map(|it| vault.seal(&taker.key, place, &it));
        Ok((sealed, thumbnail.transpose()?))
    };
    let (sealed, thumbnail) = seal().map_err(|error| session.failed(error))?;
    let new = NewTemplate {
        uid: row.uid,
        identity: taker.id,
        source_tag,
        sealed: &sealed,
        thumbnail: thumbnail.as_deref(),
        quality: row.quality,
        enrolled_at: row.enrolled_at,
    };
    session.replace_template(row.id, &new)
}

fn record_of(details: &Details) -> io::Result<Vec<u8>> {
    encode_details(details).map_err(io::Error::other)
}

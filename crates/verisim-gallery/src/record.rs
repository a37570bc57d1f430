//! The bytes of an identity's details and of a template, padded; it does not know who seals them.

use std::num::TryFromIntError;

#[cfg(feature = "postgres")]
use sha2::{Digest, Sha256};
use verisim_core::Embedding;

use crate::details::{Details, Metadata};
use crate::sample::Thumbnail;
use crate::{Damage, blob};

/// Details fill a power of two, and at least this many bytes, so that their length tells little.
const MIN_RECORD_BYTES: usize = 256;
/// Labels fill a multiple of this.
const LABEL_STEP: usize = 64;
/// Thumbnails fill a multiple of this.
const THUMBNAIL_STEP: usize = 1024;
/// The length of a text that is not there.
const ABSENT: u16 = u16::MAX;

/// Bytes that hold no label, or do not vouch for what they should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// The bytes of details: name, external id and metadata, each after its length (`u16`,
/// little-endian), then zeros.
pub(crate) fn encode_details(details: &Details) -> Result<Vec<u8>, TryFromIntError> {
    let mut bytes = Vec::new();
    let texts = [
        Some(details.name.as_str()),
        details.external_id.as_deref(),
        details.metadata.as_ref().map(Metadata::as_json),
    ];
    for text in texts {
        let n_bytes = text.map_or(Ok(ABSENT), |text| u16::try_from(text.len()))?;
        bytes.extend(n_bytes.to_le_bytes());
        bytes.extend(text.unwrap_or_default().as_bytes());
    }
    bytes.resize(bytes.len().next_power_of_two().max(MIN_RECORD_BYTES), 0);
    Ok(bytes)
}

/// The details that `bytes` hold.
pub(crate) fn decode_details(bytes: &[u8]) -> Option<Details> {
    let mut rest = bytes;
    let mut text = || -> Option<Option<String>> {
        let (n_bytes, after) = rest.split_first_chunk::<2>()?;
        let n_bytes = u16::from_le_bytes(*n_bytes);
        if n_bytes == ABSENT {
            rest = after;
            return Some(None);
        }
        let (text, after) = after.split_at_checked(usize::from(n_bytes))?;
        rest = after;
        Some(Some(String::from_utf8(text.to_vec()).ok()?))
    };
    let (name, external_id, metadata) = (text()??, text()?, text()?);
    let metadata = metadata.map(|text| Metadata::from_json(&text)).transpose().ok()?;
    Some(Details { name, external_id, metadata })
}

/// The bytes of a template: the embedding, then those of the label.
pub(crate) fn encode_sample(
    embedding: &Embedding,
    label: Option<&str>,
) -> Result<Vec<u8>, TryFromIntError> {
    let mut bytes = blob::encode(embedding);
    bytes.extend(encode_label(label)?);
    Ok(bytes)
}

/// The bytes that vouch for a template whose embedding lies open elsewhere: SHA-256 of it, then those
/// of the label.
#[cfg(feature = "postgres")]
pub(crate) fn encode_witness(
    embedding: &Embedding,
    label: Option<&str>,
) -> Result<Vec<u8>, TryFromIntError> {
    let mut bytes = Sha256::digest(blob::encode(embedding)).to_vec();
    bytes.extend(encode_label(label)?);
    Ok(bytes)
}

/// The label of a template, if `bytes` vouch for its embedding.
#[cfg(feature = "postgres")]
pub(crate) fn decode_witness(
    bytes: &[u8],
    embedding: &Embedding,
) -> Result<Option<String>, Unreadable> {
    let (digest, rest) = bytes.split_first_chunk::<32>().ok_or(Unreadable)?;
    let is_vouched_for = Sha256::digest(blob::encode(embedding)).as_slice() == digest;
    if is_vouched_for { decode_label(rest) } else { Err(Unreadable) }
}

/// The bytes of a label: its length (`u8`), the label, zeros.
fn encode_label(label: Option<&str>) -> Result<Vec<u8>, TryFromIntError> {
    let label = label.unwrap_or_default();
    let mut bytes = vec![u8::try_from(label.len())?];
    bytes.extend(label.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(LABEL_STEP), 0);
    Ok(bytes)
}

fn decode_label(bytes: &[u8]) -> Result<Option<String>, Unreadable> {
    let (&n_bytes, rest) = bytes.split_first().ok_or(Unreadable)?;
    let label = rest.get(..usize::from(n_bytes)).ok_or(Unreadable)?;
    let label = String::from_utf8(label.to_vec()).map_err(|_| Unreadable)?;
    Ok(Some(label).filter(|label| !label.is_empty()))
}

/// The bytes of a thumbnail: its length (`u32`, little-endian), the picture, zeros.
pub(crate) fn encode_thumbnail(thumbnail: &Thumbnail) -> Result<Vec<u8>, TryFromIntError> {
    let n_bytes = u32::try_from(thumbnail.0.len())?;
    let mut bytes = [n_bytes.to_le_bytes().as_slice(), &thumbnail.0].concat();
    bytes.resize(bytes.len().next_multiple_of(THUMBNAIL_STEP), 0);
    Ok(bytes)
}

/// The thumbnail that `bytes` hold.
pub(crate) fn decode_thumbnail(bytes: &[u8]) -> Option<Thumbnail> {
    let (n_bytes, rest) = bytes.split_first_chunk()?;
    let picture = rest.get(..u32::from_le_bytes(*n_bytes) as usize)?;
    Some(Thumbnail(picture.to_vec()))
}

/// The embedding of `dim` components and the label that `bytes` hold; `template` is the row.
pub(crate) fn decode_sample(
    bytes: &[u8],
    dim: usize,
    template: i64,
) -> Result<(Embedding, Option<String>), Damage> {
    let expected = dim.saturating_mul(4);
    let unreadable = || Damage::EmbeddingSize { template, found: bytes.len(), expected };
    let (embedding, rest) = bytes.split_at_checked(expected).ok_or_else(unreadable)?;
    let embedding = blob::decode(embedding, dim, template)?;
    Ok((embedding, decode_label(rest).map_err(|_| unreadable())?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_tell_little() {
        let details =
            |name: &str| Details { name: name.to_owned(), external_id: None, metadata: None };
        for name in ["A", "Wolfeschlegelsteinhausenbergerdorff", &"x".repeat(250)] {
            assert_eq!(encode_details(&details(name)).unwrap().len(), 256);
        }
        assert_eq!(encode_details(&details(&"x".repeat(251))).unwrap().len(), 512);
        for label in [None, Some("a"), Some(&*"a".repeat(63))] {
            let embedding = Embedding::new(vec![1.0; 8]).unwrap();
            assert_eq!(encode_sample(&embedding, label).unwrap().len(), 32 + 64);
        }
    }

    proptest! {
        #[test]
        fn details_survive_their_bytes(
            name in "\\PC{1,60}",
            external_id in prop::option::of("\\PC{1,60}"),
            metadata in prop::option::of("[a-z]{0,600}"),
        ) {
            let metadata = metadata.map(|it| Metadata::from_json(&format!("{{\"a\":\"{it}\"}}")));
            let details = Details { name, external_id, metadata: metadata.transpose().unwrap() };
            prop_assert_eq!(decode_details(&encode_details(&details).unwrap()), Some(details));
        }

        #[test]
        fn a_sample_survives_its_bytes(label in prop::option::of("[a-zé/.]{1,100}")) {
            let embedding = Embedding::new(vec![0.6, 0.0, -0.8]).unwrap();
            let bytes = encode_sample(&embedding, label.as_deref()).unwrap();
            prop_assert_eq!(decode_sample(&bytes, 3, 1), Ok((embedding, label)));
        }

        #[cfg(feature = "postgres")]
        #[test]
        fn a_witness_vouches_for_one_embedding(label in prop::option::of("[a-zé/.]{1,100}")) {
            let [embedding, other] =
                [0.8f32, 0.8f32.next_up()].map(|it| Embedding::new(vec![0.6, it]).unwrap());
            let bytes = encode_witness(&embedding, label.as_deref()).unwrap();
            prop_assert_eq!(decode_witness(&bytes, &embedding), Ok(label));
            prop_assert_eq!(decode_witness(&bytes, &other), Err(Unreadable));
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..90)) {
            let _ = (decode_details(&bytes), decode_sample(&bytes, 2, 1), decode_thumbnail(&bytes));
        }
    }
}

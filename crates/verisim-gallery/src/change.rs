//! A change that can be undone, and the bytes of it; it does not know who seals them.

use std::num::TryFromIntError;

use crate::details::Details;
use crate::id::RandomId;
use crate::record::{decode_details, encode_details};

const ID_BYTES: usize = 16;
const TAG_BYTES: usize = 32;

/// How templates changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// All templates of an identity went to another, and it is no more.
    Merge,
    /// A template went to another identity.
    Move,
    /// Some templates went to a new identity.
    Split,
}

/// What undoing a change needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) kind: ChangeKind,
    /// Who got the templates.
    pub(crate) taker: RandomId,
    /// Who gave them.
    pub(crate) giver: RandomId,
    /// The templates, and the tags of their sources before.
    pub(crate) templates: Vec<(RandomId, [u8; TAG_BYTES])>,
    /// What was kept of a giver that is no more, and when it was first enrolled.
    pub(crate) gone: Option<(Details, i64)>,
}

impl ChangeKind {
    /// The number that stands for it in the store.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Merge => 0,
            Self::Move => 1,
            Self::Split => 2,
        }
    }

    fn of_code(code: u8) -> Option<Self> {
        [Self::Merge, Self::Move, Self::Split].into_iter().find(|it| it.code() == code)
    }
}

/// The bytes: kind, taker, giver, the number of templates (`u32`, little-endian), ids and tags, and of
/// a giver that is no more the date (`i64`) and the details.
pub(crate) fn encode(change: &Change) -> Result<Vec<u8>, TryFromIntError> {
    let mut bytes = vec![change.kind.code()];
    bytes.extend(change.taker.as_bytes());
    bytes.extend(change.giver.as_bytes());
    bytes.extend(u32::try_from(change.templates.len())?.to_le_bytes());
    for (id, tag) in &change.templates {
        bytes.extend(id.as_bytes());
        bytes.extend(tag);
    }
    if let Some((details, enrolled_at)) = &change.gone {
        bytes.extend(enrolled_at.to_le_bytes());
        bytes.extend(encode_details(details)?);
    }
    Ok(bytes)
}

/// The change that the bytes tell of.
pub(crate) fn decode(bytes: &[u8]) -> Option<Change> {
    let (&code, rest) = bytes.split_first()?;
    let (taker, rest) = rest.split_first_chunk()?;
    let (giver, rest) = rest.split_first_chunk()?;
    let (n, rest) = rest.split_first_chunk()?;
    let n_bytes = (u32::from_le_bytes(*n) as usize).checked_mul(ID_BYTES + TAG_BYTES)?;
    let (templates, rest) = rest.split_at_checked(n_bytes)?;
    let template = |bytes: &[u8; ID_BYTES + TAG_BYTES]| {
        let (id, tag) = bytes.split_first_chunk::<ID_BYTES>()?;
        Some((RandomId::new(*id), *tag.first_chunk()?))
    };
    let gone = match rest.split_first_chunk() {
        None if rest.is_empty() => None,
        None => return None,
        Some((at, details)) => Some((decode_details(details)?, i64::from_le_bytes(*at))),
    };
    Some(Change {
        kind: ChangeKind::of_code(code)?,
        taker: RandomId::new(*taker),
        giver: RandomId::new(*giver),
        templates: templates.as_chunks().0.iter().map(template).collect::<Option<_>>()?,
        gone,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_change_survives_its_bytes(
            code in 0u8..3,
            people in any::<([u8; 16], [u8; 16])>(),
            templates in prop::collection::vec(any::<([u8; 16], [u8; 32])>(), 0..4),
            gone in prop::option::of(("\\PC{1,60}", any::<i64>())),
        ) {
            let details = |name| Details { name, external_id: None, metadata: None };
            let change = Change {
                kind: ChangeKind::of_code(code).unwrap(),
                taker: RandomId::new(people.0),
                giver: RandomId::new(people.1),
                templates: templates.into_iter().map(|(id, tag)| (RandomId::new(id), tag)).collect(),
                gone: gone.map(|(name, at)| (details(name), at)),
            };
            prop_assert_eq!(decode(&encode(&change).unwrap()), Some(change));
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..150)) {
            let _ = decode(&bytes);
        }
    }
}

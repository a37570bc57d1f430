//! How records of the log hold each other: a chain of hashes; it does not know what they say.

use sha2::{Digest, Sha256};

use crate::Damage;
use crate::id::RandomId;
use crate::vault::{Key, mac};

/// SHA-256 of a record and all before it; in a sealed gallery HMAC-SHA256.
pub(crate) type Hash = [u8; 32];

/// Where the log ends: the last position, the hash there, and what vouches for both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogEnd {
    pub(crate) position: i64,
    pub(crate) head: Hash,
    pub(crate) end: Hash,
}

/// Computes the hashes of one gallery's log.
///
/// Without a key anybody can compute them: that shows accidents, and changes by those who do not
/// know. With one, nobody can who does not have the gallery's.
pub(crate) struct Chain {
    gallery: RandomId,
    key: Option<Key>,
}

impl Chain {
    pub(crate) fn new(gallery: RandomId, key: Option<Key>) -> Self {
        Self { gallery, key }
    }

    /// What comes before the first record.
    pub(crate) fn genesis(&self) -> Hash {
        self.hash(&[b"genesis"])
    }

    /// Where a log without records ends, in a gallery in which `open` lies open.
    #[cfg(feature = "postgres")]
    pub(crate) fn start(&self, open: &[u8]) -> LogEnd {
        self.end_at(0, self.genesis(), open)
    }

    /// Where a log that ended in `before` ends after one more record.
    pub(crate) fn after(&self, before: &LogEnd, record: &str, open: &[u8]) -> LogEnd {
        let position = before.position + 1;
        self.end_at(position, self.link(&before.head, position, record), open)
    }

    /// Fails if what vouches for the end of the log, and for what lies open, does not.
    pub(crate) fn expect(&self, end: &LogEnd, open: &[u8]) -> Result<(), Damage> {
        if *end == self.end_at(end.position, end.head, open) {
            Ok(())
        } else {
            Err(Damage::End { position: end.position })
        }
    }

    /// The end of a log whose last hash is `head`.
    pub(crate) fn end_at(&self, position: i64, head: Hash, open: &[u8]) -> LogEnd {
        LogEnd { position, head, end: self.end(&head, position, open) }
    }

    /// The hash of the record at `position`, after one whose hash is `previous`.
    pub(crate) fn link(&self, previous: &Hash, position: i64, record: &str) -> Hash {
        self.hash(&[b"record", previous, &position.to_le_bytes(), record.as_bytes()])
    }

    /// What says that the log ends at `position`, where an earlier record cannot pass for the last
    /// one, and what lies open in the gallery then.
    pub(crate) fn end(&self, head: &Hash, position: i64, open: &[u8]) -> Hash {
        self.hash(&[b"end", head, &position.to_le_bytes(), open])
    }

    fn hash(&self, parts: &[&[u8]]) -> Hash {
        let gallery = self.gallery.as_bytes();
        let Some(key) = &self.key else {
            let start = Sha256::new().chain_update(gallery);
            return parts.iter().fold(start, Digest::chain_update).finalize().into();
        };
        mac(key, &[&[gallery.as_slice()], parts].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_matters() {
        let chain = |gallery, key: Option<u8>| {
            Chain::new(RandomId::new([gallery; 16]), key.map(|key| Key::new([key; 32])))
        };
        let chains = [chain(1, None), chain(2, None), chain(1, Some(1)), chain(1, Some(2))];
        let mut hashes: Vec<Hash> = Vec::new();
        for chain in &chains {
            hashes.push(chain.genesis());
            for previous in [[0; 32], [1; 32]] {
                hashes.extend(
                    [(1, "a"), (2, "a"), (1, "b")]
                        .map(|(at, record)| chain.link(&previous, at, record)),
                );
                hashes.extend(
                    [(1, b"a"), (2, b"a"), (1, b"b")]
                        .map(|(at, open)| chain.end(&previous, at, open)),
                );
            }
        }
        let n = hashes.len();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), n);
    }
}

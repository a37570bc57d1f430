//! Sealing what a gallery keeps of a person, under a key of that person; it knows no rows.
//!
//! In a sealed gallery a master key comes from a [`Secret`], and four keys from it, through
//! HMAC-SHA256: one wraps the keys of persons, one makes tags, one authenticates the log, one seals
//! the file of the packed matrix. What is
//! kept of a person is encrypted under the person's own key with XChaCha20-Poly1305 and a random
//! nonce, and bound to its place, the gallery, the person, the template, and to what lies open beside
//! it: tags, quality, time. Without the person's
//! wrapped key, which forgetting destroys, the master key opens none of it.
//!
//! In a plain gallery the same bytes lie open, followed by a checksum that is bound to the place,
//! too: it finds accidents and misplaced rows, not forgers.

mod secret;

use std::io;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use crate::audit::Chain;
use crate::id::{RandomId, random_bytes};
pub(crate) use secret::{Derivation, Key};
pub use secret::{InvalidSecret, MIN_PASSPHRASE, Secret};

const NONCE_BYTES: usize = 24;
/// Kind, gallery, owner and part; whether there is a tag, the tag, quality and time.
const BOUND_BYTES: usize = 1 + 3 * 16 + 1 + 32 + 1 + 8;
/// Bytes at the end of what is sealed by which a change is noticed.
pub(crate) const TAG_BYTES: usize = 16;

/// The keys of a gallery, if it is sealed, and how they are used.
pub(crate) struct Vault {
    gallery: RandomId,
    tags: Key,
    /// Authenticates the header of the matrix file.
    matrix: Key,
    matrix_seal: SealKey,
    sealing: Option<Sealing>,
}

struct Sealing {
    wrap: Key,
    log: Key,
    check: [u8; 32],
}

/// What seals the rows of one person, or the matrix file; of a plain gallery, nothing.
pub(crate) struct SealKey(Option<Key>);

/// Where sealed bytes belong: they open nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The person's key.
    Key(RandomId),
    /// The person's details.
    Details(RandomId, Beside),
    /// A template of the person.
    Template(RandomId, RandomId, Beside),
    /// The thumbnail of such a template.
    Thumbnail(RandomId, RandomId),
    /// A block of a matrix file: the file, and the position of the block in it.
    Block(RandomId, u64),
    /// What undoing a change needs, which the person keeps.
    Change(RandomId, RandomId),
}

/// What lies open beside sealed bytes: they open beside nothing else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    /// Of the external id of a person, or of the source of a template.
    pub(crate) tag: Option<[u8; 32]>,
    /// Of a template, from 0 to 100.
    pub(crate) quality: Option<u8>,
    /// In seconds since 1970.
    pub(crate) enrolled_at: i64,
}

/// Bytes that do not open: they were changed, or belong elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl Vault {
    /// The vault of a plain gallery.
    pub(crate) fn plain(gallery: RandomId) -> Self {
        // Whoever has the file has this key: the tags only keep names from lying about as such.
        let key = |purpose| derive(&[0; 32], purpose, gallery);
        let matrix_seal = SealKey(None);
        Self { gallery, tags: key("tags"), matrix: key("matrix"), matrix_seal, sealing: None }
    }

    /// The vault of a gallery that is sealed with a master key.
    pub(crate) fn sealed(gallery: RandomId, master: &Key) -> Self {
        let key = |purpose| derive(master, purpose, gallery);
        let sealing = Sealing { wrap: key("wrap"), log: key("log"), check: *key("check") };
        let matrix_seal = SealKey(Some(key("matrix blocks")));
        let (tags, matrix) = (key("tags"), key("matrix"));
        Self { gallery, tags, matrix, matrix_seal, sealing: Some(sealing) }
    }

    /// What a sealed gallery keeps to tell a wrong key from damage.
    pub(crate) fn check(&self) -> Option<&[u8; 32]> {
        self.sealing.as_ref().map(|it| &it.check)
    }

    /// What chains the log.
    pub(crate) fn chain(&self) -> Chain {
        Chain::new(self.gallery, self.sealing.as_ref().map(|it| it.log.clone()))
    }

    /// A number for a text by which its row is found without showing it.
    pub(crate) fn tag(&self, kind: &str, text: &[u8]) -> [u8; 32] {
        mac(&self.tags, &[kind.as_bytes(), &[0], text])
    }

    /// What vouches for bytes of the matrix file.
    pub(crate) fn vouch(&self, parts: &[&[u8]]) -> [u8; 32] {
        mac(&self.matrix, parts)
    }

    /// What seals blocks of the matrix file.
    pub(crate) fn matrix_seal(&self) -> &SealKey {
        &self.matrix_seal
    }

    /// How many bytes longer sealed bytes are.
    pub(crate) fn seal_bytes(&self) -> usize {
        if self.sealing.is_some() { NONCE_BYTES + TAG_BYTES } else { TAG_BYTES }
    }

    /// Draws the key of a new person.
    pub(crate) fn draw_key(&self) -> io::Result<SealKey> {
        let draw = || random_bytes().map(Key::new);
        Ok(SealKey(self.sealing.as_ref().map(|_| draw()).transpose()?))
    }

    /// The key of a person as it is stored; nothing in a plain gallery.
    pub(crate) fn wrap(&self, person: RandomId, key: &SealKey) -> io::Result<Option<Vec<u8>>> {
        let (Some(sealing), Some(key)) = (&self.sealing, &key.0) else { return Ok(None) };
        encrypt(&sealing.wrap, &self.bind(Place::Key(person)), &**key).map(Some)
    }

    /// The key of a person from what is stored.
    pub(crate) fn unwrap(
        &self,
        person: RandomId,
        stored: Option<&[u8]>,
    ) -> Result<SealKey, Broken> {
        match (&self.sealing, stored) {
            (None, None) => Ok(SealKey(None)),
            (Some(sealing), Some(stored)) => {
                let opened = decrypt(&sealing.wrap, &self.bind(Place::Key(person)), stored)?;
                let opened = zeroize::Zeroizing::new(opened);
                let key = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| Broken)?;
                Ok(SealKey(Some(Key::new(key))))
            }
            _ => Err(Broken),
        }
    }

    /// Seals bytes for their place.
    pub(crate) fn seal(&self, key: &SealKey, place: Place, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let bound = self.bind(place);
        match &key.0 {
            Some(key) => encrypt(key, &bound, bytes),
            None => Ok([bytes, &checksum(&bound, bytes)].concat()),
        }
    }

    /// The bytes that were sealed for this place.
    pub(crate) fn open(
        &self,
        key: &SealKey,
        place: Place,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Broken> {
        let bound = self.bind(place);
        if let Some(key) = &key.0 {
            return decrypt(key, &bound, sealed);
        }
        let (bytes, found) = sealed.split_last_chunk::<TAG_BYTES>().ok_or(Broken)?;
        if *found == checksum(&bound, bytes) { Ok(bytes.to_vec()) } else { Err(Broken) }
    }

    /// The associated data of a place, of one length for all.
    fn bind(&self, place: Place) -> [u8; BOUND_BYTES] {
        let (kind, owner, part, beside) = match place {
            Place::Key(person) => (b'k', person, None, Beside::default()),
            Place::Details(person, beside) => (b'd', person, None, beside),
            Place::Template(person, template, beside) => (b't', person, Some(template), beside),
            Place::Thumbnail(person, template) => (b'p', person, Some(template), Beside::default()),
            Place::Change(person, change) => (b'c', person, Some(change), Beside::default()),
            Place::Block(file, position) => {
                let position = RandomId::new(u128::from(position).to_le_bytes());
                (b'm', file, Some(position), Beside::default())
            }
        };
        let mut bound = [0; BOUND_BYTES];
        bound[0] = kind;
        bound[1..17].copy_from_slice(self.gallery.as_bytes());
        bound[17..33].copy_from_slice(owner.as_bytes());
        if let Some(part) = part {
            bound[33..49].copy_from_slice(part.as_bytes());
        }
        bound[49] = u8::from(beside.tag.is_some());
        bound[50..82].copy_from_slice(&beside.tag.unwrap_or_default());
        bound[82] = beside.quality.unwrap_or(u8::MAX);
        bound[83..].copy_from_slice(&beside.enrolled_at.to_le_bytes());
        bound
    }
}

/// HMAC-SHA256 of the parts, one after the other.
pub(crate) fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac_of(key);
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hmac_of(key: &[u8; 32]) -> Hmac<Sha256> {
    // A key of one block needs no hashing first, and cannot be of a wrong length.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    <Hmac<Sha256> as hmac::KeyInit>::new(&block.into())
}

fn derive(master: &[u8; 32], purpose: &str, gallery: RandomId) -> Key {
    let parts = [b"verisim gallery 2 ".as_slice(), purpose.as_bytes(), gallery.as_bytes()];
    Key::new(mac(master, &parts))
}

fn checksum(bound: &[u8; BOUND_BYTES], bytes: &[u8]) -> [u8; TAG_BYTES] {
    let sum: [u8; 32] = Sha256::new().chain_update(bound).chain_update(bytes).finalize().into();
    std::array::from_fn(|idx| sum[idx])
}

fn encrypt(key: &Key, bound: &[u8], bytes: &[u8]) -> io::Result<Vec<u8>> {
    let nonce: [u8; NONCE_BYTES] = random_bytes()?;
    let cipher = XChaCha20Poly1305::new((&**key).into());
    let payload = Payload { msg: bytes, aad: bound };
    let sealed = cipher.encrypt(XNonce::from_slice(&nonce), payload);
    let sealed = sealed.map_err(|_| io::Error::other("the cipher takes no more bytes"))?;
    Ok([nonce.as_slice(), &sealed].concat())
}

fn decrypt(key: &Key, bound: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Broken> {
    let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>().ok_or(Broken)?;
    let cipher = XChaCha20Poly1305::new((&**key).into());
    let payload = Payload { msg: sealed, aad: bound };
    cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| Broken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GALLERY: RandomId = RandomId::new([1; 16]);
    const ANN: RandomId = RandomId::new([2; 16]);
    const BOB: RandomId = RandomId::new([3; 16]);

    fn sealed_with(key: u8) -> Vault {
        Vault::sealed(GALLERY, &Key::new([key; 32]))
    }

    #[test]
    fn a_mac_is_that_of_other_programs() {
        // Of Python's hmac, for a key of this crate's length; RFC 4231 has none of 32 bytes.
        assert_eq!(crate::id::hex(&mac(&[0x0b; 32], &[b"Hi ", b"There"])), HI_THERE);
    }

    const HI_THERE: &str = "198a607eb44bfbc69903a0f1cf2bbdc5ba0aa3f3d9ae3c1c7a3b1696a0b68cf7";

    #[test]
    fn what_is_sealed_for_one_place_opens_at_no_other() {
        for vault in [Vault::plain(GALLERY), sealed_with(9)] {
            let key = vault.draw_key().unwrap();
            let beside = Beside { tag: Some([5; 32]), quality: Some(6), enrolled_at: 7 };
            let place = Place::Template(ANN, BOB, beside);
            let sealed = vault.seal(&key, place, b"template").unwrap();
            assert_eq!(vault.open(&key, place, &sealed).unwrap(), b"template");
            for other in [
                Place::Template(BOB, ANN, beside),
                Place::Template(ANN, ANN, beside),
                Place::Template(ANN, BOB, Beside { tag: None, ..beside }),
                Place::Template(ANN, BOB, Beside { tag: Some([6; 32]), ..beside }),
                Place::Template(ANN, BOB, Beside { quality: None, ..beside }),
                Place::Template(ANN, BOB, Beside { enrolled_at: 8, ..beside }),
                Place::Thumbnail(ANN, BOB),
                Place::Change(ANN, BOB),
                Place::Details(ANN, beside),
                Place::Block(ANN, 3),
            ] {
                assert_eq!(vault.open(&key, other, &sealed), Err(Broken));
            }
            let mut other = vault;
            other.gallery = ANN;
            assert_eq!(other.open(&key, place, &sealed), Err(Broken));
        }
    }

    #[test]
    fn only_the_master_key_unwraps_the_key_of_a_person_and_only_for_that_person() {
        let vault = sealed_with(9);
        let key = vault.draw_key().unwrap();
        let sealed = vault.seal(&key, Place::Details(ANN, Beside::default()), b"Ann").unwrap();
        assert!(!sealed.windows(3).any(|it| it == b"Ann"));
        let stored = vault.wrap(ANN, &key).unwrap().unwrap();
        let opened = vault.unwrap(ANN, Some(&stored)).ok().unwrap();
        assert_eq!(
            vault.open(&opened, Place::Details(ANN, Beside::default()), &sealed).unwrap(),
            b"Ann"
        );
        assert!(vault.unwrap(BOB, Some(&stored)).is_err());
        assert!(sealed_with(8).unwrap(ANN, Some(&stored)).is_err());
        assert!(Vault::plain(GALLERY).unwrap(ANN, Some(&stored)).is_err());
        assert!(vault.unwrap(ANN, None).is_err(), "a plain row in a sealed gallery");
    }

    #[test]
    fn tags_depend_on_the_key_and_the_kind() {
        let tag = sealed_with(9).tag("name", b"Ann");
        assert_eq!(tag, sealed_with(9).tag("name", b"Ann"));
        assert_ne!(tag, sealed_with(8).tag("name", b"Ann"));
        assert_ne!(tag, sealed_with(9).tag("source", b"Ann"));
        assert_ne!(tag, Vault::plain(GALLERY).tag("name", b"Ann"));
    }

    proptest! {
        #[test]
        fn any_changed_byte_is_noticed(
            is_sealed: bool,
            bytes in prop::collection::vec(any::<u8>(), 0..80),
            at: prop::sample::Index,
            change in 1u8..,
        ) {
            let vault = if is_sealed { sealed_with(9) } else { Vault::plain(GALLERY) };
            let key = vault.draw_key().unwrap();
            let mut sealed = vault.seal(&key, Place::Details(ANN, Beside::default()), &bytes).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= change;
            prop_assert_eq!(vault.open(&key, Place::Details(ANN, Beside::default()), &sealed), Err(Broken));
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            for vault in [Vault::plain(GALLERY), sealed_with(9)] {
                let key = vault.draw_key().unwrap();
                let _ = vault.open(&key, Place::Details(ANN, Beside::default()), &bytes);
                let _ = vault.unwrap(ANN, Some(&bytes)).map(drop);
            }
        }
    }
}

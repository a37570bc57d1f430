//! What opens a sealed gallery: a key or a passphrase; it does not know what is sealed.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::id::{random_bytes, unhex};

/// Shortest passphrase, in characters.
pub const MIN_PASSPHRASE: usize = 12;

/// 32 bytes that are overwritten when they are dropped.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// What opens a sealed gallery. It is overwritten in memory when it is dropped.
pub struct Secret(Kind);

enum Kind {
    Key(Key),
    Passphrase(Zeroizing<String>),
}

/// Why a text cannot be the secret of a gallery. It is never repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a secret is a key of 64 hexadecimal digits, or a passphrase of at least {MIN_PASSPHRASE} \
     characters, but this text has {n_chars}"
)]
pub struct InvalidSecret {
    n_chars: usize,
}

/// How a passphrase becomes a key: Argon2id (RFC 9106).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Derivation {
    pub(crate) salt: [u8; 16],
    pub(crate) memory_kib: u32,
    pub(crate) passes: u32,
    pub(crate) lanes: u32,
}

impl Secret {
    /// Takes a key of 32 random bytes.
    pub fn from_key(key: [u8; 32]) -> Self {
        Self(Kind::Key(Zeroizing::new(key)))
    }

    /// Takes 64 hexadecimal digits as a key, and anything else as a passphrase.
    ///
    /// White space around them is left out.
    ///
    /// # Errors
    ///
    /// Fails if the text is no key and too short for a passphrase.
    pub fn from_text(text: &str) -> Result<Self, InvalidSecret> {
        let text = text.trim();
        if let Some(key) = unhex(text) {
            return Ok(Self::from_key(key));
        }
        match text.chars().count() {
            n_chars if n_chars < MIN_PASSPHRASE => Err(InvalidSecret { n_chars }),
            _ => Ok(Self(Kind::Passphrase(Zeroizing::new(text.to_owned())))),
        }
    }

    /// Draws a key, as 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// Fails if the system has no random numbers.
    pub fn draw() -> std::io::Result<Zeroizing<String>> {
        let key = Zeroizing::new(random_bytes::<32>()?);
        Ok(Zeroizing::new(crate::id::hex(&*key)))
    }

    /// What a new gallery keeps to derive the key again: nothing if the secret is a key.
    pub(crate) fn derivation(&self) -> std::io::Result<Option<Derivation>> {
        match self.0 {
            Kind::Key(_) => Ok(None),
            Kind::Passphrase(_) => Derivation::new().map(Some),
        }
    }

    /// The master key, if the secret is of the kind that the gallery was sealed with.
    pub(crate) fn master_key(&self, derivation: Option<&Derivation>) -> Option<Key> {
        match (&self.0, derivation) {
            (Kind::Key(key), None) => Some(key.clone()),
            (Kind::Passphrase(text), Some(derivation)) => derivation.key(text),
            _ => None,
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Key(_) => "Secret(key)",
            Kind::Passphrase(_) => "Secret(passphrase)",
        })
    }
}

impl Derivation {
    /// The second recommended option of RFC 9106, on one lane: 64 MiB, three passes.
    fn new() -> std::io::Result<Self> {
        Ok(Self { salt: random_bytes()?, memory_kib: 64 * 1024, passes: 3, lanes: 1 })
    }

    /// Whether a file may ask for this: at most 1 GiB, 16 passes and 16 lanes.
    pub(crate) fn is_bearable(&self) -> bool {
        let Self { memory_kib, passes, lanes, .. } = *self;
        let is_in_range = (1..=16).contains(&passes) && (1..=16).contains(&lanes);
        is_in_range && (8 * lanes..=1024 * 1024).contains(&memory_kib)
    }

    fn key(&self, passphrase: &str) -> Option<Key> {
        if !self.is_bearable() {
            return None;
        }
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(32)).ok()?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let mut key = Key::default();
        argon2.hash_password_into(passphrase.as_bytes(), &self.salt, &mut *key).ok()?;
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_digits_are_a_key_and_anything_else_a_passphrase() {
        let kind = |text: &str| Secret::from_text(text).map(|it| format!("{it:?}"));
        assert_eq!(kind(&"aB".repeat(32)).unwrap(), "Secret(key)");
        assert_eq!(kind(&format!("{}\n", "00".repeat(32))).unwrap(), "Secret(key)");
        assert_eq!(kind(&"00".repeat(31)).unwrap(), "Secret(passphrase)");
        assert_eq!(kind("correct horse battery").unwrap(), "Secret(passphrase)");
        assert_eq!(kind("too short"), Err(InvalidSecret { n_chars: 9 }));
        assert_eq!(kind(" "), Err(InvalidSecret { n_chars: 0 }));
    }

    #[test]
    fn a_passphrase_gives_the_key_of_the_reference() {
        // argon2-cffi 25.1: hash_secret_raw(passphrase, salt, 2, 64, 1, 32, Type.ID)
        let salt = *b"somesaltsomesalt";
        let derivation = Derivation { salt, memory_kib: 64, passes: 2, lanes: 1 };
        let key = derivation.key("correct horse battery").unwrap();
        assert_eq!(crate::id::hex(&*key), REFERENCE);
    }

    const REFERENCE: &str = "84a01b5a0c90755fb183c97faf06ff33c25b2ece1ea4501b75bb92030d412bd2";

    #[test]
    fn a_file_may_not_ask_for_all_memory() {
        let fine = Derivation::new().unwrap();
        assert!(fine.is_bearable());
        for derivation in [
            Derivation { memory_kib: u32::MAX, ..fine },
            Derivation { memory_kib: 0, ..fine },
            Derivation { passes: 0, ..fine },
            Derivation { passes: u32::MAX, ..fine },
            Derivation { lanes: 0, ..fine },
            Derivation { lanes: 1 << 24, ..fine },
        ] {
            assert!(!derivation.is_bearable() && derivation.key("passphrase").is_none());
        }
    }
}

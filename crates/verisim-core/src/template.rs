//! An embedding together with the digest of the model that made it.

use std::fmt;
use std::str::FromStr;

use crate::Embedding;

/// SHA-256 of a model file, written as 64 hexadecimal digits.
///
/// Embeddings of two models are never compared: their spaces have nothing to do with each other.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelDigest([u8; 32]);

/// An embedding that knows its model: what a gallery keeps, and what it is searched for.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The unit vector.
    pub embedding: Embedding,
    /// The model that made it.
    pub model: ModelDigest,
}

/// A text that is not a [`ModelDigest`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a model digest is 64 hexadecimal digits, but this text has {n_chars} characters or others"
)]
pub struct InvalidDigest {
    n_chars: usize,
}

impl ModelDigest {
    /// Takes the 32 bytes of a SHA-256 sum.
    pub fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The 32 bytes of the SHA-256 sum.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 12 digits, enough for a person to tell models apart.
    pub fn short(&self) -> String {
        self.to_string()[..12].to_owned()
    }
}

impl fmt::Display for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ModelDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ModelDigest({})", self.short())
    }
}

impl FromStr for ModelDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest { n_chars: text.chars().count() };
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid());
        }
        let mut bytes = [0; 32];
        for (idx, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * idx..2 * idx + 2], 16).map_err(|_| invalid())?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_survives_its_text() {
        let digest = ModelDigest::new(std::array::from_fn(|idx| (idx * 7) as u8));
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.short(), "00070e151c23");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "00", &"g".repeat(64), &"é".repeat(32), &"+0".repeat(32)] {
            assert!(text.parse::<ModelDigest>().is_err(), "{text}");
        }
    }
}

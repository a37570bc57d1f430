//! Names of things that say nothing of them: 16 random bytes; it does not know what they name.

use std::fmt;
use std::io;
use std::str::FromStr;

/// Sixteen random bytes, written as 32 hexadecimal digits.
///
/// A gallery, each identity and each template bear one. Since it is drawn and not computed, it may
/// stay in the log after its bearer was forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RandomId([u8; 16]);

/// A text that is not a [`RandomId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id is 32 hexadecimal digits, but this text has {n_chars} characters or others")]
pub struct InvalidId {
    n_chars: usize,
}

impl RandomId {
    /// Draws a new one.
    pub(crate) fn draw() -> io::Result<Self> {
        random_bytes().map(Self)
    }

    /// Takes 16 bytes that were drawn before.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The 16 bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for RandomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RandomId({self})")
    }
}

impl FromStr for RandomId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        unhex(text).map(Self).ok_or_else(|| InvalidId { n_chars: text.chars().count() })
    }
}

/// Bytes of the system's generator, which is fit for keys.
pub(crate) fn random_bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| io::Error::other(format!("no random numbers: {error}")))?;
    Ok(bytes)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The `N` bytes that `2 * N` hexadecimal digits stand for.
pub(crate) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (idx, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * idx..2 * idx + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_and_no_two_are_the_same() {
        let (a, b) = (RandomId::draw().unwrap(), RandomId::draw().unwrap());
        assert_ne!(a, b);
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!(RandomId::new([0xab; 16]).to_string(), "abababababababababababababababab");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "00", &"g".repeat(32), &"é".repeat(16), &"+0".repeat(16)] {
            assert!(text.parse::<RandomId>().is_err(), "{text}");
        }
    }
}

//! What is enrolled: a template and the digest of its picture; it does not know whose face it is.

use std::fmt;

use verisim_core::Template;

/// One captured face of an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The embedding, and the model that made it.
    pub template: Template,
    /// The picture it was made from.
    pub source: SourceDigest,
}

/// SHA-256 of the bytes of a picture.
///
/// It tells a gallery that a picture is already enrolled, and cannot be turned back into it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceDigest([u8; 32]);

impl SourceDigest {
    /// Takes the 32 bytes of a SHA-256 sum.
    pub fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The 32 bytes of the SHA-256 sum.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SourceDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SourceDigest(")?;
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use verisim_core::{Embedding, ModelDigest};

    use super::*;

    #[test]
    fn debug_output_hides_the_embedding() {
        let sample = Sample {
            template: Template {
                embedding: Embedding::new(vec![3.0, 4.0]).unwrap(),
                model: ModelDigest::new([0xab; 32]),
            },
            source: SourceDigest::new([0xcd; 32]),
        };
        assert_eq!(
            format!("{sample:?}"),
            "Sample { template: Template { embedding: Embedding(2 components), \
             model: ModelDigest(abababababab) }, source: SourceDigest(cdcdcdcdcdcd) }"
        );
    }
}

//! What is enrolled: a template and where it comes from; it does not know whose face it is.

use std::fmt;

use verisim_core::Template;

use crate::InvalidDetails;
use crate::details::check_text;

/// One captured face of an identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The embedding, and the model that made it.
    pub template: Template,
    /// The picture it was made from.
    pub source: SourceDigest,
    /// How good the picture is, from 0 to 100 (ISO/IEC 29794-1), if somebody judged it.
    pub quality: Option<u8>,
    /// What the caller calls the picture, such as the name of its file.
    pub label: Option<String>,
    /// A small picture for people to look at, if the caller wants one to be kept; none by default.
    pub thumbnail: Option<Thumbnail>,
}

/// The bytes of a small picture, in whatever format the caller likes.
#[derive(Clone, PartialEq, Eq)]
pub struct Thumbnail(pub Vec<u8>);

/// Most bytes of a [`Thumbnail`].
pub const MAX_THUMBNAIL_BYTES: usize = 64 * 1024;

impl Sample {
    /// A sample without a quality and a label.
    pub fn new(template: Template, source: SourceDigest) -> Self {
        Self { template, source, quality: None, label: None, thumbnail: None }
    }

    /// Fails if the quality or the label cannot be kept.
    pub(crate) fn check(&self) -> Result<(), InvalidDetails> {
        if let Some(found) = self.quality.filter(|&quality| quality > 100) {
            return Err(InvalidDetails::Quality { found });
        }
        let n_bytes = self.thumbnail.as_ref().map_or(0, |it| it.0.len());
        if n_bytes > MAX_THUMBNAIL_BYTES {
            return Err(InvalidDetails::ThumbnailTooLong { n_bytes });
        }
        self.label.as_deref().map_or(Ok(()), |label| check_text("the label of a sample", label))
    }
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

impl fmt::Debug for Thumbnail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbnail({} bytes)", self.0.len())
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
    fn debug_output_hides_the_embedding_and_the_picture() {
        let template = Template {
            embedding: Embedding::new(vec![3.0, 4.0]).unwrap(),
            model: ModelDigest::new([0xab; 32]),
        };
        let sample = Sample {
            thumbnail: Some(Thumbnail(vec![7; 9])),
            ..Sample::new(template, SourceDigest::new([0xcd; 32]))
        };
        assert_eq!(
            format!("{sample:?}"),
            "Sample { template: Template { embedding: Embedding(2 components), \
             model: ModelDigest(abababababab) }, source: SourceDigest(cdcdcdcdcdcd), \
             quality: None, label: None, thumbnail: Some(Thumbnail(9 bytes)) }"
        );
    }
}

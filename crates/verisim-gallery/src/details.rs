//! What is kept of an identity and of a sample beside the template: limits; it does not know where.

use crate::sample::MAX_THUMBNAIL_BYTES;
use crate::{GalleryError, name};

/// Longest text of [`Metadata`], in bytes.
pub const MAX_METADATA_BYTES: usize = 16 * 1024;
/// Longest external id, label of a source or name of an actor, in bytes.
pub const MAX_LABEL_BYTES: usize = 255;

/// Why something beside a template cannot be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDetails {
    /// The metadata are not JSON, or not an object.
    #[error("the metadata are not a JSON object: {reason}")]
    NotAnObject {
        /// What the parser found.
        reason: String,
    },
    /// The metadata are too long.
    #[error("the metadata have {n_bytes} bytes, expected at most {MAX_METADATA_BYTES}")]
    MetadataTooLong {
        /// Their length.
        n_bytes: usize,
    },
    /// A thumbnail is too large.
    #[error("the thumbnail has {n_bytes} bytes, expected at most {MAX_THUMBNAIL_BYTES}")]
    ThumbnailTooLong {
        /// Its length.
        n_bytes: usize,
    },
    /// A text is empty, too long, or holds a control character.
    #[error(
        "{what} has {n_bytes} bytes, expected 1 to {MAX_LABEL_BYTES} without control characters"
    )]
    Text {
        /// Which text.
        what: &'static str,
        /// Its length.
        n_bytes: usize,
    },
    /// A quality is out of range.
    #[error("the quality is {found}, expected 0 to 100")]
    Quality {
        /// What was given.
        found: u8,
    },
}

/// A JSON object that the caller keeps with an identity, of at most [`MAX_METADATA_BYTES`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata(String);

impl Metadata {
    /// Takes the text of a JSON object; white space between its parts is left out.
    ///
    /// # Errors
    ///
    /// Fails if the text is not a JSON object or too long.
    pub fn from_json(text: &str) -> Result<Self, InvalidDetails> {
        let object: Result<serde_json::Map<String, serde_json::Value>, _> =
            serde_json::from_str(text);
        // The parser's own words may quote the text, which is personal.
        let object = object.map_err(|error| InvalidDetails::NotAnObject {
            reason: format!("{:?} error in line {}", error.classify(), error.line()),
        })?;
        let text = serde_json::Value::Object(object).to_string();
        match text.len() {
            n_bytes if n_bytes > MAX_METADATA_BYTES => {
                Err(InvalidDetails::MetadataTooLong { n_bytes })
            }
            _ => Ok(Self(text)),
        }
    }

    /// The text of the JSON object.
    pub fn as_json(&self) -> &str {
        &self.0
    }
}

/// What a gallery keeps of an identity beside its templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Details {
    /// Its name.
    pub name: String,
    /// What another system calls it; no other identity of the gallery bears the same.
    pub external_id: Option<String>,
    /// What the caller keeps with it.
    pub metadata: Option<Metadata>,
}

impl Details {
    /// Fails if the name or the external id is not allowed.
    pub(crate) fn check(&self) -> Result<(), GalleryError> {
        name::check(&self.name)?;
        if let Some(external_id) = &self.external_id {
            check_text("an external id", external_id)?;
        }
        Ok(())
    }
}

/// Fails unless `text` has 1 to [`MAX_LABEL_BYTES`] bytes without control characters.
pub(crate) fn check_text(what: &'static str, text: &str) -> Result<(), InvalidDetails> {
    let is_fine =
        (1..=MAX_LABEL_BYTES).contains(&text.len()) && !text.chars().any(char::is_control);
    if is_fine { Ok(()) } else { Err(InvalidDetails::Text { what, n_bytes: text.len() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_a_json_object_of_limited_length() {
        let metadata = Metadata::from_json(" { \"team\": [1, 2] } ").unwrap();
        assert_eq!(metadata.as_json(), r#"{"team":[1,2]}"#);
        for text in ["", "[1]", "\"a\"", "{\"a\":}", "{} x", "null"] {
            let refused = Metadata::from_json(text);
            assert!(matches!(refused, Err(InvalidDetails::NotAnObject { .. })), "{text}");
        }
        let of_length = |n| Metadata::from_json(&format!("{{\"a\":\"{}\"}}", "x".repeat(n - 8)));
        assert_eq!(of_length(MAX_METADATA_BYTES).unwrap().as_json().len(), MAX_METADATA_BYTES);
        let too_long = InvalidDetails::MetadataTooLong { n_bytes: MAX_METADATA_BYTES + 1 };
        assert_eq!(of_length(MAX_METADATA_BYTES + 1), Err(too_long));
    }

    #[test]
    fn a_refusal_does_not_repeat_the_metadata() {
        let refusal = Metadata::from_json(r#"{"born": Ada}"#).unwrap_err().to_string();
        assert_eq!(refusal, "the metadata are not a JSON object: Syntax error in line 1");
    }

    #[test]
    fn texts_have_limits() {
        for text in ["a", &"é".repeat(127)] {
            assert_eq!(check_text("a label", text), Ok(()));
        }
        for text in ["", "a\nb", &"é".repeat(128)] {
            assert!(check_text("a label", text).is_err());
        }
    }
}

//! What a person who was forgotten takes along; it does not know the log that it points into.

use serde::{Deserialize, Serialize};

use crate::audit::chain::Hash;
use crate::id::{RandomId, hex, unhex};

/// Says that an identity was forgotten, and where the log of the gallery says so.
///
/// The log's hash at that point depends on all records before it: as long as the gallery keeps its
/// log whole, it can show that nothing was taken out or put in before this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The gallery.
    pub gallery: RandomId,
    /// The identity.
    pub person: RandomId,
    /// Number of templates that were overwritten.
    pub n_templates: usize,
    /// When, in seconds since 1970 (UTC).
    pub at: i64,
    /// Position of the record in the log; the first is 1.
    pub position: i64,
    /// The log's hash after that record.
    pub head: [u8; 32],
}

/// A text that is not a [`Receipt`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not a receipt of forgetting, as `forget` writes it: {reason}")]
pub struct InvalidReceipt {
    reason: String,
}

/// The receipt as it is written.
#[derive(Serialize, Deserialize)]
struct ReceiptDto {
    gallery: String,
    person: String,
    templates: usize,
    forgotten_at: i64,
    log_position: i64,
    log_head: String,
}

impl Receipt {
    /// The receipt as JSON.
    pub fn to_json(&self) -> String {
        let dto = ReceiptDto {
            gallery: self.gallery.to_string(),
            person: self.person.to_string(),
            templates: self.n_templates,
            forgotten_at: self.at,
            log_position: self.position,
            log_head: hex(&self.head),
        };
        format!("{:#}", serde_json::json!(dto))
    }

    /// Reads a receipt.
    ///
    /// # Errors
    ///
    /// Fails if the text is not one.
    pub fn from_json(text: &str) -> Result<Self, InvalidReceipt> {
        let invalid = |reason: &dyn ToString| InvalidReceipt { reason: reason.to_string() };
        let dto: ReceiptDto = serde_json::from_str(text).map_err(|error| invalid(&error))?;
        let head: Option<Hash> = unhex(&dto.log_head);
        Ok(Self {
            gallery: dto.gallery.parse().map_err(|error| invalid(&error))?,
            person: dto.person.parse().map_err(|error| invalid(&error))?,
            n_templates: dto.templates,
            at: dto.forgotten_at,
            position: dto.log_position,
            head: head.ok_or_else(|| invalid(&"log_head is not 64 hexadecimal digits"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_survives_its_text() {
        let receipt = Receipt {
            gallery: RandomId::new([1; 16]),
            person: RandomId::new([2; 16]),
            n_templates: 4,
            at: 1_800_000_000,
            position: 17,
            head: [0xfe; 32],
        };
        let text = receipt.to_json();
        assert_eq!(Receipt::from_json(&text), Ok(receipt));
        for (from, to) in [("fefe", "fe"), ("0202", "02"), ("17", "\"x\""), ("{", "")] {
            let changed = text.replacen(from, to, 1);
            assert!(Receipt::from_json(&changed).is_err(), "{changed}");
        }
    }
}

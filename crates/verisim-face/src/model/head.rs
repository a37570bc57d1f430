//! The head that a model file may carry beside its card; it does not know how it was learned.

use serde::{Deserialize, Serialize};
use verisim_core::{Head, HeadKind, InvalidHead};

/// Key under which an ONNX file's metadata keep the head.
pub const HEAD_KEY: &str = "verisim.head";

/// A head as TOML, in the metadata of an ONNX file (key `verisim.head`).
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadText {
    kind: Kind,
    bias: f32,
    weights: Vec<f32>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Siamese,
    ChiSquared,
}

/// A head in a model file that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnusableHead {
    /// It is no TOML, or a key is unknown or missing.
    #[error("the head cannot be read: {0}")]
    Form(toml::de::Error),
    /// Its numbers make none.
    #[error(transparent)]
    Numbers(InvalidHead),
    /// It has another number of weights than an embedding has components.
    #[error(
        "the head has {found} weights, but the card says that embeddings have {expected} components"
    )]
    Dimension {
        /// Number of weights.
        found: usize,
        /// Components of an embedding.
        expected: usize,
    },
}

/// The head as text.
///
/// # Errors
///
/// Fails if a number cannot be written, which no head has.
pub fn head_to_toml(head: &Head) -> Result<String, toml::ser::Error> {
    let kind = match head.kind() {
        HeadKind::Siamese => Kind::Siamese,
        HeadKind::ChiSquared => Kind::ChiSquared,
    };
    toml::to_string(&HeadText { kind, bias: head.bias(), weights: head.weights().to_vec() })
}

/// Reads the head of a model whose embeddings have so many components.
pub(super) fn parse(text: &str, embedding_dim: usize) -> Result<Head, UnusableHead> {
    let HeadText { kind, bias, weights } = toml::from_str(text).map_err(UnusableHead::Form)?;
    let kind = match kind {
        Kind::Siamese => HeadKind::Siamese,
        Kind::ChiSquared => HeadKind::ChiSquared,
    };
    if weights.len() != embedding_dim {
        return Err(UnusableHead::Dimension { found: weights.len(), expected: embedding_dim });
    }
    Head::new(kind, weights, bias).map_err(UnusableHead::Numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_survives_its_text() {
        for kind in [HeadKind::Siamese, HeadKind::ChiSquared] {
            let head = Head::new(kind, vec![-1.1, 0.1, 1e-7], 0.3).unwrap();
            assert_eq!(parse(&head_to_toml(&head).unwrap(), 3), Ok(head));
        }
    }

    #[test]
    fn nonsense_is_refused_with_what_was_found() {
        let refusal = |text: &str| parse(text, 2).unwrap_err().to_string();
        let found = refusal("kind = 'siamese'\nbias = 0.0\nweights = [1.0]");
        assert!(found.starts_with("the head has 1 weights, but"), "{found}");
        assert!(refusal("kind = 'oracle'\nbias = 0.0\nweights = [1.0, 2.0]").contains("oracle"));
        let found = refusal("kind = 'siamese'\nbias = nan\nweights = [1.0, 2.0]");
        assert_eq!(found, "the head's weights and bias must be finite numbers");
    }
}

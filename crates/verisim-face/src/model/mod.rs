//! Model files and their cards: which bytes, how to feed them, whether they may be trusted.

mod address;
mod card;
mod head;
mod known;
pub mod registry;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sha2::{Digest, Sha256};
use verisim_core::{Head, ModelDigest};

pub use self::address::check_address;
pub use self::card::{
    Card, Figure, InvalidCard, METADATA_KEY, NoThreshold, ThresholdPoint, ThresholdTable,
    TrainingFacts,
};
pub use self::head::{HEAD_KEY, UnusableHead, head_to_toml};
use crate::onnx::{self, LoadError, Network};

/// A model that was loaded, with its card and the digest of its bytes.
pub struct Model {
    digest: ModelDigest,
    card: Card,
    head: Option<Head>,
    pub(crate) network: Box<dyn Network>,
}

/// Why a model cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no model.
    #[error("{}: {source}", path.display())]
    Load {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: LoadError,
    },
    /// The card is none.
    #[error("{}: {source}", path.display())]
    Card {
        /// The file that holds it.
        path: PathBuf,
        /// What is wrong with it.
        source: InvalidCard,
    },
    /// The head in the model file is none.
    #[error("{}: {source}", path.display())]
    Head {
        /// The model file.
        path: PathBuf,
        /// What is wrong with its head.
        source: UnusableHead,
    },
    /// Nobody says how to feed the model.
    #[error(
        "{} has no card, so it is not known how to feed it; write one to {} (name, license, \
         embedding_dim, input), or give it with --card", path.display(), card.display()
    )]
    NoCard {
        /// The model file.
        path: PathBuf,
        /// Where its card would be.
        card: PathBuf,
    },
    /// The card belongs to other bytes.
    #[error("{} has SHA-256 {found}, but its card says {expected}", path.display())]
    OtherBytes {
        /// The model file.
        path: PathBuf,
        /// Digest of its bytes.
        found: ModelDigest,
        /// Digest in the card.
        expected: String,
    },
    /// The card describes another network.
    #[error("{} takes an input of {found}, but its card says {expected}", path.display())]
    OtherInput {
        /// The model file.
        path: PathBuf,
        /// Channels, height and width of the network's input; ? where they are open.
        found: String,
        /// Channels, height and width in the card.
        expected: String,
    },
}

impl Model {
    /// Loads an ONNX model.
    ///
    /// Its card is, in this order: the one at `card`; `model.toml` beside `model.onnx`; the one in the
    /// file's metadata; the one that this program knows for these bytes.
    ///
    /// # Errors
    ///
    /// Fails if the model or its card cannot be read, or if they do not belong together.
    pub fn load(path: &Path, card: Option<&Path>) -> Result<Self, ModelError> {
        let bytes = read(path)?;
        let digest = ModelDigest::new(Sha256::digest(&bytes).into());
        let load_error = |source| ModelError::Load { path: path.to_owned(), source };
        let network = onnx::load(bytes).map_err(load_error)?;
        let beside = path.with_extension("toml");
        let (card_path, text) = match card {
            Some(card) => (card, read_text(card)?),
            None if beside.is_file() => (beside.as_path(), read_text(&beside)?),
            None => match network.metadata(METADATA_KEY) {
                Some(text) => (path, text),
                None => match known::card(&digest) {
                    Some(text) => (path, text.to_owned()),
                    None => return Err(ModelError::NoCard { path: path.to_owned(), card: beside }),
                },
            },
        };
        let card = Card::parse(&text)
            .map_err(|source| ModelError::Card { path: card_path.to_owned(), source })?;
        let head = network.metadata(HEAD_KEY).map(|text| head::parse(&text, card.embedding_dim));
        let head = head
            .transpose()
            .map_err(|source| ModelError::Head { path: path.to_owned(), source })?;
        let model = Self { digest, card, head, network };
        model.check(path)?;
        Ok(model)
    }

    /// SHA-256 of the model file.
    pub fn digest(&self) -> ModelDigest {
        self.digest
    }

    /// What the model is.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// What was learned over the distances of its embeddings, if anything.
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    fn check(&self, path: &Path) -> Result<(), ModelError> {
        let path = || path.to_owned();
        if let Some(expected) = &self.card.sha256
            && ModelDigest::from_str(expected) != Ok(self.digest)
        {
            let (found, expected) = (self.digest, expected.clone());
            return Err(ModelError::OtherBytes { path: path(), found, expected });
        }
        let input = &self.card.input;
        let expected = [input.channels.count(), input.height, input.width];
        let found = self.network.input_size();
        if found
            .iter()
            .zip(expected)
            .any(|(found, expected)| found.is_some_and(|it| it != expected))
        {
            let text = |size: &Option<usize>| size.map_or("?".to_owned(), |it| it.to_string());
            let found = found.iter().map(text).collect::<Vec<_>>().join(" x ");
            let expected = expected.map(|it| it.to_string()).join(" x ");
            return Err(ModelError::OtherInput { path: path(), found, expected });
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    fs::read_to_string(path)
        .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })
}

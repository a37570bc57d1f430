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
use crate::detect::{DetectorCard, InputSize};
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
        "{} has no card, so it is not known how to feed it; write one to {} ({keys}), or give it \
         with {option}", path.display(), card.display()
    )]
    NoCard {
        /// The model file.
        path: PathBuf,
        /// What such a card holds.
        keys: &'static str,
        /// How the command line calls it.
        option: &'static str,
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
        /// Channels, height and width in the card; ? where it says any.
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
        let (digest, network) = load_network(path, onnx::load)?;
        let known = known::card(&digest);
        let (card_path, text) = find_card(path, card, &*network, known)?.ok_or_else(|| {
            let keys = "name, license, embedding_dim, input";
            let (path, card) = (path.to_owned(), path.with_extension("toml"));
            ModelError::NoCard { path, keys, option: "--card", card }
        })?;
        let card =
            Card::parse(&text).map_err(|source| ModelError::Card { path: card_path, source })?;
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
        check_digest(path, self.digest, self.card.sha256.as_ref())?;
        let input = &self.card.input;
        let expected = [input.channels.count(), input.height, input.width];
        check_input(path, &*self.network, expected.map(Some))
    }
}

/// Loads a detector with the digest of its bytes and its card, which is looked for where that of an
/// embedder would be.
pub(crate) fn load_detector(
    path: &Path,
    card: Option<&Path>,
) -> Result<(ModelDigest, DetectorCard, Box<dyn Network>), ModelError> {
    let (digest, network) = load_network(path, onnx::load_detector)?;
    let known = known::detector_card(&digest);
    let (card_path, text) = find_card(path, card, &*network, known)?.ok_or_else(|| {
        let keys = "task, name, license, decoder, thresholds, face_sizes, input";
        let (path, card) = (path.to_owned(), path.with_extension("toml"));
        ModelError::NoCard { path, keys, option: "--detector-card", card }
    })?;
    let card = DetectorCard::parse(&text)
        .map_err(|source| ModelError::Card { path: card_path, source })?;
    check_digest(path, digest, card.sha256.as_ref())?;
    let [width, height] = match card.input.size {
        InputSize::Fixed(sides) => sides.map(Some),
        InputSize::MultipleOf(_) => [None; 2],
    };
    check_input(path, &*network, [Some(card.input.channels.count()), height, width])?;
    Ok((digest, card, network))
}

fn load_network(
    path: &Path,
    load: impl Fn(Vec<u8>) -> Result<Box<dyn Network>, LoadError>,
) -> Result<(ModelDigest, Box<dyn Network>), ModelError> {
    let bytes = read(path)?;
    let digest = ModelDigest::new(Sha256::digest(&bytes).into());
    let load_error = |source| ModelError::Load { path: path.to_owned(), source };
    Ok((digest, load(bytes).map_err(load_error)?))
}

/// The text of a model's card and the file that holds it, if there is one.
fn find_card(
    path: &Path,
    card: Option<&Path>,
    network: &dyn Network,
    known: Option<&'static str>,
) -> Result<Option<(PathBuf, String)>, ModelError> {
    let beside = path.with_extension("toml");
    if let Some(card) = card.or(beside.is_file().then_some(&beside)) {
        return Ok(Some((card.to_owned(), read_text(card)?)));
    }
    let text = network.metadata(METADATA_KEY).or(known.map(str::to_owned));
    Ok(text.map(|text| (path.to_owned(), text)))
}

fn check_digest(
    path: &Path,
    found: ModelDigest,
    expected: Option<&String>,
) -> Result<(), ModelError> {
    match expected {
        Some(expected) if ModelDigest::from_str(expected) != Ok(found) => {
            let (path, expected) = (path.to_owned(), expected.clone());
            Err(ModelError::OtherBytes { path, found, expected })
        }
        _ => Ok(()),
    }
}

/// Compares channels, height and width of the network's input with those of its card; `None` is any size,
/// and only an open side of a network takes it.
fn check_input(
    path: &Path,
    network: &dyn Network,
    expected: [Option<usize>; 3],
) -> Result<(), ModelError> {
    let found = network.input_size();
    if found.iter().zip(expected).all(|(found, expected)| found.is_none() || *found == expected) {
        return Ok(());
    }
    let text = |size: [Option<usize>; 3]| {
        size.map(|side| side.map_or("?".to_owned(), |it| it.to_string())).join(" x ")
    };
    let (found, expected) = (text(found), text(expected));
    Err(ModelError::OtherInput { path: path.to_owned(), found, expected })
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    fs::read(path).map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, ModelError> {
    fs::read_to_string(path)
        .map_err(|source| ModelError::Unreadable { path: path.to_owned(), source })
}

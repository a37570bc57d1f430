//! A model file of either task, embedder or detector: told by its outputs, run once to see whether its card is right.

use std::path::Path;

use anyhow::Context;
use verisim_core::ModelDigest;
use verisim_face::detect::{Detector, DetectorCard, OnnxDetector};
use verisim_face::model::registry::Task;
use verisim_face::model::{Card, Model, ModelError};
use verisim_face::{LoadError, Picture, Recognizer};

/// Sides of the photograph that a detector is tried on: none is a multiple of another detector's input.
const TRIED: [usize; 2] = [250, 190];

/// A model that was loaded with its card.
pub(crate) enum EitherModel {
    /// It turns chips into embeddings.
    Embedder(Model),
    /// It finds faces in photographs.
    Detector(OnnxDetector),
}

/// The card of a model of either task.
#[derive(Clone, Debug)]
pub(crate) enum EitherCard {
    Embedder(Card),
    Detector(DetectorCard),
}

impl EitherModel {
    /// Loads a model, whatever its task is.
    pub(crate) fn load(path: &Path, card: Option<&Path>) -> Result<Self, ModelError> {
        match Model::load(path, card) {
            Ok(model) => Ok(Self::Embedder(model)),
            Err(error @ ModelError::Load { source: LoadError::NotAnEmbedder { .. }, .. }) => {
                match OnnxDetector::load(path, card) {
                    Ok(detector) => Ok(Self::Detector(detector)),
                    // It is neither: what was looked for first is what most people have.
                    Err(ModelError::Load { .. }) => Err(error),
                    Err(error) => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// SHA-256 of the file.
    pub(crate) fn digest(&self) -> ModelDigest {
        match self {
            Self::Embedder(model) => model.digest(),
            Self::Detector(detector) => detector.digest(),
        }
    }

    /// What it is.
    pub(crate) fn card(&self) -> EitherCard {
        match self {
            Self::Embedder(model) => EitherCard::Embedder(model.card().clone()),
            Self::Detector(detector) => EitherCard::Detector(detector.card().clone()),
        }
    }

    /// Runs it on a drawn picture; a card that does not fit is an error here, where somebody can do something about it.
    pub(crate) fn try_once(self) -> anyhow::Result<()> {
        let drawn = |width: usize, height: usize| {
            let pixels = (0..3 * width * height).map(|it| (it * 37 % 251) as u8);
            Picture::new(width, height, pixels.collect())
        };
        match self {
            Self::Embedder(model) => {
                let input = &model.card().input;
                let chip = drawn(input.width, input.height);
                Recognizer::new(model).template(&chip)?;
            }
            Self::Detector(detector) => {
                detector.detect(&drawn(TRIED[0], TRIED[1]))?;
            }
        }
        Ok(())
    }
}

impl EitherCard {
    /// Reads the card of a model of either task.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        // A detector's card is told by its task; what is wrong with any other is said of an embedder's.
        let task = toml::from_str::<toml::Table>(text).ok().and_then(|it| it.get("task").cloned());
        if task.is_some() {
            return Ok(Self::Detector(DetectorCard::parse(text)?));
        }
        Ok(Self::Embedder(Card::parse(text)?))
    }

    pub(crate) fn task(&self) -> Task {
        match self {
            Self::Embedder(_) => Task::Recognition,
            Self::Detector(_) => Task::Detection,
        }
    }

    pub(crate) fn license(&self) -> &str {
        match self {
            Self::Embedder(card) => &card.license,
            Self::Detector(card) => &card.license,
        }
    }

    pub(crate) fn source(&self) -> Option<&str> {
        match self {
            Self::Embedder(card) => card.source.as_deref(),
            Self::Detector(card) => card.source.as_deref(),
        }
    }

    /// SHA-256 of the model that it belongs to, if it says so.
    pub(crate) fn sha256(&self) -> Option<&str> {
        match self {
            Self::Embedder(card) => card.sha256.as_deref(),
            Self::Detector(card) => card.sha256.as_deref(),
        }
    }

    /// The same card, of this model alone.
    pub(crate) fn bound_to(self, digest: &ModelDigest) -> Self {
        let sha256 = Some(digest.to_string());
        match self {
            Self::Embedder(card) => Self::Embedder(Card { sha256, ..card }),
            Self::Detector(card) => Self::Detector(DetectorCard { sha256, ..card }),
        }
    }

    /// The card as TOML.
    pub(crate) fn to_toml(&self) -> anyhow::Result<String> {
        let text = match self {
            Self::Embedder(card) => card.to_toml(),
            Self::Detector(card) => card.to_toml(),
        };
        text.context("cannot write the card")
    }

    /// The card as JSON over many lines.
    pub(crate) fn to_json(&self) -> anyhow::Result<String> {
        let text = match self {
            Self::Embedder(card) => serde_json::to_string_pretty(card),
            Self::Detector(card) => serde_json::to_string_pretty(card),
        };
        text.context("cannot write JSON")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_are_told_by_their_task() {
        let detector = "task = \"detection\"\nname = \"a\"\nlicense = \"MIT\"\ndecoder = \"yunet\"\n\
            score_threshold = 0.5\noverlap_threshold = 0.3\nface_sizes = [16, 512]\n[input]\n\
            size = { multiple-of = 32 }\nchannels = \"BGR\"\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n";
        let card = EitherCard::parse(detector).unwrap();
        assert_eq!((card.task(), card.license(), card.sha256()), (Task::Detection, "MIT", None));
        let bound = card.bound_to(&ModelDigest::new([0xab; 32])).to_toml().unwrap();
        let again = EitherCard::parse(&bound).unwrap();
        assert_eq!(again.sha256(), Some("ab".repeat(32).as_str()));
        let said = EitherCard::parse("name = \"a\"").unwrap_err().to_string();
        assert!(said.contains("license"), "{said}");
        let said = EitherCard::parse(&detector.replace("0.3", "3.0")).unwrap_err().to_string();
        assert!(said.contains("overlap_threshold"), "{said}");
    }
}

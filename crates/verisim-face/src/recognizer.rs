//! From chips to templates; it knows a model, no gallery and no threshold.

use verisim_core::{Embedding, Head, InvalidEmbedding, ModelDigest, Template};

use crate::Picture;
use crate::model::{Card, Model};
use crate::onnx::RunError;

/// Turns chips (aligned faces) into templates.
pub struct Recognizer {
    model: Model,
    mirrors: bool,
}

/// Why a chip has no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbedError {
    /// The network failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// Its output has no direction.
    #[error("the model's output cannot be used: {0}")]
    Embedding(#[from] InvalidEmbedding),
    /// Its output is not of the size that its card says.
    #[error("the model's output has {found} components, but its card says {expected}")]
    Dimension {
        /// Components of the output.
        found: usize,
        /// Components in the card.
        expected: usize,
    },
}

impl Recognizer {
    /// Takes a model into use.
    pub fn new(model: Model) -> Self {
        Self { model, mirrors: false }
    }

    /// Embeds every chip together with its mirror image, as evaluations on LFW often do.
    ///
    /// The embedding is the direction of the sum of both; it takes twice the time.
    #[must_use]
    pub fn with_mirror_images(mut self, mirrors: bool) -> Self {
        self.mirrors = mirrors;
        self
    }

    /// Card of the model.
    pub fn card(&self) -> &Card {
        self.model.card()
    }

    /// What the model decides by beside the cosine, if it carries anything.
    pub fn head(&self) -> Option<&Head> {
        self.model.head()
    }

    /// Digest of the model.
    pub fn digest(&self) -> ModelDigest {
        self.model.digest()
    }

    /// Template of one chip of any size.
    ///
    /// # Errors
    ///
    /// Fails if the network fails on it.
    pub fn template(&self, chip: &Picture) -> Result<Template, EmbedError> {
        Ok(Template { embedding: self.embed(chip)?, model: self.digest() })
    }

    fn embed(&self, chip: &Picture) -> Result<Embedding, EmbedError> {
        let preprocessing = &self.card().input;
        let mut input = vec![0.0; preprocessing.len()];
        preprocessing.apply(chip, &mut input);
        let mut features = self.run(&input)?;
        if self.mirrors {
            for row in input.chunks_exact_mut(preprocessing.width) {
                row.reverse();
            }
            let mirrored = Embedding::new(self.run(&input)?)?;
            let straight = Embedding::new(features)?;
            let sum = straight.as_slice().iter().zip(mirrored.as_slice()).map(|(a, b)| a + b);
            features = sum.collect();
        }
        Ok(Embedding::new(features)?)
    }

    fn run(&self, input: &[f32]) -> Result<Vec<f32>, EmbedError> {
        let preprocessing = &self.card().input;
        let channels = preprocessing.channels.count();
        let size = [channels, preprocessing.height, preprocessing.width];
        let features = self.model.network.run(input, size)?;
        let (found, expected) = (features.len(), self.card().embedding_dim);
        if found != expected {
            return Err(EmbedError::Dimension { found, expected });
        }
        Ok(features)
    }
}

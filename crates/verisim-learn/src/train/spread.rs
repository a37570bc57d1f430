//! How tight identities are and how far apart, before and after training; it measures with `core`.

use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use verisim_core::Embedding;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::measure::{Bootstrap, Estimate, Spread};

use super::validation::{EmbedError, embed_chips};
use crate::backbone::Backbone;
use crate::data::{ChipSource, Split, chips_of};

/// Images of training identities at most: they are a stand-in, and embedding takes time.
const MAX_IMAGES: usize = 1000;

/// Distances of unit vectors, in `[0, 2]`, within and between identities, at one moment of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpreadRecord {
    /// Steps that were done: 0 before training.
    pub step: usize,
    /// Whether the identities are trained on: only where none are kept for validation.
    pub trained_on: bool,
    /// How many there are.
    pub n_identities: usize,
    /// Their images.
    pub n_images: usize,
    /// Mean distance within an identity.
    pub mean_within: Option<Interval>,
    /// Distance of the farthest mated pair.
    pub max_within: Option<Interval>,
    /// Mean distance of samples of different identities.
    pub mean_between: Option<Interval>,
    /// Distance of the nearest non-mated pair.
    pub min_between: Option<Interval>,
    /// Mean distance between identities by that within: 1 if identity means nothing.
    pub ratio: Option<Interval>,
}

/// A figure with its 95 % interval, by bootstrap over identities.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// Where the interval begins.
    pub lower: f64,
    /// Where it ends.
    pub upper: f64,
}

impl From<Estimate> for Interval {
    fn from(Estimate { value, lower, upper }: Estimate) -> Self {
        Self { value, lower, upper }
    }
}

impl SpreadRecord {
    /// Looks at the validation identities; if there are none, at the first of the training
    /// identities.
    pub(super) fn of(
        backbone: &Backbone,
        source: &dyn ChipSource,
        split: &Split,
        device: &Device,
        step: usize,
    ) -> Result<Self, EmbedError> {
        let trained_on = split.validation.is_empty();
        let chips = if trained_on {
            first_of(&split.train, source)
        } else {
            chips_of(&split.validation, source.labels())
        };
        let labels: Vec<u64> = chips.iter().map(|&chip| source.labels()[chip]).collect();
        let embeddings = embed_chips(backbone, source, &chips, device)?;
        let mut packed = PackedEmbeddings::new(embeddings.first().map_or(0, Embedding::dim));
        for embedding in &embeddings {
            packed.push(embedding);
        }
        let spread = Spread::new(&packed, &labels);
        let figures = spread.estimates(&Bootstrap::default());
        let interval = |figure: Option<Estimate>| figure.map(Interval::from);
        Ok(Self {
            step,
            trained_on,
            n_identities: spread.identities().len(),
            n_images: labels.len(),
            mean_within: interval(figures.mean_within),
            max_within: interval(figures.max_within),
            mean_between: interval(figures.mean_between),
            min_between: interval(figures.min_between),
            ratio: interval(figures.ratio),
        })
    }
}

/// The chips of the first two identities, and of as many more as are allowed.
fn first_of(labels: &[u64], source: &dyn ChipSource) -> Vec<usize> {
    let mut n_images = vec![0; labels.len()];
    for index in source.labels().iter().filter_map(|label| labels.binary_search(label).ok()) {
        n_images[index] += 1;
    }
    let mut sum = 0;
    let fits = |n_images: &&usize| {
        sum += **n_images;
        sum <= MAX_IMAGES
    };
    let n_identities = n_images.iter().take_while(fits).count().max(2).min(labels.len());
    chips_of(&labels[..n_identities], source.labels())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backbone::InputSize;
    use crate::data::MemoryChips;

    fn source(images_of: &[usize]) -> MemoryChips {
        let size = InputSize { width: 1, height: 1, channels: 1 };
        let names = (0..images_of.len()).map(|it| it.to_string()).collect();
        let mut source = MemoryChips::new(size, names);
        for (label, &n_images) in (0..).zip(images_of) {
            (0..n_images).for_each(|_| source.push(label, &[0]));
        }
        source
    }

    #[test]
    fn whole_identities_are_taken_until_there_are_enough_images() {
        let source = source(&[400, 7, 300, 293, 1]);
        let n = |labels: &[u64]| first_of(labels, &source).len();
        assert_eq!(n(&[0, 2, 3, 4]), 994);
        assert_eq!(n(&[0, 1, 2, 3, 4]), 1000);
        assert_eq!(n(&[1]), 7);
    }

    #[test]
    fn two_identities_are_taken_however_large() {
        let source = source(&[900, 800, 3]);
        assert_eq!(first_of(&[0, 1, 2], &source), (0..1700).collect::<Vec<usize>>());
    }
}

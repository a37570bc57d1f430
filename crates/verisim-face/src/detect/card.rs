//! What a detector is, in words and numbers that travel with it; it knows no bytes of it.

use serde::{Deserialize, Serialize};

use super::decode::{Boxes, Decoder};
use crate::chip::Channels;
use crate::model::{Figure, InvalidCard};

/// Sides of a network's input, or what they are multiples of, in pixels.
const SIDES: std::ops::RangeInclusive<usize> = 1..=4096;
/// Strides, minimal sizes and anchors beyond these are mistakes.
const STRIDES: std::ops::RangeInclusive<usize> = 1..=1024;
const MAX_ANCHORS: usize = 16;
/// The smallest face must fit this often into an input of fixed size, so that tiles can overlap.
const FACES_ACROSS: f32 = 8.0;

/// The card of a detector: how to feed it, how to read its outputs, where it comes from.
///
/// It is TOML, and lies where the card of an embedder would: in the metadata of the ONNX file (key
/// `verisim.card`), or in a file of the same name beside it (`model.toml` beside `model.onnx`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorCard {
    /// Tells it from the card of an embedder.
    pub task: DetectorTask,
    /// What the detector is called.
    pub name: String,
    /// Under which terms it may be used.
    pub license: String,
    /// SHA-256 of the model file, where the card lies beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where the detector comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How its outputs are read.
    pub decoder: DecoderKind,
    /// Pixels from one cell to the next, one for each grid; those of the authors if none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strides: Option<Vec<usize>>,
    /// Faces that one cell may find, of SCRFD; 2 if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchors: Option<usize>,
    /// Sides of the boxes of a cell in pixels, one list for each grid, of detectors with priors; those of the
    /// authors if none are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_sizes: Option<Vec<Vec<f32>>>,
    /// Score at or above which something is a face, in `[0, 1]`.
    pub score_threshold: f32,
    /// Two faces that overlap more than this (intersection over union) are one, in `[0, 1]`.
    pub overlap_threshold: f32,
    /// Longer sides of the smallest and of the largest face that are reliably found, in pixels of the input.
    pub face_sizes: [f32; 2],
    /// How photographs become its input.
    pub input: DetectorInput,
    /// How good it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

/// What the model of a card does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DetectorTask {
    /// It finds faces in photographs.
    Detection,
}

/// A family of detectors, which say alike what they found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecoderKind {
    /// YuNet, as libfacedetection.train exports it.
    Yunet,
    /// SCRFD, as InsightFace exports it.
    Scrfd,
    /// Ultra-Light, offsets from priors ("without postprocessing").
    UltraLight,
    /// Ultra-Light with corners of boxes, in shares of the input.
    UltraLightCorners,
    /// RetinaFace, as `Pytorch_Retinaface` exports it.
    Retinaface,
}

/// How photographs become the input of a detector: resized, padded, then `(value - mean) / std`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectorInput {
    /// Its size.
    pub size: InputSize,
    /// Whether photographs keep their proportions.
    #[serde(default)]
    pub resize: Resize,
    /// Where the photograph lies if the input is larger.
    #[serde(default)]
    pub padding: Padding,
    /// Value of the pixels around it, in `[0, 255]`.
    #[serde(default)]
    pub padding_value: u8,
    /// Order of the channels.
    pub channels: Channels,
    /// Subtracted from values in `[0, 255]`, one a channel, in their order.
    pub mean: Vec<f32>,
    /// What the difference is divided by, one a channel, in their order.
    pub std: Vec<f32>,
}

/// Size of a detector's input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputSize {
    /// Always this width and height, in pixels.
    Fixed([usize; 2]),
    /// Any width and height that are multiples of this number of pixels.
    MultipleOf(usize),
}

/// How a photograph is brought to the size of the input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// With its proportions; the rest is padded.
    #[default]
    Fit,
    /// Until it fills an input of fixed size; its parts, looked at closely, keep their proportions.
    Stretch,
}

/// Where a photograph lies in a larger input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Padding {
    /// In the upper left corner.
    #[default]
    RightAndBottom,
    /// In the middle.
    AllSides,
}

impl DetectorCard {
    /// Reads and checks a card.
    ///
    /// # Errors
    ///
    /// Fails if the text is no card of a detector, or if a value is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidCard> {
        let card: Self = toml::from_str(text).map_err(InvalidCard::Form)?;
        card.check()?;
        Ok(card)
    }

    /// The card as TOML.
    ///
    /// # Errors
    ///
    /// Fails if a value cannot be written, which no checked card has.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string_pretty(self)
    }

    /// How outputs are read, with the authors' numbers where the card has none.
    pub(super) fn decoder(&self) -> Decoder {
        let strides = self.strides.clone().unwrap_or_else(|| self.decoder.strides());
        let sides = self.min_sizes.clone().unwrap_or_else(|| self.decoder.min_sizes());
        match self.decoder {
            DecoderKind::Yunet => Decoder::YuNet { strides },
            DecoderKind::Scrfd => Decoder::Scrfd { strides, anchors: self.anchors.unwrap_or(2) },
            DecoderKind::UltraLight | DecoderKind::UltraLightCorners => {
                let are_corners = self.decoder == DecoderKind::UltraLightCorners;
                let boxes = if are_corners { Boxes::Corners } else { Boxes::Offsets };
                Decoder::UltraLight { grids: strides.into_iter().zip(sides).collect(), boxes }
            }
            DecoderKind::Retinaface => {
                Decoder::RetinaFace { grids: strides.into_iter().zip(sides).collect() }
            }
        }
    }

    fn check(&self) -> Result<(), InvalidCard> {
        let is_share = |value: f32| (0.0..=1.0).contains(&value);
        if !is_share(self.score_threshold) {
            return invalid("score_threshold", self.score_threshold, "from 0 to 1");
        }
        if !is_share(self.overlap_threshold) {
            return invalid("overlap_threshold", self.overlap_threshold, "from 0 to 1");
        }
        let [smallest, largest] = self.face_sizes;
        if !(1.0 <= smallest && smallest < largest && largest <= *SIDES.end() as f32) {
            let expected = "the smaller one first, from 1 to 4096 pixels";
            return invalid("face_sizes", self.face_sizes, expected);
        }
        self.input.check()?;
        if let InputSize::Fixed(sides) = self.input.size
            && sides.iter().any(|side| (*side as f32) < FACES_ACROSS * smallest)
        {
            let expected = "such that the smallest face is at most an eighth of the input's sides";
            return invalid("face_sizes", self.face_sizes, expected);
        }
        self.check_grids()
    }

    fn check_grids(&self) -> Result<(), InvalidCard> {
        let has_priors = !self.decoder.min_sizes().is_empty();
        let strides = self.strides.clone().unwrap_or_else(|| self.decoder.strides());
        if strides.is_empty() || strides.iter().any(|stride| !STRIDES.contains(stride)) {
            return invalid("strides", strides, "one or more numbers from 1 to 1024");
        }
        if !has_priors {
            let side = |side: usize| strides.iter().all(|stride| side.is_multiple_of(*stride));
            let fits = match self.input.size {
                InputSize::Fixed(sides) => sides.into_iter().all(side),
                InputSize::MultipleOf(step) => side(step),
            };
            if !fits {
                return invalid("input.size", self.input.size, "a multiple of all strides");
            }
        }
        if let Some(anchors) = self.anchors
            && (self.decoder != DecoderKind::Scrfd || !(1..=MAX_ANCHORS).contains(&anchors))
        {
            return invalid("anchors", anchors, "from 1 to 16, and is given for scrfd alone");
        }
        let sizes = self.min_sizes.clone().unwrap_or_else(|| self.decoder.min_sizes());
        let is_side = |side: &f32| (1.0..=*SIDES.end() as f32).contains(side);
        let is_right = |sides: &Vec<f32>| {
            (1..=MAX_ANCHORS).contains(&sides.len()) && sides.iter().all(is_side)
        };
        let expected_len = if has_priors { strides.len() } else { 0 };
        if sizes.len() != expected_len || !sizes.iter().all(is_right) {
            let expected = "one list of sides for each stride, of a detector with priors alone";
            return invalid("min_sizes", sizes, expected);
        }
        Ok(())
    }
}

impl DetectorInput {
    fn check(&self) -> Result<(), InvalidCard> {
        let is_size = match self.size {
            InputSize::Fixed(sides) => sides.iter().all(|side| SIDES.contains(side)),
            InputSize::MultipleOf(step) => STRIDES.contains(&step),
        };
        if !is_size {
            let expected = "{ fixed = [width, height] } up to 4096, or { multiple-of = pixels }";
            return invalid("input.size", self.size, expected);
        }
        if self.resize == Resize::Stretch && matches!(self.size, InputSize::MultipleOf(_)) {
            return invalid("input.resize", self.resize, "fit, unless the size is fixed");
        }
        let n_channels = self.channels.count();
        if self.mean.len() != n_channels || self.mean.iter().any(|it| !it.is_finite()) {
            return invalid("input.mean", &self.mean, "one number for each channel");
        }
        if self.std.len() != n_channels || self.std.iter().any(|it| !it.is_finite() || *it <= 0.0) {
            return invalid("input.std", &self.std, "one number above 0 for each channel");
        }
        Ok(())
    }
}

impl DecoderKind {
    /// Strides of the authors' networks.
    fn strides(self) -> Vec<usize> {
        match self {
            Self::Yunet | Self::Scrfd | Self::Retinaface => vec![8, 16, 32],
            Self::UltraLight | Self::UltraLightCorners => vec![8, 16, 32, 64],
        }
    }

    /// Sides of the priors of the authors' networks, none where there are no priors.
    fn min_sizes(self) -> Vec<Vec<f32>> {
        let sides: &[&[f32]] = match self {
            Self::Yunet | Self::Scrfd => &[],
            Self::UltraLight | Self::UltraLightCorners => {
                &[&[10.0, 16.0, 24.0], &[32.0, 48.0], &[64.0, 96.0], &[128.0, 192.0, 256.0]]
            }
            Self::Retinaface => &[&[16.0, 32.0], &[64.0, 128.0], &[256.0, 512.0]],
        };
        sides.iter().map(|sides| sides.to_vec()).collect()
    }
}

fn invalid(
    parameter: &'static str,
    found: impl std::fmt::Debug,
    expected: &'static str,
) -> Result<(), InvalidCard> {
    Err(InvalidCard::Value { parameter, found: format!("{found:?}"), expected })
}

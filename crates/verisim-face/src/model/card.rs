//! What a model is, in words and numbers that travel with it; it knows no bytes of it.

use serde::{Deserialize, Serialize};

use crate::chip::Preprocessing;

/// Key under which an ONNX file's metadata keep the card.
pub const METADATA_KEY: &str = "verisim.card";
/// How far rounding may carry a part beyond the edge of a chip, in shares of a side.
const ROUNDING: f64 = 1e-9;

/// The card of a model: how to feed it, where it comes from, how good it is.
///
/// It is TOML, in the metadata of the ONNX file (key `verisim.card`) or in a file of the same name
/// beside it (`model.toml` beside `model.onnx`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What the model is called.
    pub name: String,
    /// Under which terms it may be used.
    pub license: String,
    /// Components of an embedding.
    pub embedding_dim: usize,
    /// SHA-256 of the model file, where the card lies beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where the model comes from, if not from a training run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How pictures become its input.
    pub input: Preprocessing,
    /// How it was trained, if it was trained here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TrainingFacts>,
    /// Where to draw the line, if that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<ThresholdTable>,
    /// How good it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

/// Where a model's weights come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingFacts {
    /// Name of the recipe.
    pub recipe: String,
    /// SHA-256 of the recipe as it was run.
    pub recipe_sha256: String,
    /// What the data are called.
    pub data: String,
    /// Digest of the names, labels and pixels.
    pub data_sha256: String,
    /// Identities trained on.
    pub n_identities: usize,
    /// Images trained on.
    pub n_images: usize,
    /// Version of the program.
    pub version: String,
}

/// Thresholds by demanded false match rate, all from one measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdTable {
    /// What was compared.
    pub data: String,
    /// How it was compared.
    pub protocol: String,
    /// Number of non-mated comparisons.
    pub n_non_mated: usize,
    /// The false match rate whose threshold is used if nothing else is asked for.
    pub suggested_fmr: f64,
    /// The thresholds, from the highest false match rate to the lowest.
    pub points: Vec<ThresholdPoint>,
}

/// One threshold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdPoint {
    /// The false match rate that was demanded.
    pub fmr: f64,
    /// Score at or above which a comparison matches.
    pub score: f32,
    /// The false non-match rate that it costs.
    pub fnmr: f64,
}

/// One measured figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// What it was measured on, and how.
    pub measured_on: String,
}

/// A card that cannot be used.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCard {
    /// It is no TOML, or a key is unknown or missing.
    #[error("the card cannot be read: {0}")]
    Form(toml::de::Error),
    /// A value is out of range.
    #[error("the card's {parameter} is {found}, but must be {expected}")]
    Value {
        /// Which one.
        parameter: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
}

/// A demanded false match rate that a card has no threshold for.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NoThreshold {
    /// The card has none at all.
    #[error(
        "the model's card has no threshold, since none was measured; give --threshold, or measure \
         one with `verisim evaluate`"
    )]
    NotMeasured,
    /// It was not measured on enough comparisons.
    #[error(
        "a false match rate of {demanded} was demanded, but {n_non_mated} non-mated comparisons \
         support {lowest} at the lowest"
    )]
    TooStrict {
        /// The rate that was demanded.
        demanded: f64,
        /// The lowest that the card has.
        lowest: f64,
        /// Number of non-mated comparisons.
        n_non_mated: usize,
    },
}

impl Card {
    /// Reads and checks a card.
    ///
    /// # Errors
    ///
    /// Fails if the text is no card, or if a value is out of range.
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

    fn check(&self) -> Result<(), InvalidCard> {
        let invalid = |parameter, found: String, expected| {
            Err(InvalidCard::Value { parameter, found, expected })
        };
        let Preprocessing { width, height, crop, channels, mean, std } = &self.input;
        let is_side = |side: &usize| (1..=4096).contains(side);
        if !is_side(width) || !is_side(height) {
            return invalid("input size", format!("{width} x {height}"), "from 1 to 4096");
        }
        if let Some(part) = crop {
            let [x, y, across, down] = *part;
            let fits = |start: f64, share: f64| {
                start >= 0.0 && share > 0.0 && start + share <= 1.0 + ROUNDING
            };
            if !fits(x, across) || !fits(y, down) {
                let expected = "left, top, width and height of a part, in shares of the chip";
                return invalid("input.crop", format!("{part:?}"), expected);
            }
        }
        let n_channels = channels.count();
        if mean.len() != n_channels || mean.iter().any(|it| !it.is_finite()) {
            return invalid("input.mean", format!("{mean:?}"), "one number for each channel");
        }
        if std.len() != n_channels || std.iter().any(|it| !it.is_finite() || *it <= 0.0) {
            return invalid("input.std", format!("{std:?}"), "one number above 0 for each channel");
        }
        if self.embedding_dim == 0 {
            return invalid("embedding_dim", "0".to_owned(), "above 0");
        }
        let points = self.thresholds.iter().flat_map(|table| &table.points);
        match points.copied().find(|point| !(-1.0..=1.0).contains(&point.score)) {
            Some(point) => invalid("threshold", point.score.to_string(), "from -1 to 1"),
            None => Ok(()),
        }
    }

    /// The threshold for a demanded false match rate, or the suggested one.
    ///
    /// # Errors
    ///
    /// Fails if the card has no threshold that keeps the rate.
    pub fn threshold(&self, demanded: Option<f64>) -> Result<ThresholdPoint, NoThreshold> {
        let table = self.thresholds.as_ref().ok_or(NoThreshold::NotMeasured)?;
        let demanded = demanded.unwrap_or(table.suggested_fmr);
        // The highest rate that keeps the demand is the one that costs the fewest matches.
        let kept = table.points.iter().filter(|point| point.fmr <= demanded);
        let best = kept.copied().max_by(|a, b| a.fmr.total_cmp(&b.fmr));
        best.ok_or_else(|| {
            let lowest = table.points.iter().map(|point| point.fmr).fold(1.0, f64::min);
            NoThreshold::TooStrict { demanded, lowest, n_non_mated: table.n_non_mated }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = r#"
        name = "example"
        license = "Apache-2.0"
        embedding_dim = 128

        [input]
        width = 112
        height = 112
        channels = "RGB"
        mean = [127.5, 127.5, 127.5]
        std = [127.5, 127.5, 127.5]

        [thresholds]
        data = "faces"
        protocol = "all pairs"
        n_non_mated = 1000
        suggested_fmr = 0.01
        points = [
            { fmr = 0.1, score = 0.2, fnmr = 0.01 },
            { fmr = 0.01, score = 0.4, fnmr = 0.05 },
        ]
    "#;

    #[test]
    fn a_card_survives_its_text() {
        let card = Card::parse(CARD).unwrap();
        assert_eq!(Card::parse(&card.to_toml().unwrap()), Ok(card));
    }

    #[test]
    fn a_demanded_rate_gives_the_threshold_that_keeps_it() {
        let card = Card::parse(CARD).unwrap();
        let score = |demanded| card.threshold(demanded).map(|point| point.score);
        assert_eq!(score(None), Ok(0.4));
        assert_eq!(score(Some(0.5)), Ok(0.2));
        assert_eq!(score(Some(0.05)), Ok(0.4));
        let expected = NoThreshold::TooStrict { demanded: 1e-3, lowest: 0.01, n_non_mated: 1000 };
        assert_eq!(score(Some(1e-3)), Err(expected));
        let unmeasured = Card { thresholds: None, ..card };
        assert_eq!(unmeasured.threshold(None), Err(NoThreshold::NotMeasured));
    }

    #[test]
    fn nonsense_is_refused_with_what_was_found() {
        let refusal =
            |from: &str, to: &str| Card::parse(&CARD.replace(from, to)).unwrap_err().to_string();
        let found = refusal("std = [127.5, 127.5, 127.5]", "std = [1.0, 0.0, 1.0]");
        assert!(found.starts_with("the card's input.std is [1.0, 0.0, 1.0]"), "{found}");
        let found = refusal("width = 112", "width = 0");
        assert!(found.starts_with("the card's input size is 0 x 112"), "{found}");
        let found = refusal("width = 112", "crop = [0.5, 0.0, 0.6, 1.0]\nwidth = 112");
        assert!(found.starts_with("the card's input.crop is [0.5, 0.0, 0.6, 1.0]"), "{found}");
        assert!(refusal("license", "licence").contains("licence"));
        assert!(refusal("score = 0.4", "score = 4.0").contains("threshold is 4"));
    }
}

//! What a network sees of a chip: how large, in which colors, and which part; it knows no picture.

use serde::{Deserialize, Serialize};

use crate::backbone::InputSize;

/// How far rounding may carry a part beyond the edge, in shares of a side.
const ROUNDING: f64 = 1e-9;

/// `[input]` of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputConfig {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// 3 for RGB, 1 for grey.
    pub channels: usize,
    /// The part of the chip that is resized to this size: left, top, width and height in shares of the
    /// chip's; all of it if none. Whoever hands over chips crops them, and the model's card says it.
    ///
    /// Networks that see different parts say different things, which can be joined: Sun et al., *Deep
    /// Learning Face Representation by Joint Identification-Verification*, NIPS 2014,
    /// <https://arxiv.org/abs/1406.4773>.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<[f64; 4]>,
}

impl InputConfig {
    /// Size of the pictures that the network takes.
    pub fn size(&self) -> InputSize {
        InputSize { width: self.width, height: self.height, channels: self.channels }
    }

    /// What is wrong with it, if anything: parameter, value, expectation.
    pub(super) fn problem(&self) -> Option<(&'static str, String, &'static str)> {
        for (parameter, side) in [("input.width", self.width), ("input.height", self.height)] {
            if !(16..=1024).contains(&side) {
                return Some((parameter, side.to_string(), "from 16 to 1024"));
            }
        }
        if self.channels != 1 && self.channels != 3 {
            return Some(("input.channels", self.channels.to_string(), "1 (grey) or 3 (RGB)"));
        }
        let part = self.crop?;
        let [x, y, width, height] = part;
        let fits =
            |start: f64, share: f64| start >= 0.0 && share > 0.0 && start + share <= 1.0 + ROUNDING;
        let expected = "left, top, width and height of a part, in shares of the chip";
        let is_part = fits(x, width) && fits(y, height);
        (!is_part).then(|| ("input.crop", format!("{part:?}"), expected))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_lies_within_the_chip() {
        let problem = |crop| InputConfig { width: 16, height: 16, channels: 3, crop }.problem();
        for part in [[0.0, 0.0, 1.0, 1.0], [0.9, 0.3, 0.1, 0.7]] {
            assert_eq!(problem(Some(part)), None);
        }
        let [whole, nothing] = [[0.1, 0.0, 1.0, 1.0], [0.5, 0.5, 0.0, 0.5]];
        for part in [whole, nothing, [-0.1, 0.0, 0.5, 0.5], [0.0, f64::NAN, 0.5, 0.5]] {
            let (parameter, found, _) = problem(Some(part)).unwrap();
            assert_eq!((parameter, found), ("input.crop", format!("{part:?}")));
        }
        assert_eq!(problem(None), None);
    }
}

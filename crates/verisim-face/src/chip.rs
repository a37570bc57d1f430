//! From a picture to the numbers that a model takes; it knows sizes and colors, no faces.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};
use serde::{Deserialize, Serialize};

use crate::Picture;

/// Share of red, green and blue in the brightness of a pixel (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Order of the color channels that a model takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Brightness alone.
    Gray,
}

impl Channels {
    /// Number of channels.
    pub fn count(self) -> usize {
        if self == Self::Gray { 1 } else { 3 }
    }
}

/// How pictures become the input of a model: `(value - mean) / std` for each channel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// The part of the chip that the model sees: left, top, width and height in shares of the chip's; all
    /// of it if none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crop: Option<[f64; 4]>,
    /// Order of the channels.
    pub channels: Channels,
    /// Subtracted from values in `[0, 255]`, one a channel, in their order.
    pub mean: Vec<f32>,
    /// What the difference is divided by, one a channel, in their order.
    pub std: Vec<f32>,
}

impl Preprocessing {
    /// Numbers of one input.
    pub fn len(&self) -> usize {
        self.width * self.height * self.channels.count()
    }

    /// Whether an input has no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Crops and resizes a chip, and writes it as `[channels, height, width]`.
    ///
    /// # Panics
    ///
    /// Panics if `output` is not of [`len`](Self::len), or if mean or std are not one a channel.
    pub fn apply(&self, chip: &Picture, output: &mut [f32]) {
        let n_channels = self.channels.count();
        assert_eq!(output.len(), self.len(), "wrong size of input");
        assert_eq!((self.mean.len(), self.std.len()), (n_channels, n_channels));
        let pixels = to_channels(&fit(chip, self.crop, self.width, self.height), self.channels);
        let n_pixels = self.width * self.height;
        for (channel, plane) in output.chunks_exact_mut(n_pixels).enumerate() {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            let values = pixels[channel..].iter().step_by(n_channels);
            for (output, value) in plane.iter_mut().zip(values) {
                *output = (f32::from(*value) - mean) / std;
            }
        }
    }
}

/// The values of a picture in the order of `channels`, pixel after pixel.
pub fn to_channels(picture: &Picture, channels: Channels) -> Vec<u8> {
    let pixels = picture.as_rgb().as_chunks::<3>().0.iter();
    match channels {
        Channels::Rgb => picture.as_rgb().to_vec(),
        Channels::Bgr => pixels.flat_map(|[red, green, blue]| [*blue, *green, *red]).collect(),
        Channels::Gray => pixels
            .map(|pixel| {
                let luma = pixel.iter().zip(LUMA).map(|(value, share)| f32::from(*value) * share);
                luma.sum::<f32>().round() as u8
            })
            .collect(),
    }
}

/// The part of a chip that a model sees, at the model's size.
///
/// # Panics
///
/// Panics if a side is 0.
pub fn fit(chip: &Picture, crop: Option<[f64; 4]>, width: usize, height: usize) -> Picture {
    match crop {
        Some(part) => resize(&cropped(chip, part), width, height),
        None => resize(chip, width, height),
    }
}

/// A part of a picture: left, top, width and height in shares of the picture's, to the nearest pixel, and at
/// least one pixel.
fn cropped(picture: &Picture, [x, y, width, height]: [f64; 4]) -> Picture {
    let part = |start: f64, share: f64, side: usize| {
        let [start, end] = [start, start + share].map(|it| (it * side as f64).round() as usize);
        let start = start.min(side - 1);
        start..end.clamp(start + 1, side)
    };
    let (rows, columns) = (part(y, height, picture.height()), part(x, width, picture.width()));
    let stride = 3 * picture.width();
    let of_row = |row: usize| &picture.as_rgb()[row * stride..][3 * columns.start..3 * columns.end];
    let pixels = rows.clone().flat_map(of_row).copied().collect();
    Picture::new(columns.len(), rows.len(), pixels)
}

/// The picture at another size, each new pixel the weighted mean of what it covers.
///
/// # Panics
///
/// Panics if a side is 0.
pub fn resize(picture: &Picture, width: usize, height: usize) -> Picture {
    if (picture.width(), picture.height()) == (width, height) {
        return picture.clone();
    }
    let size = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    // One kind of pixels, named here: the untyped call compiles every kind into this crate, which takes a minute.
    let source = TypedImageRef::<U8x3>::from_buffer(
        size(picture.width()),
        size(picture.height()),
        picture.as_rgb(),
    );
    let mut pixels = vec![0; 3 * width * height];
    let target = TypedImage::<U8x3>::from_buffer(size(width), size(height), &mut pixels);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let resized = match (source, target) {
        (Ok(source), Ok(mut target)) => Resizer::new()
            .resize_typed(&source, &mut target, &options)
            .map_err(|error| error.to_string()),
        _ => Err("its size is not that of its pixels".to_owned()),
    };
    if let Err(error) = resized {
        unreachable!("both pictures are of the same kind and not empty: {error}");
    }
    Picture::new(width, height, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rgb(width: usize, height: usize, channels: Channels) -> Preprocessing {
        let n = channels.count();
        let mean = vec![100.0, 50.0, 0.0][..n].to_vec();
        Preprocessing { width, height, crop: None, channels, mean, std: vec![2.0; n] }
    }

    fn applied(preprocessing: &Preprocessing, chip: &Picture) -> Vec<f32> {
        let mut output = vec![0.0; preprocessing.len()];
        preprocessing.apply(chip, &mut output);
        output
    }

    #[test]
    fn channels_become_planes_in_the_order_asked_for() {
        let chip = Picture::new(2, 1, vec![10, 20, 30, 110, 120, 130]);
        let found = applied(&rgb(2, 1, Channels::Rgb), &chip);
        assert_eq!(found, [-45.0, 5.0, -15.0, 35.0, 15.0, 65.0]);
        let found = applied(&rgb(2, 1, Channels::Bgr), &chip);
        assert_eq!(found, [-35.0, 15.0, -15.0, 35.0, 5.0, 55.0]);
        let found = applied(&rgb(2, 1, Channels::Gray), &chip);
        assert_eq!(found, [-41.0, 9.0]); // brightness 18 and 118
    }

    #[test]
    fn a_crop_is_all_that_the_model_sees() {
        let pixels = (0..4).flat_map(|y| (0..8).flat_map(move |x| [10 * y + x, 0, 0])).collect();
        let chip = Picture::new(8, 4, pixels);
        let red = |part: [f64; 4]| {
            let part = cropped(&chip, part);
            let pixels = part.as_rgb().iter().copied();
            (part.width(), part.height(), pixels.step_by(3).collect::<Vec<_>>())
        };
        assert_eq!(red([0.25, 0.5, 0.25, 0.5]), (2, 2, vec![22, 23, 32, 33]));
        assert_eq!(red([0.9, 0.9, 0.1, 0.1]), (1, 1, vec![37]));
        assert_eq!(red([0.0, 0.0, 1.0, 1.0]).2.len(), 32);
        let seen = Preprocessing { crop: Some([0.25, 0.5, 0.25, 0.5]), ..rgb(2, 2, Channels::Rgb) };
        assert_eq!(applied(&seen, &chip)[..4], [-39.0, -38.5, -34.0, -33.5]);
    }

    #[test]
    fn shrinking_averages_what_a_pixel_covers() {
        let stripes: Vec<u8> =
            (0..64).flat_map(|x| [if x % 2 == 0 { 0 } else { 200 }; 3]).collect();
        let small = resize(&Picture::new(64, 1, stripes), 4, 1);
        for x in 0..4 {
            assert!(small.pixel(x, 0)[0].abs_diff(100) < 12, "{:?}", small.as_rgb());
        }
    }

    #[test]
    fn a_chip_of_the_right_size_is_untouched() {
        let chip = Picture::new(3, 2, (0..18).collect());
        assert_eq!(resize(&chip, 3, 2), chip);
    }
}

//! Random changes of a chip that leave its identity alone; it knows pixels, no labels.

use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::backbone::InputSize;
use crate::random::{below, symmetric, unit};

/// Share of red, green and blue in the brightness of a pixel (ITU-R BT.601).
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];
/// Middle of the range of a pixel: what is outside the picture, and under a patch.
const MIDDLE: f32 = 127.5;

/// How strongly chips are changed; 0 everywhere changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Probability of mirroring, in `[0, 1]`.
    pub flip: f32,
    /// Largest shift, as a share of the side, in `[0, 0.5]`.
    pub shift: f32,
    /// Largest change of size, as a share of it, in `[0, 0.5]`.
    pub scale: f32,
    /// Largest rotation in degrees, in `[0, 45]`.
    pub rotate: f32,
    /// Largest turn of the head to a side, in `[0, 0.5]`: what lies in the middle is moved by this share of half the
    /// width, the edges stay, and one half is compressed as it is seen on a cylinder.
    pub turn: f32,
    /// Largest change of brightness, as a share of the range, in `[0, 1]`.
    pub brightness: f32,
    /// Largest change of contrast, as a share of it, in `[0, 1]`.
    pub contrast: f32,
    /// Largest change of saturation, as a share of it, in `[0, 1]`.
    pub saturation: f32,
    /// Probability of losing all color, in `[0, 1]`.
    pub grey: f32,
    /// Probability of blurring, in `[0, 1]`.
    pub blur: f32,
    /// Probability of a grey patch, in `[0, 1]`.
    pub cutout: f32,
    /// Largest side of the patch, as a share of the picture's, in `[0, 1]`.
    pub cutout_size: f32,
}

/// A strength that is out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("augment.{parameter} is {found}, but must be in [0, {max}]")]
pub struct InvalidAugment {
    parameter: &'static str,
    found: f32,
    max: f32,
}

impl AugmentConfig {
    /// Checks that every strength is in range.
    ///
    /// # Errors
    ///
    /// Names the first that is not.
    pub fn check(&self) -> Result<(), InvalidAugment> {
        let ranges = [
            ("flip", self.flip, 1.0),
            ("shift", self.shift, 0.5),
            ("scale", self.scale, 0.5),
            ("rotate", self.rotate, 45.0),
            ("turn", self.turn, 0.5),
            ("brightness", self.brightness, 1.0),
            ("contrast", self.contrast, 1.0),
            ("saturation", self.saturation, 1.0),
            ("grey", self.grey, 1.0),
            ("blur", self.blur, 1.0),
            ("cutout", self.cutout, 1.0),
            ("cutout_size", self.cutout_size, 1.0),
        ];
        match ranges.into_iter().find(|(_, found, max)| !(0.0..=*max).contains(found)) {
            Some((parameter, found, max)) => Err(InvalidAugment { parameter, found, max }),
            None => Ok(()),
        }
    }

    /// Changes a chip `[height, width, channels]` at random, into `[channels, height, width]` with
    /// values in `[-1, 1]`.
    ///
    /// # Panics
    ///
    /// Panics if the slices are not of the chip's size.
    pub fn apply(&self, chip: &[u8], size: InputSize, seed: u64, output: &mut [f32]) {
        assert_eq!((chip.len(), output.len()), (size.len(), size.len()), "wrong size of chip");
        let mut rng = Pcg64Mcg::seed_from_u64(seed);
        // All draws are made whatever the strengths, so that changing one does not change the others.
        let warp = Warp::draw(self, size, &mut rng);
        let color = Color::draw(self, &mut rng);
        let blurs = unit(&mut rng) < self.blur;
        let patch = Patch::draw(self, size, &mut rng);
        // Drawn last, as it came last: recipes without it see the same pictures as before.
        let warp = Warp { turn: symmetric(&mut rng, self.turn), ..warp };
        warp.apply(chip, size, output);
        color.apply(size, output);
        if blurs {
            blur(size, output);
        }
        patch.apply(size, output);
        normalize(output);
    }
}

/// Turns a chip `[height, width, channels]` into `[channels, height, width]` with values in `[-1, 1]`.
///
/// # Panics
///
/// Panics if the slices are not of the chip's size.
pub fn to_network_input(chip: &[u8], size: InputSize, output: &mut [f32]) {
    assert_eq!((chip.len(), output.len()), (size.len(), size.len()), "wrong size of chip");
    let n_pixels = size.width * size.height;
    for (pixel, values) in chip.chunks_exact(size.channels).enumerate() {
        for (channel, value) in values.iter().enumerate() {
            output[channel * n_pixels + pixel] = f32::from(*value);
        }
    }
    normalize(output);
}

/// From `[0, 255]` to `[-1, 1]`.
fn normalize(values: &mut [f32]) {
    for value in values {
        *value = (*value - MIDDLE) / MIDDLE;
    }
}

/// Where in the chip each pixel of the output comes from: a turn to a side, then an affine map about the middle.
struct Warp {
    matrix: [f32; 4],
    shift: [f32; 2],
    /// Shift of the middle in half widths; `x + turn (1 - x²)` for `x` in `[-1, 1]`.
    turn: f32,
}

impl Warp {
    fn draw(config: &AugmentConfig, size: InputSize, rng: &mut impl Rng) -> Self {
        let flip = if unit(rng) < config.flip { -1.0 } else { 1.0 };
        let (sin, cos) = symmetric(rng, config.rotate).to_radians().sin_cos();
        let zoom = 1.0 + symmetric(rng, config.scale);
        let x = symmetric(rng, config.shift) * size.width as f32;
        let y = symmetric(rng, config.shift) * size.height as f32;
        let matrix = [cos * flip, -sin, sin * flip, cos].map(|it| it / zoom);
        Self { matrix, shift: [x, y], turn: 0.0 }
    }

    fn apply(&self, chip: &[u8], size: InputSize, output: &mut [f32]) {
        let (middle_x, middle_y) = ((size.width - 1) as f32 / 2.0, (size.height - 1) as f32 / 2.0);
        let [xx, xy, yx, yy] = self.matrix;
        let n_pixels = size.width * size.height;
        for y in 0..size.height {
            for x in 0..size.width {
                let (from_x, from_y) = (x as f32 - middle_x, y as f32 - middle_y);
                let from_x = from_x + self.turn * (middle_x - from_x * from_x / middle_x.max(0.5));
                let at_x = xx * from_x + xy * from_y + middle_x + self.shift[0];
                let at_y = yx * from_x + yy * from_y + middle_y + self.shift[1];
                for channel in 0..size.channels {
                    let value = sample(chip, size, channel, at_x, at_y);
                    output[channel * n_pixels + y * size.width + x] = value;
                }
            }
        }
    }
}

/// Value between pixels, by their distances; [`MIDDLE`] outside.
fn sample(chip: &[u8], size: InputSize, channel: usize, x: f32, y: f32) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right_share, lower_share) = (x - left, y - top);
    let at = |x: f32, y: f32| {
        if x < 0.0 || y < 0.0 || x >= size.width as f32 || y >= size.height as f32 {
            return MIDDLE;
        }
        f32::from(chip[(y as usize * size.width + x as usize) * size.channels + channel])
    };
    let upper = at(left, top) * (1.0 - right_share) + at(left + 1.0, top) * right_share;
    let lower = at(left, top + 1.0) * (1.0 - right_share) + at(left + 1.0, top + 1.0) * right_share;
    upper * (1.0 - lower_share) + lower * lower_share
}

/// A change of brightness, contrast and saturation.
struct Color {
    brightness: f32,
    contrast: f32,
    saturation: f32,
}

impl Color {
    fn draw(config: &AugmentConfig, rng: &mut impl Rng) -> Self {
        let brightness = symmetric(rng, config.brightness) * 255.0;
        let contrast = 1.0 + symmetric(rng, config.contrast);
        let saturation = 1.0 + symmetric(rng, config.saturation);
        let is_grey = unit(rng) < config.grey;
        Self { brightness, contrast, saturation: if is_grey { 0.0 } else { saturation } }
    }

    fn apply(&self, size: InputSize, output: &mut [f32]) {
        let n_pixels = size.width * size.height;
        if size.channels == 3 && self.saturation != 1.0 {
            let (red, rest) = output.split_at_mut(n_pixels);
            let (green, blue) = rest.split_at_mut(n_pixels);
            for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
                let luma = LUMA[0] * *red + LUMA[1] * *green + LUMA[2] * *blue;
                for value in [red, green, blue] {
                    *value = luma + (*value - luma) * self.saturation;
                }
            }
        }
        let mean = output.iter().sum::<f32>() / output.len() as f32;
        for value in output {
            let changed = mean + (*value - mean) * self.contrast + self.brightness;
            *value = changed.clamp(0.0, 255.0);
        }
    }
}

/// Smooths with the weights 1 2 1 in both directions.
fn blur(size: InputSize, output: &mut [f32]) {
    let InputSize { width, height, .. } = size;
    let mut line = vec![0.0; width.max(height)];
    let mut smooth = |plane: &mut [f32], start: usize, step: usize, n: usize| {
        for (index, value) in line[..n].iter_mut().enumerate() {
            *value = plane[start + index * step];
        }
        for index in 0..n {
            let (before, after) = (line[index.saturating_sub(1)], line[(index + 1).min(n - 1)]);
            plane[start + index * step] = (before + 2.0 * line[index] + after) / 4.0;
        }
    };
    for plane in output.chunks_exact_mut(width * height) {
        (0..height).for_each(|y| smooth(plane, y * width, 1, width));
        (0..width).for_each(|x| smooth(plane, x, width, height));
    }
}

/// A rectangle to be covered, if it has an area.
struct Patch {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

impl Patch {
    fn draw(config: &AugmentConfig, size: InputSize, rng: &mut impl Rng) -> Self {
        let is_drawn = unit(rng) < config.cutout;
        let mut side = |full: usize| (unit(rng) * config.cutout_size * full as f32) as usize;
        let (width, height) = (side(size.width), side(size.height));
        let (x, y) = (below(rng, size.width - width + 1), below(rng, size.height - height + 1));
        if is_drawn { Self { x, y, width, height } } else { Self { x, y, width: 0, height: 0 } }
    }

    fn apply(&self, size: InputSize, output: &mut [f32]) {
        for plane in output.chunks_exact_mut(size.width * size.height) {
            for row in plane.chunks_exact_mut(size.width).skip(self.y).take(self.height) {
                row[self.x..self.x + self.width].fill(MIDDLE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: InputSize = InputSize { width: 6, height: 5, channels: 3 };

    fn chip() -> Vec<u8> {
        (0..SIZE.len()).map(|index| (index * 37 % 251) as u8).collect()
    }

    fn changed(config: &AugmentConfig, seed: u64) -> Vec<f32> {
        let mut output = vec![0.0; SIZE.len()];
        config.apply(&chip(), SIZE, seed, &mut output);
        output
    }

    fn plain() -> Vec<f32> {
        let mut output = vec![0.0; SIZE.len()];
        to_network_input(&chip(), SIZE, &mut output);
        output
    }

    fn strongest() -> AugmentConfig {
        AugmentConfig {
            flip: 0.5,
            shift: 0.5,
            scale: 0.5,
            rotate: 45.0,
            turn: 0.5,
            brightness: 1.0,
            contrast: 1.0,
            saturation: 1.0,
            grey: 0.5,
            blur: 0.5,
            cutout: 0.5,
            cutout_size: 1.0,
        }
    }

    #[test]
    fn no_strength_changes_nothing() {
        let found = changed(&AugmentConfig::default(), 1);
        for (found, expected) in found.iter().zip(plain()) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn mirroring_exchanges_left_and_right() {
        let found = changed(&AugmentConfig { flip: 1.0, ..AugmentConfig::default() }, 1);
        for (row, original) in found.chunks(SIZE.width).zip(plain().chunks(SIZE.width)) {
            for (found, expected) in row.iter().zip(original.iter().rev()) {
                assert!((found - expected).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_turn_moves_the_middle_to_a_side_and_leaves_the_edges() {
        // Brightness is the column, ten a pixel, so that values tell where they come from.
        let size = InputSize { width: 21, height: 2, channels: 1 };
        let chip: Vec<u8> = (0..42).map(|index| (index % 21) * 10).collect();
        let mut moves = Vec::new();
        for seed in 0..20 {
            let mut output = vec![0.0; size.len()];
            let config = AugmentConfig { turn: 0.4, ..AugmentConfig::default() };
            config.apply(&chip, size, seed, &mut output);
            let column = |x: usize| (output[x] * MIDDLE + MIDDLE) / 10.0;
            assert!((column(0) - 0.0).abs() < 1e-3 && (column(20) - 20.0).abs() < 1e-3);
            let middle = column(10) - 10.0;
            // x + turn (1 - x²): a quarter of the width from the edge, three quarters of the middle's move.
            for x in [5, 15] {
                assert!(
                    (column(x) - x as f32 - 0.75 * middle).abs() < 1e-3,
                    "{} {middle}",
                    column(x)
                );
            }
            moves.push(middle);
        }
        assert!(moves.iter().all(|it| it.abs() <= 4.0));
        assert!(moves.iter().any(|it| *it > 1.0) && moves.iter().any(|it| *it < -1.0), "{moves:?}");
    }

    #[test]
    fn a_chip_without_color_has_equal_channels() {
        let found = changed(&AugmentConfig { grey: 1.0, ..AugmentConfig::default() }, 1);
        let n = SIZE.width * SIZE.height;
        for pixel in 0..n {
            assert!((found[pixel] - found[n + pixel]).abs() < 1e-5);
            assert!((found[pixel] - found[2 * n + pixel]).abs() < 1e-5);
        }
    }

    #[test]
    fn a_patch_is_grey_and_the_rest_untouched() {
        let config = AugmentConfig { cutout: 1.0, cutout_size: 1.0, ..AugmentConfig::default() };
        let n_covered = |seed| {
            let found = changed(&config, seed);
            let pairs = found.iter().zip(plain());
            pairs.filter(|(found, expected)| (**found - expected).abs() > 1e-5).count()
        };
        assert!((0..20).any(|seed| n_covered(seed) > SIZE.len() / 4));
    }

    #[test]
    fn values_stay_in_range_at_full_strength() {
        for seed in 0..200 {
            let found = changed(&strongest(), seed);
            assert!(found.iter().all(|value| (-1.0..=1.0).contains(value)), "seed {seed}");
        }
    }

    #[test]
    fn a_seed_decides() {
        assert_eq!(changed(&strongest(), 3), changed(&strongest(), 3));
        assert_ne!(changed(&strongest(), 3), changed(&strongest(), 4));
    }

    #[test]
    fn strengths_out_of_range_are_refused() {
        let config = AugmentConfig { rotate: 90.0, ..AugmentConfig::default() };
        let found = config.check().unwrap_err().to_string();
        assert_eq!(found, "augment.rotate is 90, but must be in [0, 45]");
        assert!(AugmentConfig { flip: f32::NAN, ..AugmentConfig::default() }.check().is_err());
        assert!(strongest().check().is_ok());
    }
}

//! What a camera and a file do to a picture: exposure, blur, noise, few pixels, compression.

use std::f32::consts::PI;

use super::color::{Rgb, encode};
use super::curve::{decay, mix, sin_cos};
use super::dice::Dice;
use super::noise;
use crate::Picture;

/// Above this, light is compressed instead of cut off.
const SHOULDER: f32 = 0.72;
/// Side of the squares that compression works on.
const BLOCK: usize = 8;

/// A picture of real numbers.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    /// Red, green and blue of each pixel, row after row.
    pub(super) values: Vec<f32>,
}

/// The faults of one picture. Lengths are in pixels of a chip of 112 x 112.
#[derive(Clone, Debug)]
pub(super) struct Flaws {
    /// Factor on the light.
    exposure: f32,
    /// Factor on the distance from middle gray.
    contrast: f32,
    /// Factor on the distance from gray.
    saturation: f32,
    /// Balance of the primaries.
    balance: Rgb,
    /// Deviation of the Gaussian blur.
    blur: f32,
    /// How far the camera moved.
    motion: [f32; 2],
    /// Size of a pixel that the picture once had.
    coarseness: f32,
    /// Deviation of the noise, of a range of 1.
    noise: f32,
    /// Step that compression rounds to, of a range of 1; 0 for none.
    step: f32,
    seed: u32,
}

impl Flaws {
    /// Draws faults: most pictures are fair, some are bad.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let moved = dice.chance(0.12);
        let coarse = dice.chance(0.18);
        let compressed = dice.chance(0.4);
        let (sin, cos) = sin_cos(dice.between(0.0, 2.0 * PI));
        let length = if moved { dice.between(1.0, 4.5) } else { 0.0 };
        let bad = dice.unit();
        Self {
            exposure: dice.clipped(1.0, 0.22, 0.5, 1.6),
            contrast: dice.clipped(1.0, 0.13, 0.65, 1.3),
            saturation: if dice.chance(0.03) { 0.0 } else { dice.clipped(1.0, 0.16, 0.5, 1.4) },
            balance: Rgb([dice.normal(1.0, 0.05), 1.0, dice.normal(1.0, 0.06)]),
            blur: 0.15 + 1.1 * bad * bad * bad,
            motion: [length * cos, length * sin],
            coarseness: if coarse { dice.between(1.5, 3.2) } else { 1.0 },
            noise: 0.004
                + 0.04 * {
                    let u = dice.unit();
                    u * u
                },
            step: if compressed { dice.between(0.015, 0.06) } else { 0.0 },
            seed: dice.fork() as u32,
        }
    }

    /// The same exposure and colors without blur, noise and compression.
    pub(super) fn sharp(&self) -> Self {
        Self { blur: 0.0, motion: [0.0; 2], coarseness: 1.0, noise: 0.0, step: 0.0, ..self.clone() }
    }

    /// Turns light, `gain` times as bright, into 8-bit values; `scale` is the size of the face against that in a chip of 112.
    pub(super) fn expose(&self, mut canvas: Canvas, gain: f32, scale: f32) -> Picture {
        let factor = self.balance * (gain * self.exposure);
        for pixel in canvas.values.as_chunks_mut().0 {
            *pixel = (Rgb(*pixel) * factor).saturated(self.saturation).0;
        }
        for value in &mut canvas.values {
            *value = self.develop(*value);
        }
        let blur = (self.blur * scale).max(0.0);
        if blur > 0.2 {
            canvas.blur(blur);
        }
        let motion = self.motion.map(|pixels| pixels * scale);
        if motion != [0.0; 2] {
            canvas.smear(motion);
        }
        if self.coarseness * scale > 1.2 && self.coarseness > 1.0 {
            canvas.coarsen(self.coarseness * scale);
        }
        if self.noise > 0.0 {
            canvas.add_noise(self.seed, self.noise);
        }
        if self.step > 0.0 {
            canvas.compress(self.step);
        }
        canvas.into_picture()
    }

    fn develop(&self, light: f32) -> f32 {
        let over = (light - SHOULDER).max(0.0) / (1.0 - SHOULDER);
        let light = light.min(SHOULDER) + (1.0 - SHOULDER) * over / (1.0 + over);
        (0.45 + (encode(light) - 0.45) * self.contrast).clamp(0.0, 1.0)
    }
}

impl Canvas {
    fn blur(&mut self, deviation: f32) {
        let radius = (2.5 * deviation).ceil() as usize;
        let weights: Vec<f32> = (0..=radius)
            .map(|offset| {
                let x = offset as f32 / deviation;
                decay(0.5 * x * x)
            })
            .collect();
        let total = 2.0 * weights.iter().sum::<f32>() - weights[0];
        let weights: Vec<f32> = weights.iter().map(|weight| weight / total).collect();
        self.filter_rows(&weights);
        self.filter_columns(&weights);
    }

    /// Weighted means along the rows; the border pixel stands for what is beyond it.
    fn filter_rows(&mut self, weights: &[f32]) {
        let radius = weights.len() - 1;
        let mut padded = vec![0.0; 3 * (self.width + 2 * radius)];
        for line in self.values.chunks_exact_mut(3 * self.width) {
            let (left, rest) = padded.split_at_mut(3 * radius);
            let (middle, right) = rest.split_at_mut(line.len());
            middle.copy_from_slice(line);
            left.as_chunks_mut().0.fill([line[0], line[1], line[2]]);
            let last = line.len() - 3;
            right.as_chunks_mut().0.fill([line[last], line[last + 1], line[last + 2]]);
            line.fill(0.0);
            for offset in 0..=2 * radius {
                add(line, &padded[3 * offset..], weights[offset.abs_diff(radius)]);
            }
        }
    }

    /// The same along the columns.
    fn filter_columns(&mut self, weights: &[f32]) {
        let (radius, length) = (weights.len() - 1, 3 * self.width);
        let source = self.values.clone();
        for (row, line) in self.values.chunks_exact_mut(length).enumerate() {
            line.fill(0.0);
            for offset in 0..=2 * radius {
                let from = (row + offset).saturating_sub(radius).min(self.height - 1);
                add(line, &source[from * length..], weights[offset.abs_diff(radius)]);
            }
        }
    }

    fn smear(&mut self, [across, down]: [f32; 2]) {
        const TAPS: u8 = 5;
        let source = Self { values: self.values.clone(), ..*self };
        for (index, pixel) in self.values.as_chunks_mut().0.iter_mut().enumerate() {
            let (x, y) = ((index % source.width) as f32, (index / source.width) as f32);
            let mut sum = Rgb::BLACK;
            for tap in 0..TAPS {
                let share = f32::from(tap) / f32::from(TAPS - 1) - 0.5;
                sum += source.at(x + share * across, y + share * down);
            }
            *pixel = (sum * (1.0 / f32::from(TAPS))).0;
        }
    }

    /// Takes the picture down to pixels of `size` and back.
    fn coarsen(&mut self, size: f32) {
        self.blur(0.4 * size);
        let width = ((self.width as f32 / size).ceil() as usize).max(2);
        let height = ((self.height as f32 / size).ceil() as usize).max(2);
        let mut small = Self { width, height, values: Vec::with_capacity(3 * width * height) };
        for row in 0..height {
            for column in 0..width {
                let x = (column as f32 + 0.5) * size - 0.5;
                small.values.extend(self.at(x, (row as f32 + 0.5) * size - 0.5).0);
            }
        }
        for (index, pixel) in self.values.as_chunks_mut().0.iter_mut().enumerate() {
            let (x, y) = ((index % self.width) as f32, (index / self.width) as f32);
            *pixel = small.at((x + 0.5) / size - 0.5, (y + 0.5) / size - 0.5).0;
        }
    }

    /// The value between pixels, where whole numbers are the centers of pixels.
    fn at(&self, x: f32, y: f32) -> Rgb {
        let x = x.clamp(0.0, self.width as f32 - 1.0);
        let y = y.clamp(0.0, self.height as f32 - 1.0);
        let (column, row) = (x as usize, y as usize);
        let right = (column + 1).min(self.width - 1);
        let below = (row + 1).min(self.height - 1);
        let (pixels, _) = self.values.as_chunks();
        let pixel = |column: usize, row: usize| Rgb(pixels[row * self.width + column]);
        let (across, down) = (x - column as f32, y - row as f32);
        let top = pixel(column, row).mix(pixel(right, row), across);
        let bottom = pixel(column, below).mix(pixel(right, below), across);
        top.mix(bottom, down)
    }

    fn add_noise(&mut self, seed: u32, deviation: f32) {
        // The sum of two uniform values in [-1, 1] has variance 2/3.
        let amplitude = deviation * 1.22;
        for (place, pixel) in (0..).zip(self.values.as_chunks_mut::<3>().0) {
            let bright = noise::hash(seed, place, 0) + noise::hash(seed, place, 1);
            for (channel, value) in (2..).zip(pixel) {
                *value += amplitude * mix(bright, 2.0 * noise::hash(seed, place, channel), 0.4);
            }
        }
    }

    /// Rounds the cosine transform of every block, coarser for finer waves, as JPEG does.
    fn compress(&mut self, step: f32) {
        let mut waves = [[0.0f32; BLOCK]; BLOCK];
        for (wave, row) in waves.iter_mut().enumerate() {
            let scale = if wave == 0 { 0.125f32 } else { 0.25 }.sqrt();
            for (place, value) in row.iter_mut().enumerate() {
                let angle = PI * wave as f32 * (2 * place + 1) as f32 / (2 * BLOCK) as f32;
                *value = scale * sin_cos(angle).1;
            }
        }
        for top in (0..self.height).step_by(BLOCK) {
            for left in (0..self.width).step_by(BLOCK) {
                for channel in 0..3 {
                    self.compress_block(top, left, channel, step, &waves);
                }
            }
        }
    }

    fn compress_block(
        &mut self,
        top: usize,
        left: usize,
        channel: usize,
        step: f32,
        waves: &[[f32; BLOCK]; BLOCK],
    ) {
        let (width, height) = (self.width, self.height);
        let index = |row: usize, column: usize| {
            3 * ((top + row).min(height - 1) * width + (left + column).min(width - 1)) + channel
        };
        let mut block = [[0.0f32; BLOCK]; BLOCK];
        for (row, line) in block.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                *value = self.values[index(row, column)] - 0.5;
            }
        }
        let mut spectrum = transform(&transform(&block, waves), waves);
        for (row, line) in spectrum.iter_mut().enumerate() {
            for (column, value) in line.iter_mut().enumerate() {
                let unit = step * (1.0 + 0.7 * (row + column) as f32);
                *value = (*value / unit + 0.5).floor() * unit;
            }
        }
        let mut back = [[0.0f32; BLOCK]; BLOCK];
        for (wave, line) in waves.iter().enumerate() {
            for (place, weight) in line.iter().enumerate() {
                back[place][wave] = *weight;
            }
        }
        let block = transform(&transform(&spectrum, &back), &back);
        for (row, line) in block.iter().enumerate().take(height - top) {
            for (column, value) in line.iter().enumerate().take(width - left) {
                self.values[index(row, column)] = value + 0.5;
            }
        }
    }

    fn into_picture(self) -> Picture {
        let bytes = self.values.iter().map(|value| (value.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
        Picture::new(self.width, self.height, bytes.collect())
    }
}

/// Adds `weight` times the beginning of `more` to `line`.
fn add(line: &mut [f32], more: &[f32], weight: f32) {
    for (value, other) in line.iter_mut().zip(more) {
        *value += weight * other;
    }
}

/// The transform of the rows of `block`, written to columns: twice is both directions.
fn transform(
    block: &[[f32; BLOCK]; BLOCK],
    waves: &[[f32; BLOCK]; BLOCK],
) -> [[f32; BLOCK]; BLOCK] {
    let mut result = [[0.0f32; BLOCK]; BLOCK];
    for (row, line) in block.iter().enumerate() {
        for (wave, weights) in waves.iter().enumerate() {
            result[wave][row] = line.iter().zip(weights).map(|(a, b)| a * b).sum();
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 16;

    fn clean() -> Flaws {
        Flaws {
            exposure: 1.0,
            contrast: 1.0,
            saturation: 1.0,
            balance: Rgb::WHITE,
            blur: 0.0,
            motion: [0.0; 2],
            coarseness: 1.0,
            noise: 0.0,
            step: 0.0,
            seed: 1,
        }
    }

    /// Exposes a white square on black.
    fn exposed(flaws: &Flaws) -> Picture {
        let inside =
            |index: usize| (5..11).contains(&(index % SIDE)) && (5..11).contains(&(index / SIDE));
        let values = (0..SIDE * SIDE).flat_map(|index| [if inside(index) { 0.6 } else { 0.0 }; 3]);
        flaws.expose(Canvas { width: SIDE, height: SIDE, values: values.collect() }, 1.0, 1.0)
    }

    fn sum(picture: &Picture) -> f64 {
        picture.as_rgb().iter().map(|&value| f64::from(value)).sum()
    }

    #[test]
    fn a_camera_without_flaws_changes_nothing_but_the_curve() {
        let picture = exposed(&clean());
        assert_eq!(picture.pixel(0, 0), [0; 3]);
        let [red, green, blue] = picture.pixel(8, 8);
        assert!(red == green && green == blue);
        assert!((200..206).contains(&red), "0.6 is 203 in sRGB, not {red}");
    }

    #[test]
    fn blur_motion_and_coarse_pixels_spread_light_without_losing_it() {
        let sharp = exposed(&clean());
        for flaws in [
            Flaws { blur: 1.2, ..clean() },
            Flaws { motion: [3.0, 1.0], ..clean() },
            Flaws { coarseness: 2.0, ..clean() },
        ] {
            let spread = exposed(&flaws);
            assert!((sum(&spread) / sum(&sharp) - 1.0).abs() < 0.04, "{flaws:?}");
            assert!(spread.pixel(5, 8)[0] < sharp.pixel(5, 8)[0], "{flaws:?}");
            assert!(spread.pixel(4, 8)[0] > 0, "{flaws:?}");
        }
    }

    #[test]
    fn noise_and_compression_are_as_strong_as_they_say() {
        let sharp = exposed(&clean());
        let deviation = |flaws: &Flaws| {
            let pairs = exposed(flaws);
            // Inside of the square, where no value is cut off at 0.
            let errors = (6..10)
                .flat_map(|y| (6..10).map(move |x| (x, y)))
                .map(|(x, y)| f64::from(pairs.pixel(x, y)[1]) - f64::from(sharp.pixel(x, y)[1]));
            let squares: Vec<f64> = errors.map(|error| error * error).collect();
            (squares.iter().sum::<f64>() / squares.len() as f64).sqrt() / 255.0
        };
        let noisy = deviation(&Flaws { noise: 0.05, ..clean() });
        assert!((0.025..0.08).contains(&noisy), "{noisy}");
        assert!(deviation(&Flaws { step: 1e-4, ..clean() }) < 0.003);
        assert!(deviation(&Flaws { step: 0.3, ..clean() }) > 0.005);
    }

    #[test]
    fn a_sharp_copy_keeps_only_exposure_and_color() {
        let flaws = Flaws { exposure: 1.3, blur: 2.0, noise: 0.1, step: 0.1, ..clean() };
        let expected = exposed(&Flaws { exposure: 1.3, ..clean() });
        assert!(exposed(&flaws.sharp()) == expected);
    }
}

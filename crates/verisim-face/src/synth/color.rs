//! Linear light in three primaries, and its way to 8 bits; it does not know what is lit.

use std::ops::{Add, AddAssign, Mul};

use super::curve;

/// Light below which sRGB is linear.
const LINEAR_BELOW: f32 = 0.003_130_8;

/// Linear red, green and blue; 1 is white paper in full light.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rgb(pub(super) [f32; 3]);

impl Rgb {
    pub(super) const BLACK: Self = Self([0.0; 3]);
    pub(super) const WHITE: Self = Self([1.0; 3]);

    pub(super) const fn gray(level: f32) -> Self {
        Self([level; 3])
    }

    /// Decodes an sRGB color written as `0xRRGGBB`.
    pub(super) fn hex(code: u32) -> Self {
        Self([16, 8, 0].map(|shift| decode(((code >> shift) & 0xff) as f32 / 255.0)))
    }

    /// The color at `share` of the way to `other`.
    pub(super) fn mix(self, other: Self, share: f32) -> Self {
        let mut mixed = self;
        for (value, target) in mixed.0.iter_mut().zip(other.0) {
            *value = curve::mix(*value, target, share);
        }
        mixed
    }

    /// Brightness as the eye weighs the primaries.
    pub(super) fn luminance(self) -> f32 {
        0.2126 * self.0[0] + 0.7152 * self.0[1] + 0.0722 * self.0[2]
    }

    /// Away from gray by `factor`; 0 is gray, 1 leaves it.
    pub(super) fn saturated(self, factor: f32) -> Self {
        let gray = self.luminance();
        Self(self.0.map(|value| curve::mix(gray, value, factor).max(0.0)))
    }
}

impl Add for Rgb {
    type Output = Self;
    fn add(mut self, other: Self) -> Self {
        self += other;
        self
    }
}

impl AddAssign for Rgb {
    fn add_assign(&mut self, other: Self) {
        for (value, more) in self.0.iter_mut().zip(other.0) {
            *value += more;
        }
    }
}

impl Mul<f32> for Rgb {
    type Output = Self;
    fn mul(self, factor: f32) -> Self {
        Self(self.0.map(|value| value * factor))
    }
}

/// Light of one color on a surface of another.
impl Mul for Rgb {
    type Output = Self;
    fn mul(mut self, other: Self) -> Self {
        for (value, factor) in self.0.iter_mut().zip(other.0) {
            *value *= factor;
        }
        self
    }
}

/// From an sRGB value in `[0, 1]` to linear light, by a cubic that is right within 0.002.
pub(super) fn decode(value: f32) -> f32 {
    value * (value * (value * 0.305_306 + 0.682_171_1) + 0.012_522_9)
}

/// From linear light in `[0, 1]` to an sRGB value, by square roots, within 1/255.
pub(super) fn encode(light: f32) -> f32 {
    let light = light.max(0.0);
    let root = light.sqrt();
    let fourth = root.sqrt();
    let eighth = fourth.sqrt();
    let curve =
        0.662_002_7 * root + 0.684_122_1 * fourth - 0.323_583_6 * eighth - 0.022_541_147 * light;
    // Without a branch around the roots, the compiler takes four values at once.
    if light < LINEAR_BELOW { 12.92 * light } else { curve }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoding_follows_the_standard() {
        for step in 0..=255 {
            let value = step as f32 / 255.0;
            let light =
                if value < 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) };
            assert!((encode(light) - value).abs() < 1.0 / 255.0, "{step}");
            assert!((decode(value) - light).abs() < 0.002, "{step}");
        }
    }

    #[test]
    fn a_hex_code_is_read_red_first() {
        let Rgb([red, green, blue]) = Rgb::hex(0x00ff_8000);
        assert!((red - 1.0).abs() < 0.01 && blue == 0.0);
        assert!((green - 0.216).abs() < 0.01, "{green}");
    }
}

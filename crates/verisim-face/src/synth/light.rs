//! The lights of one picture and how surfaces answer them; it does not know what the surfaces are.

use super::color::Rgb;
use super::curve::{mix, power, sin_cos};
use super::dice::Dice;
use super::vector::Vec3;

/// Light from candles, bulbs, sun, sky and screens.
const TEMPERATURES: [u32; 5] = [0x00ff_c890, 0x00ff_dcb4, 0x00ff_f2e2, 0x00ff_ffff, 0x00d4_e2ff];

/// What a surface is like at one point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    /// Share of white light that it sends back.
    pub(super) albedo: Rgb,
    /// Strength of its gloss.
    pub(super) shine: f32,
    /// How narrow the gloss is: an exponent.
    pub(super) gloss: u32,
    /// How far light creeps under the surface, 0 to 1.
    pub(super) scatter: f32,
    /// Share of the sky that it sees, 0 to 1.
    pub(super) openness: f32,
    pub(super) normal: Vec3,
    /// Direction of its fibers, if it has any: they shine across it.
    pub(super) fiber: Option<Vec3>,
}

/// The lights of one picture. Directions point to the light, in the frame of the camera.
#[derive(Clone, Debug)]
pub(super) struct Light {
    /// Direction of the main light.
    pub(super) direction: Vec3,
    pub(super) main: Rgb,
    /// Direction of the second light.
    pub(super) fill_direction: Vec3,
    pub(super) fill: Rgb,
    /// Light from above, from all sides.
    pub(super) sky: Rgb,
    /// Light from below.
    pub(super) ground: Rgb,
}

impl Light {
    /// Draws the lights of a room or of a street.
    pub(super) fn draw(dice: &mut Dice) -> Self {
        let temperature =
            Rgb::WHITE.mix(Rgb::hex(dice.one_of(&TEMPERATURES)), dice.between(0.3, 1.0));
        // 0 is a spotlight, 1 an overcast day.
        let softness = dice.between(0.12, 0.8);
        let strength = 1.45 * (1.0 - softness) + 0.25;
        let around = Rgb::WHITE.mix(Rgb::hex(dice.one_of(&TEMPERATURES)), dice.between(0.2, 0.8));
        let ambient = 0.16 + 0.62 * softness;
        let has_second = dice.chance(0.45);
        let second = Rgb::WHITE.mix(Rgb::hex(dice.one_of(&TEMPERATURES)), dice.between(0.5, 1.0));
        // The camera's white balance takes most of the color out again.
        let seen = (temperature * (0.6 * strength) + around * ambient)
            * (1.0 / (0.6 * strength + ambient));
        let balance = Rgb(seen.0.map(|value| mix(1.0, 1.0 / value, 0.65)));
        let (temperature, around) = (temperature * balance, around * balance);
        Self {
            direction: direction(dice.normal(0.0, 38.0), dice.clipped(32.0, 20.0, -15.0, 72.0)),
            main: temperature * strength,
            fill_direction: direction(dice.normal(0.0, 75.0), dice.between(-10.0, 35.0)),
            fill: if has_second { second * dice.between(0.1, 0.6) } else { Rgb::BLACK },
            sky: around * ambient,
            ground: around * ambient * dice.between(0.25, 0.7),
        }
    }

    /// Light that leaves a surface of `finish` towards `view`; `lit` is the share of the main light
    /// that arrives there.
    pub(super) fn shade(&self, finish: &Finish, view: Vec3, lit: f32) -> Rgb {
        let normal = finish.normal;
        let up = 0.5 + 0.5 * normal.y;
        let mut arriving = self.ground.mix(self.sky, up) * finish.openness;
        let mut gloss = Rgb::BLACK;
        let facing = normal.dot(view).clamp(0.0, 1.0);
        let lamps = [(self.direction, self.main, lit), (self.fill_direction, self.fill, 1.0)];
        for (direction, color, share) in lamps {
            if color == Rgb::BLACK {
                continue;
            }
            let strength = color * (share * mix(0.55, 1.0, finish.openness));
            arriving += strength * falling(normal.dot(direction), finish.scatter);
            let half = (direction + view).normalized();
            let highlight = match finish.fiber {
                Some(fiber) => {
                    let along = fiber.dot(half);
                    let across = (1.0 - along * along).max(0.0);
                    power(across, finish.gloss) * (0.25 + 0.75 * normal.dot(direction).max(0.0))
                }
                None => power(normal.dot(half).max(0.0), finish.gloss),
            };
            gloss += strength * (finish.shine * highlight);
        }
        let edge = power(1.0 - facing, 4) * 0.3 * finish.shine * finish.openness;
        finish.albedo * arriving + gloss + self.sky * edge
    }
}

/// Light that falls on a surface whose normal has cosine `cosine` to it.
///
/// In skin it creeps around the edge of the shadow, red farther than blue.
fn falling(cosine: f32, scatter: f32) -> Rgb {
    Rgb([0.42, 0.2, 0.14].map(|reach| {
        let creep = reach * scatter;
        ((cosine + creep) / (1.0 + creep)).max(0.0)
    }))
}

fn direction(azimuth: f32, elevation: f32) -> Vec3 {
    let (sin_azimuth, cos_azimuth) = sin_cos(azimuth.to_radians());
    let (sin_elevation, cos_elevation) = sin_cos(elevation.to_radians());
    Vec3::new(sin_azimuth * cos_elevation, sin_elevation, cos_azimuth * cos_elevation)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRONT: Vec3 = Vec3::new(0.0, 0.0, 1.0);

    fn lamp_from(direction: Vec3) -> Light {
        Light {
            direction,
            main: Rgb::WHITE,
            fill_direction: FRONT,
            fill: Rgb::BLACK,
            sky: Rgb::gray(0.1),
            ground: Rgb::gray(0.05),
        }
    }

    fn chalk() -> Finish {
        Finish {
            albedo: Rgb::gray(0.5),
            shine: 0.0,
            gloss: 10,
            scatter: 0.0,
            openness: 1.0,
            normal: FRONT,
            fiber: None,
        }
    }

    #[test]
    fn surfaces_are_brightest_where_they_face_the_light() {
        let seen = |light: Light, lit| light.shade(&chalk(), FRONT, lit).luminance();
        let facing = seen(lamp_from(FRONT), 1.0);
        let aslant = seen(lamp_from(Vec3::new(0.8, 0.0, 0.6)), 1.0);
        let behind = seen(lamp_from(-FRONT), 1.0);
        assert!(facing > aslant && aslant > behind && behind > 0.0);
        assert_eq!(seen(lamp_from(FRONT), 0.0), behind, "a shadow is as dark as the back");
    }

    #[test]
    fn light_creeps_into_the_shadow_of_skin_red_first() {
        let skin = Finish { scatter: 1.0, ..chalk() };
        let Rgb([red, _, blue]) = lamp_from(Vec3::new(1.0, 0.0, -0.1)).shade(&skin, FRONT, 1.0);
        assert!(red > blue * 1.2, "{red} {blue}");
    }

    #[test]
    fn gloss_is_seen_where_the_light_is_mirrored() {
        let glossy = Finish { shine: 1.0, gloss: 30, ..chalk() };
        let light = lamp_from(Vec3::new(0.6, 0.0, 0.8));
        let mirrored = light.shade(&glossy, Vec3::new(-0.6, 0.0, 0.8), 1.0).luminance();
        assert!(mirrored > light.shade(&glossy, FRONT, 1.0).luminance() + 0.3);
    }
}

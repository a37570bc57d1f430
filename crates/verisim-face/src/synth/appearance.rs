//! How an identity looks in one picture: pose, expression, light, background, faults, coverings.

use super::backdrop::Backdrop;
use super::color::Rgb;
use super::covering::{Cloth, Covering, Hat};
use super::dice::Dice;
use super::face::Expression;
use super::flaws::Flaws;
use super::identity::Identity;
use super::light::Light;

/// Distances of the camera, in centimeters: from a phone at arm's length to across a room.
const CAMERA_DISTANCES: [f32; 2] = [55.0, 220.0];

/// Direction of a head, in degrees.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pose {
    /// Towards the right of the picture, from -45 to 45 where drawn; 0 is frontal.
    pub yaw: f32,
    /// Up, from -20 to 20 where drawn.
    pub pitch: f32,
    /// Clockwise in the picture, from -15 to 15 where drawn.
    pub roll: f32,
}

/// Everything in one picture that is not the identity.
#[derive(Clone, Debug)]
pub struct Appearance {
    /// Direction of the head.
    pub pose: Pose,
    pub(super) expression: Expression,
    pub(super) light: Light,
    pub(super) camera_distance: f32,
    pub(super) backdrop: Backdrop,
    pub(super) flaws: Flaws,
    pub(super) covering: Option<Covering>,
    pub(super) hat: Option<Hat>,
    pub(super) spectacles: bool,
    pub(super) cloth: Cloth,
    pub(super) clothes: Rgb,
    /// Errors of an aligner: shift as parts of the chip's side, scale and turn in radians.
    pub(super) misalignment: Misalignment,
}

/// How far a chip is from a perfect alignment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Misalignment {
    /// Shift, as parts of the chip's side.
    pub(super) shift: [f32; 2],
    /// Growth, as a part of the size.
    pub(super) growth: f32,
    /// Turn in radians.
    pub(super) turn: f32,
}

impl Appearance {
    /// Draws a picture of `identity` from `seed`; equal seeds are equal pictures.
    pub fn from_seed(seed: u64, identity: &Identity) -> Self {
        let mut dice = Dice::new(seed);
        let covering = Covering::draw(&mut dice);
        let hat = dice.chance(0.05).then(|| Hat::draw(&mut dice));
        let dark = matches!(covering, Some(Covering::Sunglasses(_)));
        let [near, far] = CAMERA_DISTANCES;
        Self {
            pose: Pose {
                yaw: dice.clipped(0.0, 18.0, -45.0, 45.0),
                pitch: dice.clipped(0.0, 8.0, -20.0, 20.0),
                roll: dice.clipped(0.0, 6.0, -15.0, 15.0),
            },
            expression: draw_expression(&mut dice),
            light: Light::draw(&mut dice),
            camera_distance: {
                let u = dice.unit();
                near + (far - near) * u * u
            },
            backdrop: Backdrop::draw(&mut dice),
            flaws: Flaws::draw(&mut dice),
            covering,
            hat,
            spectacles: !dark && dice.chance(identity.spectacles_share),
            cloth: Cloth::draw(&mut dice, identity.favorite),
            clothes: Rgb([dice.unit(), dice.unit(), dice.unit()]).mix(identity.favorite, 0.5)
                * dice.between(0.15, 0.9),
            misalignment: Misalignment {
                shift: [dice.normal(0.0, 0.012), dice.normal(0.0, 0.012)],
                growth: dice.normal(0.0, 0.02),
                turn: dice.normal(0.0, 0.02),
            },
        }
    }

    /// The same with the head in another direction.
    #[must_use]
    pub fn with_pose(&self, pose: Pose) -> Self {
        Self { pose, ..self.clone() }
    }

    /// The truth that frontalisation should find: the same head and expression, seen from the front,
    /// perfectly aligned, with nothing before it, no blur and no noise.
    ///
    /// The lights stay where they are in the room, so the shadows on the face are others. Hats and
    /// clear spectacles stay on.
    #[must_use]
    pub fn frontal_twin(&self) -> Self {
        Self { pose: Pose::default(), ..self.unspoiled() }
    }

    /// The same pose with nothing before the face, no blur, no noise and a perfect alignment.
    #[must_use]
    pub fn unspoiled(&self) -> Self {
        Self {
            covering: None,
            flaws: self.flaws.sharp(),
            misalignment: Misalignment::default(),
            ..self.clone()
        }
    }
}

fn draw_expression(dice: &mut Dice) -> Expression {
    let smiles = dice.chance(0.5);
    let speaks = dice.chance(0.28);
    let open = if speaks { dice.between(0.1, 0.75) } else { 0.0 };
    Expression {
        smile: if smiles { dice.between(0.2, 1.0) } else { dice.normal(0.08, 0.14) },
        open: if smiles && dice.chance(0.5) { dice.between(0.2, 0.5) } else { open },
        brows: dice.clipped(0.0, 0.35, -1.0, 1.0),
        blink: if dice.chance(0.05) { dice.between(0.6, 1.0) } else { dice.normal(0.05, 0.08) },
        gaze: [dice.normal(0.0, 0.14), dice.normal(0.0, 0.08)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_pictures_vary_as_promised() {
        let identity = Identity::from_seed(1);
        let pictures: Vec<Appearance> =
            (0..1_000).map(|seed| Appearance::from_seed(seed, &identity)).collect();
        let share = |holds: &dyn Fn(&Appearance) -> bool| {
            pictures.iter().filter(|picture| holds(picture)).count() as f32 / 1_000.0
        };
        let Pose { yaw, pitch, roll } = pictures[0].pose;
        assert!(yaw != 0.0 && pitch != 0.0 && roll != 0.0);
        assert!(pictures.iter().all(|picture| picture.pose.yaw.abs() <= 45.0));
        assert!((0.2..0.4).contains(&share(&|picture| picture.pose.yaw.abs() > 20.0)));
        assert!((0.19..0.3).contains(&share(&|picture| picture.covering.is_some())));
        assert!((0.02..0.09).contains(&share(&|picture| picture.hat.is_some())));
        assert!((0.4..0.7).contains(&share(&|picture| picture.expression.smile > 0.2)));
    }

    #[test]
    fn dark_glasses_are_not_worn_over_spectacles() {
        let mut identity = Identity::from_seed(1);
        identity.spectacles_share = 1.0;
        for seed in 0..200 {
            let picture = Appearance::from_seed(seed, &identity);
            let dark = matches!(picture.covering, Some(Covering::Sunglasses(_)));
            assert_eq!(picture.spectacles, !dark);
        }
    }
}

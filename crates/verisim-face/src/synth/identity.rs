//! Who somebody is: everything that stays the same from picture to picture, drawn from a seed.

use super::anatomy::{Anatomy, Build};
use super::color::Rgb;
use super::complexion::Complexion;
use super::dice::Dice;
use super::hairdo::Hairdo;
use super::spectacles::Spectacles;

/// One invented person.
///
/// Shape, colors, hair, beard and habits come from some eighty values around the means of a build, so
/// most people differ in many ways at once, and a few look alike.
#[derive(Clone, Debug)]
pub struct Identity {
    pub(super) anatomy: Anatomy,
    pub(super) complexion: Complexion,
    pub(super) hairdo: Hairdo,
    pub(super) spectacles: Spectacles,
    /// Share of the pictures in which the spectacles are worn.
    pub(super) spectacles_share: f32,
    /// A color that the clothes are often close to.
    pub(super) favorite: Rgb,
}

impl Identity {
    /// Draws the person of `seed`; equal seeds are equal persons.
    pub fn from_seed(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let femininity = if dice.chance(0.5) {
            dice.clipped(0.12, 0.12, 0.0, 1.0)
        } else {
            dice.clipped(0.88, 0.12, 0.0, 1.0)
        };
        let age = dice.unit();
        // Most are adults below 50; the old are rarer.
        let build =
            Build { femininity, age: age * age, weight: dice.clipped(0.45, 0.22, 0.0, 1.0) };
        let anatomy = Anatomy::draw(&mut dice, build);
        let complexion = Complexion::draw(&mut dice, build);
        let hairdo = Hairdo::draw(&mut dice, build, complexion.darkness);
        let spectacles = Spectacles::draw(&mut dice);
        let wears_them = dice.chance(0.22 + 0.25 * build.age);
        Self {
            anatomy,
            complexion,
            hairdo,
            spectacles,
            spectacles_share: if wears_them { 0.85 } else { 0.02 },
            favorite: Rgb([dice.unit(), dice.unit(), dice.unit()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_thousand_people_are_within_the_bounds_of_people() {
        for seed in 0..2_000 {
            let Identity { anatomy, complexion, hairdo, .. } = Identity::from_seed(seed);
            let (head, eyes) = (&anatomy.head, &anatomy.eyes);
            assert!((6.0..=8.0).contains(&head.face_width), "{seed}: {head:?}");
            assert!(head.jaw_width < head.face_width && head.skull_width > head.face_width);
            // Parts follow each other from top to bottom.
            let heights = [
                head.crown_y,
                hairdo.hairline,
                anatomy.brows.height,
                0.0,
                anatomy.nose.tip_y,
                anatomy.mouth.y,
                head.chin_y,
            ];
            assert!(heights.windows(2).all(|pair| pair[1] < pair[0] - 0.5), "{seed}: {heights:?}");
            assert!(eyes.spacing > eyes.half_width + 0.5, "{seed}: eyes meet: {eyes:?}");
            for color in [complexion.skin, complexion.lips, complexion.iris, hairdo.color] {
                assert!(
                    color.0.iter().all(|value| (0.0..1.3).contains(value)),
                    "{seed}: {color:?}"
                );
            }
        }
    }

    #[test]
    fn skin_has_the_whole_range_of_tones_and_hair_every_style() {
        let people: Vec<Identity> = (0..500).map(Identity::from_seed).collect();
        let brightness: Vec<f32> =
            people.iter().map(|person| person.complexion.skin.luminance()).collect();
        assert!(brightness.iter().copied().fold(1.0, f32::min) < 0.06);
        assert!(brightness.iter().copied().fold(0.0, f32::max) > 0.6);
        let n_dark = brightness.iter().filter(|&&value| value < 0.2).count();
        assert!((150..350).contains(&n_dark), "{n_dark}");
        let styles: std::collections::BTreeSet<String> =
            people.iter().map(|person| format!("{:?}", person.hairdo.style)).collect();
        assert_eq!(styles.len(), 13, "{styles:?}");
    }
}

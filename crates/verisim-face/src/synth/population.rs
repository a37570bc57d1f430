//! People and pictures by number: the same number is the same person, on every machine.

use std::ops::Range;

use rayon::prelude::*;

use super::appearance::Appearance;
use super::dice::stream_seed;
use super::identity::Identity;
use super::render::{Framing, SyntheticFace, draw};

/// Keeps the seeds of pictures apart from those of persons.
const PICTURES: u64 = 0x7069_6374;

/// An endless crowd of invented people, each with endless pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Population {
    /// Another seed is another crowd.
    pub seed: u64,
}

impl Population {
    /// The person of number `identity_idx`.
    pub fn identity(&self, identity_idx: usize) -> Identity {
        Identity::from_seed(stream_seed(self.seed, identity_idx as u64))
    }

    /// How that person looks in picture `picture_idx`.
    pub fn appearance(&self, identity_idx: usize, picture_idx: usize) -> Appearance {
        self.appearance_of(&self.identity(identity_idx), identity_idx, picture_idx)
    }

    /// Picture `picture_idx` of person `identity_idx`.
    ///
    /// # Panics
    ///
    /// Panics if `framing` has a side of 0.
    pub fn draw(
        &self,
        identity_idx: usize,
        picture_idx: usize,
        framing: &Framing,
    ) -> SyntheticFace {
        let identity = self.identity(identity_idx);
        draw(&identity, &self.appearance_of(&identity, identity_idx, picture_idx), framing)
    }

    /// The truth that frontalisation should find for that picture.
    ///
    /// # Panics
    ///
    /// Panics if `framing` has a side of 0.
    pub fn draw_frontal_twin(
        &self,
        identity_idx: usize,
        picture_idx: usize,
        framing: &Framing,
    ) -> SyntheticFace {
        let identity = self.identity(identity_idx);
        let appearance = self.appearance_of(&identity, identity_idx, picture_idx);
        draw(&identity, &appearance.frontal_twin(), framing)
    }

    /// All `pictures` of all `identities`, person after person, on all cores.
    ///
    /// # Panics
    ///
    /// Panics if `framing` has a side of 0.
    pub fn draw_all(
        &self,
        identities: Range<usize>,
        pictures: Range<usize>,
        framing: &Framing,
    ) -> Vec<SyntheticFace> {
        let n_pictures = pictures.len();
        (0..identities.len() * n_pictures)
            .into_par_iter()
            .map(|index| {
                let identity_idx = identities.start + index / n_pictures;
                self.draw(identity_idx, pictures.start + index % n_pictures, framing)
            })
            .collect()
    }

    fn appearance_of(
        self,
        identity: &Identity,
        identity_idx: usize,
        picture_idx: usize,
    ) -> Appearance {
        let seed = stream_seed(self.seed ^ PICTURES, identity_idx as u64);
        Appearance::from_seed(stream_seed(seed, picture_idx as u64), identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHIP: Framing = Framing::Chip { side: 32 };

    #[test]
    fn the_same_numbers_are_the_same_bytes_alone_and_on_all_cores() {
        let population = Population { seed: 5 };
        let together = population.draw_all(3..6, 2..4, &CHIP);
        assert_eq!(together.len(), 6);
        for (index, face) in together.iter().enumerate() {
            let alone = population.draw(3 + index / 2, 2 + index % 2, &CHIP);
            assert!(alone.picture == face.picture, "picture {index} differs");
            assert_eq!(alone.landmarks, face.landmarks);
            assert_eq!(alone.visible, face.visible);
        }
    }

    #[test]
    fn another_seed_person_or_picture_is_another_face() {
        let first = Population { seed: 1 }.draw(0, 0, &CHIP).picture;
        assert!(first != Population { seed: 2 }.draw(0, 0, &CHIP).picture);
        assert!(first != Population { seed: 1 }.draw(1, 0, &CHIP).picture);
        assert!(first != Population { seed: 1 }.draw(0, 1, &CHIP).picture);
    }

    #[test]
    fn no_pictures_are_none() {
        assert!(Population { seed: 1 }.draw_all(0..5, 0..0, &CHIP).is_empty());
        assert!(Population { seed: 1 }.draw_all(2..2, 0..5, &CHIP).is_empty());
    }

    #[test]
    fn two_thousand_people_can_be_drawn() {
        let tiny = Framing::Chip { side: 4 };
        let faces = Population { seed: 77 }.draw_all(0..2_000, 0..1, &tiny);
        for (index, face) in faces.iter().enumerate() {
            let finite = face.landmarks.as_flattened().iter().all(|place| place.is_finite());
            assert!(finite, "person {index}: {:?}", face.landmarks);
            assert!(face.pose.yaw.abs() <= 45.0 && face.pose.pitch.abs() <= 20.0);
        }
    }
}

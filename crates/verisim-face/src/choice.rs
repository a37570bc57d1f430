//! Which of the faces in a photograph is meant; it does not know whose they are.

use crate::FoundFace;

/// A rule by which faces of a photograph are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FaceChoice {
    /// The large face near the middle: the one with the most of
    ///
    /// ```text
    /// area of the box − 2 · squared distance of its center from the photograph's center
    /// ```
    ///
    /// both in square pixels, as InsightFace's examples and evaluations on LFW choose.
    #[default]
    Central,
    /// The face with the largest box, wherever it is.
    Largest,
    /// Every face.
    All,
    /// The only face; several are an error.
    Only,
}

/// Why no face of a photograph can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// There is none.
    #[error("no face was found in the photograph")]
    NoFace,
    /// There are several, and it is not said which is meant.
    #[error(
        "{found} faces were found in the photograph, but only one is expected: cut the photograph, or choose \
         the central or the largest face"
    )]
    MultipleFaces {
        /// Number of faces.
        found: usize,
    },
}

impl ChoiceError {
    /// A word for reports that does not change between versions: `no_face` or `multiple_faces`.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoFace => "no_face",
            Self::MultipleFaces { .. } => "multiple_faces",
        }
    }
}

impl FaceChoice {
    /// Positions in `faces` of the chosen ones, in ascending order, and never none; `width` and `height` are the
    /// photograph's in pixels.
    ///
    /// Of equals the first is chosen. A box whose numbers are not finite is chosen only where there is no other.
    ///
    /// # Errors
    ///
    /// Fails if there are no faces, so that a photograph without one can never pass for a match, and if there
    /// are several where only one is expected.
    pub fn choose(
        self,
        faces: &[FoundFace],
        width: usize,
        height: usize,
    ) -> Result<Vec<usize>, ChoiceError> {
        if faces.is_empty() {
            return Err(ChoiceError::NoFace);
        }
        let worth: &dyn Fn(&FoundFace) -> f64 = match self {
            Self::All => return Ok((0..faces.len()).collect()),
            Self::Only if faces.len() > 1 => {
                return Err(ChoiceError::MultipleFaces { found: faces.len() });
            }
            Self::Only | Self::Largest => &|face| size(face),
            Self::Central => &|face| {
                let center = face.area.center();
                let right = f64::from(center.x) - width as f64 / 2.0;
                let down = f64::from(center.y) - height as f64 / 2.0;
                size(face) - 2.0 * (right * right + down * down)
            },
        };
        let mut best = (0, f64::NEG_INFINITY);
        for (index, face) in faces.iter().enumerate() {
            let worth = worth(face);
            if worth.is_finite() && worth > best.1 {
                best = (index, worth);
            }
        }
        Ok(vec![best.0])
    }
}

fn size(face: &FoundFace) -> f64 {
    f64::from(face.area.width) * f64::from(face.area.height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Area;

    const WIDTH: usize = 200;
    const HEIGHT: usize = 100;

    /// A square face of a side around a center.
    fn face(x: f32, y: f32, side: f32) -> FoundFace {
        let area = Area { x: x - side / 2.0, y: y - side / 2.0, width: side, height: side };
        FoundFace { area, landmarks: None, score: 0.9 }
    }

    fn chosen(choice: FaceChoice, faces: &[FoundFace]) -> Vec<usize> {
        choice.choose(faces, WIDTH, HEIGHT).unwrap()
    }

    #[test]
    fn a_large_face_at_the_edge_loses_to_a_central_one() {
        // 60² − 2 · 70² = −6,200 against 20² − 2 · 5² = 350.
        let faces = [face(30.0, 50.0, 60.0), face(105.0, 50.0, 20.0)];
        assert_eq!(chosen(FaceChoice::Central, &faces), [1]);
        assert_eq!(chosen(FaceChoice::default(), &faces), [1]);
        assert_eq!(chosen(FaceChoice::Largest, &faces), [0]);
    }

    #[test]
    fn distance_counts_twice_its_square() {
        // 900 − 2 · 10² = 700 against 26² = 676, and 900 − 2 · 11² = 658.
        let small = face(100.0, 50.0, 26.0);
        assert_eq!(chosen(FaceChoice::Central, &[small, face(110.0, 50.0, 30.0)]), [1]);
        assert_eq!(chosen(FaceChoice::Central, &[small, face(111.0, 50.0, 30.0)]), [0]);
        assert_eq!(chosen(FaceChoice::Central, &[small, face(100.0, 39.0, 30.0)]), [0]);
    }

    #[test]
    fn of_equals_the_first_is_chosen() {
        let faces = [face(90.0, 50.0, 30.0), face(110.0, 50.0, 30.0)];
        assert_eq!(chosen(FaceChoice::Central, &faces), [0]);
        assert_eq!(chosen(FaceChoice::Largest, &faces), [0]);
    }

    #[test]
    fn all_faces_come_in_their_order() {
        let faces = [face(10.0, 10.0, 5.0), face(100.0, 50.0, 50.0), face(190.0, 90.0, 9.0)];
        assert_eq!(chosen(FaceChoice::All, &faces), [0, 1, 2]);
    }

    #[test]
    fn several_are_refused_with_their_number_where_one_is_expected() {
        let faces = [face(10.0, 10.0, 5.0); 3];
        let error = FaceChoice::Only.choose(&faces, WIDTH, HEIGHT).unwrap_err();
        assert_eq!(
            (error, error.reason()),
            (ChoiceError::MultipleFaces { found: 3 }, "multiple_faces")
        );
        assert!(error.to_string().starts_with("3 faces were found"), "{error}");
        assert_eq!(chosen(FaceChoice::Only, &faces[..1]), [0]);
    }

    #[test]
    fn no_face_is_an_error_by_every_rule() {
        for choice in [FaceChoice::Central, FaceChoice::Largest, FaceChoice::All, FaceChoice::Only]
        {
            let error = choice.choose(&[], WIDTH, HEIGHT).unwrap_err();
            assert_eq!((error, error.reason()), (ChoiceError::NoFace, "no_face"));
        }
    }

    #[test]
    fn a_box_that_is_no_box_never_wins() {
        let faces =
            [face(f32::NAN, 50.0, 99.0), face(100.0, 50.0, f32::INFINITY), face(0.0, 0.0, 1.0)];
        assert_eq!(chosen(FaceChoice::Central, &faces), [2]);
        assert_eq!(chosen(FaceChoice::Largest, &[face(0.0, 0.0, f32::NAN), faces[2]]), [1]);
        assert_eq!(chosen(FaceChoice::Central, &faces[..1]), [0]);
    }
}

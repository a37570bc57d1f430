//! A unit vector whose similarity to others means identity; it does not know which model made it.

use std::fmt;

use crate::knn::kernel;

/// The smallest length that is not taken for a failed computation.
///
/// Real embeddings are of length 1 to 100 before they are normalized; one that is shorter than this
/// has no direction left in `f32`.
const MIN_NORM: f64 = 1e-12;
/// How far rounding may carry the length of a unit vector from 1.
const ROUNDING: f64 = 1e-6;

/// A unit vector that a network made of one face.
///
/// It is unit length from the moment it exists, hence the similarity of two embeddings is their dot
/// product. It carries no model: whoever compares embeddings knows that they come from the same one.
///
/// An embedding is personal data, and can be turned back into a likeness of the face. Its `Debug`
/// output therefore shows its size alone.
#[derive(Clone, PartialEq)]
pub struct Embedding {
    values: Box<[f32]>,
}

/// Why a vector cannot be an [`Embedding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmbedding {
    /// It has no components.
    #[error("the vector is empty, but an embedding has at least one component")]
    Empty,
    /// It holds NaN or an infinity.
    #[error("component {index} is not a finite number, so the model failed on this picture")]
    NotFinite {
        /// Position of the first such component.
        index: usize,
    },
    /// It is too short to have a direction.
    #[error("the vector is zero, so it has no direction to compare")]
    Zero,
}

impl Embedding {
    /// Scales `values`, of any length, to a unit vector.
    ///
    /// A vector that is one already, up to rounding, stays as it is: an embedding that was stored comes
    /// back to the bit.
    ///
    /// # Errors
    ///
    /// Fails if `values` is empty, holds NaN or an infinity, or is zero.
    pub fn new(mut values: Vec<f32>) -> Result<Self, InvalidEmbedding> {
        if values.is_empty() {
            return Err(InvalidEmbedding::Empty);
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(InvalidEmbedding::NotFinite { index });
        }
        // In f64, so that large components do not overflow and small ones do not vanish.
        let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
        if norm < MIN_NORM {
            return Err(InvalidEmbedding::Zero);
        }
        if (norm - 1.0).abs() > ROUNDING {
            for value in &mut values {
                *value = (f64::from(*value) / norm) as f32;
            }
        }
        Ok(Self { values: values.into() })
    }

    /// Number of components.
    pub fn dim(&self) -> usize {
        self.values.len()
    }

    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// Cosine of the angle to `other`, in `[-1, 1]`; higher is closer.
    ///
    /// # Panics
    ///
    /// Panics if the two are not of the same dimension: they come from different models, and comparing
    /// them is a bug of the caller.
    pub fn similarity(&self, other: &Self) -> f32 {
        assert_eq!(self.dim(), other.dim(), "embeddings of different models were compared");
        kernel::similarity(&self.values, &other.values)
    }
}

impl fmt::Debug for Embedding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Embedding({} components)", self.dim())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn is_scaled_to_unit_length() {
        assert_eq!(Embedding::new(vec![3.0, 4.0]).unwrap().as_slice(), [0.6, 0.8]);
    }

    #[test]
    fn huge_and_tiny_components_neither_overflow_nor_vanish() {
        for scale in [1e38, 1e-10] {
            let embedding = Embedding::new(vec![scale, scale]).unwrap();
            assert!((embedding.similarity(&embedding) - 1.0).abs() < 1e-6, "{scale}");
        }
    }

    #[test]
    fn what_has_no_direction_is_refused() {
        let refusal = |values: &[f32]| Embedding::new(values.to_vec()).unwrap_err();
        assert_eq!(refusal(&[]), InvalidEmbedding::Empty);
        assert_eq!(refusal(&[0.0, 0.0]), InvalidEmbedding::Zero);
        assert_eq!(refusal(&[1.0, f32::NAN]), InvalidEmbedding::NotFinite { index: 1 });
        assert_eq!(refusal(&[f32::INFINITY]), InvalidEmbedding::NotFinite { index: 0 });
    }

    #[test]
    fn debug_output_hides_the_components() {
        let shown = format!("{:?}", Embedding::new(vec![3.0, 4.0]).unwrap());
        assert_eq!(shown, "Embedding(2 components)");
    }

    proptest! {
        #[test]
        fn similarity_is_symmetric_bounded_and_one_with_itself(
            a in prop::collection::vec(-10.0f32..10.0, 7),
            b in prop::collection::vec(-10.0f32..10.0, 7),
        ) {
            let (Ok(a), Ok(b)) = (Embedding::new(a), Embedding::new(b)) else { return Ok(()) };
            prop_assert_eq!(a.similarity(&b), b.similarity(&a));
            prop_assert!((-1.0..=1.0).contains(&a.similarity(&b)));
            prop_assert!((a.similarity(&a) - 1.0).abs() < 1e-6);
        }

        #[test]
        fn an_embedding_comes_back_from_its_components_to_the_bit(
            values in prop::collection::vec(-10.0f32..10.0, 1..200),
        ) {
            let Ok(embedding) = Embedding::new(values) else { return Ok(()) };
            prop_assert_eq!(Embedding::new(embedding.as_slice().to_vec()), Ok(embedding));
        }
    }
}

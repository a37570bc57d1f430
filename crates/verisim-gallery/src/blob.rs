//! The bytes of an embedding at rest: `f32`, little-endian; it does not know where they rest.

use verisim_core::Embedding;

use crate::Damage;

/// How far from 1 the length of a stored embedding may be.
///
/// Rounding to `f32` leaves it within 1e-6; a flipped bit of a larger component carries it further.
const MAX_NORM_ERROR: f64 = 1e-3;

/// The bytes of an embedding.
pub(crate) fn encode(embedding: &Embedding) -> Vec<u8> {
    embedding.as_slice().iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// The embedding of `dim` components that `bytes` hold; `template` is its row, for the error.
pub(crate) fn decode(bytes: &[u8], dim: usize, template: i64) -> Result<Embedding, Damage> {
    let (chunks, rest) = bytes.as_chunks::<4>();
    if chunks.len() != dim || !rest.is_empty() {
        let expected = dim.saturating_mul(4);
        return Err(Damage::EmbeddingSize { template, found: bytes.len(), expected });
    }
    embedding(chunks.iter().map(|&chunk| f32::from_le_bytes(chunk)).collect(), template)
}

/// The embedding that stored numbers are; `template` is its row, for the error.
pub(crate) fn embedding(values: Vec<f32>, template: i64) -> Result<Embedding, Damage> {
    let norm = values.iter().map(|&value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    // NaN is not within any distance of 1.
    if (norm - 1.0).abs() < MAX_NORM_ERROR {
        Embedding::new(values).map_err(|_| Damage::NotUnitLength { template })
    } else {
        Err(Damage::NotUnitLength { template })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bytes_of_another_size_are_damage() {
        for n_bytes in [0, 4, 7, 9, 12] {
            let damage = Damage::EmbeddingSize { template: 5, found: n_bytes, expected: 8 };
            assert_eq!(decode(&vec![0; n_bytes], 2, 5), Err(damage));
        }
    }

    #[test]
    fn what_is_not_a_unit_vector_is_damage() {
        let decoded = |a: f32, b: f32| {
            let bytes = [a.to_le_bytes(), b.to_le_bytes()].concat();
            decode(&bytes, 2, 5)
        };
        assert!(decoded(0.6, 0.8).is_ok());
        for (a, b) in [(0.0, 0.0), (0.6, 0.81), (f32::NAN, 0.8), (f32::INFINITY, 0.0)] {
            assert_eq!(decoded(a, b), Err(Damage::NotUnitLength { template: 5 }), "{a} {b}");
        }
    }

    proptest! {
        #[test]
        fn an_embedding_survives_its_bytes(values in prop::collection::vec(-9.0f32..9.0, 1..600)) {
            let Ok(embedding) = Embedding::new(values) else { return Ok(()) };
            let decoded = decode(&encode(&embedding), embedding.dim(), 0).unwrap();
            // `Embedding::new` scales again, by a factor that rounding leaves an ulp from 1.
            for (a, b) in decoded.as_slice().iter().zip(embedding.as_slice()) {
                prop_assert!((a - b).abs() <= f32::EPSILON * b.abs(), "{a} {b}");
            }
        }

        #[test]
        fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), dim in 1usize..9) {
            let _ = decode(&bytes, dim, 0);
        }
    }
}

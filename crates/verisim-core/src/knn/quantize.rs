//! Unit vectors as codes of fewer bits, and how far each is from its codes; it searches nothing.

/// The greatest code, and the smallest with a minus sign.
const GREATEST: f32 = 127.0;
/// Added and taken off again, it rounds any number of codes to a whole one.
const ROUNDER: f32 = 12_582_912.0;

/// What codes leave out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantized {
    /// What a code of 1 stands for.
    pub scale: f32,
    /// Length of the difference between the vector and its codes times the scale, or a little more.
    pub error: f32,
}

/// Writes a vector as whole numbers in -127..=127 of a scale of its own.
///
/// # Panics
///
/// Panics if there are not as many codes as components.
pub fn quantize(row: &[f32], codes: &mut [i8]) -> Quantized {
    assert_eq!(row.len(), codes.len(), "each component has a code");
    let greatest = row.iter().fold(0.0, |greatest: f32, value| greatest.max(value.abs()));
    let scale = greatest / GREATEST;
    // Of a vector of zeros, or of numbers that have no quotient, every code is 0.
    let inverse = if scale.recip().is_finite() { scale.recip() } else { 0.0 };
    let scale = if inverse > 0.0 { scale } else { 0.0 };
    let mut squares = 0.0;
    for (code, &value) in codes.iter_mut().zip(row) {
        let whole = (value * inverse + ROUNDER) - ROUNDER;
        *code = whole.clamp(-GREATEST, GREATEST) as i8;
        squares += (f64::from(value) - f64::from(scale) * f64::from(*code)).powi(2);
    }
    Quantized { scale, error: at_least(squares.sqrt()) }
}

/// Writes a vector in half the bits, as the upper halves of its numbers; returns the error.
///
/// # Panics
///
/// Panics if there are not as many codes as components.
pub fn to_bf16(row: &[f32], codes: &mut [u16]) -> f32 {
    assert_eq!(row.len(), codes.len(), "each component has a code");
    let mut squares = 0.0;
    for (code, &value) in codes.iter_mut().zip(row) {
        let bits = value.to_bits();
        // To the nearest, ties to even; no component of a unit vector is near infinity.
        *code = (bits.wrapping_add(0x7FFF + ((bits >> 16) & 1)) >> 16) as u16;
        squares += (f64::from(value) - f64::from(from_bf16(*code))).powi(2);
    }
    at_least(squares.sqrt())
}

/// The number that an upper half stands for.
pub(super) fn from_bf16(code: u16) -> f32 {
    f32::from_bits(u32::from(code) << 16)
}

/// Length of the vector that codes stand for, or a little more.
pub(super) fn norm_of(codes: &[i8], scale: f32) -> f32 {
    let squares: f64 = codes.iter().map(|&code| f64::from(code).powi(2)).sum();
    at_least(squares.sqrt() * f64::from(scale))
}

/// In single precision, rounded up past what the sum in double may have lost.
fn at_least(value: f64) -> f32 {
    ((value * (1.0 + 1e-9)) as f32).next_up()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_greatest_component_takes_the_greatest_code() {
        let mut codes = [0; 3];
        let found = quantize(&[-0.5, 0.25, 0.0], &mut codes);
        assert_eq!(codes, [-127, 64, 0]);
        assert!((found.scale - 0.5 / 127.0).abs() < 1e-9);
        let expected = (0.25 - 64.0 * 0.5 / 127.0f64).abs();
        assert!((f64::from(found.error) - expected).abs() < 1e-8, "{found:?}");
    }

    #[test]
    fn what_has_no_scale_is_all_error() {
        for tiny in [0.0, f32::from_bits(1), 1e-39] {
            let mut codes = [9; 2];
            let found = quantize(&[tiny, -tiny], &mut codes);
            assert_eq!((codes, found.scale), ([0; 2], 0.0));
            assert!(f64::from(found.error) >= f64::from(tiny) * 1.414);
        }
    }

    #[test]
    fn bf16_rounds_to_the_nearest_and_ties_to_even() {
        let mut codes = [0; 4];
        let step = 2.0f32.powi(-8); // half of a step at 1
        to_bf16(&[1.0, 1.0 + step, 1.0 + 3.0 * step, -0.3], &mut codes);
        assert_eq!(codes.map(from_bf16)[..3], [1.0, 1.0, 1.0 + 4.0 * step]);
        assert!((from_bf16(codes[3]) + 0.3).abs() < 0.3 / 256.0);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 8 } else { 256 }, ..Default::default() })]

        #[test]
        fn no_vector_is_farther_from_its_codes_than_said(
            row in prop::collection::vec(-1.0f32..1.0, 1..80), shrink in 0i32..60,
        ) {
            let row: Vec<f32> = row.iter().map(|value| value * 0.5f32.powi(shrink)).collect();
            let (mut codes, mut halves) = (vec![0; row.len()], vec![0; row.len()]);
            let found = quantize(&row, &mut codes);
            let half_error = to_bf16(&row, &mut halves);
            let length = |of: &dyn Fn(usize) -> f64| {
                (0..row.len()).map(|at| (f64::from(row[at]) - of(at)).powi(2)).sum::<f64>().sqrt()
            };
            let scale = f64::from(found.scale);
            prop_assert!(length(&|at| scale * f64::from(codes[at])) <= f64::from(found.error));
            prop_assert!(length(&|at| f64::from(from_bf16(halves[at]))) <= f64::from(half_error));
            prop_assert!(codes.iter().all(|&code| code >= -127));
        }
    }
}

//! `exp` of many numbers that are not above 0, in portable Rust that compiles to vector registers.

use std::f64::consts::LOG2_E;

/// Numbers that are worked on at once.
pub(super) const WIDTH: usize = 8;

/// 1.5 · 2⁵²: a sum with it has no digits after the point, and the lowest bits are the whole number.
const WHOLE: f64 = 6_755_399_441_055_744.0;
/// `log 2` in two parts, the first with zeros at its end, so that its multiples are exact.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Below this, the result is as good as 0, and nearly too small for the exponent of a number.
const LOWEST: f64 = -708.0;

/// `exp(x)` for `x <= 0`, right to `4e-16` of itself; 0 below -708 and for NaN.
#[inline]
pub(super) fn exp_of_negative(x: f64) -> f64 {
    // exp(x) = 2^k exp(r), |r| <= log(2) / 2.
    let bounded = x.max(LOWEST);
    let shifted = bounded * LOG2_E + WHOLE;
    let k = shifted - WHOLE;
    let r = (bounded - k * LN_2_HIGH) - k * LN_2_LOW;
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let result = power * series(r);
    // Not `<`: what is no number stands for nothing, too.
    if x >= LOWEST { result } else { 0.0 }
}

/// The series of `exp`, as far as it matters for `|r| <= log(2) / 2`.
#[inline]
fn series(r: f64) -> f64 {
    // 1 / k!, from 13 down to 0.
    const TERMS: [f64; 14] = {
        let mut terms = [1.0; 14];
        let mut factorial = 1.0;
        let mut k = 1;
        while k < 14 {
            factorial *= k as f64;
            terms[13 - k] = 1.0 / factorial;
            k += 1;
        }
        terms
    };
    let mut sum = TERMS[0];
    for term in &TERMS[1..] {
        sum = sum * r + term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;

    #[test]
    fn every_size_agrees_with_the_standard_library() {
        for step in 0..=708_000 {
            let x = -f64::from(step) / 1000.0;
            let (found, expected) = (exp_of_negative(x), x.exp());
            assert!((found - expected).abs() <= 4e-16 * expected, "exp({x}) is {found}");
        }
        assert_eq!(exp_of_negative(0.0), 1.0);
    }

    #[test]
    fn what_is_too_small_is_0() {
        for x in [-708.1, -1e300, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(exp_of_negative(x), 0.0);
        }
    }

    #[test]
    fn the_parts_of_the_logarithm_add_up() {
        assert_eq!(LN_2_HIGH + LN_2_LOW, LN_2);
    }
}

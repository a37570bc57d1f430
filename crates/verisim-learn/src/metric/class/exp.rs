//! Exponentials of a row of numbers, many at once; it does not know what they are for.

#![expect(
    clippy::inline_always,
    reason = "vector instructions reach only what is inlined into the function around it"
)]

use crate::ops::kernel::simd::{WIDTH, vectorized};

/// Below it, `exp` is smaller than any normal `f32`.
const UNDERFLOW: f32 = -87.336_54;
/// 1.5 * 2^23: added to a number of moderate size, it leaves the nearest integer in the low bits.
const ROUNDER: f32 = 12_582_912.0;
/// `ln 2` in two parts, the first of so few bits that its products with small integers are exact.
const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];

/// The largest number, or negative infinity if there is none.
pub(super) fn largest(row: &[f32]) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            let mut lanes = [f32::NEG_INFINITY; WIDTH];
            let (chunks, rest) = row.as_chunks::<WIDTH>();
            for chunk in chunks {
                for (largest, &value) in lanes.iter_mut().zip(chunk) {
                    *largest = if value > *largest { value } else { *largest };
                }
            }
            lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
        },
    )
}

/// Writes `exp(scale * (x - base))` of each number, and returns their sum.
///
/// No number times `scale` may be much above `base` times `scale`.
pub(super) fn exponentials(row: &[f32], scale: f32, base: f32, shares: &mut [f32]) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let mut sums = [0.0; WIDTH];
            let (chunks, rest) = row.as_chunks::<WIDTH>();
            let (to_chunks, to_rest) = shares.as_chunks_mut::<WIDTH>();
            for (chunk, shares) in chunks.iter().zip(to_chunks) {
                for (share, &value) in shares.iter_mut().zip(chunk) {
                    *share = exp(scale * (value - base));
                }
                for (sum, &share) in sums.iter_mut().zip(shares.iter()) {
                    *sum += f64::from(share);
                }
            }
            for ((share, &value), sum) in to_rest.iter_mut().zip(rest).zip(&mut sums) {
                *share = exp(scale * (value - base));
                *sum += f64::from(*share);
            }
            sums.iter().sum()
        },
    )
}

/// Multiplies every number.
pub(super) fn scale(row: &mut [f32], factor: f32) {
    vectorized(
        #[inline(always)]
        || row.iter_mut().for_each(|value| *value *= factor),
    );
}

/// `e^x` for `x` up to 80, right to 2 in the last place; 0 where that is below 2^-126.
///
/// A polynomial for what is left of `x` beside a multiple of `ln 2`, after Cephes.
#[inline(always)]
fn exp(x: f32) -> f32 {
    // Not `max`: a NaN is to stay one.
    let bounded = if x < UNDERFLOW { UNDERFLOW } else { x };
    let rounded = bounded * std::f32::consts::LOG2_E + ROUNDER;
    let n = rounded - ROUNDER;
    let rest = bounded - n * LN_2[0] - n * LN_2[1];
    let mut sum = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        sum = sum * rest + coefficient;
    }
    let power = f32::from_bits(rounded.to_bits().wrapping_add(127) << 23);
    let share = (sum * (rest * rest) + rest + 1.0) * power;
    if x < UNDERFLOW { 0.0 } else { share }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_right_to_the_last_two_places() {
        for step in 0..=200_000 {
            let x = 0.5 - step as f32 * 0.0005;
            let (found, expected) = (exp(x), f64::from(x).exp());
            let allowed = expected * 2.4e-7 + f64::from(f32::MIN_POSITIVE);
            assert!((f64::from(found) - expected).abs() <= allowed, "{x}: {found}, not {expected}");
        }
        assert_eq!([exp(0.0), exp(-1e30), exp(f32::NEG_INFINITY)], [1.0, 0.0, 0.0]);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn sums_do_not_depend_on_where_a_row_is_cut() {
        for n in [0, 1, 15, 16, 17, 100] {
            let row: Vec<f32> = (0..n).map(|index| -(index as f32) / 7.0).collect();
            let mut shares = vec![0.0; n];
            let sum = exponentials(&row, 2.0, 0.0, &mut shares);
            let expected: f64 = row.iter().map(|&x| (2.0 * f64::from(x)).exp()).sum();
            assert!((sum - expected).abs() <= 1e-6, "{n}: {sum}, not {expected}");
            assert_eq!(largest(&row), if n == 0 { f32::NEG_INFINITY } else { 0.0 });
        }
    }
}

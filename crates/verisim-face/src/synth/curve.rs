//! Smooth functions of one variable, the same to the bit on every machine.
//!
//! The standard library's `sin` and `exp` may differ in the last bit between machines; these use
//! only sums, products and square roots, which may not.

use std::f32::consts::{FRAC_PI_2, TAU};

/// From 0 at `from` to 1 at `to`, flat at both ends; `from` may be the larger one.
pub(super) fn smoothstep(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A bell over `[-1, 1]`, 1 in the middle and 0 outside.
pub(super) fn bump(x: f32) -> f32 {
    let rest = (1.0 - x * x).max(0.0);
    rest * rest
}

/// A bell over the unit disk.
pub(super) fn bump2(x: f32, y: f32) -> f32 {
    let rest = (1.0 - x * x - y * y).max(0.0);
    rest * rest
}

/// The value at `share` of the way from `a` to `b`.
pub(super) fn mix(a: f32, b: f32, share: f32) -> f32 {
    a + (b - a) * share
}

/// The larger of two values, with the corner rounded over about `radius`.
pub(super) fn smooth_max(a: f32, b: f32, radius: f32) -> f32 {
    let difference = a - b;
    0.5 * (a + b + (difference * difference + radius * radius).sqrt())
}

/// Sine and cosine of an angle in radians, within 1e-5 for angles of a few turns.
pub(super) fn sin_cos(angle: f32) -> (f32, f32) {
    (sine(angle), sine(angle + FRAC_PI_2))
}

fn sine(angle: f32) -> f32 {
    let turns = angle / TAU;
    let mut t = (turns - (turns + 0.5).floor()) * TAU; // [-pi, pi]
    if t > FRAC_PI_2 {
        t = 2.0 * FRAC_PI_2 - t;
    } else if t < -FRAC_PI_2 {
        t = -2.0 * FRAC_PI_2 - t;
    }
    let s = t * t;
    // Taylor's series to the ninth power: off by less than 4e-6 at a right angle.
    t * (1.0 + s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5_040.0 + s / 362_880.0))))
}

/// `exp(-x)` for `x >= 0`, within a thousandth.
pub(super) fn decay(x: f32) -> f32 {
    if x > 30.0 {
        return 0.0;
    }
    // Eight squarings of a value close to 1.
    let step = x / 256.0;
    let mut value = 1.0 / (1.0 + step + 0.5 * step * step);
    for _ in 0..8 {
        value *= value;
    }
    value
}

/// `base` to a whole power; `f32::powi` leaves the order of its products open.
pub(super) fn power(base: f32, exponent: u32) -> f32 {
    let (mut result, mut square, mut rest) = (1.0, base, exponent);
    while rest > 0 {
        if rest & 1 == 1 {
            result *= square;
        }
        square *= square;
        rest >>= 1;
    }
    result
}

/// The smooth curve through `knots`, pairs of position and value with descending positions.
///
/// A cubic between neighbors whose slopes are those of the chords around them; constant beyond the
/// ends.
pub(super) fn through(knots: &[(f32, f32)], x: f32) -> f32 {
    let after = knots.partition_point(|knot| knot.0 >= x);
    if after == 0 {
        return knots[0].1;
    }
    if after == knots.len() {
        return knots[after - 1].1;
    }
    let slope = |index: usize| {
        let (before, next) = (index.saturating_sub(1), (index + 1).min(knots.len() - 1));
        (knots[next].1 - knots[before].1) / (knots[next].0 - knots[before].0)
    };
    let ((x0, y0), (x1, y1)) = (knots[after - 1], knots[after]);
    let width = x1 - x0;
    let t = (x - x0) / width;
    let (s0, s1) = (slope(after - 1) * width, slope(after) * width);
    let (square, cube) = (t * t, t * t * t);
    y0 * (2.0 * cube - 3.0 * square + 1.0)
        + s0 * (cube - 2.0 * square + t)
        + y1 * (3.0 * square - 2.0 * cube)
        + s1 * (cube - square)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sine_cosine_and_exponential_agree_with_the_standard_library() {
        for step in -400..=400 {
            let x = step as f32 * 0.025;
            let (sin, cos) = sin_cos(x);
            assert!((sin - x.sin()).abs() < 1e-5 && (cos - x.cos()).abs() < 1e-5, "{x}");
            assert!((decay(x.abs()) - (-x.abs()).exp()).abs() < 1e-3, "{x}");
        }
    }

    #[test]
    fn a_curve_goes_through_its_knots() {
        let knots = [(3.0, 1.0), (1.0, 5.0), (-2.0, 4.0)];
        for (x, y) in knots {
            assert!((through(&knots, x) - y).abs() < 1e-5, "{x}");
        }
        assert_eq!(through(&knots, 9.0), 1.0);
        assert_eq!(through(&knots, -9.0), 4.0);
    }

    #[test]
    fn the_rounded_maximum_is_at_least_the_maximum() {
        assert!(smooth_max(1.0, 1.0, 0.2) > 1.0);
        assert!((smooth_max(5.0, 1.0, 0.1) - 5.0).abs() < 0.01);
    }

    #[test]
    fn powers_are_products() {
        assert_eq!(power(2.0, 10), 1024.0);
        assert_eq!(power(3.0, 0), 1.0);
    }
}

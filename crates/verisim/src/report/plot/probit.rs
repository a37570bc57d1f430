//! The normal deviate of a probability, which the axes of a DET plot are spaced by.
//!
//! Algorithm AS 241 (PPND16): Wichura, *The Percentage Points of the Normal Distribution*, Applied
//! Statistics 37(3), 1988. The relative error is about 1e-16.

/// Half the width of the middle, where the first approximation holds.
const MIDDLE: f64 = 0.425;
/// Where the tail ends and the far tail begins, as `sqrt(-ln(p))`.
const FAR: f64 = 5.0;

/// Numerator and denominator in the middle, from the constant term up.
const CENTRAL: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_5,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
];
/// Numerator and denominator in the tail, from the constant term up.
const TAIL: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        0.000_774_545_014_278_341_4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        0.000_547_593_808_499_534_5,
        1.050_750_071_644_416_9e-9,
    ],
];
/// Numerator and denominator in the far tail, from the constant term up.
const FAR_TAIL: [[f64; 8]; 2] = [
    [
        6.657_904_643_501_103,
        5.463_784_911_164_114,
        1.784_826_539_917_291_3,
        0.296_560_571_828_504_87,
        0.026_532_189_526_576_124,
        0.001_242_660_947_388_078_4,
        2.711_555_568_743_487_6e-5,
        2.010_334_399_292_288_1e-7,
    ],
    [
        1.0,
        0.599_832_206_555_888,
        0.136_929_880_922_735_8,
        0.014_875_361_290_850_615,
        0.000_786_869_131_145_613_3,
        1.846_318_317_510_054_8e-5,
        1.421_511_758_316_446e-7,
        2.044_263_103_389_939_7e-15,
    ],
];

/// The deviate that a standard normal variable stays below with `probability`.
///
/// Minus infinity at 0, infinity at 1, NaN outside.
pub(super) fn probit(probability: f64) -> f64 {
    let from_middle = probability - 0.5;
    if from_middle.abs() <= MIDDLE {
        return from_middle * ratio(&CENTRAL, MIDDLE * MIDDLE - from_middle * from_middle);
    }
    let tail = probability.min(1.0 - probability);
    if tail == 0.0 {
        return f64::INFINITY.copysign(from_middle);
    }
    let depth = (-tail.ln()).sqrt();
    let size = if depth <= FAR { ratio(&TAIL, depth - 1.6) } else { ratio(&FAR_TAIL, depth - FAR) };
    size.copysign(from_middle)
}

fn ratio([numerator, denominator]: &[[f64; 8]; 2], x: f64) -> f64 {
    let value = |terms: &[f64; 8]| terms.iter().rev().fold(0.0, |sum, term| sum * x + term);
    value(numerator) / value(denominator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(probability: f64, expected: f64) {
        let deviate = probit(probability);
        let error = (deviate - expected).abs() / expected.abs().max(1.0);
        assert!(error < 1e-14, "probit({probability}) = {deviate}, but {expected} is right");
    }

    /// The values are those of Python's `statistics.NormalDist().inv_cdf`.
    #[test]
    fn deviates_are_those_of_the_tables() {
        check(0.5, 0.0);
        check(0.4, -0.253_347_103_135_799_8);
        check(0.2, -0.841_621_233_572_914_2);
        check(0.075, -1.439_531_470_938_457);
        check(0.975, 1.959_963_984_540_053_6);
        check(1e-3, -3.090_232_306_167_813);
        check(1e-6, -4.753_424_308_822_899);
        check(1e-12, -7.034_483_825_301_132);
    }

    #[test]
    fn the_approximations_meet_where_they_take_turns() {
        for turn in [0.5 - MIDDLE, (-FAR * FAR).exp()] {
            let jump = (probit(turn * (1.0 + 1e-13)) - probit(turn * (1.0 - 1e-13))).abs();
            assert!(jump < 1e-11, "{jump} at {turn}");
        }
    }

    #[test]
    fn the_ends_are_infinite_and_what_is_no_probability_has_no_deviate() {
        assert_eq!((probit(0.0), probit(1.0)), (f64::NEG_INFINITY, f64::INFINITY));
        assert!(probit(-0.1).is_nan() && probit(1.1).is_nan() && probit(f64::NAN).is_nan());
    }
}

//! From a demanded error rate to a threshold, and how far the measurement supports it; it does not
//! know pictures, and takes the comparisons for ones of the population that it will be used on.

use crate::measure::Verification;

/// Expected errors below which a rate cannot be told from 0: not one comparison would match.
const N_ERRORS_WEAK: f64 = 1.0;
/// The rule of three: so many without an error bound the rate at 95 %.
const N_ERRORS_FAIR: f64 = 3.0;
/// Doddington's rule of 30: the true rate is within 30 % of the one measured, at 90 %.
const N_ERRORS_STRONG: f64 = 30.0;

/// A threshold together with the demand that it was chosen for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Score at or above which a comparison matches.
    pub score: f32,
    /// The bound on the false match rate that was demanded.
    pub demanded_fmr: f64,
    /// The false match rate that was measured at `score`, at most the one demanded.
    pub measured_fmr: f64,
    /// The false non-match rate that was measured at `score`.
    pub fnmr: f64,
    /// Number of non-mated comparisons that were measured.
    pub n_non_mated: usize,
    /// How far they support the demand.
    pub support: Support,
}

/// How far a number of non-mated comparisons supports a demanded false match rate.
///
/// The rules take the comparisons for independent. Those that share identities are not, and support
/// less.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Support {
    /// Fewer than `3 / FMR`: even with no error at all, the true rate may be above the one
    /// demanded.
    Weak,
    /// At least `3 / FMR`: no error at all would bound the true rate by the one demanded, at 95 %
    /// (rule of three).
    Fair,
    /// At least `30 / FMR`: with the 30 errors then expected, the true rate is within 30 % of the
    /// one measured, at 90 % (rule of 30). ISO/IEC 19795-1 gives both rules.
    Strong,
}

/// Why no threshold is given.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedFmr {
    /// The demand is not a rate that a threshold could keep.
    #[error("an FMR of {demanded_fmr} was demanded, but it must be above 0 and at most 1")]
    OutOfRange {
        /// The bound that was demanded.
        demanded_fmr: f64,
    },
    /// Not one error is to be expected among the comparisons.
    #[error(
        "an FMR of {demanded_fmr} needs at least {n_required} non-mated comparisons, but there are \
         {n_non_mated}"
    )]
    TooFewComparisons {
        /// The bound that was demanded.
        demanded_fmr: f64,
        /// Number of non-mated comparisons at hand.
        n_non_mated: usize,
        /// Number of non-mated comparisons that it takes at least.
        n_required: usize,
    },
}

impl Threshold {
    /// Chooses the lowest threshold whose false match rate in `experiment` is at most
    /// `demanded_fmr`.
    ///
    /// # Errors
    ///
    /// Fails if `demanded_fmr` is not above 0 and at most 1, or if there are fewer than `1 /
    /// demanded_fmr` non-mated comparisons: the threshold would rest on nothing but the highest of
    /// them.
    pub fn at_fmr(experiment: &Verification, demanded_fmr: f64) -> Result<Self, UnsupportedFmr> {
        let n_non_mated = experiment.n_non_mated();
        let support = Support::of(n_non_mated, demanded_fmr)?;
        let point = experiment.at_fmr(demanded_fmr);
        Ok(Self {
            score: point.threshold,
            demanded_fmr,
            measured_fmr: point.fmr,
            fnmr: point.fnmr,
            n_non_mated,
            support,
        })
    }
}

impl Support {
    /// How far `n_non_mated` comparisons support `demanded_fmr`.
    ///
    /// # Errors
    ///
    /// As [`Threshold::at_fmr`].
    pub fn of(n_non_mated: usize, demanded_fmr: f64) -> Result<Self, UnsupportedFmr> {
        if !(demanded_fmr > 0.0 && demanded_fmr <= 1.0) {
            return Err(UnsupportedFmr::OutOfRange { demanded_fmr });
        }
        let suffice = |n_errors| n_non_mated >= n_comparisons_for(n_errors, demanded_fmr);
        if suffice(N_ERRORS_STRONG) {
            Ok(Self::Strong)
        } else if suffice(N_ERRORS_FAIR) {
            Ok(Self::Fair)
        } else if suffice(N_ERRORS_WEAK) {
            Ok(Self::Weak)
        } else {
            let n_required = n_comparisons_for(N_ERRORS_WEAK, demanded_fmr);
            Err(UnsupportedFmr::TooFewComparisons { demanded_fmr, n_non_mated, n_required })
        }
    }
}

/// Number of comparisons among which at least `n_errors` are expected at a rate of `fmr`.
fn n_comparisons_for(n_errors: f64, fmr: f64) -> usize {
    // No decimal fraction is exact in binary: 3 errors at 3e-8 would take one comparison more.
    (n_errors / fmr * (1.0 - 4.0 * f64::EPSILON)).ceil() as usize
}

/// The false positive identification rate of a search among `n_enrolled` templates.
///
/// ```text
/// FPIR = 1 - (1 - FMR)^N
/// ```
///
/// It takes the comparisons of one search for independent. In a real gallery they are not: a probe
/// that resembles one template resembles others. Where FPIR can be measured
/// ([`Identification`](crate::measure::Identification)), do not compute it.
///
/// `fmr` is in `[0, 1]`; outside, the result has no meaning.
pub fn fpir_from_fmr(fmr: f64, n_enrolled: usize) -> f64 {
    if n_enrolled == 0 {
        return 0.0;
    }
    // Through logarithms: 1 - 1e-18 is 1.
    -(n_enrolled as f64 * (-fmr).ln_1p()).exp_m1()
}

/// The false match rate that a search among `n_enrolled` templates needs to keep `fpir`.
///
/// The inverse of [`fpir_from_fmr`], with the same reservation. Without templates any rate will do:
/// 1.
pub fn fmr_from_fpir(fpir: f64, n_enrolled: usize) -> f64 {
    if n_enrolled == 0 {
        return 1.0;
    }
    -((-fpir).ln_1p() / n_enrolled as f64).exp_m1()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::measure::Comparison;

    /// `n_non_mated` comparisons with scores from 0 up to below 1, and one mated with a score of 1.
    fn experiment(n_non_mated: usize) -> Verification {
        let score = |idx: usize| idx as f32 / n_non_mated as f32;
        let mut comparisons: Vec<Comparison> = (0..n_non_mated)
            .map(|idx| Comparison { score: score(idx), reference: 1, probe: 2 })
            .collect();
        comparisons.push(Comparison { score: 1.0, reference: 1, probe: 1 });
        Verification::new(&comparisons).unwrap()
    }

    #[track_caller]
    fn check(n_non_mated: usize, demanded_fmr: f64, expected: Support) {
        let threshold = Threshold::at_fmr(&experiment(n_non_mated), demanded_fmr).unwrap();
        assert_eq!(threshold.support, expected);
        assert_eq!(threshold.n_non_mated, n_non_mated);
    }

    #[test]
    fn support_grows_with_the_number_of_comparisons() {
        check(100, 0.01, Support::Weak);
        check(299, 0.01, Support::Weak);
        check(300, 0.01, Support::Fair);
        check(2999, 0.01, Support::Fair);
        check(3000, 0.01, Support::Strong);
        assert!(Support::Weak < Support::Fair && Support::Fair < Support::Strong);
    }

    #[test]
    fn the_threshold_is_that_of_the_verification() {
        let threshold = Threshold::at_fmr(&experiment(100), 0.05).unwrap();
        let expected = Threshold {
            score: 0.94f32.next_up(),
            demanded_fmr: 0.05,
            measured_fmr: 0.05,
            fnmr: 0.0,
            n_non_mated: 100,
            support: Support::Fair,
        };
        assert_eq!(threshold, expected);
    }

    #[test]
    fn what_the_comparisons_cannot_support_is_refused() {
        let refusal = |fmr| Threshold::at_fmr(&experiment(99), fmr).unwrap_err().to_string();
        assert_eq!(
            refusal(0.01),
            "an FMR of 0.01 needs at least 100 non-mated comparisons, but there are 99"
        );
        assert_eq!(refusal(0.0), "an FMR of 0 was demanded, but it must be above 0 and at most 1");
        for fmr in [-0.1, 1.1, f64::NAN] {
            assert!(refusal(fmr).contains("above 0"), "{fmr}");
        }
    }

    #[test]
    fn rounding_demands_no_comparison_more() {
        for n_errors in [1, 3, 30] {
            for (n, numerator) in
                (1..9).flat_map(|digits| (1..300).map(move |k| (10usize.pow(digits), k)))
            {
                let found = n_comparisons_for(n_errors as f64, numerator as f64 / n as f64);
                assert_eq!(found, (n_errors * n).div_ceil(numerator), "{n_errors} {numerator}/{n}");
            }
        }
    }

    #[test]
    fn fpir_grows_with_the_gallery() {
        let check = |fmr, n_enrolled, expected: f64| {
            let fpir = fpir_from_fmr(fmr, n_enrolled);
            assert!((fpir / expected - 1.0).abs() < 1e-4, "{fpir} is not {expected}");
        };
        check(0.5, 2, 0.75);
        check(1e-6, 1_000_000, 0.632_121);
        check(1e-6, 100_000, 0.095_163);
        check(1e-18, 1000, 1e-15);
        check(1.0, 5, 1.0);
        assert_eq!((fpir_from_fmr(0.5, 0), fpir_from_fmr(0.0, 9)), (0.0, 0.0));
        assert_eq!((fmr_from_fpir(0.5, 0), fmr_from_fpir(0.0, 9)), (1.0, 0.0));
    }

    proptest! {
        #[test]
        fn fmr_is_recovered_from_fpir(
            exponent in -12.0..-0.01f64, n_enrolled in 1usize..10_000_000,
        ) {
            let fpir = 10f64.powf(exponent);
            let again = fpir_from_fmr(fmr_from_fpir(fpir, n_enrolled), n_enrolled);
            prop_assert!((again / fpir - 1.0).abs() < 1e-9, "{again} is not {fpir}");
        }

        #[test]
        fn the_measured_rate_keeps_the_demand(
            n_non_mated in 1usize..300, demanded_fmr in 0.0..1.0f64,
        ) {
            match Threshold::at_fmr(&experiment(n_non_mated), demanded_fmr) {
                Ok(threshold) => prop_assert!(threshold.measured_fmr <= demanded_fmr),
                Err(_) => prop_assert!((n_non_mated as f64) < 1.0 / demanded_fmr),
            }
        }
    }
}

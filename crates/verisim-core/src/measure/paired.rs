//! Whether one model is better than another: repetitions, paired differences, several tests at
//! once; it does not know what was measured.

use super::interval::Estimate;
use crate::random::Random;

/// Up to so many differences every choice of signs is looked at, 65,536 at most.
const MAX_EXACT: usize = 16;
/// 97.5 % quantiles of Student's t with 1, 2, ... 30 degrees of freedom.
const T_QUANTILES: [f64; 30] = [
    12.706_205, 4.302_653, 3.182_446, 2.776_445, 2.570_582, 2.446_912, 2.364_624, 2.306_004,
    2.262_157, 2.228_139, 2.200_985, 2.178_813, 2.160_369, 2.144_787, 2.131_450, 2.119_905,
    2.109_816, 2.100_922, 2.093_024, 2.085_963, 2.079_614, 2.073_873, 2.068_658, 2.063_899,
    2.059_539, 2.055_529, 2.051_831, 2.048_407, 2.045_230, 2.042_272,
];
/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_964;

/// The mean of independent repetitions with its 95 % interval by Student's t.
///
/// ```text
/// mean ± t(n - 1) s / sqrt(n)
/// ```
///
/// It says how far the mean would move with other repetitions, such as other seeds. `None` if there
/// are fewer than two, from which no spread is known.
pub fn mean_of_repetitions(values: &[f64]) -> Option<Estimate> {
    let degrees = values.len().checked_sub(1).filter(|degrees| *degrees > 0)?;
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let half = t_quantile(degrees) * (squares / degrees as f64 / n).sqrt();
    Some(Estimate { value: mean, lower: mean - half, upper: mean + half })
}

/// Beyond the table an expansion in the inverse degrees, right to five digits.
fn t_quantile(degrees: usize) -> f64 {
    if let Some(quantile) = T_QUANTILES.get(degrees - 1) {
        return *quantile;
    }
    let inverse = 1.0 / degrees as f64;
    let first = (Z.powi(3) + Z) / 4.0;
    let second = (5.0 * Z.powi(5) + 16.0 * Z.powi(3) + 3.0 * Z) / 96.0;
    let third = (3.0 * Z.powi(7) + 19.0 * Z.powi(5) + 17.0 * Z.powi(3) - 15.0 * Z) / 384.0;
    Z + inverse * (first + inverse * (second + inverse * third))
}

/// The two-sided p-value of the hypothesis that differences lie about 0 symmetrically.
///
/// If neither of two models were better, the difference of each identity could as well have the
/// other sign. The p-value is the share of choices of signs whose sum is as far from 0 as the one
/// found: of all choices with up to 16 differences, of `n_draws` random ones and the one found
/// beyond. A difference may carry a weight as a factor.
///
/// Fisher, *The Design of Experiments*, 1935; the 1 added above and below: Phipson, Smyth,
/// *Permutation P-values Should Never Be Zero*, 2010, <https://arxiv.org/abs/1603.05766>.
pub fn sign_flip_test(differences: &[f64], n_draws: usize, seed: u64) -> f64 {
    let found = differences.iter().sum::<f64>().abs();
    // Sums of the same numbers in another order differ in their last digits.
    let least = found - 1e-12 * differences.iter().map(|it| it.abs()).sum::<f64>();
    let sum = |is_negative: &mut dyn FnMut(usize) -> bool| {
        let signed = differences.iter().enumerate();
        signed.map(|(idx, it)| if is_negative(idx) { -it } else { *it }).sum::<f64>().abs()
    };
    if differences.len() <= MAX_EXACT {
        let n_choices = 1_u32 << differences.len();
        let is_far = |signs: &u32| sum(&mut |idx| signs >> idx & 1 == 1) >= least;
        return (0..n_choices).filter(is_far).count() as f64 / f64::from(n_choices);
    }
    let mut random = Random::new(seed);
    let n_far = (0..n_draws).filter(|_| sum(&mut |_| random.below(2) == 1) >= least).count();
    (n_far + 1) as f64 / (n_draws + 1) as f64
}

/// Corrects the p-values of several tests, so that all of them together err with the probability
/// that one alone would.
///
/// The `k`-th smallest of `n` is multiplied by `n - k + 1`, and none falls below a smaller one's.
/// The tests need not be independent.
///
/// Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, 1979.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut corrected = vec![1.0; p_values.len()];
    let mut highest: f64 = 0.0;
    for (rank, &idx) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        highest = highest.max((factor * p_values[idx]).min(1.0));
        corrected[idx] = highest;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn holm_by_hand() {
        // Ascending 0.01 * 4, 0.02 * 3, 0.03 * 2, 0.5: the third may not fall below the second.
        let corrected = holm(&[0.03, 0.01, 0.5, 0.02]);
        for (found, expected) in corrected.iter().zip([0.06, 0.04, 0.5, 0.06]) {
            assert!((found - expected).abs() < 1e-12, "{corrected:?}");
        }
        // 2 * 0.04 stands above 0.05, which it lifts.
        let corrected = holm(&[0.05, 0.04]);
        assert!(corrected.iter().all(|found| (found - 0.08).abs() < 1e-12), "{corrected:?}");
        assert_eq!(holm(&[0.7, 0.9]), [1.0, 1.0]);
        assert_eq!(holm(&[]), [0.0; 0]);
    }

    #[test]
    fn repetitions_by_hand() {
        // Mean 3, squares 10, s^2 2.5, error sqrt(0.5), t with 4 degrees of freedom 2.776.
        let found = mean_of_repetitions(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        let half = 2.776_445 * 0.5_f64.sqrt();
        assert_eq!(found.value, 3.0);
        assert!((found.lower - (3.0 - half)).abs() < 1e-9, "{found:?}");
        assert!((found.upper - (3.0 + half)).abs() < 1e-9, "{found:?}");
        let same = mean_of_repetitions(&[0.5; 3]).unwrap();
        assert_eq!(same, Estimate { value: 0.5, lower: 0.5, upper: 0.5 });
        assert_eq!(mean_of_repetitions(&[1.0]), None);
        assert_eq!(mean_of_repetitions(&[]), None);
    }

    #[test]
    fn quantiles_beyond_the_table_go_on_from_it() {
        // R: qt(0.975, c(31, 60, 1000))
        for (degrees, expected) in [(31, 2.039_513), (60, 2.000_298), (1000, 1.962_339)] {
            assert!((t_quantile(degrees) - expected).abs() < 2e-5, "{degrees}");
        }
    }

    #[test]
    fn signs_by_hand() {
        // Of the eight sums ±1 ±2 ±3 only 6 and -6 are as far from 0 as 6.
        assert_eq!(sign_flip_test(&[1.0, 2.0, 3.0], 0, 0), 0.25);
        // 1 + 2 - 3 = 0, and every sum is as far.
        assert_eq!(sign_flip_test(&[1.0, 2.0, -3.0], 0, 0), 1.0);
        assert_eq!(sign_flip_test(&[0.0; 40], 99, 0), 1.0);
        assert_eq!(sign_flip_test(&[], 0, 0), 1.0);
        // 2^-39 by right, and never below one in 1000.
        assert_eq!(sign_flip_test(&[0.1; 40], 999, 0), 0.001);
    }

    #[test]
    fn drawn_signs_agree_with_all_signs() {
        let differences: Vec<f64> = (0..16).map(|it| f64::from(it) * 0.1 - 0.4).collect();
        let exact = sign_flip_test(&differences, 0, 0);
        // A difference of 0 changes no sum, but makes them too many to look at all.
        let drawn = sign_flip_test(&[differences, vec![0.0]].concat(), 20_000, 7);
        assert!((exact - drawn).abs() < 0.01, "{exact} {drawn}");
    }

    proptest! {
        #[test]
        fn a_correction_only_raises_and_keeps_the_order(
            p_values in prop::collection::vec(0.0..=1.0f64, 0..12),
        ) {
            let corrected = holm(&p_values);
            for (a, &p) in p_values.iter().enumerate() {
                prop_assert!(corrected[a] >= p && corrected[a] <= 1.0);
                for (b, &other) in p_values.iter().enumerate() {
                    prop_assert!(p > other || corrected[a] <= corrected[b]);
                }
            }
        }
    }
}

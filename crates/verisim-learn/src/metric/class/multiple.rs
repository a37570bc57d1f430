//! The multiplied angle of SphereFace and L-Softmax, on logits that keep the lengths.

use super::row::cross_entropy_of_logits;
use super::scene::{ClassScene, ClassSlope};

/// `ψ(θ) = (-1)^k cos mθ - 2k` for `θ` in `[kπ/m, (k+1)π/m]`, and its change with `cos θ`.
fn multiplied(cosine: f64, margin: u32) -> (f64, f64) {
    let m = f64::from(margin);
    let half_turns = (cosine.clamp(-1.0, 1.0).acos() * m / std::f64::consts::PI).floor();
    // At -1 exactly, the last interval ends.
    let half_turns = half_turns.min(m - 1.0);
    let sign = if half_turns % 2.0 == 0.0 { 1.0 } else { -1.0 };
    // Chebyshev: cos mθ = T_m(cos θ), whose derivative is m U_{m-1}(cos θ).
    let (mut t, mut next_t) = (1.0, cosine);
    let (mut u, mut next_u) = (0.0, 1.0);
    for _ in 0..margin {
        (t, next_t) = (next_t, 2.0 * cosine * next_t - t);
        (u, next_u) = (next_u, 2.0 * cosine * next_u - u);
    }
    (sign * t - 2.0 * half_turns, sign * m * u)
}

/// Cross-entropy of `s |x| |c_j| cos θ_j`, with `ψ(θ_y)` in place of the own cosine; centers count as of
/// length 1 unless `with_centers`.
pub(super) fn evaluate(
    scene: &ClassScene<'_>,
    margin: u32,
    scale: f64,
    with_centers: bool,
) -> ClassSlope {
    let n_identities = scene.n_centers;
    let length = |center: usize| {
        if with_centers { f64::from(scene.center_norms[center]) } else { 1.0 }
    };
    let with_margin = |sample: usize, center: usize| {
        let cosine = f64::from(scene.row(sample)[center]);
        if center == scene.labels[sample] { multiplied(cosine, margin) } else { (cosine, 1.0) }
    };
    let entropy = cross_entropy_of_logits(scene, n_identities, |sample, logits| {
        let norm = scale * f64::from(scene.norms[sample]);
        for (center, logit) in logits.iter_mut().enumerate() {
            *logit = norm * length(center) * with_margin(sample, center).0;
        }
    });
    let mut cosines = entropy.slopes;
    let mut norms = vec![0.0; scene.labels.len()];
    let mut center_norms = vec![0.0; if with_centers { n_identities } else { 0 }];
    for (sample, slopes) in cosines.chunks_mut(n_identities.max(1)).enumerate() {
        let norm = scale * f64::from(scene.norms[sample]);
        let mut to_norm = 0.0;
        for (center, slope) in slopes.iter_mut().enumerate() {
            let (value, change) = with_margin(sample, center);
            let to_logit = f64::from(*slope);
            *slope = (to_logit * norm * length(center) * change) as f32;
            to_norm += to_logit * length(center) * value;
            if with_centers {
                center_norms[center] += to_logit * norm * value;
            }
        }
        norms[sample] = (scale * to_norm) as f32;
    }
    let center_norms = center_norms.iter().map(|&slope| slope as f32).collect();
    ClassSlope { value: entropy.value, cosines, norms, center_norms, ..ClassSlope::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_still_falls_opposite_to_the_center() {
        for margin in 1..=5 {
            let slope = multiplied(-1.0, margin).1;
            assert!((slope - f64::from(margin * margin)).abs() < 1e-9, "{margin}: {slope}");
        }
    }

    #[test]
    fn the_curve_starts_at_1_falls_without_a_jump_and_ends_at_1_less_twice_the_margin() {
        for margin in 1..=7 {
            let values: Vec<f64> = (0..=20_000)
                .map(|step| multiplied(1.0 - f64::from(step) * 1e-4, margin).0)
                .collect();
            assert_eq!(values[0], 1.0);
            assert!((values[20_000] - (1.0 - 2.0 * f64::from(margin))).abs() < 1e-9);
            for pair in values.windows(2) {
                assert!(pair[1] <= pair[0] && pair[0] - pair[1] < 0.01, "{margin}: {pair:?}");
            }
        }
    }
}

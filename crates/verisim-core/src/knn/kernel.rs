//! The dot product of two unit vectors; the one place where similarities are computed.

/// Independent sums, so that the compiler may use vector registers without changing the result.
const LANES: usize = 16;

/// Cosine similarity of two unit vectors of equal length, in `[-1, 1]`.
///
/// The order of summation is fixed: the same vectors give the same bits on every machine.
#[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
#[inline(always)]
pub(crate) fn similarity(a: &[f32], b: &[f32]) -> f32 {
    // Rounding may carry the sum past 1 by an ulp or two.
    dot(a, b).clamp(-1.0, 1.0)
}

/// Sum of the products of components, in the order of [`similarity`].
#[expect(clippy::inline_always, reason = "compiled anew for each width of registers")]
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0f32; LANES];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += a * b;
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_counts_whatever_the_length() {
        for len in [1, 15, 16, 17, 33] {
            let unit = 1.0 / (len as f32).sqrt();
            let ones = vec![unit; len];
            assert!((similarity(&ones, &ones) - 1.0).abs() < 1e-6, "{len}");
            for changed in 0..len {
                let mut other = ones.clone();
                other[changed] = 0.0;
                let expected = 1.0 - 1.0 / len as f32;
                assert!((similarity(&ones, &other) - expected).abs() < 1e-6, "{len} {changed}");
            }
        }
    }
}

//! Random textures of place: the same seed and place give the same value; nothing is stored.

/// A value in `[-1, 1]` for each whole-numbered place.
pub(super) fn hash(seed: u32, x: i32, y: i32) -> f32 {
    let mut mixed = seed
        ^ x.cast_unsigned().wrapping_mul(0x85eb_ca6b)
        ^ y.cast_unsigned().wrapping_mul(0xc2b2_ae35);
    mixed = (mixed ^ (mixed >> 16)).wrapping_mul(0x7feb_352d);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x846c_a68b);
    mixed ^= mixed >> 16;
    (mixed >> 8) as f32 * (2.0 / 16_777_216.0) - 1.0
}

/// Smooth noise in `[-1, 1]` whose bumps are about one unit wide.
pub(super) fn smooth(seed: u32, x: f32, y: f32) -> f32 {
    let (column, row) = (floor(x), floor(y));
    let (across, down) = (ease(x - column as f32), ease(y - row as f32));
    let top = line(seed, column, row, across);
    let bottom = line(seed, column, row + 1, across);
    top + (bottom - top) * down
}

/// Two octaves of [`smooth`], in `[-1, 1]`.
pub(super) fn rough(seed: u32, x: f32, y: f32) -> f32 {
    0.66 * smooth(seed, x, y) + 0.34 * smooth(seed ^ 0x51ed, 2.1 * x, 2.1 * y)
}

/// Smooth noise in `[-1, 1]` over space, from three planes of it.
pub(super) fn solid(seed: u32, x: f32, y: f32, z: f32) -> f32 {
    let layer = floor(z);
    let through = ease(z - layer as f32);
    let seed_of = |layer: i32| seed.wrapping_add(layer.cast_unsigned().wrapping_mul(977));
    let near = smooth(seed_of(layer), x, y);
    let far = smooth(seed_of(layer + 1), x, y);
    near + (far - near) * through
}

fn line(seed: u32, column: i32, row: i32, across: f32) -> f32 {
    let left = hash(seed, column, row);
    left + (hash(seed, column + 1, row) - left) * across
}

/// `f32::floor` is a call into the C library where the oldest processors must be able to run.
pub(super) fn floor(x: f32) -> i32 {
    let towards_zero = x as i32;
    towards_zero - i32::from(x < towards_zero as f32)
}

fn ease(t: f32) -> f32 {
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_bounded_centered_and_without_steps() {
        let mut sum = 0.0;
        for step in 0..10_000 {
            let x = step as f32 * 0.013;
            let value = rough(7, x, 0.3 * x);
            assert!(value.abs() <= 1.0);
            assert!((value - rough(7, x + 1e-3, 0.3 * x)).abs() < 0.02, "a step at {x}");
            sum += value;
        }
        assert!((sum / 10_000.0).abs() < 0.1, "{sum}");
    }

    #[test]
    fn another_seed_is_another_texture() {
        let differing = (0..100).filter(|&x| (hash(1, x, 0) - hash(2, x, 0)).abs() > 0.1).count();
        assert!(differing > 80, "{differing}");
    }

    #[test]
    fn solid_noise_varies_along_each_axis() {
        let at = |x, y, z| solid(3, x, y, z);
        let center = at(0.4, 0.3, 0.2);
        assert!(center != at(0.9, 0.3, 0.2) && center != at(0.4, 0.8, 0.2));
        assert!(center != at(0.4, 0.3, 0.7));
    }
}

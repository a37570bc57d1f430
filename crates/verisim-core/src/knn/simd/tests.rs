//! Every kind of products beside the scalar ones, on random codes and on the worst.

use super::*;
use crate::random::Random;

/// Products of each kind that this machine has are those of plain integers.
#[track_caller]
fn check(rows: &[i8], probes: &[i8], dim: usize) {
    let codes = ProbeCodes::new(dim, probes.to_vec());
    let mut panel = Panel::default();
    for simd in Simd::available() {
        let mut out = vec![[f32::NAN; TILE]; probes.len() / dim];
        simd.multiply(rows, probes, &codes, &mut panel, &mut out);
        for (probe, out) in probes.chunks_exact(dim).zip(&out) {
            for (row, &found) in rows.chunks_exact(dim).zip(out) {
                let exact: i64 =
                    row.iter().zip(probe).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
                assert_eq!(found, exact as f32, "{simd:?}, {dim} codes");
            }
        }
    }
}

fn random_codes(random: &mut Random, n: usize) -> Vec<i8> {
    (0..n).map(|_| (random.below(255) as i16 - 127) as i8).collect()
}

/// Sizes around the width of every register; Miri is slow, and sees the same edges in fewer.
const DIMS: &[usize] = if cfg!(miri) {
    &[1, 3, 17, 33, 65]
} else {
    &[1, 2, 3, 4, 5, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 130, 255, 512, 513, 1000, 4096]
};
const COUNTS: &[(usize, usize)] = if cfg!(miri) {
    &[(1, 1), (5, 4)]
} else {
    &[(0, 1), (1, 1), (15, 3), (16, 4), (17, 5), (47, 8), (48, 9), (48, 17)]
};

#[test]
fn random_codes_of_any_size_have_exact_products() {
    let mut random = Random::new(1);
    for &dim in DIMS {
        for &(n_rows, n_probes) in COUNTS {
            let rows = random_codes(&mut random, n_rows * dim);
            let probes = random_codes(&mut random, n_probes * dim);
            check(&rows, &probes, dim);
        }
    }
}

#[test]
fn the_greatest_codes_do_not_saturate() {
    for &dim in DIMS {
        for row in [-128, -127, 127] {
            for probe in [-127, 127] {
                check(&vec![row; 20 * dim], &vec![probe; dim], dim);
                check(&vec![row; 20 * dim], &vec![probe; 5 * dim], dim);
            }
            let alternating: Vec<i8> =
                (0..5 * dim).map(|at| if at % 2 == 0 { -127 } else { 127 }).collect();
            check(&vec![row; 3 * dim], &alternating, dim);
        }
    }
}

#[test]
fn every_place_counts() {
    for &dim in &DIMS[..if cfg!(miri) { 3 } else { 13 }] {
        let mut ones = vec![0; dim * dim];
        for at in 0..dim {
            ones[at * dim + at] = 127;
        }
        let mut random = Random::new(2);
        for rows in ones.chunks(TILE * dim) {
            check(rows, &random_codes(&mut random, 5 * dim), dim);
            check(&random_codes(&mut random, 3 * dim), rows, dim);
        }
    }
}

#[test]
#[should_panic(expected = "no more than 48 rows")]
fn a_tile_too_large_is_refused() {
    let probes = ProbeCodes::new(1, vec![1]);
    Simd::widest().multiply(&[1; 49], &[], &probes, &mut Panel::default(), &mut [[0.0; TILE]]);
}

//! Searches by codes beside the plain scan: the same rows, the same bits, whatever the data.

use std::convert::Infallible;
use std::num::NonZero;

use proptest::prelude::*;

use super::view::{Probes, Tile};
use super::*;
use crate::random::Random;

const PRECISIONS: [Precision; 3] = [Precision::Int8, Precision::Bf16, Precision::F32];

/// Rows, and their codes of one precision.
struct Set {
    rows: PackedEmbeddings,
    codes: Codes,
}

impl Set {
    fn new(rows: &[Embedding], dim: usize, precision: Precision) -> Self {
        let mut set =
            Self { rows: PackedEmbeddings::new(dim), codes: Codes::new(dim, precision).unwrap() };
        for row in rows {
            assert_eq!(set.rows.push(row), set.codes.push(row));
        }
        set
    }

    fn exact(&self) -> impl Fn(usize, &mut [f32]) -> Result<(), Infallible> + Sync {
        |row, values| {
            values.copy_from_slice(self.rows.row(row));
            Ok(())
        }
    }

    fn nearest(&self, search: Search<'_>, probes: &[Embedding]) -> Vec<Found> {
        let probes: Vec<&Embedding> = probes.iter().collect();
        search.nearest(&self.codes.view(), &probes, self.exact()).unwrap()
    }

    fn nearest_in_turn(&self, search: Search<'_>, probes: &[Embedding]) -> Vec<Found> {
        let probes: Vec<&Embedding> = probes.iter().collect();
        search.nearest_in_turn(&self.codes.view(), &probes, self.exact()).unwrap()
    }

    /// The plain scan, of the rows that may be found.
    fn plain(&self, probe: &Embedding, k: usize, filter: impl Fn(usize) -> bool) -> Vec<Neighbor> {
        let mut all = self.rows.nearest(probe, self.rows.len());
        all.retain(|it| self.codes.live().contains(it.row) && filter(it.row));
        all.truncate(k);
        all
    }
}

/// To the bit: -0 is not 0 here.
fn bits(neighbors: &[Neighbor]) -> Vec<(usize, u32)> {
    neighbors.iter().map(|it| (it.row, it.score.to_bits())).collect()
}

/// Every precision finds what the plain scan finds.
#[track_caller]
fn check(rows: &[Embedding], probes: &[Embedding], k: usize, filter: Option<&RowSet>) {
    let dim = probes[0].dim();
    for precision in PRECISIONS {
        let set = Set::new(rows, dim, precision);
        for n_threads in [1, 3].map(|n| NonZero::new(n).unwrap()) {
            let search = Search::new(k).on(n_threads);
            let search = filter.map_or(search, |rows| search.among(rows));
            let found = set.nearest(search, probes);
            assert_eq!(set.nearest_in_turn(search, probes), found);
            for (probe, found) in probes.iter().zip(found) {
                let plain = set.plain(probe, k, |row| filter.is_none_or(|it| it.contains(row)));
                assert_eq!(bits(&found.neighbors), bits(&plain), "{precision:?}, {dim}");
                assert!(found.is_exact && found.n_reranked >= plain.len());
            }
        }
    }
}

fn random_value(random: &mut Random) -> f32 {
    let sum: u64 = (0..4).map(|_| random.below(1 << 20)).sum();
    (sum as f32 / (1u64 << 20) as f32) - 2.0
}

/// Unit vectors around a few centers.
fn clustered(random: &mut Random, n: usize, dim: usize) -> Vec<Embedding> {
    let centers: Vec<Vec<f32>> =
        (0..5).map(|_| (0..dim).map(|_| random_value(random)).collect()).collect();
    let row = |_| {
        let center = &centers[random.below(5) as usize];
        let values = center.iter().map(|it| it + 0.3 * random_value(random)).collect();
        Embedding::new(values).unwrap()
    };
    (0..n).map(row).collect()
}

const SIZES: &[(usize, usize)] = if cfg!(miri) {
    &[(1, 3), (50, 5), (49, 33)]
} else {
    &[(1, 1), (47, 2), (48, 3), (49, 17), (200, 63), (1537, 64), (3100, 65), (300, 512), (60, 4096)]
};

#[test]
fn finds_what_the_plain_scan_finds_in_any_size() {
    let mut random = Random::new(3);
    for &(n, dim) in SIZES {
        let rows = clustered(&mut random, n, dim);
        for n_probes in [1, 5] {
            let probes = clustered(&mut random, n_probes, dim);
            for k in [1, 10, n, n + 7] {
                check(&rows, &probes, k, None);
            }
        }
        check(&rows, &rows[..n.min(9)], 3, None);
    }
}

/// One-hot rows, both signs, rows of zeros and tiny numbers: similarities of 0, -0, 1 and -1.
fn adversarial(dim: usize) -> Vec<Embedding> {
    let mut rows = Vec::new();
    for at in 0..dim {
        for value in [1.0, -1.0] {
            let mut row = vec![0.0; dim];
            row[at] = value;
            rows.push(Embedding::new(row.clone()).unwrap());
            row[(at + 1) % dim] += f32::from_bits(at as u32 + 1);
            row[(at + 2) % dim] -= 1e-39;
            rows.push(Embedding::new(row).unwrap());
        }
    }
    for sign in [1.0, -1.0] {
        rows.push(Embedding::new(vec![sign; dim]).unwrap());
        let alternating = (0..dim).map(|at| if at % 2 == 0 { sign } else { -sign });
        rows.push(Embedding::new(alternating.collect()).unwrap());
        // One component takes the whole scale, all others fall between two codes.
        let mut steep = vec![sign * 0.49 / 127.0; dim];
        steep[dim / 2] = 1.0;
        rows.push(Embedding::new(steep).unwrap());
    }
    rows
}

#[test]
fn finds_what_the_plain_scan_finds_in_adversarial_vectors() {
    for dim in if cfg!(miri) { vec![5] } else { vec![1, 2, 5, 16, 33, 64, 70] } {
        let rows = adversarial(dim);
        let probes: Vec<Embedding> = rows.iter().rev().step_by(3).cloned().collect();
        for k in [1, 4, rows.len()] {
            check(&rows, &probes, k, None);
        }
    }
}

#[test]
fn of_equal_rows_the_earlier_come_first_however_many_there_are() {
    let mut random = Random::new(4);
    let row = clustered(&mut random, 1, 20).remove(0);
    check(&vec![row.clone(); if cfg!(miri) { 60 } else { 4000 }], &[row], 5, None);
}

#[test]
fn neighbors_closer_than_the_codes_can_tell_are_told_apart() {
    // All rows have the same codes, and differ in the last bits alone.
    let base: Vec<f32> = (0..40).map(|at| 1.0 + at as f32 / 40.0).collect();
    let rows: Vec<Embedding> = (0..100)
        .map(|row| {
            let mut values = base.clone();
            values[row % 40] += 1e-5 * row as f32;
            Embedding::new(values).unwrap()
        })
        .collect();
    check(&rows, &rows[..7], 3, None);
}

#[test]
fn nothing_is_found_in_nothing() {
    for precision in PRECISIONS {
        let probes = clustered(&mut Random::new(5), 2, 4);
        let empty = Set::new(&[], 4, precision);
        let set = Set::new(&probes, 4, precision);
        for found in [empty.nearest(Search::new(3), &probes), set.nearest(Search::new(0), &probes)]
        {
            let nothing = Found { neighbors: Vec::new(), n_reranked: 0, is_exact: true };
            assert_eq!(found, [nothing.clone(), nothing]);
        }
        assert_eq!(set.nearest(Search::new(3), &[]), []);
    }
}

#[test]
fn rows_outside_the_filter_are_not_found() {
    let mut random = Random::new(6);
    let n = if cfg!(miri) { 60 } else { 900 };
    let (rows, probes) = (clustered(&mut random, n, 24), clustered(&mut random, 5, 24));
    let sparse = RowSet::of(n, |row| row % 17 == 3);
    let early = RowSet::of(n / 2, |_| true);
    for filter in [&sparse, &early, &RowSet::none(n), &RowSet::default()] {
        for k in [1, 10, 100] {
            check(&rows, &probes, k, Some(filter));
        }
    }
}

#[test]
fn rows_that_were_removed_are_not_found_and_overwritten_ones_are() {
    let mut random = Random::new(7);
    let rows = clustered(&mut random, 120, 20);
    let probes = clustered(&mut random, 4, 20);
    for precision in PRECISIONS {
        let mut set = Set::new(&rows, 20, precision);
        for probe in &probes {
            let best = set.plain(probe, 1, |_| true)[0].row;
            set.codes.remove(best);
        }
        let mut values = rows.clone();
        for (row, probe) in [(0, &probes[0]), (119, &probes[1])] {
            values[row] = probe.clone();
            set.codes.overwrite(row, probe);
        }
        set.rows = PackedEmbeddings::new(20);
        for row in &values {
            set.rows.push(row);
        }
        for (probe, found) in probes.iter().zip(set.nearest(Search::new(9), &probes)) {
            assert_eq!(bits(&found.neighbors), bits(&set.plain(probe, 9, |_| true)));
        }
        assert_eq!(set.nearest(Search::new(1), &probes[..1])[0].neighbors[0].row, 0);
        let fewer = RowSet::of(60, |row| row > 0);
        let among = set.nearest(Search::new(2).among(&fewer), &probes[1..2]).remove(0);
        let plain = set.plain(&probes[1], 2, |row| fewer.contains(row));
        assert_eq!(bits(&among.neighbors), bits(&plain));
    }
}

#[test]
fn a_removed_row_leaves_no_codes() {
    let row = Embedding::new(vec![0.6, 0.8]).unwrap();
    for precision in PRECISIONS {
        let mut codes = Codes::new(2, precision).unwrap();
        codes.push(&row);
        codes.remove(0);
        let mut zeros = Tile::new(1);
        let view = codes.view();
        let rows = zeros.multiply(&view, 0, &Probes::new(&view, &[&row]));
        let bound = Probes::new(&view, &[&row]).bounds[0];
        let products = zeros.reaching(0, rows, &bound, f32::NEG_INFINITY).unwrap();
        assert_eq!((products, rows.errors), ([0.0].as_slice(), [0.0].as_slice()));
    }
}

#[test]
fn a_cap_is_kept_and_whether_it_sufficed_is_told() {
    if cfg!(miri) {
        return; // the same search, many more times over
    }
    let mut random = Random::new(8);
    let row = clustered(&mut random, 1, 8).remove(0);
    let far = Embedding::new(row.as_slice().iter().map(|value| -value).collect()).unwrap();
    let same = Set::new(&vec![row.clone(); 500], 8, Precision::Int8);
    let found = same.nearest(Search::new(2).max_reranked(20), std::slice::from_ref(&row)).remove(0);
    assert_eq!((found.n_reranked, found.is_exact, found.neighbors.len()), (20, false, 2));
    let found = same.nearest(Search::new(30).max_reranked(1), std::slice::from_ref(&row)).remove(0);
    assert_eq!((found.n_reranked, found.is_exact, found.neighbors.len()), (30, false, 30));
    let mut rows = vec![far; 500];
    rows[77] = row.clone();
    let apart = Set::new(&rows, 8, Precision::Int8);
    let found = apart.nearest(Search::new(1).max_reranked(1), &[row]).remove(0);
    assert_eq!((found.n_reranked, found.is_exact, found.neighbors[0].row), (1, true, 77));
}

#[test]
fn few_rows_are_scored_again() {
    if cfg!(miri) {
        return; // the same search, many more times over
    }
    let mut random = Random::new(9);
    let rows: Vec<Embedding> = (0..20_000)
        .map(|_| Embedding::new((0..128).map(|_| random_value(&mut random)).collect()).unwrap())
        .collect();
    let set = Set::new(&rows, 128, Precision::Int8);
    for found in set.nearest(Search::new(1), &rows[..20]) {
        assert!(found.n_reranked == 1 && found.neighbors[0].score > 0.999, "{found:?}");
    }
    let strangers = clustered(&mut random, 20, 128);
    for found in set.nearest(Search::new(10), &strangers) {
        assert!((10..200).contains(&found.n_reranked), "{}", found.n_reranked);
    }
}

#[test]
fn a_row_that_cannot_be_read_ends_the_search() {
    let rows = clustered(&mut Random::new(10), 9, 4);
    let set = Set::new(&rows, 4, Precision::Int8);
    let unreadable = |row, _: &mut [f32]| Err(format!("row {row} is gone"));
    let found = Search::new(1).nearest(&set.codes.view(), &[&rows[5]], unreadable);
    assert_eq!(found, Err("row 5 is gone".to_owned()));
}

#[test]
fn broken_scales_hide_no_row() {
    let rows = clustered(&mut Random::new(11), 100, 16);
    let set = Set::new(&rows, 16, Precision::Int8);
    let (mut codes, mut scales, mut errors) = (vec![0; 1600], vec![0.0; 100], vec![0.0; 100]);
    for (row, codes) in codes.chunks_exact_mut(16).enumerate() {
        let found = quantize(set.rows.row(row), codes);
        (scales[row], errors[row]) = (found.scale, found.error);
    }
    scales[7] = f32::NAN;
    errors[8] = f32::INFINITY;
    let view = CodesView::int8(16, &codes, &scales, &errors).unwrap();
    for probe in &rows[..20] {
        let found = Search::new(3).nearest(&view, &[probe], set.exact()).unwrap().remove(0);
        assert_eq!(bits(&found.neighbors), bits(&set.plain(probe, 3, |_| true)));
    }
}

#[test]
fn slices_that_do_not_fit_are_refused() {
    let found = CodesView::int8(3, &[0; 7], &[0.0; 2], &[0.0; 2]).map(|it| it.len()).unwrap_err();
    assert_eq!(found, InvalidCodes::BrokenRow { n_codes: 7, dim: 3 });
    let found = CodesView::int8(3, &[0; 6], &[0.0; 2], &[0.0; 1]).map(|it| it.len()).unwrap_err();
    assert_eq!(found.to_string(), "2 rows of codes have 1 errors, but each row has one");
    for dim in [0, MAX_DIM + 1] {
        assert_eq!(CodesView::f32(dim, &[]).map(|it| it.len()), Err(InvalidCodes::Dim { dim }));
        assert!(Codes::new(dim, Precision::Int8).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 200 }, ..Default::default() })]

    #[test]
    fn agrees_with_the_plain_scan(
        seed: u64, n in 1usize..400, dim in 1usize..80, n_probes in 1usize..7, k in 1usize..20,
        admits in 1u64..4,
    ) {
        let mut random = Random::new(seed);
        let rows = clustered(&mut random, n, dim);
        let probes = clustered(&mut random, n_probes, dim);
        let filter = RowSet::of(n, |row| (seed ^ row as u64).is_multiple_of(admits));
        check(&rows, &probes, k, Some(&filter));
    }
}

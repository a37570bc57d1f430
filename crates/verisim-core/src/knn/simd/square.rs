//! Rows and columns of a square of registers exchanged; it does not know what they hold.

#[allow(clippy::wildcard_imports, reason = "one name an instruction")]
use std::arch::x86_64::*;

/// A square of 16 by 16 numbers of 32 bits with rows and columns exchanged.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transposed(rows: &[__m512i; 16]) -> [__m512i; 16] {
    let mut pairs = *rows;
    for i in (0..16).step_by(2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    let mut fours = pairs;
    for i in (0..16).step_by(4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    let mut columns = fours;
    for i in 0..4 {
        let even = |a, b| _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
        let odd = |a, b| _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
        let (evens, odds) = (even(fours[i], fours[4 + i]), odd(fours[i], fours[4 + i]));
        let (more_evens, more_odds) =
            (even(fours[8 + i], fours[12 + i]), odd(fours[8 + i], fours[12 + i]));
        columns[i] = even(evens, more_evens);
        columns[4 + i] = even(odds, more_odds);
        columns[8 + i] = odd(evens, more_evens);
        columns[12 + i] = odd(odds, more_odds);
    }
    columns
}

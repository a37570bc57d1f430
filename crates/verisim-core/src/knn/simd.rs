//! Products of codes in the widest registers of the machine; the one place of this crate that is
//! `unsafe`. It knows no scales.
//!
//! Whatever the machine, a product of codes is the same integer: nothing here saturates.

#[cfg(target_arch = "x86_64")]
mod square;

use super::probe_codes::ProbeCodes;

/// Rows that are multiplied at once, at most.
pub(super) const TILE: usize = 48;

/// The instructions that this machine has. It is made by asking the machine alone, on which the
/// calls below rely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Simd(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// Safe code that profits from wide registers; `run` is to be inlined always.
pub(super) trait Work {
    /// What it finds.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// Rows of a tile, turned so that a register holds four codes of each of sixteen rows.
#[derive(Default)]
pub(super) struct Panel {
    #[cfg(target_arch = "x86_64")]
    lines: Vec<x86::Line>, // [dim / 4, TILE / 16]
}

impl Simd {
    /// The widest that this machine has.
    pub(super) fn widest() -> Self {
        *Self::available().last().unwrap_or(&Self(Kind::Scalar))
    }

    /// All that this machine has, the widest last.
    pub(super) fn available() -> Vec<Self> {
        let mut found = vec![Self(Kind::Scalar)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                found.push(Self(Kind::Avx2));
            }
            let has_512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vnni");
            if has_512 {
                found.push(Self(Kind::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            found.push(Self(Kind::Neon));
        }
        found
    }

    /// Writes the products of up to [`TILE`] rows of codes, one after the other, into the first
    /// places of each probe's array. Codes `ahead`, which come next, are fetched meanwhile.
    ///
    /// # Panics
    ///
    /// Panics if there are more rows, or not as many arrays as probes.
    pub(super) fn multiply(
        self,
        rows: &[i8],
        ahead: &[i8],
        probes: &ProbeCodes,
        panel: &mut Panel,
        out: &mut [[f32; TILE]],
    ) {
        assert!(rows.len() <= TILE * probes.dim, "a tile has no more than {TILE} rows");
        assert_eq!(out.len() * probes.dim, probes.rows.len(), "each probe has its products");
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (panel, ahead);
        match self.0 {
            Kind::Scalar => scalar(rows, probes, out),
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a `Simd` of this kind exists where AVX2 was found")]
            Kind::Avx2 => unsafe { x86::avx2(rows, probes, out) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a `Simd` of this kind exists where AVX-512 was found")]
            Kind::Avx512 => unsafe { x86::avx512(rows, ahead, probes, panel, out) },
            #[cfg(target_arch = "aarch64")]
            #[expect(unsafe_code, reason = "a `Simd` of this kind exists where NEON was found")]
            Kind::Neon => unsafe { neon::neon(rows, probes, out) },
        }
    }

    /// Does the work in code that is compiled for the widest registers.
    pub(super) fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a `Simd` of this kind exists where AVX2 was found")]
            Kind::Avx2 => unsafe { x86::run_avx2(work) },
            #[cfg(target_arch = "x86_64")]
            #[expect(unsafe_code, reason = "a `Simd` of this kind exists where AVX-512 was found")]
            Kind::Avx512 => unsafe { x86::run_avx512(work) },
            // On AArch64 everything is compiled for NEON.
            _ => work.run(),
        }
    }
}

fn scalar(rows: &[i8], probes: &ProbeCodes, out: &mut [[f32; TILE]]) {
    for (probe, out) in probes.rows.chunks_exact(probes.dim).zip(out) {
        for (row, out) in rows.chunks_exact(probes.dim).zip(out) {
            let products = row.iter().zip(probe).map(|(&a, &b)| i32::from(a) * i32::from(b));
            *out = products.sum::<i32>() as f32;
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "one name an instruction")]
    use std::arch::x86_64::*;

    use super::square::transposed;
    use super::{Panel, ProbeCodes, TILE, Work};
    use crate::knn::probe_codes::{GROUP, padded};

    /// Registers of sixteen rows in a tile.
    const LINES: usize = TILE / 16;
    /// Below this many probes, turning the rows takes longer than it saves.
    const MIN_PROBES: usize = 4;

    /// Registers of four codes between which memory is asked for.
    const PIECE: usize = 16;

    /// A register in memory, on one line of the cache.
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    pub(super) struct Line([i32; 16]);

    #[target_feature(enable = "avx2")]
    pub(super) fn run_avx2<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
    pub(super) fn run_avx512<W: Work>(work: W) -> W::Output {
        work.run()
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn avx2(rows: &[i8], probes: &ProbeCodes, out: &mut [[f32; TILE]]) {
        let dim = probes.dim;
        let (fours, rest) = out.as_chunks_mut::<4>();
        let (of_fours, of_rest) = probes.rows.split_at(fours.len() * 4 * dim);
        for (out, probes) in fours.iter_mut().zip(of_fours.chunks_exact(4 * dim)) {
            avx2_rows(rows, probes, out);
        }
        for (out, probe) in rest.iter_mut().zip(of_rest.chunks_exact(dim)) {
            avx2_rows(rows, probe, std::array::from_mut(out));
        }
    }

    #[target_feature(enable = "avx2")]
    fn avx2_rows<const P: usize>(rows: &[i8], probes: &[i8], out: &mut [[f32; TILE]; P]) {
        let dim = probes.len() / P;
        let blocks: [_; P] = std::array::from_fn(|p| probes[p * dim..][..dim].as_chunks::<32>());
        for (idx, row) in rows.chunks_exact(dim).enumerate() {
            let mut sums = [_mm256_setzero_si256(); P];
            let (row, row_rest) = row.as_chunks::<32>();
            for (at, row) in row.iter().enumerate() {
                let row = load_256(row);
                for (sum, (probe, _)) in sums.iter_mut().zip(&blocks) {
                    *sum = _mm256_add_epi32(*sum, avx2_products(row, load_256(&probe[at])));
                }
            }
            if !row_rest.is_empty() {
                let row = load_256(&padded(row_rest));
                for (sum, (_, probe)) in sums.iter_mut().zip(&blocks) {
                    let products = avx2_products(row, load_256(&padded(probe)));
                    *sum = _mm256_add_epi32(*sum, products);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                let low = _mm256_castsi256_si128(sum);
                let sum = _mm_add_epi32(low, _mm256_extracti128_si256::<1>(sum));
                let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_11_10>(sum));
                let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b00_00_00_01>(sum));
                out[idx] = _mm_cvtsi128_si32(sum) as f32;
            }
        }
    }

    /// Products of 32 codes, in sums of four.
    ///
    /// The instruction multiplies unsigned by signed bytes and saturates at 32,767. The size of a code of
    /// a row, at most 128, times the probe's with the sign of the row's, at most 127, twice, is 32,512.
    #[target_feature(enable = "avx2")]
    fn avx2_products(row: __m256i, probe: __m256i) -> __m256i {
        let pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(row), _mm256_sign_epi8(probe, row));
        _mm256_madd_epi16(pairs, _mm256_set1_epi16(1))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn avx512(
        rows: &[i8],
        ahead: &[i8],
        probes: &ProbeCodes,
        panel: &mut Panel,
        out: &mut [[f32; TILE]],
    ) {
        if out.len() < MIN_PROBES {
            let sums = probes.sums.as_flattened();
            for ((probe, sum), out) in probes.rows.chunks_exact(probes.dim).zip(sums).zip(out) {
                avx512_rows(rows, ahead, probe, *sum, out);
            }
            return;
        }
        turn(rows, probes.dim, panel);
        let mut ahead = ahead.chunks(ahead.len().div_ceil(probes.sums.len()).max(1));
        let groups = probes.groups.chunks_exact(probes.dim.div_ceil(4)).zip(&probes.sums);
        for ((group, sums), out) in groups.zip(out.chunks_mut(GROUP)) {
            avx512_group(&panel.lines, ahead.next().unwrap_or_default(), group, sums, out);
        }
    }

    /// Products with a single probe. The instruction multiplies unsigned by signed bytes: 128 is added
    /// to each code of a row, and taken off the sum again.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn avx512_rows(rows: &[i8], ahead: &[i8], probe: &[i8], sum: i32, out: &mut [f32; TILE]) {
        let sign = _mm512_set1_epi8(i8::MIN);
        let (probe_blocks, probe_rest) = probe.as_chunks::<64>();
        let probe_rest = load_part(probe_rest);
        let mut ahead = ahead.chunks(probe.len());
        for (row, out) in rows.chunks_exact(probe.len()).zip(out) {
            fetch(ahead.next().unwrap_or_default());
            let (blocks, rest) = row.as_chunks::<64>();
            let row = _mm512_xor_si512(load_part(rest), sign);
            let mut products = _mm512_dpbusd_epi32(_mm512_setzero_si512(), row, probe_rest);
            for (row, probe) in blocks.iter().zip(probe_blocks) {
                let row = _mm512_xor_si512(load_part(row), sign);
                products = _mm512_dpbusd_epi32(products, row, load_part(probe));
            }
            *out = (_mm512_reduce_add_epi32(products) - 128 * sum) as f32;
        }
    }

    /// Products of a panel with the probes of a group, of which the last may have fewer. By itself, it
    /// keeps all sums in registers; as a part of others it did not.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn avx512_group(
        panel: &[Line],
        ahead: &[i8],
        group: &[[i32; GROUP]],
        sums: &[i32; GROUP],
        out: &mut [[f32; TILE]],
    ) {
        let mut products = [[_mm512_setzero_si512(); LINES]; GROUP];
        // A little at a time, for memory takes few requests at once.
        let pieces = panel.chunks(PIECE * LINES).zip(group.chunks(PIECE));
        let mut ahead = ahead.chunks(64 * ahead.len().div_ceil(64 * pieces.len()).max(1));
        for (panel, group) in pieces {
            fetch(ahead.next().unwrap_or_default());
            for (lines, four) in panel.as_chunks::<LINES>().0.iter().zip(group) {
                let lines = [load(&lines[0]), load(&lines[1]), load(&lines[2])];
                for (products, four) in products.iter_mut().zip(four) {
                    let four = _mm512_set1_epi32(*four);
                    for (product, line) in products.iter_mut().zip(lines) {
                        *product = _mm512_dpbusd_epi32(*product, line, four);
                    }
                }
            }
        }
        for ((products, sum), out) in products.iter().zip(sums).zip(out) {
            let offset = _mm512_set1_epi32(128 * sum);
            for (product, out) in products.iter().zip(out.as_chunks_mut::<16>().0) {
                store(out, _mm512_cvtepi32_ps(_mm512_sub_epi32(*product, offset)));
            }
        }
    }

    /// Turns rows, adding 128 to each code; rows that are missing are of any codes.
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    fn turn(rows: &[i8], dim: usize, panel: &mut Panel) {
        let sign = _mm512_set1_epi8(i8::MIN);
        panel.lines.resize(dim.div_ceil(4) * LINES, Line([0; 16]));
        for (line, rows) in rows.chunks(16 * dim).enumerate() {
            for at in (0..dim).step_by(64) {
                let end = dim.min(at + 64);
                let mut square = [_mm512_setzero_si512(); 16];
                for (place, row) in square.iter_mut().zip(rows.chunks_exact(dim)) {
                    *place = _mm512_xor_si512(load_part(&row[at..end]), sign);
                }
                let square = transposed(&square);
                let n_quads = (end - at).div_ceil(4);
                let lines = panel.lines[at / 4 * LINES..].chunks_exact_mut(LINES);
                for (column, lines) in square.into_iter().zip(lines).take(n_quads) {
                    store_line(&mut lines[line], column);
                }
            }
        }
    }

    /// Asks for codes that will be read soon.
    #[expect(unsafe_code, reason = "asks for memory, and reads none")]
    fn fetch(codes: &[i8]) {
        for line in codes.chunks(64) {
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr()) };
        }
    }

    #[target_feature(enable = "avx2")]
    #[expect(unsafe_code, reason = "reads the 32 bytes of an array")]
    fn load_256(codes: &[i8; 32]) -> __m256i {
        unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) }
    }

    /// The first 64 codes, with zeros where there are fewer.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[expect(unsafe_code, reason = "the mask has a bit for each code of the slice, and no other")]
    fn load_part(codes: &[i8]) -> __m512i {
        let n = codes.len().min(64) as u32;
        let mask = u64::MAX.checked_shr(64 - n).unwrap_or(0);
        unsafe { _mm512_maskz_loadu_epi8(mask, codes.as_ptr()) }
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "reads the 64 bytes of an array, which is aligned")]
    fn load(line: &Line) -> __m512i {
        unsafe { _mm512_load_si512(line.0.as_ptr().cast()) }
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "writes the 64 bytes of an array, which is aligned")]
    fn store_line(line: &mut Line, values: __m512i) {
        unsafe { _mm512_store_si512(line.0.as_mut_ptr().cast(), values) }
    }

    #[target_feature(enable = "avx512f")]
    #[expect(unsafe_code, reason = "writes the 64 bytes of an array")]
    fn store(out: &mut [f32; 16], values: __m512) {
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), values) }
    }
}

#[cfg(target_arch = "aarch64")]
mod neon {
    #[allow(clippy::wildcard_imports, reason = "one name an instruction")]
    use std::arch::aarch64::*;

    use super::{ProbeCodes, TILE};
    use crate::knn::probe_codes::padded;

    #[target_feature(enable = "neon")]
    pub(super) fn neon(rows: &[i8], probes: &ProbeCodes, out: &mut [[f32; TILE]]) {
        for (probe, out) in probes.rows.chunks_exact(probes.dim).zip(out) {
            let (probe_blocks, probe_rest) = probe.as_chunks::<16>();
            for (row, out) in rows.chunks_exact(probes.dim).zip(out) {
                let (row, rest) = row.as_chunks::<16>();
                let mut sum = vdupq_n_s32(0);
                for (row, probe) in row.iter().zip(probe_blocks) {
                    sum = add_products(sum, load(row), load(probe));
                }
                if !rest.is_empty() {
                    sum = add_products(sum, load(&padded(rest)), load(&padded(probe_rest)));
                }
                *out = vaddvq_s32(sum) as f32;
            }
        }
    }

    /// Two products, of at most 128 by 127, are below 32,768.
    #[target_feature(enable = "neon")]
    fn add_products(sum: int32x4_t, row: int8x16_t, probe: int8x16_t) -> int32x4_t {
        let low = vmull_s8(vget_low_s8(row), vget_low_s8(probe));
        vpadalq_s16(sum, vmlal_high_s8(low, row, probe))
    }

    #[target_feature(enable = "neon")]
    #[expect(unsafe_code, reason = "reads the 16 bytes of an array")]
    fn load(codes: &[i8; 16]) -> int8x16_t {
        unsafe { vld1q_s8(codes.as_ptr()) }
    }
}

#[cfg(test)]
mod tests;

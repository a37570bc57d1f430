//! Codes in the order and the number in which registers take them; it multiplies nothing.

/// Probes that share a pass over a panel of rows.
pub(super) const GROUP: usize = 8;

/// Codes of probes, in every order in which the products read them.
#[cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "AVX-512 alone reads groups"))]
pub(super) struct ProbeCodes {
    pub(super) dim: usize,
    pub(super) rows: Vec<i8>,             // [n, dim], in -127..=127
    pub(super) sums: Vec<[i32; GROUP]>,   // of the codes of each probe; 0 beyond the last
    pub(super) groups: Vec<[i32; GROUP]>, // [n / GROUP, dim / 4], four codes of each probe of a group
}

impl ProbeCodes {
    /// Takes the codes of probes, one after the other.
    pub(super) fn new(dim: usize, rows: Vec<i8>) -> Self {
        let n_quads = dim.div_ceil(4);
        let n_groups = (rows.len() / dim).div_ceil(GROUP);
        let mut sums = vec![[0; GROUP]; n_groups];
        let mut groups = vec![[0; GROUP]; n_groups * n_quads];
        for (probe, codes) in rows.chunks_exact(dim).enumerate() {
            let (group, place) = (probe / GROUP, probe % GROUP);
            sums[group][place] = codes.iter().map(|&code| i32::from(code)).sum();
            for (quad, codes) in codes.chunks(4).enumerate() {
                let mut four = [0; 4];
                for (byte, code) in four.iter_mut().zip(codes) {
                    *byte = code.cast_unsigned();
                }
                groups[group * n_quads + quad][place] = i32::from_le_bytes(four);
            }
        }
        Self { dim, rows, sums, groups }
    }
}

/// The last codes of a row, with zeros up to a whole register.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
pub(super) fn padded<const N: usize>(rest: &[i8]) -> [i8; N] {
    let mut padded = [0; N];
    padded[..rest.len()].copy_from_slice(rest);
    padded
}

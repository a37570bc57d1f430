//! Large zeros; it does not know what they become.

use rayon::prelude::*;

/// Numbers that are written at a time.
const CHUNK: usize = 64;
/// Numbers below which sharing the work costs more than it spares.
const FEW: usize = 1 << 16;

/// `n` zeros, written by all threads: memory that is handed out anew is slow to be touched first.
pub(crate) fn zeros<T: Copy + Default + Send + Sync>(n: usize) -> Vec<T> {
    if n < FEW {
        return vec![T::default(); n];
    }
    let chunks = rayon::iter::repeat_n([T::default(); CHUNK], n.div_ceil(CHUNK));
    let mut zeros = chunks.collect::<Vec<_>>().into_flattened();
    zeros.truncate(n);
    zeros
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_as_asked_for() {
        for n in [0, 1, CHUNK, FEW - 1, FEW, FEW + 1] {
            assert_eq!(zeros::<f64>(n), vec![0.0; n]);
        }
    }
}

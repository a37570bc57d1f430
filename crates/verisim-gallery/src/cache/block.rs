//! Some rows as the bytes of a block of the matrix file, open; it does not know who seals them.
//!
//! Columns come one after the other, each with room for a full block: templates (`i64`), persons (16
//! bytes), qualities (`u8`), scales and errors (`f32`), codes (`[n, dim]`); all little-endian, zeros
//! in the place of rows that are not there.

use crate::id::RandomId;
use crate::matrix::{Rows, RowsMut};

/// A block is about so long: a change of one row writes it anew, and a tag stands for it.
const N_BYTES: usize = 64 * 1024;
/// Beside the codes.
const BYTES_BESIDE: usize = 8 + 16 + 1 + 4 + 4;

/// Rows of a full block.
pub(super) fn rows_of_block(dim: usize) -> usize {
    (N_BYTES / (BYTES_BESIDE + dim)).max(1)
}

/// Length of an open block.
pub(super) fn n_bytes(dim: usize) -> usize {
    rows_of_block(dim) * (BYTES_BESIDE + dim)
}

/// The block of these rows, which are as many as fit, or fewer.
pub(super) fn encode(rows: &Rows, which: &[usize]) -> Vec<u8> {
    let n = rows_of_block(rows.dim);
    let mut bytes = Vec::with_capacity(n_bytes(rows.dim));
    let pad = |bytes: &mut Vec<u8>, width: usize| {
        bytes.resize(bytes.len() + (n - which.len()) * width, 0);
    };
    bytes.extend(which.iter().flat_map(|&it| rows.templates[it].to_le_bytes()));
    pad(&mut bytes, 8);
    bytes.extend(which.iter().flat_map(|&it| *rows.persons[it].as_bytes()));
    pad(&mut bytes, 16);
    bytes.extend(which.iter().map(|&it| rows.qualities[it]));
    pad(&mut bytes, 1);
    bytes.extend(which.iter().flat_map(|&it| rows.scales[it].to_le_bytes()));
    pad(&mut bytes, 4);
    bytes.extend(which.iter().flat_map(|&it| rows.errors[it].to_le_bytes()));
    pad(&mut bytes, 4);
    for &row in which {
        let codes = &rows.codes[row * rows.dim..][..rows.dim];
        bytes.extend(codes.iter().map(|code| code.cast_unsigned()));
    }
    pad(&mut bytes, rows.dim);
    bytes
}

/// Fills rows from a block, from its first row on; nothing if it is of another length.
pub(super) fn decode(bytes: &[u8], rows: &mut RowsMut<'_>, dim: usize) -> Option<()> {
    let n = rows_of_block(dim);
    if bytes.len() != n_bytes(dim) {
        return None;
    }
    let (templates, rest) = bytes.split_at(n * 8);
    let (persons, rest) = rest.split_at(n * 16);
    let (qualities, rest) = rest.split_at(n);
    let (scales, rest) = rest.split_at(n * 4);
    let (errors, codes) = rest.split_at(n * 4);
    for (to, from) in rows.templates.iter_mut().zip(templates.as_chunks().0) {
        *to = i64::from_le_bytes(*from);
    }
    for (to, from) in rows.persons.iter_mut().zip(persons.as_chunks().0) {
        *to = RandomId::new(*from);
    }
    rows.qualities.copy_from_slice(qualities.get(..rows.qualities.len())?);
    for (to, from) in rows.scales.iter_mut().zip(scales.as_chunks().0) {
        *to = f32::from_le_bytes(*from);
    }
    for (to, from) in rows.errors.iter_mut().zip(errors.as_chunks().0) {
        *to = f32::from_le_bytes(*from);
    }
    for (to, from) in rows.codes.iter_mut().zip(codes) {
        *to = from.cast_signed();
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use verisim_core::Embedding;

    use super::*;
    use crate::matrix::NewRow;

    #[test]
    fn rows_survive_their_block() {
        for dim in [1, 7, 512, 70_000] {
            let mut rows = Rows::zeros(dim, 0, 0);
            let n = rows_of_block(dim).min(5);
            for idx in 0..n as u8 {
                let values = (0..dim).map(|at| ((at as f32) * 0.7 + f32::from(idx)).sin() + 0.01);
                let embedding = Embedding::new(values.collect()).unwrap();
                rows.push(&NewRow {
                    template: 3 * i64::from(idx) - 1,
                    person: RandomId::new([idx; 16]),
                    embedding: &embedding,
                    quality: (idx % 2 == 0).then_some(idx),
                });
            }
            let bytes = encode(&rows, &(0..n).collect::<Vec<_>>());
            assert_eq!(bytes.len(), n_bytes(dim));
            let mut back = Rows::zeros(dim, n, 3);
            for piece in &mut back.pieces(rows_of_block(dim)) {
                assert_eq!(decode(&bytes[1..], piece, dim), None);
                decode(&bytes, piece, dim).unwrap();
            }
            assert_eq!((back.templates, back.persons), (rows.templates, rows.persons));
            assert_eq!((back.qualities, back.scales), (rows.qualities, rows.scales));
            assert_eq!((back.errors, back.codes), (rows.errors, rows.codes));
        }
    }
}

//! Rows and columns exchanged; it does not know what they mean.

/// `[n_rows, n_columns]` to `[n_columns, n_rows]`.
pub(crate) fn transposed(rows: &[f32], n_columns: usize) -> Vec<f32> {
    let column = |index| rows[index..].iter().step_by(n_columns).copied();
    (0..n_columns).flat_map(column).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_rows() {
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}

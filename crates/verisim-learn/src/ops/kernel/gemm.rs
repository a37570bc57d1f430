//! Matrix products of slices on one thread; the one place of this crate that is `unsafe`.

use std::ops::Range;

/// A matrix in a slice, of any strides.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T = f32> {
    data: &'a [T],
    n_rows: usize,
    n_columns: usize,
    row_stride: usize,
    column_stride: usize,
}

/// A number that the `gemm` crate multiplies.
pub(crate) trait Number: Copy + 'static {
    /// One.
    const ONE: Self;
}

impl Number for f32 {
    const ONE: Self = 1.0;
}

impl Number for f64 {
    const ONE: Self = 1.0;
}

impl<'a, T: Number> Matrix<'a, T> {
    /// Takes `data` as `n_rows` rows that lie `row_stride` apart.
    pub(crate) fn new(data: &'a [T], [n_rows, n_columns]: [usize; 2], row_stride: usize) -> Self {
        assert!(n_rows > 0 && n_columns > 0, "a matrix has at least one row and column");
        assert!(
            (n_rows - 1) * row_stride + n_columns <= data.len(),
            "the matrix ends past its data"
        );
        Self { data, n_rows, n_columns, row_stride, column_stride: 1 }
    }

    /// Takes `data` as rows without gaps.
    pub(crate) fn packed(data: &'a [T], shape: [usize; 2]) -> Self {
        Self::new(data, shape, shape[1])
    }

    /// The same numbers with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            n_rows: self.n_columns,
            n_columns: self.n_rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    /// Some of the columns.
    pub(crate) fn columns(self, columns: Range<usize>) -> Self {
        self.transposed().rows(columns).transposed()
    }

    /// Some of the rows.
    pub(crate) fn rows(self, rows: Range<usize>) -> Self {
        assert!(rows.start < rows.end && rows.end <= self.n_rows, "no such rows");
        Self { data: &self.data[rows.start * self.row_stride..], n_rows: rows.len(), ..self }
    }
}

/// What becomes of the values that the output holds already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    /// They are replaced.
    Replace,
    /// The product is added to them.
    Add,
}

/// Writes `a * b` into the rows of `out`, which lie `out_stride` apart.
///
/// One thread: the callers split their batches over threads themselves, so that no two wait for
/// each other, and the result does not depend on how the work was shared.
pub(crate) fn multiply<T: Number>(
    out: &mut [T],
    out_stride: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    mode: Output,
) {
    let (m, k, n) = (a.n_rows, a.n_columns, b.n_columns);
    assert_eq!(b.n_rows, k, "inner sizes differ");
    assert!(out_stride >= n && (m - 1) * out_stride + n <= out.len(), "the product does not fit");
    #[expect(unsafe_code, reason = "the gemm crate takes pointers; the bounds are asserted above")]
    // SAFETY: `Matrix` guarantees that every element of `a` and `b` lies in its slice, the assertion
    // above the same of `out`, and `out` is borrowed mutably, hence does not overlap them.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride.cast_signed(),
            mode == Output::Add,
            a.data.as_ptr(),
            a.column_stride.cast_signed(),
            a.row_stride.cast_signed(),
            b.data.as_ptr(),
            b.column_stride.cast_signed(),
            b.row_stride.cast_signed(),
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn multiplies_transposed_and_strided_matrices() {
        let a = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // [2, 3]
        let b = [1.0, 0.0, -1.0, 0.0, 1.0, 2.0]; // [2, 3], used as [3, 2]
        let mut out = [10.0; 7]; // rows of 2, 5 apart
        let product = |out: &mut [f32], mode| {
            let b = Matrix::packed(&b, [2, 3]).transposed();
            multiply(out, 5, Matrix::packed(&a, [2, 3]), b, mode);
        };
        product(&mut out, Output::Replace);
        assert_eq!(out, [-2.0, 8.0, 10.0, 10.0, 10.0, -2.0, 17.0]);
        product(&mut out, Output::Add);
        assert_eq!(out, [-4.0, 16.0, 10.0, 10.0, 10.0, -4.0, 34.0]);
    }

    #[test]
    fn a_matrix_past_its_data_is_refused() {
        let data = [0.0; 5];
        assert!(std::panic::catch_unwind(|| Matrix::packed(&data, [2, 3])).is_err());
        assert!(std::panic::catch_unwind(|| Matrix::new(&data, [2, 2], 4)).is_err());
    }
}

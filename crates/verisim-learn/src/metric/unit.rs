//! Rows brought to the form that a distance compares, and the way back for gradients.

use rayon::prelude::*;

use super::matrix::{Matrix, dot};

/// Length below which a row has no direction, and is not moved.
const MIN_NORM: f64 = 1e-12;
/// Rows that are worth a thread.
const MIN_ROWS: usize = 32;

/// Rows that were centered, scaled to unit length, or left as they are.
#[derive(Debug)]
pub(super) struct Units {
    rows: Matrix,
    /// Length of every row before it was scaled; none if rows were not scaled.
    norms: Option<Vec<f64>>,
    /// Order of that length.
    p: f64,
    is_centered: bool,
    /// The rows between scaling and centering, if both were done.
    scaled: Option<Matrix>,
}

impl Units {
    /// Rows as they are.
    pub(super) fn untouched(rows: &Matrix) -> Self {
        Self { rows: rows.clone(), norms: None, p: 2.0, is_centered: false, scaled: None }
    }

    /// Rows of length 1 in the norm of order `p`; a row of zeros stays zero.
    pub(super) fn scaled(rows: &Matrix, p: f64) -> Self {
        let mut rows = rows.clone();
        let scale = |row: &mut [f64]| {
            let norm = norm(row, p);
            for value in row {
                *value /= norm.max(MIN_NORM);
            }
            norm
        };
        let norms = rows.par_rows_mut().with_min_len(MIN_ROWS).map(scale).collect();
        Self { rows, norms: Some(norms), p, is_centered: false, scaled: None }
    }

    /// Rows less their mean, scaled before if `normalize`.
    pub(super) fn centered(rows: &Matrix, normalize: bool) -> Self {
        let units = if normalize { Self::scaled(rows, 2.0) } else { Self::untouched(rows) };
        let mut centered = units.rows.clone();
        center(&mut centered);
        Self { rows: centered, is_centered: true, scaled: Some(units.rows), ..units }
    }

    /// The rows.
    pub(super) fn rows(&self) -> &Matrix {
        &self.rows
    }

    /// The gradient of the original rows from that of these.
    pub(super) fn backward(&self, mut gradient: Matrix) -> Matrix {
        if self.is_centered {
            center(&mut gradient);
        }
        let Some(norms) = &self.norms else { return gradient };
        let units = self.scaled.as_ref().unwrap_or(&self.rows);
        let slopes = gradient.par_rows_mut().with_min_len(MIN_ROWS).zip(norms).enumerate();
        slopes.for_each(|(index, (row, &norm))| {
            if norm < MIN_NORM {
                row.fill(0.0);
                return;
            }
            let unit = units.row(index);
            let along = dot(row, unit);
            for (value, &unit) in row.iter_mut().zip(unit) {
                // Slope of the length: the unit vector itself, if p is 2.
                let slope = if self.p == 2.0 {
                    unit
                } else if unit == 0.0 {
                    0.0
                } else {
                    unit.signum() * unit.abs().powf(self.p - 1.0)
                };
                *value = (*value - along * slope) / norm;
            }
        });
        gradient
    }
}

fn norm(row: &[f64], p: f64) -> f64 {
    if p == 2.0 {
        dot(row, row).sqrt()
    } else {
        row.iter().map(|value| value.abs().powf(p)).sum::<f64>().powf(1.0 / p)
    }
}

fn center(rows: &mut Matrix) {
    let n_columns = rows.n_columns() as f64;
    for index in 0..rows.n_rows() {
        let row = rows.row_mut(index);
        let mean = row.iter().sum::<f64>() / n_columns;
        for value in row.iter_mut() {
            *value -= mean;
        }
    }
}

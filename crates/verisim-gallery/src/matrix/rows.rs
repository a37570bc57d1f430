//! Templates as columns of codes, and whose they are; it does not know where they come from.

use verisim_core::Embedding;
use verisim_core::knn::{CodesView, Quantized, RowSet, quantize};

use crate::id::RandomId;

/// The quality of a template that nobody judged.
const UNJUDGED: u8 = 255;
/// What stands in the place of the quality of a row that was erased.
const ERASED: u8 = 254;
/// Who owns a row that was erased.
const NOBODY: RandomId = RandomId::new([0; 16]);

/// Rows in ascending order of their templates, each a template or the place of one that was erased.
///
/// Of an erased row the number of its template stays, so that rows are found by it; all else is
/// zeros. The last row is never an erased one: the store gives numbers above the last template anew.
pub(crate) struct Rows {
    pub(crate) dim: usize,
    /// Rows of the templates in the store.
    pub(crate) templates: Vec<i64>,
    /// Random ids of their identities.
    pub(crate) persons: Vec<RandomId>,
    pub(crate) qualities: Vec<u8>,
    pub(crate) scales: Vec<f32>,
    pub(crate) errors: Vec<f32>,
    /// `[n, dim]`
    pub(crate) codes: Vec<i8>,
}

/// Some consecutive rows, to be written; each slice of one length, codes of `dim` times that.
pub(crate) struct RowsMut<'a> {
    pub(crate) templates: &'a mut [i64],
    pub(crate) persons: &'a mut [RandomId],
    pub(crate) qualities: &'a mut [u8],
    pub(crate) scales: &'a mut [f32],
    pub(crate) errors: &'a mut [f32],
    pub(crate) codes: &'a mut [i8],
}

/// A template as it comes into a row.
pub(crate) struct NewRow<'a> {
    pub(crate) template: i64,
    pub(crate) person: RandomId,
    pub(crate) embedding: &'a Embedding,
    pub(crate) quality: Option<u8>,
}

impl Rows {
    /// `n` rows of zeros, with room for some more.
    pub(crate) fn zeros(dim: usize, n: usize, n_more: usize) -> Self {
        fn zeros<T: Clone>(zero: T, n: usize, n_more: usize) -> Vec<T> {
            // Zeros that nobody wrote yet take no memory.
            let mut values = vec![zero; n + n_more];
            values.truncate(n);
            values
        }
        Self {
            dim,
            templates: zeros(0, n, n_more),
            persons: zeros(NOBODY, n, n_more),
            qualities: zeros(0, n, n_more),
            scales: zeros(0.0, n, n_more),
            errors: zeros(0.0, n, n_more),
            codes: zeros(0, n * dim, n_more * dim),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.templates.len()
    }

    /// Template of the last row; 0 if there is none.
    pub(crate) fn newest(&self) -> i64 {
        self.templates.last().copied().unwrap_or(0)
    }

    /// Adds a template, whose number is above all others.
    pub(crate) fn push(&mut self, new: &NewRow<'_>) {
        let row = self.len();
        self.templates.push(new.template);
        self.persons.push(NOBODY);
        self.qualities.push(ERASED);
        self.codes.resize(self.codes.len() + self.dim, 0);
        self.scales.push(0.0);
        self.errors.push(0.0);
        self.put(row, new);
    }

    /// Puts a template into the row that bears its number.
    pub(super) fn put(&mut self, row: usize, new: &NewRow<'_>) {
        debug_assert_eq!(self.templates[row], new.template, "the row of another template");
        self.persons[row] = new.person;
        self.qualities[row] = new.quality.unwrap_or(UNJUDGED);
        let codes = &mut self.codes[row * self.dim..][..self.dim];
        let Quantized { scale, error } = quantize(new.embedding.as_slice(), codes);
        (self.scales[row], self.errors[row]) = (scale, error);
    }

    /// Whether a row is a template.
    pub(crate) fn is_live(&self, row: usize) -> bool {
        self.qualities[row] != ERASED
    }

    /// The quality of a row that is a template, if somebody judged it.
    pub(crate) fn quality(&self, row: usize) -> Option<u8> {
        Some(self.qualities[row]).filter(|&it| it != UNJUDGED)
    }

    /// The row of a template.
    pub(crate) fn find(&self, template: i64) -> Option<usize> {
        self.templates.binary_search(&template).ok().filter(|&row| self.is_live(row))
    }

    /// Whether a row is the same, to the bit, as one of others.
    pub(crate) fn is_same(&self, row: usize, others: &Self, other: usize) -> bool {
        let of = |it: &Self, at: usize| {
            let numbers = (it.scales[at].to_bits(), it.errors[at].to_bits());
            (it.templates[at], it.persons[at], it.qualities[at], numbers)
        };
        let codes = |it: &Self, at: usize| it.codes[at * it.dim..][..it.dim].to_vec();
        of(self, row) == of(others, other) && codes(self, row) == codes(others, other)
    }

    /// Overwrites a row.
    pub(crate) fn erase(&mut self, row: usize) {
        self.persons[row] = NOBODY;
        self.qualities[row] = ERASED;
        (self.scales[row], self.errors[row]) = (0.0, 0.0);
        self.codes[row * self.dim..][..self.dim].fill(0);
    }

    /// Number of rows up to the last template.
    pub(crate) fn len_without_erased_end(&self, len: usize) -> usize {
        (0..len).rev().find(|&row| self.is_live(row)).map_or(0, |last| last + 1)
    }

    /// Cuts rows off; they are overwritten already.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.templates.truncate(len);
        self.persons.truncate(len);
        self.qualities.truncate(len);
        self.scales.truncate(len);
        self.errors.truncate(len);
        self.codes.truncate(len * self.dim);
    }

    /// What a search looks through.
    pub(crate) fn view<'a>(&'a self, live: &'a RowSet) -> CodesView<'a> {
        CodesView::int8(self.dim, &self.codes, &self.scales, &self.errors)
            .unwrap_or_else(|error| unreachable!("rows are pushed whole: {error}"))
            .with_live(live)
    }

    /// The rows in pieces of `n_rows` and a rest.
    pub(crate) fn pieces(&mut self, n_rows: usize) -> Vec<RowsMut<'_>> {
        let (mut persons, mut qualities) =
            (self.persons.chunks_mut(n_rows), self.qualities.chunks_mut(n_rows));
        let (mut scales, mut errors) =
            (self.scales.chunks_mut(n_rows), self.errors.chunks_mut(n_rows));
        let mut codes = self.codes.chunks_mut(n_rows * self.dim);
        let of = |templates| {
            Some(RowsMut {
                templates,
                persons: persons.next()?,
                qualities: qualities.next()?,
                scales: scales.next()?,
                errors: errors.next()?,
                codes: codes.next()?,
            })
        };
        self.templates.chunks_mut(n_rows).filter_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_erased_row_is_zeros_and_not_found() {
        let mut rows = Rows::zeros(2, 0, 4);
        for template in [3, 5, 8] {
            let embedding = Embedding::new(vec![0.6, 0.8]).unwrap();
            let (person, quality) = (RandomId::new([template as u8; 16]), None);
            rows.push(&NewRow { template, person, embedding: &embedding, quality });
        }
        assert_eq!(
            [2, 3, 5, 8, 9].map(|it| rows.find(it)),
            [None, Some(0), Some(1), Some(2), None]
        );
        rows.erase(1);
        assert_eq!([3, 5, 8].map(|it| rows.find(it)), [Some(0), None, Some(2)]);
        assert_eq!(
            (&rows.codes[2..4], rows.scales[1], rows.persons[1]),
            (&[0, 0][..], 0.0, NOBODY)
        );
        assert_eq!(rows.len_without_erased_end(2), 1);
        rows.truncate(rows.len_without_erased_end(3));
        assert_eq!((rows.len(), rows.newest()), (3, 8));
    }
}

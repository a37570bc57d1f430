//! A set of rows as one bit each: those that a search may find. It does not know why.

use std::ops::Range;

const BITS: usize = u64::BITS as usize;

/// Rows that a search may find; all others are passed over.
///
/// Rows beyond the end are not in the set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    words: Vec<u64>,
    len: usize,
}

impl RowSet {
    /// The set of no row of `len`.
    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(BITS)], len }
    }

    /// The set of the rows of `len` for which `admits` holds.
    pub fn of(len: usize, admits: impl Fn(usize) -> bool) -> Self {
        let mut set = Self::none(len);
        (0..len).filter(|&row| admits(row)).for_each(|row| set.set(row, true));
        set
    }

    /// Rows that are in the set or left out of it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no row to be in the set.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of rows in the set.
    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Adds a row at the end, in the set or not.
    pub fn push(&mut self, is_in: bool) {
        self.len += 1;
        self.words.resize(self.len.div_ceil(BITS), 0);
        self.set(self.len - 1, is_in);
    }

    /// Leaves only the first `len` rows to be in the set or left out of it.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len {
            self.len = len;
            self.words.truncate(len.div_ceil(BITS));
            if let Some(word) = self.words.last_mut().filter(|_| !len.is_multiple_of(BITS)) {
                *word &= (1 << (len % BITS)) - 1;
            }
        }
    }

    /// Takes a row in, or out.
    ///
    /// # Panics
    ///
    /// Panics if there is no such row.
    pub fn set(&mut self, row: usize, is_in: bool) {
        assert!(row < self.len, "row {row} of {}", self.len);
        let bit = 1 << (row % BITS);
        if is_in {
            self.words[row / BITS] |= bit;
        } else {
            self.words[row / BITS] &= !bit;
        }
    }

    /// Whether a row is in the set.
    pub fn contains(&self, row: usize) -> bool {
        self.words.get(row / BITS).is_some_and(|word| word & (1 << (row % BITS)) != 0)
    }

    /// Whether one of the rows may be in the set; those beside them in a word of bits count as well.
    pub(super) fn may_meet(&self, rows: &Range<usize>) -> bool {
        let end = rows.end.div_ceil(BITS).min(self.words.len());
        self.words.get(rows.start / BITS..end).is_some_and(|words| words.iter().any(|&it| it != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_in_and_out() {
        let mut set = RowSet::of(130, |row| row % 2 == 0);
        assert_eq!((set.len(), set.count()), (130, 65));
        set.set(128, false);
        set.set(129, true);
        set.push(true);
        assert_eq!((set.len(), set.count()), (131, 66));
        let ends = [126, 127, 128, 129, 130, 131, 1000].map(|row| set.contains(row));
        assert_eq!(ends, [true, false, false, true, true, false, false]);
    }

    #[test]
    fn rows_that_were_cut_off_are_not_there_again() {
        for len in [0, 1, 63, 64, 65, 128, 129] {
            let mut set = RowSet::of(130, |_| true);
            set.truncate(len);
            assert_eq!((set.len(), set.count()), (len, len));
            (len..130).for_each(|_| set.push(false));
            assert_eq!((set.len(), set.count()), (130, len));
        }
        let mut set = RowSet::of(3, |_| true);
        set.truncate(9);
        assert_eq!((set.len(), set.count()), (3, 3));
    }

    #[test]
    fn a_range_without_rows_is_passed_over() {
        let mut set = RowSet::none(200);
        set.set(70, true);
        assert!(!set.may_meet(&(0..64)) && !set.may_meet(&(128..200)));
        assert!(set.may_meet(&(48..96)) && !set.may_meet(&(500..600)));
        assert!(!RowSet::default().may_meet(&(0..48)));
    }
}

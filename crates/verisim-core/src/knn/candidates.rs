//! Rows that may be among the most similar to one probe; it knows bounds, not the exact scores.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicI32, Ordering as Memory};

/// A row, and the most that its score can be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) row: usize,
    pub(super) upper: f32,
}

/// Candidates for the `k` best rows.
///
/// As soon as `k` rows are known to score at least some value, the cut, rows that cannot reach it
/// are out. The cut only rises, hence the candidates that remain at the end are those that reach the
/// last cut, in whatever order and on however many threads the rows were looked at.
pub(super) struct Candidates {
    k: usize,
    most: usize,
    lows: BinaryHeap<Reverse<i32>>, // the k highest lower bounds, as keys
    found: Vec<Candidate>,
    cut: f32,
    /// The highest bound of those that were left out for want of room.
    left_out: f32,
    room: usize,
}

/// Candidates that are kept before those are dropped that the cut has passed.
const ROOM: usize = 1024;

impl Candidates {
    /// None yet; `most` are kept.
    pub(super) fn new(k: usize, most: usize) -> Self {
        let (cut, left_out) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
        Self { k, most, lows: BinaryHeap::new(), found: Vec::new(), cut, left_out, room: ROOM }
    }

    /// The score that `k` rows are known to have at least.
    pub(super) fn cut(&self) -> f32 {
        self.cut
    }

    /// Takes note that `k` rows of other threads have that score at least.
    pub(super) fn raise(&mut self, cut: f32) {
        self.cut = self.cut.max(cut);
    }

    /// Whether a row may belong to the best. What is not a number may: nobody knows where it belongs.
    pub(super) fn may_take(&self, upper: f32) -> bool {
        upper >= self.cut || upper.is_nan()
    }

    /// Looks at a row whose score lies between two bounds.
    pub(super) fn offer(&mut self, row: usize, (lower, upper): (f32, f32)) {
        if !self.may_take(upper) {
            return;
        }
        self.found.push(Candidate { row, upper });
        self.offer_low(lower);
        if self.found.len() >= self.room {
            self.tidy();
        }
    }

    fn offer_low(&mut self, lower: f32) {
        // A bound of a broken scale is none.
        if lower.is_nan() {
            return;
        }
        self.lows.push(Reverse(key(lower)));
        if self.lows.len() > self.k {
            self.lows.pop();
        }
        if let Some(&Reverse(low)) = self.lows.peek().filter(|_| self.lows.len() == self.k) {
            self.raise(of_key(low));
        }
    }

    /// Takes over what another thread found.
    pub(super) fn merge(&mut self, other: Self) {
        self.raise(other.cut);
        self.left_out = self.left_out.max(other.left_out);
        other.lows.into_iter().for_each(|Reverse(low)| self.offer_low(of_key(low)));
        self.found.extend(other.found);
        self.tidy();
    }

    /// The candidates, the most promising first, and the highest bound of those left out.
    pub(super) fn into_sorted(mut self) -> (Vec<Candidate>, f32) {
        self.tidy();
        self.found.sort_unstable_by(most_promising_first);
        (self.found, self.left_out)
    }

    fn tidy(&mut self) {
        let cut = self.cut;
        self.found.retain(|it| it.upper >= cut || it.upper.is_nan());
        if self.found.len() > self.most {
            let by = most_promising_first;
            let (_, first_out, _) = self.found.select_nth_unstable_by(self.most, by);
            self.left_out = self.left_out.max(first_out.upper);
            self.found.truncate(self.most);
        }
        self.room = ROOM.max(2 * self.found.len());
    }
}

fn most_promising_first(a: &Candidate, b: &Candidate) -> Ordering {
    b.upper.total_cmp(&a.upper).then(a.row.cmp(&b.row))
}

/// A cut that threads share.
pub(super) struct SharedCut(AtomicI32);

impl SharedCut {
    pub(super) fn new() -> Self {
        Self(AtomicI32::new(key(f32::NEG_INFINITY)))
    }

    /// Raises the cut of the candidates, or the shared one, to the higher of both.
    pub(super) fn exchange(&self, candidates: &mut Candidates) {
        // A cut that comes late costs time and nothing else.
        let before = self.0.fetch_max(key(candidates.cut()), Memory::Relaxed);
        candidates.raise(of_key(before));
    }
}

/// A whole number for each, in the order of `total_cmp`.
fn key(value: f32) -> i32 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

fn of_key(key: i32) -> f32 {
    let bits = key ^ ((key >> 31).cast_unsigned() >> 1).cast_signed();
    f32::from_bits(bits.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_the_order_of_values_and_come_back() {
        let values = [f32::NEG_INFINITY, -1.0, -1e-40, -0.0, 0.0, 1e-40, 0.5, f32::INFINITY];
        assert!(values.map(key).is_sorted());
        assert!(values.iter().all(|&it| of_key(key(it)).to_bits() == it.to_bits()));
    }

    /// Candidates for the 2 best after rows of these bounds.
    fn after(most: usize, bounds: &[(f32, f32)]) -> Candidates {
        let mut candidates = Candidates::new(2, most);
        for (row, &bounds) in bounds.iter().enumerate() {
            candidates.offer(row, bounds);
        }
        candidates
    }

    #[track_caller]
    fn check(candidates: Candidates, rows: &[usize], left_out: f32) {
        let (found, highest) = candidates.into_sorted();
        let found: Vec<usize> = found.iter().map(|it| it.row).collect();
        assert_eq!((found.as_slice(), highest), (rows, left_out));
    }

    const BOUNDS: [(f32, f32); 5] = [(0.1, 0.3), (0.4, 0.6), (0.2, 0.4), (0.5, 0.7), (0.3, 0.4)];

    #[test]
    fn rows_that_reach_the_second_lower_bound_stay() {
        check(after(9, &BOUNDS), &[3, 1, 2, 4], f32::NEG_INFINITY);
    }

    #[test]
    fn without_room_the_least_promising_are_left_out_and_the_first_is_told() {
        check(after(3, &BOUNDS), &[3, 1, 2], 0.4);
        check(after(2, &BOUNDS), &[3, 1], 0.4);
    }

    #[test]
    fn the_order_and_the_threads_change_nothing() {
        for split in 0..=BOUNDS.len() {
            let mut one = after(9, &BOUNDS[..split]);
            let mut other = Candidates::new(2, 9);
            let cut = SharedCut::new();
            for row in (split..BOUNDS.len()).rev() {
                cut.exchange(&mut one);
                other.offer(row, BOUNDS[row]);
                cut.exchange(&mut other);
            }
            one.merge(other);
            check(one, &[3, 1, 2, 4], f32::NEG_INFINITY);
        }
    }

    #[test]
    fn a_bound_that_is_not_a_number_stays_and_cuts_nothing() {
        let bounds = [(0.1, 0.2), (f32::NAN, f32::NAN), (0.5, 0.6), (0.5, 0.6)];
        check(after(9, &bounds), &[1, 2, 3], f32::NEG_INFINITY);
    }
}

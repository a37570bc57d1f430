//! The templates of a gallery packed in memory for search; it does not know the file they came from.
//!
//! A row is a template's codes of a byte a component, from which bounds of its similarity to any
//! probe follow, and whose it is: some 550 bytes for 512 components. What the codes leave open is
//! asked of the store, where the template lies to the bit, and so are names: an answer is made of
//! what the store holds, checked by its checksum or seal, at one moment. The matrix only says where
//! to look, hence the few that may belong to the answer are read, and nothing else.
//!
//! The matrix follows the store by the log. It is as of a [`Mark`], the end of the log at a moment,
//! whose hash stands for all that happened before. To bring it to a later moment, identities of
//! which the log says since that they were forgotten, or that some of their templates went elsewhere,
//! are erased; what the latter still have is put back into its place, and templates above the last
//! one are added: a template that changes hands gets a new number. Numbers of templates that were forgotten are given anew by the store only above the
//! last one that is left; since rows at the end that were erased are cut off, the numbers of all
//! rows ascend, whatever happened in between. A moment that the log does not know (the gallery was
//! put back, or damaged) makes the matrix worthless, and it is built anew.

mod answer;
mod rows;
mod truth;

use std::collections::{BTreeSet, HashMap};

use verisim_core::knn::RowSet;

use crate::GalleryError;
use crate::audit::ledger::{Less, Mark};
use crate::id::RandomId;
pub(crate) use answer::{Query, Unanswered};
pub(crate) use rows::{NewRow, Rows, RowsMut};
pub(crate) use truth::Truth;

/// One in so many rows has room to come before all are moved to a larger place.
const ROOM: usize = 8;
/// Fewer erased rows than this are no reason to build a matrix anew.
const MIN_ERASED: usize = 1000;

/// Packed templates, and the moment that they are of.
pub(crate) struct Matrix {
    rows: Rows,
    live: RowSet,
    mark: Mark,
    /// `[n <= rows.len()]`: owners of rows as positions, as far as somebody asked for them.
    owners: Vec<u32>,
    owner_of: HashMap<RandomId, u32>,
}

/// What a matrix did to follow the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Followed {
    pub(crate) n_added: usize,
    pub(crate) n_erased: usize,
    pub(crate) n_records: i64,
}

impl Matrix {
    /// Reads all templates from the store.
    pub(crate) fn build(truth: &mut Truth<'_>) -> Result<Self, GalleryError> {
        let n = truth.session.n_templates()?;
        let mut rows = Rows::zeros(truth.gallery.dim, 0, n + n / ROOM);
        let mark = truth.mark()?;
        truth.templates_after(0, |new| rows.push(new))?;
        Ok(Self::new(rows, mark))
    }

    /// Rows as of a moment.
    pub(crate) fn new(rows: Rows, mark: Mark) -> Self {
        let live = RowSet::of(rows.len(), |row| rows.is_live(row));
        Self { rows, live, mark, owners: Vec::new(), owner_of: HashMap::new() }
    }

    /// Room that rows from elsewhere should leave for others to come.
    pub(crate) fn room(n_rows: usize) -> usize {
        n_rows / ROOM
    }

    /// Whether so many rows were erased that passing over them takes longer than it saves.
    pub(crate) fn is_mostly_erased(&self) -> bool {
        self.rows.len() > 2 * self.live.count() + MIN_ERASED
    }

    pub(crate) fn rows(&self) -> &Rows {
        &self.rows
    }

    pub(crate) fn mark(&self) -> Mark {
        self.mark
    }

    /// Whether a template is in the matrix as it would come into it now.
    pub(crate) fn holds(&self, new: &NewRow<'_>) -> bool {
        let mut expected = Rows::zeros(self.rows.dim, 0, 1);
        expected.push(new);
        self.rows.find(new.template).is_some_and(|row| self.rows.is_same(row, &expected, 0))
    }

    /// Brings the matrix to the moment of a session; nothing if it cannot follow there.
    pub(crate) fn follow(
        &mut self,
        truth: &mut Truth<'_>,
    ) -> Result<Option<Followed>, GalleryError> {
        let mark = truth.mark()?;
        if mark == self.mark {
            return Ok(Some(Followed::default()));
        }
        let Some(Less { forgotten, lessened, .. }) = truth.less_since(&self.mark)? else {
            return Ok(None);
        };
        let n_erased = self.forget(&forgotten.union(&lessened).copied().collect());
        for &person in &lessened {
            if !self.put_back(truth, person)? {
                return Ok(None);
            }
        }
        let before = self.rows.len();
        // Should a template fail, those before it are in, and the next call goes on from there.
        truth.templates_after(self.rows.newest(), |new| {
            self.rows.push(new);
            self.live.push(true);
        })?;
        let n_added = self.rows.len() - before;
        let n_records = mark.position - self.mark.position;
        self.mark = mark;
        Ok(Some(Followed { n_added, n_erased, n_records }))
    }

    /// Erases the rows of identities; how many they were.
    fn forget(&mut self, forgotten: &BTreeSet<RandomId>) -> usize {
        if forgotten.is_empty() {
            return 0;
        }
        // Ids are random: the first byte rules nearly all others out.
        let mut begins = [false; 256];
        for it in forgotten {
            begins[usize::from(it.as_bytes()[0])] = true;
        }
        let is_theirs = |&(_, it): &(usize, &RandomId)| {
            begins[usize::from(it.as_bytes()[0])] && forgotten.contains(it)
        };
        let persons = self.rows.persons.iter().enumerate();
        let theirs: Vec<usize> = persons.filter(is_theirs).map(|(row, _)| row).collect();
        self.erase(&theirs);
        theirs.len()
    }

    /// Puts what a person still has into the places where it was; whether they are all there. What was at the
    /// end and cut off is added later.
    fn put_back(&mut self, truth: &mut Truth<'_>, person: RandomId) -> Result<bool, GalleryError> {
        let newest = self.rows.newest();
        let mut is_there = true;
        truth.templates_of(person, |new| {
            if new.template > newest {
                return;
            }
            let Ok(row) = self.rows.templates.binary_search(&new.template) else {
                is_there = false;
                return;
            };
            self.rows.put(row, new);
            self.live.set(row, true);
            if row < self.owners.len() {
                let next = self.owner_of.len() as u32;
                self.owners[row] = *self.owner_of.entry(person).or_insert(next);
            }
        })?;
        Ok(is_there)
    }

    /// Erases templates that are being forgotten.
    pub(crate) fn forget_templates(&mut self, templates: &[i64]) {
        let rows: Vec<usize> = templates.iter().filter_map(|&it| self.rows.find(it)).collect();
        self.erase(&rows);
    }

    fn erase(&mut self, rows: &[usize]) {
        for &row in rows {
            self.rows.erase(row);
            self.live.set(row, false);
        }
        let len = self.rows.len_without_erased_end(self.rows.len());
        self.rows.truncate(len);
        self.live.truncate(len);
        self.owners.truncate(len);
    }

    /// Has the owners of all rows at hand; those of erased rows mean nothing.
    fn know_owners(&mut self) {
        for &person in &self.rows.persons[self.owners.len()..] {
            let next = self.owner_of.len() as u32;
            self.owners.push(*self.owner_of.entry(person).or_insert(next));
        }
    }
}

#[cfg(test)]
mod tests;

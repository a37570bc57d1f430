//! The packed matrix of an open gallery, and its file: when they are read, followed up and written.

use super::Gallery;
use crate::audit::ledger::Less;
use crate::cache::{MAX_APPENDED, MatrixFile};
use crate::matrix::{Followed, Matrix, Truth};
use crate::store::Session;
use crate::{Damage, GalleryError};

/// So many records behind, the file is brought to the present even if no template came.
const MAX_RECORDS_BEHIND: i64 = 1000;

/// The matrix, once it was asked for, and what its file needs.
#[derive(Default)]
pub(crate) struct Packed {
    pub(super) matrix: Option<Matrix>,
    /// Whether the matrix was read from the file and not followed up yet.
    is_as_read: bool,
    due: Due,
}

/// What is to be done with the file when nobody waits for an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Due {
    #[default]
    Nothing,
    /// To add what it lacks.
    Append,
    /// To make it anew.
    Whole,
}

/// How the file of the packed matrix stands to the gallery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatrixState {
    /// There is none: the first search reads all templates, and makes it.
    Missing,
    /// It holds all templates that are enrolled.
    Fresh,
    /// It lacks the last changes, which a search reads from the store.
    Behind,
    /// It is damaged, or of another moment: the first search makes it anew.
    Worthless,
}

impl Packed {
    /// Reads the file, if there is no matrix yet.
    ///
    /// That comes before a session is begun: of a moment that is younger than the session's a matrix
    /// could not be followed up.
    pub(super) fn load(&mut self, file: &MatrixFile<'_>) {
        if self.matrix.is_none() {
            self.matrix = file.read().map(|(rows, mark)| Matrix::new(rows, mark));
            self.is_as_read = self.matrix.is_some();
        }
    }

    /// The matrix at the moment of a session: the present one followed up, or one that is made of
    /// the store.
    pub(super) fn refresh(&mut self, truth: &mut Truth<'_>) -> Result<&mut Matrix, GalleryError> {
        let mut matrix = self.matrix.take();
        let followed = match &mut matrix {
            Some(it) if !it.is_mostly_erased() => it.follow(truth),
            _ => Ok(None),
        };
        let matrix = match (followed, matrix) {
            (Ok(Some(followed)), Some(matrix)) => {
                if std::mem::take(&mut self.is_as_read) {
                    self.due = Due::after(followed);
                }
                matrix
            }
            // What was read so far stays for the next call.
            (Err(error), matrix) => {
                self.matrix = matrix;
                return Err(error);
            }
            (Ok(_), _) => return self.rebuild(truth),
        };
        Ok(self.matrix.insert(matrix))
    }

    /// Overwrites templates that are no more, or somebody else's, in memory, before anybody searches.
    pub(super) fn forget(&mut self, templates: &[i64]) {
        self.matrix.iter_mut().for_each(|it| it.forget_templates(templates));
    }

    /// Reads the store anew, because the matrix cannot follow it, or matrix and file contradict it.
    pub(super) fn rebuild(&mut self, truth: &mut Truth<'_>) -> Result<&mut Matrix, GalleryError> {
        (self.is_as_read, self.due) = (false, Due::Whole);
        Ok(self.matrix.insert(Matrix::build(truth)?))
    }
}

impl Due {
    /// What a file needs from which a matrix was read that followed so.
    fn after(followed: Followed) -> Self {
        let Followed { n_added, n_erased, n_records } = followed;
        if n_added > MAX_APPENDED || n_erased > 0 {
            Self::Whole
        } else if n_added > 0 || n_records > MAX_RECORDS_BEHIND {
            Self::Append
        } else {
            Self::Nothing
        }
    }
}

impl Gallery {
    pub(super) fn matrix_file(&self) -> MatrixFile<'_> {
        MatrixFile::beside(self.store.path(), &self.vault, self.row)
    }

    /// Brings the file to where the matrix is, if that is due and nobody else is changing the gallery.
    ///
    /// A failure is passed over: the file is worthless then, or behind, and no answer depends on it.
    pub(super) fn keep_matrix_file(&mut self) {
        if self.packed.due == Due::Nothing {
            return;
        }
        let Self { store, vault, row, packed, .. } = self;
        let Ok(session) = store.change_at_once() else { return };
        let file = MatrixFile::beside(store.path(), vault, *row);
        let truth = &mut Truth::new(&session, vault, *row);
        let is_appended = packed.due == Due::Append && file.append(truth).unwrap_or(false);
        if !is_appended && packed.refresh(truth).is_ok() {
            packed.matrix.iter().for_each(|it| _ = file.write(truth, it));
        }
        packed.due = Due::Nothing;
    }

    /// Adds what was just enrolled to the file, if there is one and nobody else is changing the gallery.
    pub(super) fn append_to_matrix_file(&self) {
        let file = self.matrix_file();
        if !file.path().exists() {
            return;
        }
        if let Ok(session) = self.store.change_at_once() {
            let truth = &mut Truth::new(&session, &self.vault, self.row);
            // Where it fails, the next one who reads the file sees to it.
            file.append(truth).ok();
        }
    }

    /// Makes the file anew, of what the store holds.
    pub(super) fn write_matrix_file(&mut self) -> Result<(), GalleryError> {
        let Self { store, vault, row, packed, .. } = self;
        let session = store.change()?;
        let file = MatrixFile::beside(store.path(), vault, *row);
        let truth = &mut Truth::new(&session, vault, *row);
        let matrix = packed.rebuild(truth)?;
        let written = file.write(truth, matrix);
        packed.due = Due::Nothing;
        written
    }

    /// How the file stands to what the session sees.
    pub(super) fn matrix_state(&self, session: &Session<'_>) -> Result<MatrixState, GalleryError> {
        let file = self.matrix_file();
        if !file.path().exists() {
            return Ok(MatrixState::Missing);
        }
        let truth = Truth::new(session, &self.vault, self.row);
        let Some(header) = file.header() else { return Ok(MatrixState::Worthless) };
        let Some(less) = truth.less_since(&header.mark)? else {
            return Ok(MatrixState::Worthless);
        };
        let n_live = header.n_rows.saturating_sub(header.n_erased);
        let is_fresh = less == Less::default() && n_live == session.n_templates()?;
        Ok(if is_fresh { MatrixState::Fresh } else { MatrixState::Behind })
    }

    /// A matrix as the next process would have it from the file, if the file is good for one.
    pub(super) fn matrix_of_file(
        &self,
        truth: &mut Truth<'_>,
    ) -> Result<Option<Matrix>, GalleryError> {
        let read = self.matrix_file().read();
        let Some(mut matrix) = read.map(|(rows, mark)| Matrix::new(rows, mark)) else {
            return Ok(None);
        };
        Ok(matrix.follow(truth)?.map(|_| matrix))
    }

    /// What to say if what was made anew of the store contradicts it.
    pub(super) fn contradicted(session: &Session<'_>) -> GalleryError {
        session.damaged(Damage::Contradictions { table: "template", n_rows: 1 })
    }
}

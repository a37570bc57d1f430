//! Making the matrix file, adding to it and erasing from it; it does not know who waits for that.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::time::Duration;

use super::editor::Editor;
use super::header::{Digest, FIRST_BLOCK, Header, toggle};
use super::{MatrixFile, block};
use crate::GalleryError;
use crate::id::RandomId;
use crate::matrix::{Matrix, Truth};
use crate::patience::BUSY_TIMEOUT;

/// Most templates that are added to a file rather than a new one being made.
pub(crate) const MAX_APPENDED: usize = 10_000;

/// What a change in progress did itself, of which the log says already that less is enrolled.
#[derive(Clone, Copy)]
pub(crate) enum Own {
    /// It adds templates, if anything.
    Nothing,
    /// It forgets this person.
    Forgets(RandomId),
    /// It gives templates away, or removes some, in so many records.
    Lessens(usize),
}

impl MatrixFile<'_> {
    /// Makes the file anew, of the templates of a matrix, in the place of one that may be there.
    ///
    /// `truth` is that of a change, whose moment the matrix is of.
    pub(crate) fn write(&self, truth: &Truth<'_>, matrix: &Matrix) -> Result<(), GalleryError> {
        debug_assert_eq!(matrix.mark(), truth.mark()?, "a matrix of another moment");
        let written = self.write_draft(matrix).and_then(|()| fs::rename(&self.draft, &self.path));
        written.map_err(|error| {
            // Templates must not be left behind where nobody looks for them.
            fs::remove_file(&self.draft).ok();
            GalleryError::from_io(&self.path, error)
        })
    }

    fn write_draft(&self, matrix: &Matrix) -> std::io::Result<()> {
        fs::remove_file(&self.draft).ok();
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = BufWriter::with_capacity(
            1 << 20,
            options.write(true).create_new(true).open(&self.draft)?,
        );
        let rows = matrix.rows();
        let live: Vec<usize> = (0..rows.len()).filter(|&row| rows.is_live(row)).collect();
        let mut header = Header {
            file: RandomId::draw()?,
            n_rows: live.len(),
            n_erased: 0,
            mark: matrix.mark(),
            blocks: Digest::default(),
        };
        file.seek(SeekFrom::Start(FIRST_BLOCK))?;
        for (idx, rows_of_block) in live.chunks(block::rows_of_block(rows.dim)).enumerate() {
            let (bytes, digest) = self.seal(&header, idx, &block::encode(rows, rows_of_block))?;
            file.write_all(&bytes)?;
            toggle(&mut header.blocks, &digest);
        }
        let mut file: File = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        file.set_len(self.n_bytes_of(live.len()).ok_or(std::io::ErrorKind::FileTooLarge)?)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.to_bytes(self.vault, &self.gallery))
    }

    /// Adds the templates that the file lacks, if they are not too many; whether it is then of the
    /// moment of `truth`, which is that of a change.
    pub(crate) fn append(&self, truth: &mut Truth<'_>) -> Result<bool, GalleryError> {
        let Some(mut editor) = self.edit(truth, Own::Nothing, Duration::ZERO)? else {
            return Ok(false);
        };
        Self::catch_up(&mut editor, truth)
    }

    /// Adds the templates that the file lacks, and has it be of the moment of `truth`.
    fn catch_up(editor: &mut Editor<'_>, truth: &mut Truth<'_>) -> Result<bool, GalleryError> {
        let Some(newest) = editor.newest()? else { return Ok(false) };
        if truth.session.n_templates_after(newest)? > MAX_APPENDED {
            return Ok(false);
        }
        let mut pushed = Ok(Some(()));
        truth.templates_after(newest, |new| {
            if let Ok(Some(())) = pushed {
                pushed = editor.push(new);
            }
        })?;
        if pushed?.is_none() {
            return Ok(false);
        }
        editor.save(truth.mark()?)?;
        Ok(true)
    }

    /// Overwrites templates that are being forgotten or removed, durably, or removes the file.
    ///
    /// `truth` is that of the change, with everything done but the commit.
    pub(crate) fn erase(
        &self,
        truth: &mut Truth<'_>,
        own: Own,
        templates: &[i64],
    ) -> Result<(), GalleryError> {
        fs::remove_file(&self.draft).ok();
        match self.try_to_erase(truth, own, templates) {
            Ok(true) if !self.draft.exists() => Ok(()),
            _ => self.remove(),
        }
    }

    /// Gives templates to whom they belong after a change, which gave them new numbers and left one record. Where
    /// that fails, the next one who reads the file sees to it.
    ///
    /// `truth` is that of the change, with everything done but the commit.
    pub(crate) fn hand_over(&self, truth: &mut Truth<'_>, templates: &[i64]) {
        self.try_to_erase(truth, Own::Lessens(1), templates).ok();
    }

    fn try_to_erase(
        &self,
        truth: &mut Truth<'_>,
        own: Own,
        templates: &[i64],
    ) -> Result<bool, GalleryError> {
        if !self.path.exists() {
            return Ok(true);
        }
        let Some(mut editor) = self.edit(truth, own, BUSY_TIMEOUT)? else {
            return Ok(false);
        };
        for &template in templates {
            if editor.erase(template)?.is_none() {
                return Ok(false);
            }
        }
        if editor.cut_end()?.is_none() {
            return Ok(false);
        }
        // What it lacks must not be left out by a header of the present moment.
        let is_saved = Self::catch_up(&mut editor, truth)?;
        editor.flush()?;
        Ok(is_saved)
    }

    /// Opens the file for changes, if its moment is one of the log and of nobody is less enrolled since but by
    /// what a change did itself.
    fn edit(
        &self,
        truth: &Truth<'_>,
        own: Own,
        patience: Duration,
    ) -> Result<Option<Editor<'_>>, GalleryError> {
        let failed = |error| GalleryError::from_io(&self.path, error);
        let file = File::options().read(true).write(true).open(&self.path);
        let mut file = match file {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            file => file.map_err(failed)?,
        };
        self.lock(|| file.try_lock(), patience)?;
        let Some(header) = self.header_of(&mut file).map_err(failed)? else { return Ok(None) };
        let Some(less) = truth.less_since(&header.mark)? else { return Ok(None) };
        let (person, n_lessenings) = match own {
            Own::Nothing => (None, 0),
            Own::Forgets(person) => (Some(person), 0),
            Own::Lessens(n_records) => (None, n_records),
        };
        let is_expected = less.n_lessenings == n_lessenings
            && less.forgotten.iter().all(|it| Some(*it) == person);
        Ok(is_expected.then(|| Editor::new(self, file, header)))
    }
}

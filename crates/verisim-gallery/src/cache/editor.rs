//! Changes of a few rows of the matrix file, in place; it does not know the store.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::header::{Digest, Header, digest_of, toggle};
use super::{MatrixFile, block};
use crate::GalleryError;
use crate::audit::ledger::Mark;
use crate::matrix::{NewRow, Rows};
use crate::vault::{Place, TAG_BYTES};

/// A file that is locked for who changes it, and the blocks that were looked at.
pub(super) struct Editor<'a> {
    of: &'a MatrixFile<'a>,
    file: File,
    header: Header,
    blocks: BTreeMap<usize, Opened>,
}

struct Opened {
    rows: Rows,
    /// Of the block as it is in the file, if it is there.
    digest: Option<Digest>,
    is_changed: bool,
}

/// Nothing if a block is not whole.
type Outcome<T> = Result<Option<T>, GalleryError>;

impl MatrixFile<'_> {
    /// The bytes of a block in the file, and its digest.
    pub(super) fn seal(
        &self,
        header: &Header,
        idx: usize,
        bytes: &[u8],
    ) -> io::Result<(Vec<u8>, Digest)> {
        let place = Place::Block(header.file, idx as u64);
        let sealed = self.vault.seal(self.vault.matrix_seal(), place, bytes)?;
        let tag = &sealed[sealed.len() - TAG_BYTES..];
        let digest = digest_of(self.vault, header.file, idx, tag);
        Ok((sealed, digest))
    }
}

impl<'a> Editor<'a> {
    pub(super) fn new(of: &'a MatrixFile<'a>, file: File, header: Header) -> Self {
        Self { of, file, header, blocks: BTreeMap::new() }
    }

    /// The template of the last row; 0 if there is none.
    pub(super) fn newest(&mut self) -> Outcome<i64> {
        match self.n_blocks() {
            0 => Ok(Some(0)),
            n => Ok(self.block(n - 1)?.map(|it| it.rows.newest())),
        }
    }

    /// Adds a template, whose number is above that of the last row.
    pub(super) fn push(&mut self, new: &NewRow<'_>) -> Outcome<()> {
        let per_block = block::rows_of_block(self.of.gallery.dim);
        if self.header.n_rows.is_multiple_of(per_block) {
            let rows = Rows::zeros(self.of.gallery.dim, 0, 1);
            self.blocks.insert(self.n_blocks(), Opened { rows, digest: None, is_changed: true });
        }
        let Some(last) = self.block(self.header.n_rows / per_block)? else { return Ok(None) };
        last.rows.push(new);
        last.is_changed = true;
        self.header.n_rows += 1;
        Ok(Some(()))
    }

    /// Overwrites a template, if it is there.
    pub(super) fn erase(&mut self, template: i64) -> Outcome<()> {
        let (mut first, mut end) = (0, self.n_blocks());
        // The last block that begins with this template or an earlier one.
        while end - first > 1 {
            let middle = first.midpoint(end);
            let Some(block) = self.block(middle)? else { return Ok(None) };
            if block.rows.templates.first().is_some_and(|&it| it <= template) {
                first = middle;
            } else {
                end = middle;
            }
        }
        if first == end {
            return Ok(Some(()));
        }
        let Some(block) = self.block(first)? else { return Ok(None) };
        if let Some(row) = block.rows.find(template) {
            block.rows.erase(row);
            block.is_changed = true;
            self.header.n_erased += 1;
        }
        Ok(Some(()))
    }

    /// Cuts off erased rows at the end.
    pub(super) fn cut_end(&mut self) -> Outcome<()> {
        while let Some(last) = self.n_blocks().checked_sub(1) {
            let Some(block) = self.block(last)? else { return Ok(None) };
            let before = block.rows.len();
            let len = block.rows.len_without_erased_end(before);
            if len < before {
                block.rows.truncate(len);
                block.is_changed = true;
                self.header.n_rows -= before - len;
                self.header.n_erased -= before - len;
            }
            if len > 0 {
                break;
            }
            if let Some(digest) = self.blocks.remove(&last).and_then(|it| it.digest) {
                toggle(&mut self.header.blocks, &digest);
            }
        }
        Ok(Some(()))
    }

    /// Writes the blocks that were changed, and then the header; the file is then of that moment.
    pub(super) fn save(&mut self, mark: Mark) -> Result<(), GalleryError> {
        let path = self.of.path.clone();
        self.try_to_save(mark).map_err(|error| GalleryError::from_io(&path, error))
    }

    /// Has everything that was written come to the disk.
    pub(super) fn flush(&self) -> Result<(), GalleryError> {
        self.file.sync_data().map_err(|error| GalleryError::from_io(&self.of.path, error))
    }

    fn try_to_save(&mut self, mark: Mark) -> io::Result<()> {
        let Self { of, file, header, blocks } = self;
        header.mark = mark;
        for (&idx, opened) in blocks.iter_mut().filter(|(_, it)| it.is_changed) {
            let which: Vec<usize> = (0..opened.rows.len()).collect();
            let (bytes, digest) = of.seal(header, idx, &block::encode(&opened.rows, &which))?;
            file.seek(SeekFrom::Start(of.place_of(idx)))?;
            file.write_all(&bytes)?;
            opened.digest.iter().for_each(|it| toggle(&mut header.blocks, it));
            toggle(&mut header.blocks, &digest);
            (opened.digest, opened.is_changed) = (Some(digest), false);
        }
        let n_bytes = of.n_bytes_of(header.n_rows).ok_or(io::ErrorKind::FileTooLarge)?;
        file.set_len(n_bytes)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header.to_bytes(of.vault, &of.gallery))
    }

    fn n_blocks(&self) -> usize {
        self.header.n_rows.div_ceil(block::rows_of_block(self.of.gallery.dim))
    }

    /// A block, read once.
    fn block(&mut self, idx: usize) -> Outcome<&mut Opened> {
        if !self.blocks.contains_key(&idx) {
            let failed = |error| GalleryError::from_io(&self.of.path, error);
            let mut bytes = vec![0; self.of.block_bytes()];
            self.file.seek(SeekFrom::Start(self.of.place_of(idx))).map_err(failed)?;
            self.file.read_exact(&mut bytes).map_err(failed)?;
            let opened = self.of.open(&self.header, idx, &bytes);
            let Some((opened, digest)) = opened else { return Ok(None) };
            let (dim, per_block) = (self.of.gallery.dim, block::rows_of_block(self.of.gallery.dim));
            let n_rows = per_block.min(self.header.n_rows - idx * per_block);
            let mut rows = Rows::zeros(dim, n_rows, 0);
            for mut piece in rows.pieces(per_block) {
                if block::decode(&opened, &mut piece, dim).is_none() {
                    return Ok(None);
                }
            }
            let opened = Opened { rows, digest: Some(digest), is_changed: false };
            self.blocks.insert(idx, opened);
        }
        Ok(self.blocks.get_mut(&idx))
    }
}

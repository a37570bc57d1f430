//! The file of the packed matrix, `gallery.matrix`: a cache beside the store; it answers nothing.
//!
//! The store is the truth. This file saves a process from reading a million templates before its
//! first search: it holds what [`Matrix`](crate::matrix::Matrix) holds, codes and whose they are, but
//! neither templates to the bit nor names. It may be missing, behind, damaged or of another moment;
//! then it is followed up or made anew, and no answer changes. Any failure to write it is passed
//! over, except where somebody is being forgotten.
//!
//! ```text
//! 0      header: the file's random id, numbers of rows, a moment of the log, a digest of all blocks,
//!        HMAC-SHA256 of these, of the gallery's id, its model and its dimension
//! 4096   blocks of some 64 KiB, each of the same number of rows and bytes, sealed for their place
//! ```
//!
//! *At rest.* Blocks of a sealed gallery are encrypted under a key that follows from the master key;
//! those of a plain one end in a checksum. A block opens in its place in its file only, and the
//! header's digest fits one state of all of them: a block that was changed, torn, or put back to what
//! it was makes the file worthless, not an answer wrong.
//!
//! *Who writes.* Whoever holds the lock for changes of the store, and nobody else. A whole file is
//! written beside its place and renamed. Blocks that change are written in place, then the header, by
//! who has the file locked for himself; readers lock it together, and read it whole into memory.
//! Mapping it would save them a copy of a fifth of a second, and cost a gallery that cannot be sealed
//! and a process that dies when somebody truncates the file.
//!
//! *What it is of.* The header names a moment of the log by position and hash. If the store's log does
//! not have this moment, the file is worthless; otherwise the log says who was forgotten since and who
//! gave templates away, and the store which templates came.
//!
//! *Forgetting.* Within the change, before it is committed, the person's rows become zeros in place,
//! templates that the file lacks are added, the header names the moment that the commit will make,
//! and all is flushed. If that cannot be done, the file is removed, and if even that cannot be done,
//! nobody is forgotten. Should the process die before the commit, the header names a moment that
//! never was: the file is worthless, and the person, who is still enrolled, is read from the store.
//! No order of events leaves a person in the file whom the store has forgotten. Templates that are removed
//! go the same way, and those that change hands, which may fail: the log says who gave them away.

mod block;
mod editor;
mod header;
mod write;

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::GalleryError;
use crate::audit::ledger::Mark;
use crate::matrix::{Matrix, Rows, RowsMut};
use crate::patience::{BUSY_TIMEOUT, patiently};
use crate::store::GalleryRow;
use crate::vault::{Place, TAG_BYTES, Vault};
pub(crate) use header::Header;
use header::{Digest, FIRST_BLOCK, digest_of, toggle};
pub(crate) use write::{MAX_APPENDED, Own};

const NAME: &str = "gallery.matrix";
/// Where a whole file is written. Only who holds the store's lock does, hence one name is enough.
const DRAFT: &str = "gallery.matrix.new";

/// The matrix file of a gallery, whether it is there or not.
pub(crate) struct MatrixFile<'a> {
    path: PathBuf,
    draft: PathBuf,
    vault: &'a Vault,
    gallery: GalleryRow,
}

impl<'a> MatrixFile<'a> {
    /// That of the gallery whose store is at `store`.
    pub(crate) fn beside(store: &Path, vault: &'a Vault, gallery: GalleryRow) -> Self {
        let (path, draft) = (store.with_file_name(NAME), store.with_file_name(DRAFT));
        Self { path, draft, vault, gallery }
    }

    /// Where it is, or would be.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes; 0 if there is none.
    pub(crate) fn n_bytes(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |it| it.len())
    }

    /// What it begins with, if that is whole.
    pub(crate) fn header(&self) -> Option<Header> {
        let mut file = File::open(&self.path).ok()?;
        self.lock(|| file.try_lock_shared(), BUSY_TIMEOUT).ok()?;
        self.header_of(&mut file).ok()?
    }

    /// All rows, and the moment that they are of; nothing if the file is missing or not whole.
    pub(crate) fn read(&self) -> Option<(Rows, Mark)> {
        let mut file = File::open(&self.path).ok()?;
        self.lock(|| file.try_lock_shared(), BUSY_TIMEOUT).ok()?;
        let header = self.header_of(&mut file).ok()??;
        let n_more = Matrix::room(header.n_rows);
        let mut rows = Rows::zeros(self.gallery.dim, header.n_rows, n_more);
        let blocks = rows.pieces(block::rows_of_block(self.gallery.dim));
        let digest = self.read_blocks(&header, blocks)?;
        (digest == header.blocks).then_some((rows, header.mark))
    }

    /// Removes it; also a draft that somebody left who was killed.
    pub(crate) fn remove(&self) -> Result<(), GalleryError> {
        for path in [&self.path, &self.draft] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(GalleryError::from_io(path, error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn lock(
        &self,
        attempt: impl Fn() -> Result<(), TryLockError>,
        patience: Duration,
    ) -> Result<(), GalleryError> {
        patiently(patience, || match attempt() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => Err(GalleryError::Busy { path: self.path.clone() }),
            Err(TryLockError::Error(error)) => Err(GalleryError::from_io(&self.path, error)),
        })
    }

    /// The header of a file that is as long as it says.
    fn header_of(&self, file: &mut File) -> io::Result<Option<Header>> {
        let mut bytes = vec![0; FIRST_BLOCK as usize];
        if file.metadata()?.len() < FIRST_BLOCK {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(0))?;
        file.read_exact(&mut bytes)?;
        let header = Header::from_bytes(&bytes, self.vault, &self.gallery);
        let n_bytes = file.metadata()?.len();
        Ok(header.filter(|it| self.n_bytes_of(it.n_rows) == Some(n_bytes)))
    }

    /// Length of a file of so many rows.
    fn n_bytes_of(&self, n_rows: usize) -> Option<u64> {
        let n_blocks = n_rows.div_ceil(block::rows_of_block(self.gallery.dim));
        let n_bytes = n_blocks.checked_mul(self.block_bytes())?;
        FIRST_BLOCK.checked_add(n_bytes as u64)
    }

    /// Length of a block in the file.
    fn block_bytes(&self) -> usize {
        block::n_bytes(self.gallery.dim) + self.vault.seal_bytes()
    }

    /// Reads all blocks, on all cores; their digest, if each is whole.
    fn read_blocks(&self, header: &Header, blocks: Vec<RowsMut<'_>>) -> Option<Digest> {
        let n_threads = thread::available_parallelism().map_or(1, NonZero::get);
        let mut shares: Vec<Vec<(usize, RowsMut<'_>)>> = Vec::new();
        let of_thread = blocks.len().div_ceil(n_threads).max(1);
        for (idx, block) in blocks.into_iter().enumerate() {
            if idx.is_multiple_of(of_thread) {
                shares.push(Vec::with_capacity(of_thread));
            }
            shares.last_mut()?.push((idx, block));
        }
        thread::scope(|scope| {
            let read = |share| scope.spawn(move || self.read_share(header, share));
            let threads: Vec<_> = shares.into_iter().map(read).collect();
            let mut all = Digest::default();
            for thread in threads {
                toggle(&mut all, &thread.join().ok()??);
            }
            Some(all)
        })
    }

    /// Reads consecutive blocks. Should the file have been replaced meanwhile, none of them opens.
    fn read_share(&self, header: &Header, share: Vec<(usize, RowsMut<'_>)>) -> Option<Digest> {
        let mut file = File::open(&self.path).ok()?;
        let mut bytes = vec![0; self.block_bytes()];
        let mut all = Digest::default();
        file.seek(SeekFrom::Start(self.place_of(share.first()?.0))).ok()?;
        for (idx, mut rows) in share {
            file.read_exact(&mut bytes).ok()?;
            let (opened, digest) = self.open(header, idx, &bytes)?;
            toggle(&mut all, &digest);
            block::decode(&opened, &mut rows, self.gallery.dim)?;
        }
        Some(all)
    }

    fn place_of(&self, block: usize) -> u64 {
        FIRST_BLOCK + (block * self.block_bytes()) as u64
    }

    /// What a block holds, and its digest; nothing if it is not whole, or of another place.
    fn open(&self, header: &Header, idx: usize, bytes: &[u8]) -> Option<(Vec<u8>, Digest)> {
        let place = Place::Block(header.file, idx as u64);
        let opened = self.vault.open(self.vault.matrix_seal(), place, bytes).ok()?;
        let tag = &bytes[bytes.len() - TAG_BYTES..];
        Some((opened, digest_of(self.vault, header.file, idx, tag)))
    }
}

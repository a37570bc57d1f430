//! The last moment of the log that was written here, beside the store: it shows a store that was put back.
//!
//! A log that ends early is whole in itself, be it that an older file was put in place of a gallery's or
//! that its last writes, which lie beside it, were lost or changed. This file is written after each commit
//! and never waited for: it is behind the store at worst, never ahead of it, unless the store went back.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::audit::Mark;
use crate::id::RandomId;

const NAME: &str = "gallery.head";
const MAGIC: &[u8; 8] = b"VSMHEAD1";
/// Magic, gallery, position, hash, and the start of the SHA-256 of these.
const N_BYTES: usize = 8 + 16 + 8 + 32 + 8;

/// The file that says where the log of a gallery ended.
pub(crate) struct Tip {
    path: PathBuf,
    gallery: RandomId,
    /// Whether what it says is not in the log, and stays as evidence.
    is_evidence: bool,
}

impl Tip {
    /// The file beside a store; whatever it says of another gallery does not count.
    pub(super) fn of(store: &Path, gallery: RandomId) -> Self {
        Self { path: store.with_file_name(NAME), gallery, is_evidence: false }
    }

    /// What it says; nothing if there is no whole file of this gallery.
    pub(super) fn read(&self) -> Option<Mark> {
        let mut bytes = Vec::with_capacity(N_BYTES);
        let file = File::open(&self.path).ok()?;
        file.take(N_BYTES as u64 + 1).read_to_end(&mut bytes).ok()?;
        let (said, sum) = bytes.split_at_checked(N_BYTES - 8)?;
        let rest = said.strip_prefix(MAGIC)?.strip_prefix(self.gallery.as_bytes())?;
        let (position, head) = rest.split_first_chunk::<8>()?;
        let mark = Mark { position: i64::from_le_bytes(*position), head: head.try_into().ok()? };
        (sum == &Sha256::digest(said)[..8]).then_some(mark)
    }

    /// Keeps what the file says from now on: the log does not know it.
    pub(super) fn keep_as_evidence(&mut self) {
        self.is_evidence = true;
    }

    /// Says that the log came to `mark`, unless another process is further, or the file is evidence.
    ///
    /// A file that cannot be written is no reason to fail: what it is about is done.
    pub(super) fn advance(&self, mark: &Mark) {
        if self.is_evidence || self.read().is_some_and(|it| it.position > mark.position) {
            return;
        }
        let mut bytes = Vec::with_capacity(N_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(self.gallery.as_bytes());
        bytes.extend(mark.position.to_le_bytes());
        bytes.extend(mark.head);
        let sum = Sha256::digest(&bytes);
        bytes.extend(&sum[..8]);
        let mut options = OpenOptions::new();
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // In place: one write of so few bytes is whole or not there for whoever reads.
        let file = options.write(true).create(true).truncate(false).open(&self.path);
        file.and_then(|mut file| file.write_all(&bytes)).ok();
    }

    /// Removes what was said of a gallery that was in a folder before another takes its place.
    pub(crate) fn remove(store: &Path) {
        fs::remove_file(store.with_file_name(NAME)).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GALLERY: RandomId = RandomId::new([1; 16]);

    fn mark(position: i64) -> Mark {
        Mark { position, head: [position as u8; 32] }
    }

    #[test]
    fn it_says_the_furthest_moment_of_its_own_gallery() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("gallery.sqlite");
        let tip = Tip::of(&store, GALLERY);
        assert_eq!(tip.read(), None);
        for (position, expected) in [(1, 1), (7, 7), (5, 7), (8, 8)] {
            tip.advance(&mark(position));
            assert_eq!(tip.read(), Some(mark(expected)));
        }
        let other = Tip::of(&store, RandomId::new([2; 16]));
        assert_eq!(other.read(), None);
        other.advance(&mark(3));
        assert_eq!((other.read(), tip.read()), (Some(mark(3)), None));
    }

    #[test]
    fn evidence_stays_and_what_is_not_whole_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("gallery.sqlite");
        let mut tip = Tip::of(&store, GALLERY);
        tip.advance(&mark(9));
        let whole = fs::read(&tip.path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            fs::write(&tip.path, &changed).unwrap();
            assert_eq!(tip.read(), None, "byte {at}");
            fs::write(&tip.path, &whole[..at]).unwrap();
            assert_eq!(tip.read(), None, "the first {at}");
        }
        fs::write(&tip.path, [&whole[..], b"more"].concat()).unwrap();
        assert_eq!(tip.read(), None);
        fs::write(&tip.path, &whole).unwrap();
        tip.keep_as_evidence();
        tip.advance(&mark(10));
        assert_eq!(tip.read(), Some(mark(9)));
    }
}

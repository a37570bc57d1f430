//! A download that grows beside its place, and goes on where it broke off. It knows no network.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use verisim_core::ModelDigest;
use verisim_face::model::registry::Published;

use crate::digest::sha256_of;
use crate::whole_file;

/// The file of a download, and what the server said of what it is a part of.
///
/// Beside it lies `….etag`: the digest that is wanted, and the server's mark of the file's version. A part that was
/// begun for other bytes is begun anew.
pub(crate) struct Part {
    path: PathBuf,
    file: File,
    n_bytes: u64,
    wanted: ModelDigest,
    etag: Option<String>,
}

impl Part {
    /// Opens what an earlier download left, or begins.
    pub(crate) fn open(path: &Path, model: &Published) -> anyhow::Result<Self> {
        let file = File::options().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.with_context(|| format!("cannot write {}", path.display()))?;
        let n_bytes = file.metadata().map_or(0, |it| it.len());
        let (path, wanted) = (path.to_owned(), model.digest);
        let mut part = Self { path, file, n_bytes, wanted, etag: None };
        let mark = fs::read_to_string(part.mark_path()).unwrap_or_default();
        let (begun_for, etag) = mark.split_once('\n').unwrap_or_default();
        if begun_for.parse() == Ok(wanted) && n_bytes <= model.n_bytes {
            part.etag = Some(etag.trim_end().to_owned()).filter(|it| !it.is_empty());
        } else if n_bytes > 0 {
            part.restart()?;
        }
        Ok(part)
    }

    /// Bytes that are there.
    pub(crate) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// The server's mark of the version that they are of.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.etag.as_deref()
    }

    /// Throws away what is there.
    pub(crate) fn restart(&mut self) -> anyhow::Result<()> {
        if self.n_bytes > 0 {
            self.file.set_len(0).with_context(|| self.unwritable())?;
        }
        self.n_bytes = 0;
        self.etag = None;
        Ok(())
    }

    /// Writes down what the bytes that come are a part of.
    pub(crate) fn begin(&mut self, etag: Option<String>) -> anyhow::Result<()> {
        self.etag = etag;
        let mark = format!("{}\n{}\n", self.wanted, self.etag.as_deref().unwrap_or_default());
        whole_file::write(&self.mark_path(), mark.as_bytes())?;
        let end = SeekFrom::Start(self.n_bytes);
        self.file.seek(end).with_context(|| self.unwritable())?;
        Ok(())
    }

    /// Adds bytes at the end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        let written = self.file.write_all(bytes);
        // What a full disk took of them is not counted, and is written again.
        written.with_context(|| self.unwritable())?;
        self.n_bytes += bytes.len() as u64;
        Ok(())
    }

    /// The digest of what is there.
    pub(crate) fn digest(&mut self) -> anyhow::Result<ModelDigest> {
        let unreadable = || format!("cannot read {}", self.path.display());
        self.file.rewind().with_context(unreadable)?;
        sha256_of((&mut self.file).take(self.n_bytes)).with_context(unreadable)
    }

    /// Puts the file, which is whole, where it belongs.
    pub(crate) fn finish(self, place: &Path) -> anyhow::Result<()> {
        let attempt = || -> io::Result<()> {
            self.file.set_len(self.n_bytes)?;
            self.file.sync_all()?;
            fs::rename(&self.path, place)
        };
        attempt().with_context(|| format!("cannot write {}", place.display()))?;
        remove(&self.mark_path())
    }

    /// Removes the file, which is of no use.
    pub(crate) fn discard(self) -> anyhow::Result<()> {
        remove(&self.mark_path())?;
        remove(&self.path)
    }

    fn mark_path(&self) -> PathBuf {
        self.path.with_added_extension("etag")
    }

    fn unwritable(&self) -> String {
        format!("cannot write {}", self.path.display())
    }
}

/// Removes a file if it is there.
fn remove(path: &Path) -> anyhow::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.with_context(|| format!("cannot remove {}", path.display())),
    }
}

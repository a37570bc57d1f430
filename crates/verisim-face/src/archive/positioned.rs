//! A file read at any position from any thread; it knows its length and no format.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::{ArchiveError, MAX_RECORD_BYTES};

/// A file that stays open.
#[derive(Debug)]
pub(super) struct PositionedFile {
    file: File,
    len: u64,
    path: PathBuf,
}

impl PositionedFile {
    pub(super) fn open(path: &Path) -> Result<Self, ArchiveError> {
        let unreadable = ArchiveError::unreadable(path);
        let file = File::open(path).map_err(&unreadable)?;
        let metadata = file.metadata().map_err(&unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(io::Error::other("it is no file")));
        }
        Ok(Self { file, len: metadata.len(), path: path.to_owned() })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Length in bytes when it was opened.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buffer` from a position.
    pub(super) fn read_exact(&self, position: u64, buffer: &mut [u8]) -> Result<(), String> {
        read_exact_at(&self.file, position, buffer)
            .map_err(|error| format!("cannot read {} bytes at {position}: {error}", buffer.len()))
    }

    /// The bytes of a record, if they lie in the file and are no more than a record may have.
    pub(super) fn read_record(&self, position: u64, n_bytes: u64) -> Result<Vec<u8>, String> {
        self.check_extent(position, n_bytes)?;
        let mut bytes = vec![0; n_bytes as usize];
        self.read_exact(position, &mut bytes)?;
        Ok(bytes)
    }

    /// Whether so many bytes lie at a position.
    pub(super) fn check_extent(&self, position: u64, n_bytes: u64) -> Result<(), String> {
        let left = self.len.saturating_sub(position);
        if n_bytes > left {
            return Err(format!(
                "{n_bytes} bytes are announced at byte {position}, but the file has {left} left: it \
                 is cut off or damaged"
            ));
        }
        if n_bytes > MAX_RECORD_BYTES {
            return Err(format!(
                "{n_bytes} bytes are announced at byte {position}, but a picture has at most \
                 {MAX_RECORD_BYTES}"
            ));
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, position: u64, buffer: &mut [u8]) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, buffer, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut position: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !buffer.is_empty() {
        match file.seek_read(buffer, position)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => (buffer, position) = (&mut buffer[n..], position + n as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_byte_beyond_the_end_and_no_endless_record_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(MAX_RECORD_BYTES + 8).unwrap();
        let file = PositionedFile::open(file.path()).unwrap();
        assert_eq!(file.read_record(MAX_RECORD_BYTES + 5, 3).unwrap(), [0; 3]);
        let reason = file.check_extent(MAX_RECORD_BYTES + 5, 4).unwrap_err();
        assert!(reason.ends_with("the file has 3 left: it is cut off or damaged"), "{reason}");
        assert!(file.check_extent(u64::MAX, 1).is_err() && file.check_extent(1, u64::MAX).is_err());
        assert!(file.check_extent(0, MAX_RECORD_BYTES).is_ok());
        let reason = file.check_extent(0, MAX_RECORD_BYTES + 1).unwrap_err();
        assert!(reason.ends_with("but a picture has at most 67108864"), "{reason}");
    }

    #[test]
    fn a_folder_is_no_file() {
        let message = PositionedFile::open(Path::new("/")).unwrap_err().to_string();
        assert!(message.starts_with("cannot read /"), "{message}");
    }
}

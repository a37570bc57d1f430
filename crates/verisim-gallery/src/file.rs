//! The folder and the empty file that a gallery begins with; it does not know what comes into it.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::id::RandomId;
use crate::{Damage, GalleryError};

const NAME: &str = "gallery.sqlite";

/// The engine's smallest page.
const MIN_BYTES: u64 = 512;

/// The file of the gallery in `folder`.
///
/// It begins with a slash or a drive, because the engine would take a path of `file:` for an URI.
pub(crate) fn path(folder: &Path) -> Result<PathBuf, GalleryError> {
    let absolute = std::path::absolute(folder);
    let absolute = absolute.map_err(|source| GalleryError::from_io(folder, source))?;
    Ok(absolute.join(NAME))
}

/// Creates the file and its folder where they are missing.
///
/// Templates are personal data: only the owner of a new file may read it.
pub(crate) fn create_if_missing(path: &Path) -> Result<(), GalleryError> {
    if let Some(folder) = path.parent() {
        create_folder(folder).map_err(|source| GalleryError::from_io(folder, source))?;
    }
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // An existing file must not be opened here: closing it would drop the engine's locks on it,
    // which POSIX ties to the process, not to the descriptor.
    match options.write(true).create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(GalleryError::from_io(path, error))
        }
        _ => Ok(()),
    }
}

/// Fails unless there is a file that may hold a gallery, or become one.
pub(crate) fn expect(path: &Path) -> Result<(), GalleryError> {
    let not_a_gallery = |found| Err(GalleryError::NotAGallery { path: path.to_owned(), found });
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_file() => not_a_gallery("something that is not a file"),
        // The engine would take it for an empty file, and overwrite it.
        Ok(metadata) if (1..MIN_BYTES).contains(&metadata.len()) => {
            Err(GalleryError::Damaged { path: path.to_owned(), damage: Damage::NotSqlite })
        }
        Ok(_) => Ok(()),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => not_a_gallery("no file"),
            _ => Err(GalleryError::from_io(path, error)),
        },
    }
}

/// Fails if there is something at `path`.
pub(crate) fn expect_nothing(path: &Path) -> Result<(), GalleryError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Err(GalleryError::Occupied { path: path.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(GalleryError::from_io(path, error)),
    }
}

/// Fails if there is a gallery file at `path`, or something that the engine would take for part of it.
pub(crate) fn expect_no_gallery(path: &Path) -> Result<(), GalleryError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        expect_nothing(Path::new(&name))?;
    }
    Ok(())
}

/// Where the engine keeps writes that are not in the file yet.
pub(crate) fn log_of_writes(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Has `make` make a gallery in a folder of its own inside `folder`, which is gone afterwards.
pub(crate) fn in_draft(
    folder: &Path,
    purpose: &str,
    make: impl FnOnce(&Path) -> Result<(), GalleryError>,
) -> Result<(), GalleryError> {
    let id = RandomId::draw().map_err(|error| GalleryError::from_io(folder, error))?;
    let draft = folder.join(format!(".{purpose}-{id}"));
    let made = make(&draft);
    // A draft that cannot be removed is no reason to fail, but it holds templates.
    let removed = if draft.exists() { fs::remove_dir_all(&draft) } else { Ok(()) };
    made?;
    removed.map_err(|error| GalleryError::from_io(&draft, error))
}

/// Has `write` fill an empty file beside `path`, and moves it there when it is on disk.
pub(crate) fn write_new(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), GalleryError>,
) -> Result<(), GalleryError> {
    let absolute = std::path::absolute(path);
    let path = absolute.map_err(|error| GalleryError::from_io(path, error))?;
    let id = RandomId::draw().map_err(|error| GalleryError::from_io(&path, error))?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{id}"));
    let draft = PathBuf::from(draft);
    create_if_missing(&draft)?;
    let written = write(&draft).and_then(|()| publish(&draft, &path));
    if written.is_err() {
        // The first error is the one to tell of.
        fs::remove_file(&draft).ok();
    }
    written
}

/// Makes the file `draft` durable, and moves it to `path`, durably.
pub(crate) fn publish(draft: &Path, path: &Path) -> Result<(), GalleryError> {
    let attempt = || -> io::Result<()> {
        OpenOptions::new().write(true).open(draft)?.sync_all()?;
        fs::rename(draft, path)?;
        #[cfg(unix)]
        if let Some(folder) = path.parent() {
            fs::File::open(folder)?.sync_all()?;
        }
        Ok(())
    };
    attempt().map_err(|error| GalleryError::from_io(path, error))
}

/// Writes the bytes of one file into another, which is there, and keeps its rights.
pub(crate) fn copy_bytes(from: &Path, to: &Path) -> Result<(), GalleryError> {
    let source = fs::File::open(from).map_err(|error| GalleryError::from_io(from, error));
    let target = OpenOptions::new().write(true).truncate(true).open(to);
    let target = target.map_err(|error| GalleryError::from_io(to, error));
    let copied = io::copy(&mut source?, &mut target?);
    copied.map(drop).map_err(|error| GalleryError::from_io(to, error))
}

/// Why the engine could not open the file or one beside it, which it does not tell itself.
pub(crate) fn refusal(path: &Path) -> GalleryError {
    match path.parent().map_or(Ok(()), |folder| fs::read_dir(folder).map(drop)) {
        Ok(()) => GalleryError::NotWritable { path: path.to_owned() },
        // The folder is gone, or this process has too many files open.
        Err(error) => GalleryError::from_io(path, error),
    }
}

fn create_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().ok_or(io::ErrorKind::NotFound)?;
    create_folder(parent)?;
    match fs::create_dir(folder) {
        Err(error) if !folder.is_dir() => return Err(error),
        _ => {}
    }
    // The engine makes its file durable, but not the folders that lead to it.
    #[cfg(unix)]
    fs::File::open(parent)?.sync_all()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_a_new_file() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b").join(NAME);
        create_if_missing(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn an_existing_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(NAME);
        fs::write(&path, "kept").unwrap();
        create_if_missing(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"kept");
        let error = expect(&path).unwrap_err();
        assert!(matches!(error, GalleryError::Damaged { .. }), "{error}");
    }
}

//! Files that are whole or not there: written beside their place, flushed, renamed.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

/// Writes a file through `write`; whoever looks meanwhile finds what was there before.
pub(crate) fn write_with(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> anyhow::Result<()> {
    write_as(path, false, |file| write(file))
}

/// The same of a file that only its owner may read.
pub(crate) fn write_private_with(
    path: &Path,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> anyhow::Result<()> {
    write_as(path, true, write)
}

fn write_as(
    path: &Path,
    is_private: bool,
    write: impl FnOnce(&mut (dyn Write + Send)) -> io::Result<()>,
) -> anyhow::Result<()> {
    let attempt = || -> io::Result<()> {
        let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
        let mut draft = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        let mut buffer = io::BufWriter::new(draft.as_file_mut());
        write(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        if !is_private {
            make_readable(draft.as_file())?;
        }
        draft.as_file().sync_all()?;
        draft.persist(path)?;
        Ok(())
    };
    attempt().with_context(|| format!("cannot write {}", path.display()))
}

/// Writes bytes.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Temporary files are for their owner alone; results have the rights of any file of the folder.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_fails_halfway_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        write(&path, b"before").unwrap();
        let failed = write_with(&path, |file| {
            file.write_all(b"half")?;
            Err(io::Error::other("no space left"))
        });
        let said = format!("{:#}", failed.unwrap_err());
        assert!(said.contains("a.txt: no space left"), "{said}");
        assert_eq!(std::fs::read(&path).unwrap(), b"before");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

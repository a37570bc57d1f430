//! Bytes as a file on the disk, opened and read as far as it goes; knows no format.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use verisim_face::archive::{Archive, ArchiveError};

/// Records of a file that are read.
const MAX_READ: usize = 32;

/// Writes bytes to a file with this ending, in memory where the system has such a folder.
pub fn on_disk(bytes: &[u8], ending: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = root.join(format!("verisim-fuzz-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the file that is tried");
        folder
    });
    let path = folder.join(format!("a.{ending}"));
    fs::write(&path, bytes).expect("the file that is tried");
    path
}

/// Opens bytes as an archive, and reads what it lists; labels must have names.
pub fn try_archive<A: Archive>(
    bytes: &[u8],
    ending: &str,
    open: impl Fn(&Path) -> Result<A, ArchiveError>,
) {
    let Ok(archive) = open(&on_disk(bytes, ending)) else { return };
    let n_identities = archive.identities().len() as u64;
    assert!(archive.labels().iter().all(|label| *label < n_identities));
    for index in 0..archive.labels().len().min(MAX_READ) {
        let _ = archive.place(index);
        let _ = archive.read(index);
    }
}

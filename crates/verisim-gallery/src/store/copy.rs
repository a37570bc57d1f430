//! Copies of a gallery's file as it is at one moment, while others use it.

use std::io;
use std::path::Path;

use super::Store;
use crate::GalleryError;

impl Store {
    /// Writes what is committed now into the empty file `path`, without unused space.
    ///
    /// The copy is not flushed yet; if this fails it is worth nothing.
    pub(crate) fn copy_into(&self, path: &Path) -> Result<(), GalleryError> {
        let Some(text) = path.to_str() else {
            let error = io::Error::new(io::ErrorKind::InvalidFilename, "its path is not UTF-8");
            return Err(GalleryError::from_io(path, error));
        };
        self.run(|connection| connection.execute("VACUUM INTO ?1", [text]).map(drop))
    }
}

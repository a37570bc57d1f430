//! Picture files that lie where they lie: a folder of identities, or whatever a list names.

use std::fs;
use std::path::{Path, PathBuf};

use super::identities::Identities;
use super::{Archive, ArchiveError, CorruptRecord, Format, MAX_RECORD_BYTES};
use crate::folder::{IdentityFolder, find_identities};

/// Picture files and the identity of each.
#[derive(Debug)]
pub struct Paths {
    format: Format,
    identities: Vec<String>,
    labels: Vec<u64>,
    paths: Vec<PathBuf>,
    corrupt: Vec<CorruptRecord>,
}

impl Paths {
    /// Lists a folder as [`find_identities`] does.
    ///
    /// # Errors
    ///
    /// Fails if the folder cannot be read or holds no picture.
    pub fn of_folder(root: &Path) -> Result<Self, ArchiveError> {
        Ok(Self::new(find_identities(root)?))
    }

    /// Takes identities and their pictures as they are.
    pub fn new(folders: Vec<IdentityFolder>) -> Self {
        let (mut identities, mut labels, mut paths) = (Vec::new(), Vec::new(), Vec::new());
        for (label, IdentityFolder { name, pictures }) in (0..).zip(folders) {
            identities.push(name);
            labels.extend(pictures.iter().map(|_| label));
            paths.extend(pictures);
        }
        Self { format: Format::Folder, identities, labels, paths, corrupt: Vec::new() }
    }

    /// Files of named identities, with the lines of the list that name none; `list` is what the list is called.
    ///
    /// # Errors
    ///
    /// Fails if there is no file.
    pub fn of_list(
        list: &Path,
        entries: Vec<(PathBuf, String)>,
        corrupt: Vec<CorruptRecord>,
    ) -> Result<Self, ArchiveError> {
        if entries.is_empty() {
            let hint = "a path and an identity are expected on each line".to_owned();
            return Err(ArchiveError::Empty { path: list.to_owned(), hint });
        }
        let mut names = Identities::default();
        let mut labels: Vec<u64> = entries.iter().map(|(_, name)| names.number(name)).collect();
        let identities = names.sorted(&mut labels);
        let paths = entries.into_iter().map(|(path, _)| path).collect();
        Ok(Self { format: Format::List, identities, labels, paths, corrupt })
    }
}

impl Archive for Paths {
    fn format(&self) -> Format {
        self.format
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn place(&self, index: usize) -> PathBuf {
        self.paths[index].clone()
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord> {
        let path = &self.paths[index];
        let corrupt = |reason| CorruptRecord { place: path.clone(), reason };
        let n_bytes = fs::metadata(path).map_err(|error| corrupt(error.to_string()))?.len();
        if n_bytes > MAX_RECORD_BYTES {
            return Err(corrupt(format!(
                "the file has {n_bytes} bytes, but a picture has at most {MAX_RECORD_BYTES}"
            )));
        }
        fs::read(path).map_err(|error| corrupt(error.to_string()))
    }

    fn corrupt(&self) -> &[CorruptRecord] {
        &self.corrupt
    }
}

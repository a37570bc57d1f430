//! What kind of archive lies at a path: told by its name, and by its first bytes where the name misleads.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::bin::Bin;
use super::parquet::Parquet;
use super::recordio::RecordIo;
use super::shards::{has_extension, in_folder};
use super::tar::Tar;
use super::{Archive, ArchiveError, Paths, list};

/// Opens whatever lies at a path.
///
/// A folder of faces, or of `.tar` or `.parquet` shards; a file `.rec`, `.bin`, `.tar`, `.parquet`, `.csv` or
/// `.tsv`; shards by a pattern, `train-{000..012}.tar`.
///
/// # Errors
///
/// Fails if it is none of these, cannot be read, or holds no picture.
pub fn open(path: &Path) -> Result<Box<dyn Archive>, ArchiveError> {
    if path.is_dir() {
        return if !in_folder(path, "tar")?.is_empty() {
            Ok(Box::new(Tar::open(path)?))
        } else if !in_folder(path, "parquet")?.is_empty() {
            Ok(Box::new(Parquet::open(path)?))
        } else {
            Ok(Box::new(Paths::of_folder(path)?))
        };
    }
    let ends_in = |extension| has_extension(path, extension);
    if ends_in("rec") {
        Ok(Box::new(RecordIo::open(path)?))
    } else if ends_in("bin") {
        Ok(Box::new(Bin::open(path)?))
    } else if ends_in("tar") {
        Ok(Box::new(Tar::open(path)?))
    } else if ends_in("parquet") {
        Ok(Box::new(Parquet::open(path)?))
    } else if ends_in("csv") || ends_in("tsv") {
        Ok(Box::new(list::open(path)?))
    } else {
        let mut start = [0; 4];
        let mut file = File::open(path).map_err(ArchiveError::unreadable(path))?;
        let n = file.read(&mut start).map_err(ArchiveError::unreadable(path))?;
        let found = match &start[..n] {
            [0x1f, 0x8b, ..] => "compressed: unpack it, so that any record can be read at once",
            _ => "a file of another name",
        };
        Err(ArchiveError::UnknownFormat { path: path.to_owned(), found: found.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Format;

    #[test]
    fn every_kind_is_told_from_others() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
        for (name, expected) in [
            ("headed.rec", Format::RecordIo),
            ("python3-protocol4.bin", Format::Bin),
            ("ustar.tar", Format::Tar),
            ("huggingface.parquet", Format::Parquet),
        ] {
            assert_eq!(open(&folder.join(name)).unwrap().format(), expected);
        }
    }

    #[test]
    fn folders_are_told_by_what_lies_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/archive");
        std::fs::create_dir(folder.path().join("Ann")).unwrap();
        std::fs::write(folder.path().join("Ann/1.jpg"), "").unwrap();
        assert_eq!(open(folder.path()).unwrap().format(), Format::Folder);
        std::fs::copy(data.join("numbers.parquet"), folder.path().join("0.parquet")).unwrap();
        assert_eq!(open(folder.path()).unwrap().format(), Format::Parquet);
        std::fs::copy(data.join("ustar.tar"), folder.path().join("0.tar")).unwrap();
        assert_eq!(open(folder.path()).unwrap().format(), Format::Tar);
    }

    #[test]
    fn what_is_nothing_known_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.tar.gz");
        std::fs::write(&path, [0x1f, 0x8b, 8, 0]).unwrap();
        let message = open(&path).unwrap_err().to_string();
        assert!(message.contains("is compressed: unpack it"), "{message}");
    }
}

//! Pictures of identities on disk; it knows names, no pixels.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::image::EXTENSIONS;

/// The pictures of one identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityFolder {
    /// Name of the folder, or of the only picture without its ending.
    pub name: String,
    /// Its pictures, in the order of their names.
    pub pictures: Vec<PathBuf>,
}

/// Why a folder of pictures cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no picture in it.
    #[error(
        "{} holds no picture ({}), but one folder for each identity is expected: NAME/1.jpg",
        path.display(), EXTENSIONS.join(", ")
    )]
    Empty {
        /// The folder.
        path: PathBuf,
    },
}

/// Finds identities in a folder: `NAME/1.jpg`, `NAME/2.jpg`, and `NAME.jpg`.
///
/// Both layouts may be mixed; a folder and a picture of the same name are one identity. A folder that holds
/// no picture, but folders that do, is a group of identities: `GROUP/NAME/1.jpg` is of `GROUP/NAME`. Other
/// files and hidden ones are passed over. Identities and pictures come in the order of their names, in which
/// numbers count as numbers: `2.jpg` before `10.jpg`.
///
/// # Errors
///
/// Fails if the folder cannot be read or holds no picture.
pub fn find_identities(root: &Path) -> Result<Vec<IdentityFolder>, FolderError> {
    let mut identities = BTreeMap::new();
    collect_identities(root, "", &mut identities)?;
    if identities.is_empty() {
        return Err(FolderError::Empty { path: root.to_owned() });
    }
    let mut identities: Vec<IdentityFolder> =
        identities.into_iter().map(|(name, pictures)| IdentityFolder { name, pictures }).collect();
    identities.sort_by_cached_key(|identity| natural_key(&identity.name));
    Ok(identities)
}

fn collect_identities(
    folder: &Path,
    group: &str,
    identities: &mut BTreeMap<String, Vec<PathBuf>>,
) -> Result<(), FolderError> {
    for path in entries(folder)? {
        if path.is_dir() {
            let name = format!("{group}{}", file_name(&path));
            let pictures = entries(&path)?.into_iter().filter(|path| is_picture(path));
            let pictures: Vec<PathBuf> = pictures.collect();
            if !pictures.is_empty() {
                identities.entry(name).or_default().extend(pictures);
            } else if !path.is_symlink() {
                // A link to a folder may lead back to where it lies.
                collect_identities(&path, &format!("{name}/"), identities)?;
            }
        } else if is_picture(&path) {
            let stem = path.file_stem().map(|it| it.to_string_lossy().into_owned());
            let name = format!("{group}{}", stem.unwrap_or_default());
            identities.entry(name).or_default().push(path);
        }
    }
    Ok(())
}

/// Finds all pictures in a folder and the folders in it; a single picture is a list of one.
///
/// # Errors
///
/// Fails if the folder cannot be read or holds no picture.
pub fn find_pictures(root: &Path) -> Result<Vec<PathBuf>, FolderError> {
    if root.is_file() {
        return Ok(vec![root.to_owned()]);
    }
    let mut pictures = Vec::new();
    collect_pictures(root, &mut pictures)?;
    if pictures.is_empty() {
        return Err(FolderError::Empty { path: root.to_owned() });
    }
    Ok(pictures)
}

fn collect_pictures(folder: &Path, pictures: &mut Vec<PathBuf>) -> Result<(), FolderError> {
    for path in entries(folder)? {
        // A link to a folder may lead back to where it lies.
        if path.is_dir() && !path.is_symlink() {
            collect_pictures(&path, pictures)?;
        } else if is_picture(&path) {
            pictures.push(path);
        }
    }
    Ok(())
}

/// What lies in a folder, hidden files aside, in natural order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, FolderError> {
    let unreadable = |source| FolderError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if !file_name(&path).starts_with('.') {
            paths.push(path);
        }
    }
    paths.sort_by_cached_key(|path| natural_key(&file_name(path)));
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().map(|it| it.to_string_lossy().to_lowercase());
    extension.is_some_and(|it| EXTENSIONS.contains(&it.as_str())) && path.is_file()
}

/// Text cut into words and numbers, so that `s2` comes before `s10`; the text itself breaks ties.
pub(crate) fn natural_key(text: &str) -> (Vec<(String, u64)>, String) {
    let mut key = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word_len = rest.find(|it: char| it.is_ascii_digit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(word_len);
        let number_len = after.find(|it: char| !it.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(number_len);
        key.push((word.to_owned(), number.parse().unwrap_or(u64::MAX)));
        rest = after;
    }
    (key, text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with empty files of these names.
    fn folder(files: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        root
    }

    fn found(files: &[&str]) -> Vec<(String, Vec<String>)> {
        let root = folder(files);
        let identities = find_identities(root.path()).unwrap();
        let names =
            |it: IdentityFolder| (it.name, it.pictures.iter().map(|it| file_name(it)).collect());
        identities.into_iter().map(names).collect()
    }

    #[track_caller]
    fn check(files: &[&str], expected: &[(&str, &[&str])]) {
        let expected: Vec<(String, Vec<String>)> = expected
            .iter()
            .map(|(name, files)| {
                ((*name).to_owned(), files.iter().map(|it| (*it).to_owned()).collect())
            })
            .collect();
        assert_eq!(found(files), expected);
    }

    #[test]
    fn both_layouts_are_identities() {
        check(
            &["Ann/1.jpg", "Ann/2.PNG", "Bob.jpeg"],
            &[("Ann", &["1.jpg", "2.PNG"]), ("Bob", &["Bob.jpeg"])],
        );
    }

    #[test]
    fn a_folder_and_a_picture_of_one_name_are_one_identity() {
        check(&["Ann/1.jpg", "Ann.jpg"], &[("Ann", &["1.jpg", "Ann.jpg"])]);
    }

    #[test]
    fn a_folder_of_folders_is_a_group() {
        check(
            &["dogs/rex/1.jpg", "dogs/wolf/deep/1.jpg", "Ann/1.jpg", "Ann/old/2.jpg"],
            &[("Ann", &["1.jpg"]), ("dogs/rex", &["1.jpg"]), ("dogs/wolf/deep", &["1.jpg"])],
        );
    }

    #[test]
    fn numbers_count_as_numbers() {
        check(
            &["s10/1.pgm", "s2/10.pgm", "s2/9.pgm"],
            &[("s2", &["9.pgm", "10.pgm"]), ("s10", &["1.pgm"])],
        );
    }

    #[test]
    fn other_and_hidden_files_are_passed_over() {
        check(&["Ann/1.jpg", "Ann/notes.txt", ".git/1.jpg", "README.md"], &[("Ann", &["1.jpg"])]);
    }

    #[test]
    fn a_folder_without_pictures_is_an_error_that_says_what_is_expected() {
        let root = folder(&["notes.txt"]);
        let message = find_identities(root.path()).unwrap_err().to_string();
        assert!(message.ends_with("NAME/1.jpg"), "{message}");
        assert!(matches!(find_pictures(root.path()), Err(FolderError::Empty { .. })));
        let missing = root.path().join("missing");
        assert!(matches!(find_identities(&missing), Err(FolderError::Unreadable { .. })));
    }

    #[test]
    fn pictures_are_found_at_any_depth() {
        let root = folder(&["b/c/1.jpg", "a.png", "b/2.jpg"]);
        let pictures = find_pictures(root.path()).unwrap();
        let names: Vec<String> = pictures.iter().map(|it| file_name(it)).collect();
        assert_eq!(names, ["a.png", "2.jpg", "1.jpg"]);
        assert_eq!(find_pictures(&pictures[0]).unwrap(), [pictures[0].clone()]);
    }

    #[test]
    #[cfg(unix)]
    fn a_link_in_a_circle_ends() {
        let root = folder(&["a/1.jpg"]);
        std::os::unix::fs::symlink(root.path(), root.path().join("a/loop")).unwrap();
        assert_eq!(find_pictures(root.path()).unwrap().len(), 1);
    }
}

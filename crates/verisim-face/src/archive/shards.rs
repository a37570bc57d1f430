//! Sets that are cut into several files: a folder of them, or a pattern `train-{000..012}.tar`.

use std::fs;
use std::path::{Path, PathBuf};

use super::ArchiveError;

/// Files of one set at most.
const MAX_SHARDS: u64 = 1_000_000;

/// The files that a path stands for: itself, those of a pattern, or those of a folder.
pub(super) fn find(path: &Path, extension: &str) -> Result<Vec<PathBuf>, ArchiveError> {
    if path.is_dir() {
        return in_folder(path, extension);
    }
    match pattern(path)? {
        Some(shards) => Ok(shards),
        None => Ok(vec![path.to_owned()]),
    }
}

/// Files of a folder that end so, in the order of their names.
pub(super) fn in_folder(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, ArchiveError> {
    let mut shards = Vec::new();
    for entry in fs::read_dir(folder).map_err(ArchiveError::unreadable(folder))? {
        let path = entry.map_err(ArchiveError::unreadable(folder))?.path();
        let is_hidden = path.file_name().is_some_and(|it| it.to_string_lossy().starts_with('.'));
        if !is_hidden && has_extension(&path, extension) && path.is_file() {
            shards.push(path);
        }
    }
    shards.sort();
    Ok(shards)
}

/// Whether a path ends so, in any case.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case(extension))
}

/// `a-{08..10}.tar` as `a-08.tar`, `a-09.tar`, `a-10.tar`; nothing if there are no braces.
fn pattern(path: &Path) -> Result<Option<Vec<PathBuf>>, ArchiveError> {
    let name = path.file_name().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
    let Some((before, (range, after))) =
        name.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
    else {
        return Ok(None);
    };
    let refused = |reason: String| {
        let place = "its name".to_owned();
        ArchiveError::Malformed { path: path.to_owned(), place, reason }
    };
    let bounds = range.split_once("..").and_then(|(first, last)| {
        Some((first.len(), first.parse::<u64>().ok()?, last.parse::<u64>().ok()?))
    });
    let Some((width, first, last)) = bounds.filter(|(_, first, last)| first <= last) else {
        return Err(refused(format!(
            "found {{{range}}}, but two numbers as in {{000..012}} are \
                                    expected"
        )));
    };
    if last - first >= MAX_SHARDS {
        return Err(refused(format!("{{{range}}} are more than {MAX_SHARDS} files")));
    }
    let shard = |number: u64| path.with_file_name(format!("{before}{number:0width$}{after}"));
    Ok(Some((first..=last).map(shard).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str) -> Vec<String> {
        let shards = find(Path::new(path), "tar").unwrap();
        shards.into_iter().map(|it| it.display().to_string()).collect()
    }

    #[test]
    fn a_pattern_stands_for_its_files() {
        assert_eq!(names("d/a-{08..10}.tar"), ["d/a-08.tar", "d/a-09.tar", "d/a-10.tar"]);
        assert_eq!(names("a{3..3}"), ["a3"]);
        assert_eq!(names("a.tar"), ["a.tar"]);
    }

    #[test]
    fn a_pattern_that_counts_nowhere_is_refused() {
        for path in ["{a..b}.tar", "{2..1}.tar", "{1}.tar", "{0..18446744073709551615}.tar"] {
            assert!(find(Path::new(path), "tar").is_err(), "{path}");
        }
    }

    #[test]
    fn a_folder_stands_for_the_files_in_it() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.tar", "a.TAR", ".c.tar", "d.txt"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let found = find(folder.path(), "tar").unwrap();
        assert_eq!(found, ["a.TAR", "b.tar"].map(|name| folder.path().join(name)));
    }
}

//! Which pictures a command goes through: files, folders, and a list on standard input. It opens none of them.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, ensure};
use verisim_face::folder::find_pictures;

use super::refusals::RefusalArgs;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";
/// Bytes of a list at most: millions of paths, no endless stream.
const MAX_LIST_BYTES: u64 = 1 << 30;

/// Which pictures, and where to list those that cannot be used.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PictureArgs {
    /// Pictures, and folders of pictures; - for a list of both on standard input
    #[arg(required = true)]
    pictures: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) refusals: RefusalArgs,
}

/// Pictures in their order.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    /// Where they lie.
    pub(crate) paths: Vec<PathBuf>,
    /// Where each lies in the folder that was named; a single picture in none.
    pub(crate) inside: Vec<PathBuf>,
    /// The folders that were named.
    pub(crate) folders: Vec<PathBuf>,
}

impl PictureArgs {
    /// Finds the pictures that were named.
    pub(crate) fn find(&self) -> anyhow::Result<Pictures> {
        let mut pictures = Pictures::default();
        for named in &self.pictures {
            if is_standard_input(named) {
                for line in read_list()? {
                    pictures.add_listed(line);
                }
            } else {
                pictures.add_named(named)?;
            }
        }
        ensure!(!pictures.paths.is_empty(), "the list on standard input names no picture");
        Ok(pictures)
    }
}

impl Pictures {
    /// Adds a picture, or all of a folder.
    fn add_named(&mut self, named: &Path) -> anyhow::Result<()> {
        for path in find_pictures(named)? {
            let inside = path.strip_prefix(named).ok().filter(|it| !it.as_os_str().is_empty());
            let inside = inside.or_else(|| path.file_name().map(Path::new)).unwrap_or(&path);
            self.inside.push(inside.to_owned());
            self.paths.push(path);
        }
        if named.is_dir() {
            self.folders.push(named.to_owned());
        }
        Ok(())
    }

    /// Adds what a line of a list names; what is not there is a picture that cannot be used.
    fn add_listed(&mut self, line: PathBuf) {
        let found = if line.is_dir() { find_pictures(&line).ok() } else { None };
        if line.is_dir() {
            self.folders.push(line.clone());
        }
        for path in found.unwrap_or_else(|| vec![line]) {
            // Two pictures of a list may have one name, but not one path.
            let inside = path.components().filter(|it| matches!(it, Component::Normal(_)));
            self.inside.push(inside.collect());
            self.paths.push(path);
        }
    }
}

/// Whether an argument stands for standard input; a file of that name is `./-`.
pub(crate) fn is_standard_input(named: &Path) -> bool {
    named == Path::new(STANDARD_INPUT)
}

/// The lines of standard input; with a NUL after each, as `find -print0` writes them, they may hold anything.
pub(crate) fn read_list() -> anyhow::Result<Vec<PathBuf>> {
    let mut bytes = Vec::new();
    let read = io::stdin().lock().take(MAX_LIST_BYTES + 1).read_to_end(&mut bytes);
    read.context("cannot read the list on standard input")?;
    ensure!(
        bytes.len() as u64 <= MAX_LIST_BYTES,
        "the list on standard input has more than {MAX_LIST_BYTES} bytes; give it in parts"
    );
    lines(&bytes)
}

fn lines(bytes: &[u8]) -> anyhow::Result<Vec<PathBuf>> {
    let end = if bytes.contains(&0) { 0 } else { b'\n' };
    let lines = bytes.split(|byte| *byte == end);
    let lines = lines.map(|line| if end == 0 { line } else { line.trim_ascii() });
    lines.filter(|line| !line.is_empty()).map(|line| Ok(path(line)?.into())).collect()
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere not all bytes are a path")]
fn path(bytes: &[u8]) -> anyhow::Result<&OsStr> {
    use std::os::unix::ffi::OsStrExt;
    Ok(OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> anyhow::Result<&OsStr> {
    let text = str::from_utf8(bytes).context("a line of the list on standard input is no UTF-8")?;
    Ok(OsStr::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(bytes: &[u8]) -> Vec<String> {
        let lines = lines(bytes).unwrap();
        lines.iter().map(|it| it.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_list_has_a_line_or_a_nul_for_each_picture() {
        assert_eq!(
            named(b"a.jpg\r\nmy photos/b.jpg\n\n c.jpg"),
            ["a.jpg", "my photos/b.jpg", "c.jpg"]
        );
        assert_eq!(named(b"a\nb.jpg\0 c.jpg\0"), ["a\nb.jpg", " c.jpg"]);
        assert!(named(b"\n\n").is_empty());
    }

    #[test]
    fn pictures_of_a_list_keep_their_folders_apart() {
        let mut pictures = Pictures::default();
        for line in ["a/1.jpg", "../b/1.jpg", "/c/1.jpg", "./1.jpg"] {
            pictures.add_listed(PathBuf::from(line));
        }
        assert_eq!(pictures.inside, ["a/1.jpg", "b/1.jpg", "c/1.jpg", "1.jpg"].map(PathBuf::from));
    }

    #[test]
    fn a_folder_gives_its_pictures_and_their_places_in_it() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("b")).unwrap();
        for name in ["a.jpg", "b/1.jpg"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let mut pictures = Pictures::default();
        pictures.add_named(folder.path()).unwrap();
        pictures.add_named(&folder.path().join("b/1.jpg")).unwrap();
        assert_eq!(pictures.inside, ["a.jpg", "b/1.jpg", "1.jpg"].map(PathBuf::from));
        assert_eq!(pictures.folders, [folder.path()]);
        assert!(pictures.add_named(&folder.path().join("c")).is_err());
    }
}

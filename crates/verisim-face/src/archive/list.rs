//! Lists of pictures, `path,identity`, separated by commas or tabs, with or without a line of titles.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::{ArchiveError, CorruptRecord, Paths, file_name};

/// Titles of the column of paths.
const PATH_TITLES: [&str; 6] = ["path", "file", "filename", "file_name", "image", "picture"];
/// Titles of the column of identities.
const IDENTITY_TITLES: [&str; 6] = ["identity", "label", "name", "person", "class", "subject"];
/// Bytes of a list at most: a quote that is never closed makes one field of all that follows.
const MAX_BYTES: u64 = 4 << 30;

/// Opens a list. Paths are relative to its folder.
///
/// # Errors
///
/// Fails if the list cannot be read, or if no line names a path and an identity.
pub fn open(path: &Path) -> Result<Paths, ArchiveError> {
    let unreadable = ArchiveError::unreadable(path);
    let file = File::open(path).map_err(&unreadable)?;
    let n_bytes = file.metadata().map_err(&unreadable)?.len();
    if n_bytes > MAX_BYTES {
        let reason = format!("it has {n_bytes} bytes, but a list has at most {MAX_BYTES}");
        return Err(ArchiveError::at_byte(path, 0, reason));
    }
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let start = reader.fill_buf().map_err(&unreadable)?;
    let first = start.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separator = if first.contains(&b'\t') { b'\t' } else { b',' };
    if start.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .has_headers(false)
        .flexible(true)
        .from_reader(reader);
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut entries, mut corrupt) = (Vec::new(), Vec::new());
    let mut columns = None;
    let mut record = StringRecord::new();
    loop {
        let line = reader.position().line();
        let refuse = |reason: String| CorruptRecord {
            place: file_name(path).join(format!("line {line}")),
            reason,
        };
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            // The reader goes on behind a line that is no UTF-8.
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                corrupt.push(refuse("it is not UTF-8".to_owned()));
                continue;
            }
            Err(error) => return Err(ArchiveError::at_line(path, line, error.to_string())),
        }
        let titled = if columns.is_none() { titled_columns(&record) } else { None };
        let [path_column, identity_column] = *columns.get_or_insert(titled.unwrap_or([0, 1]));
        if titled.is_some() {
            continue;
        }
        let field = |at: usize| record.get(at).map(str::trim).filter(|field| !field.is_empty());
        match (field(path_column), field(identity_column)) {
            (Some(picture), Some(identity)) => {
                entries.push((folder.join(picture), identity.to_owned()));
            }
            _ => corrupt.push(refuse(format!(
                "found {} fields, but a path in field {} and an identity in field {} are expected",
                record.len(),
                path_column + 1,
                identity_column + 1
            ))),
        }
    }
    Paths::of_list(path, entries, corrupt)
}

/// Where paths and identities stand, if the first line says so.
fn titled_columns(first: &StringRecord) -> Option<[usize; 2]> {
    let find = |titles: &[&str]| {
        first.iter().position(|field| titles.contains(&field.trim().to_lowercase().as_str()))
    };
    Some([find(&PATH_TITLES)?, find(&IDENTITY_TITLES)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Archive;

    fn list(name: &str, text: &[u8]) -> Result<Paths, ArchiveError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        open(&folder.path().join(name))
    }

    #[track_caller]
    fn check(text: &str, identities: &[&str], labels: &[u64], files: &[&str]) {
        let found = list("list.csv", text.as_bytes()).unwrap();
        assert_eq!(found.identities(), identities);
        assert_eq!(found.labels(), labels);
        let names: Vec<_> =
            (0..files.len()).map(|it| file_name(&found.place(it)).display().to_string()).collect();
        assert_eq!(names, files);
        assert!(found.corrupt().is_empty(), "{:?}", found.corrupt());
    }

    #[test]
    fn a_list_without_titles_begins_with_paths() {
        check("b.jpg,Bob\na.jpg,Ann\n", &["Ann", "Bob"], &[1, 0], &["b.jpg", "a.jpg"]);
    }

    #[test]
    fn titles_say_where_columns_are() {
        check("Identity,age,File\nAnn,30,a.jpg\n", &["Ann"], &[0], &["a.jpg"]);
        check(
            "\u{feff}path\tlabel\r\na.jpg\t10\r\nb.jpg\t9\r\n",
            &["9", "10"],
            &[1, 0],
            &["a.jpg", "b.jpg"],
        );
    }

    #[test]
    fn quotes_keep_separators() {
        check("\"a,b.jpg\",\"Ann \"\"A\"\"\"\n", &["Ann \"A\""], &[0], &["a,b.jpg"]);
    }

    #[test]
    fn a_line_that_names_nobody_is_named() {
        let found = list("list.csv", b"a.jpg,Ann\nb.jpg\n\xff.jpg,Bob\n,Cy\nd.jpg,Dee\n").unwrap();
        assert_eq!(found.identities(), ["Ann", "Dee"]);
        let corrupt: Vec<String> = found.corrupt().iter().map(ToString::to_string).collect();
        let expected = [
            "list.csv/line 2: found 1 fields, but a path in field 1 and an identity in field 2 are \
             expected",
            "list.csv/line 3: it is not UTF-8",
            "list.csv/line 4: found 2 fields, but a path in field 1 and an identity in field 2 are \
             expected",
        ];
        assert_eq!(corrupt, expected);
    }

    #[test]
    fn an_empty_list_says_what_is_expected() {
        for text in [b"".as_slice(), b"path,identity\n"] {
            let message = list("list.csv", text).unwrap_err().to_string();
            assert!(
                message.ends_with("a path and an identity are expected on each line"),
                "{message}"
            );
        }
    }

    #[test]
    fn a_picture_is_read_from_the_folder_of_the_list() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.jpg"), "picture").unwrap();
        std::fs::write(folder.path().join("list.tsv"), "a.jpg\tAnn\nmissing.jpg\tBob\n").unwrap();
        let found = open(&folder.path().join("list.tsv")).unwrap();
        assert_eq!(found.read(0).unwrap(), b"picture");
        assert_eq!(found.read(1).unwrap_err().place, folder.path().join("missing.jpg"));
    }
}

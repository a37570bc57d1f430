//! Lists of people in CSV, whose first line names the columns; it reads no picture.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use csv::{Reader, ReaderBuilder, StringRecord};

use super::{Face, Refusal, Row, Rows, quality};

/// Titles of the columns that are known.
const NAMES: [&str; 3] = ["name", "identity", "person"];
const PATHS: [&str; 4] = ["path", "file", "picture", "image"];

/// People and what is said of them, line by line.
pub(super) struct Csv {
    reader: Reader<File>,
    folder: PathBuf,
    columns: Columns,
    n_bytes: u64,
}

/// Positions of columns.
#[derive(Clone, Copy)]
struct Columns {
    name: usize,
    path: Option<usize>,
    external_id: Option<usize>,
    label: Option<usize>,
    quality: Option<usize>,
}

/// What a line says of a person and a picture.
pub(super) struct Line {
    pub(super) place: String,
    pub(super) name: String,
    pub(super) external_id: Option<String>,
    pub(super) label: Option<String>,
    pub(super) quality: Option<u8>,
    path: Option<String>,
}

impl Csv {
    /// Opens a list of pictures, whose paths are relative to its folder.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let list = Self::open_names(path)?;
        if list.columns.path.is_none() {
            bail!("{} has no column of pictures: path is expected", path.display());
        }
        Ok(list)
    }

    /// Opens a list of people, whose pictures are elsewhere.
    pub(super) fn open_names(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let n_bytes = file.metadata().with_context(unreadable)?.len();
        let mut reader = ReaderBuilder::new().flexible(true).from_reader(file);
        let titles: Vec<String> = reader
            .headers()
            .with_context(unreadable)?
            .iter()
            .map(|it| it.trim_start_matches('\u{feff}').trim().to_lowercase())
            .collect();
        let find = |names: &[&str]| titles.iter().position(|it| names.contains(&it.as_str()));
        let Some(name) = find(&NAMES) else {
            bail!(
                "the first line of {} names the columns {}, but name is expected among them, and path, \
                 external_id, label and quality are known",
                path.display(),
                titles.join(", ")
            );
        };
        let columns = Columns {
            name,
            path: find(&PATHS),
            external_id: find(&["external_id"]),
            label: find(&["label"]),
            quality: find(&["quality"]),
        };
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { reader, folder, columns, n_bytes })
    }

    /// The next line; none after the last.
    pub(super) fn next_line(&mut self) -> anyhow::Result<Option<Result<Line, Refusal>>> {
        let place = format!("line {}", self.reader.position().line());
        let refused = |name: &str, reason: String| Refusal {
            place: place.clone(),
            name: name.to_owned(),
            reason,
        };
        let mut record = StringRecord::new();
        match self.reader.read_record(&mut record) {
            Ok(false) => return Ok(None),
            Ok(true) => {}
            // The reader goes on behind a line that is no UTF-8.
            Err(error) if matches!(error.kind(), csv::ErrorKind::Utf8 { .. }) => {
                return Ok(Some(Err(refused("", "it is not UTF-8".to_owned()))));
            }
            Err(error) => return Err(error).context("cannot read the list any further"),
        }
        let field = |at: usize| {
            record.get(at).map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned)
        };
        let columns = self.columns;
        let Some(name) = field(columns.name) else {
            let reason = format!("nothing names a person in field {}", columns.name + 1);
            return Ok(Some(Err(refused("", reason))));
        };
        let quality = columns.quality.and_then(field).map(|text| {
            let number =
                text.parse().map_err(|_| format!("the quality {text:?} is no whole number"));
            number.and_then(quality)
        });
        let quality = match quality.transpose() {
            Ok(quality) => quality,
            Err(reason) => return Ok(Some(Err(refused(&name, reason)))),
        };
        Ok(Some(Ok(Line {
            place,
            name,
            external_id: columns.external_id.and_then(field),
            label: columns.label.and_then(field),
            quality,
            path: columns.path.and_then(field),
        })))
    }
}

impl Rows for Csv {
    fn next(&mut self) -> anyhow::Result<Option<Result<Row, Refusal>>> {
        let line = match self.next_line()? {
            None => return Ok(None),
            Some(Err(refusal)) => return Ok(Some(Err(refusal))),
            Some(Ok(line)) => line,
        };
        let Line { place, name, external_id, label, quality, path } = line;
        let Some(path) = path else {
            let reason = "no picture is named".to_owned();
            return Ok(Some(Err(Refusal { place, name, reason })));
        };
        let face = Face::Picture(self.folder.join(&path));
        let label = label.or(Some(path));
        Ok(Some(Ok(Row { place, name, external_id, metadata: None, label, quality, face })))
    }

    fn progress(&self) -> (u64, u64) {
        (self.reader.position().byte(), self.n_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> anyhow::Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.csv");
        std::fs::write(&path, text).unwrap();
        let mut rows = Csv::open(&path)?;
        let mut said = Vec::new();
        while let Some(row) = rows.next()? {
            said.push(match row {
                Ok(Row {
                    place,
                    name,
                    external_id,
                    label,
                    quality,
                    face: Face::Picture(at),
                    ..
                }) => {
                    let at = at.strip_prefix(folder.path()).unwrap().display().to_string();
                    format!("{place}: {name} {external_id:?} {label:?} {quality:?} {at}")
                }
                Ok(_) => panic!("a list has no embeddings"),
                Err(Refusal { place, name, reason }) => format!("{place}: {name:?} {reason}"),
            });
        }
        Ok(said)
    }

    #[test]
    fn columns_stand_in_any_order_and_lines_are_named() {
        let text =
            "\u{feff}External_ID,Path,Name,quality\n7,a/1.jpg,\"Lee, Ann\",80\n,b.jpg,Bob,\n";
        let expected = [
            r#"line 2: Lee, Ann Some("7") Some("a/1.jpg") Some(80) a/1.jpg"#,
            r#"line 3: Bob None Some("b.jpg") None b.jpg"#,
        ];
        assert_eq!(all(text).unwrap(), expected);
    }

    #[test]
    fn a_line_that_cannot_be_used_is_refused_and_the_next_goes_on() {
        let text = "name,path,quality\n,a.jpg,\nAnn,,\nBob,b.jpg,101\nCy,c.jpg,x\nDee,d.jpg,0\n";
        let expected = [
            r#"line 2: "" nothing names a person in field 1"#,
            r#"line 3: "Ann" no picture is named"#,
            r#"line 4: "Bob" the quality is 101, expected 0 to 100"#,
            r#"line 5: "Cy" the quality "x" is no whole number"#,
            r#"line 6: Dee None Some("d.jpg") Some(0) d.jpg"#,
        ];
        assert_eq!(all(text).unwrap(), expected);
    }

    #[test]
    fn a_list_without_the_columns_is_refused() {
        let error = all("a.jpg,Ann\n").unwrap_err().to_string();
        assert!(error.contains("a.jpg, ann, but name is expected"), "{error}");
        let error = all("name\nAnn\n").unwrap_err().to_string();
        assert!(error.ends_with("no column of pictures: path is expected"), "{error}");
    }
}

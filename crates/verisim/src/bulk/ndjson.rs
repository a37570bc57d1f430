//! People as lines of JSON, each with an embedding or the path of a picture; it reads no picture.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Deserialize;
use serde::de::IgnoredAny;
use verisim_gallery::Metadata;

use super::{Face, Refusal, Row, Rows, quality};

/// Longest line: more than an embedding of 65,536 components takes.
const MAX_LINE: u64 = 4 << 20;

/// Lines of a file.
pub(super) struct Ndjson {
    reader: BufReader<File>,
    folder: PathBuf,
    n_lines: u64,
    n_read: u64,
    n_bytes: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    #[serde(alias = "identity")]
    name: String,
    external_id: Option<String>,
    metadata: Option<serde_json::Map<String, serde_json::Value>>,
    label: Option<String>,
    quality: Option<i64>,
    embedding: Option<Vec<f32>>,
    path: Option<PathBuf>,
    // What an export says beside.
    #[serde(rename = "template")]
    _template: Option<IgnoredAny>,
    #[serde(rename = "enrolled_at")]
    _enrolled_at: Option<IgnoredAny>,
}

impl Ndjson {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let unreadable = || format!("cannot read {}", path.display());
        let file = File::open(path).with_context(unreadable)?;
        let n_bytes = file.metadata().with_context(unreadable)?.len();
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { reader: BufReader::new(file), folder, n_lines: 0, n_read: 0, n_bytes })
    }

    fn row(&self, place: &str, line: &[u8]) -> Result<Row, Refusal> {
        let refused = |name: &str, reason: String| Refusal {
            place: place.to_owned(),
            name: name.to_owned(),
            reason,
        };
        let line: Line = serde_json::from_slice(line).map_err(|error| {
            refused("", format!("{} at its character {}", what_is_wrong(&error), error.column()))
        })?;
        let Line { name, external_id, metadata, label, quality: found, embedding, path, .. } = line;
        let face = match (embedding, path) {
            (Some(values), None) => Face::Embedding(values),
            (None, Some(path)) => Face::Picture(self.folder.join(path)),
            _ => {
                let reason = "one of embedding and path is expected".to_owned();
                return Err(refused(&name, reason));
            }
        };
        let label = label.or_else(|| match &face {
            Face::Picture(path) => Some(path.to_string_lossy().into_owned()),
            Face::Embedding(_) => None,
        });
        let quality = found.map(quality).transpose().map_err(|reason| refused(&name, reason))?;
        let metadata = metadata.map(|it| Metadata::from_json(&serde_json::json!(it).to_string()));
        let metadata = metadata.transpose().map_err(|error| refused(&name, error.to_string()))?;
        let place = place.to_owned();
        Ok(Row { place, name, external_id, metadata, label, quality, face })
    }
}

/// What the parser found, without the values that it quotes, which are personal.
fn what_is_wrong(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let is_of_fields =
        ["unknown field", "missing field", "duplicate field"].iter().any(|it| said.starts_with(it));
    if is_of_fields {
        return said.split(" at line").next().unwrap_or_default().to_owned();
    }
    match error.classify() {
        serde_json::error::Category::Data => "a value of another kind than expected".to_owned(),
        _ => "no JSON".to_owned(),
    }
}

impl Rows for Ndjson {
    fn next(&mut self) -> anyhow::Result<Option<Result<Row, Refusal>>> {
        loop {
            let mut line = Vec::new();
            let mut limited = (&mut self.reader).take(MAX_LINE + 1);
            let n = limited
                .read_until(b'\n', &mut line)
                .context("cannot read the lines any further")?;
            if n == 0 {
                return Ok(None);
            }
            (self.n_lines, self.n_read) = (self.n_lines + 1, self.n_read + n as u64);
            let place = format!("line {}", self.n_lines);
            if n as u64 > MAX_LINE {
                anyhow::bail!("{place} is longer than {MAX_LINE} bytes: it is no line of a face");
            }
            if !line.trim_ascii().is_empty() {
                return Ok(Some(self.row(&place, &line)));
            }
        }
    }

    fn progress(&self) -> (u64, u64) {
        (self.n_read, self.n_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("people.ndjson");
        std::fs::write(&path, text).unwrap();
        let mut rows = Ndjson::open(&path).unwrap();
        let mut said = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            said.push(match row {
                Ok(Row { place, name, metadata, face, quality, .. }) => {
                    let face = match face {
                        Face::Embedding(values) => format!("{} components", values.len()),
                        Face::Picture(at) => at.file_name().unwrap().to_string_lossy().into_owned(),
                    };
                    let metadata = metadata.map(|it| it.as_json().to_owned());
                    format!("{place}: {name} {metadata:?} {quality:?} {face}")
                }
                Err(Refusal { place, name, reason }) => format!("{place}: {name:?} {reason}"),
            });
        }
        said
    }

    #[test]
    fn lines_have_an_embedding_or_a_picture() {
        let text = "{\"name\":\"Ann\",\"embedding\":[1,0.5],\"metadata\":{\"a\":1},\"quality\":7}\n\n\
                    {\"identity\":\"Bob\",\"path\":\"b/1.jpg\",\"template\":\"x\",\"enrolled_at\":3}";
        let expected = [
            r#"line 1: Ann Some("{\"a\":1}") Some(7) 2 components"#,
            "line 3: Bob None None 1.jpg",
        ];
        assert_eq!(all(text), expected);
    }

    #[test]
    fn a_line_that_cannot_be_used_is_refused_without_its_values() {
        let text = "{\"name\":\"Ann\"}\nno\n{\"name\":\"Ann\",\"vector\":[1]}\n{\"path\":\"a\"}\n\
                    {\"name\":\"Ann\",\"embedding\":\"secret\"}\n\
                    {\"name\":\"Ann\",\"embedding\":[1],\"quality\":-1}\n";
        let said = all(text).join("\n");
        for part in [
            r#"line 1: "Ann" one of embedding and path is expected"#,
            "line 2: \"\" no JSON at its character 2",
            "line 3: \"\" unknown field `vector`, expected",
            "line 4: \"\" missing field `name`",
            "line 5: \"\" a value of another kind than expected at its character ",
            r#"line 6: "Ann" the quality is -1, expected 0 to 100"#,
        ] {
            assert!(said.contains(part), "{part} in\n{said}");
        }
        assert!(!said.contains("secret"), "{said}");
    }
}

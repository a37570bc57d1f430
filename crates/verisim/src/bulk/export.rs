//! Files that templates of a gallery are written to, by their ending; it does not know the gallery.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::bail;
use npyz::WriterBuilder;
use serde::Serialize;
use verisim_face::archive::parquet::{EmbeddingRow, EmbeddingWriter};
use verisim_gallery::ExportedTemplate;

use crate::whole_file::write_private_with;

/// Where templates go, in which form.
pub(crate) struct Export {
    path: PathBuf,
    form: Form,
}

#[derive(Clone, Copy)]
enum Form {
    Ndjson,
    Npy,
    Parquet,
}

/// Gives templates, one after the other; none after the last.
pub(crate) type Next<'a> = &'a mut dyn FnMut() -> io::Result<Option<ExportedTemplate>>;

#[derive(Serialize)]
struct LineDto<'a> {
    identity: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    template: String,
    /// Seconds since 1970 (UTC).
    enrolled_at: i64,
    embedding: &'a [f32],
}

impl Export {
    /// Takes the form from the ending of the file's name.
    pub(crate) fn new(path: &Path) -> anyhow::Result<Self> {
        let ending = path.extension().map(|it| it.to_string_lossy().to_lowercase());
        let form = match ending.as_deref().unwrap_or_default() {
            "ndjson" | "jsonl" => Form::Ndjson,
            "npy" => Form::Npy,
            "parquet" => Form::Parquet,
            _ => bail!("{} must end in .ndjson, .npy or .parquet", path.display()),
        };
        Ok(Self { path: path.to_owned(), form })
    }

    /// The files that it is written to: that of a matrix has a list of names beside it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = vec![self.path.clone()];
        if matches!(self.form, Form::Npy) {
            files.push(self.names());
        }
        files
    }

    fn names(&self) -> PathBuf {
        self.path.with_extension("names.csv")
    }

    /// Writes `n` templates of `dim` components, into files that only their owner may read.
    pub(crate) fn write(&self, (n, dim): (usize, usize), next: Next<'_>) -> anyhow::Result<()> {
        match self.form {
            Form::Ndjson => write_private_with(&self.path, |file| lines(file, next)),
            Form::Parquet => write_private_with(&self.path, |file| table(file, next)),
            Form::Npy => write_private_with(&self.path, |file| {
                // The names come first: a matrix without them is of no use.
                let written = write_private_with(&self.names(), |names| {
                    matrix(file, names, [n as u64, dim as u64], next)
                });
                written.map_err(|error| io::Error::other(crate::output::explained(&error)))
            }),
        }
    }
}

fn lines(file: &mut dyn Write, next: Next<'_>) -> io::Result<()> {
    while let Some(template) = next()? {
        let details = &template.details;
        let metadata = details.metadata.as_ref();
        let line = LineDto {
            identity: &details.name,
            external_id: details.external_id.as_deref(),
            metadata: metadata.map(|it| serde_json::from_str(it.as_json())).transpose()?,
            label: template.label.as_deref(),
            quality: template.quality,
            template: template.id.to_string(),
            enrolled_at: template.enrolled_at,
            embedding: template.embedding.as_slice(),
        };
        serde_json::to_writer(&mut *file, &line)?;
        file.write_all(b"\n")?;
    }
    Ok(())
}

fn table(file: &mut (dyn Write + Send), next: Next<'_>) -> io::Result<()> {
    let mut writer = EmbeddingWriter::new(file)?;
    while let Some(template) = next()? {
        writer.push(EmbeddingRow {
            identity: Some(template.details.name),
            external_id: template.details.external_id,
            source: template.label,
            quality: template.quality.map(i32::from),
            values: template.embedding.as_slice().to_vec(),
        })?;
    }
    writer.finish()
}

fn matrix(
    file: &mut dyn Write,
    names: &mut dyn Write,
    shape: [u64; 2],
    next: Next<'_>,
) -> io::Result<()> {
    let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
    let mut values = options.writer(file).begin_nd()?;
    let mut names = csv::Writer::from_writer(names);
    names.write_record(["name", "external_id", "label", "quality"])?;
    while let Some(template) = next()? {
        values.extend(template.embedding.as_slice().iter().copied())?;
        let external_id = template.details.external_id.unwrap_or_default();
        let quality = template.quality.map(|it| it.to_string()).unwrap_or_default();
        let label = template.label.unwrap_or_default();
        names.write_record([template.details.name, external_id, label, quality])?;
    }
    names.flush()?;
    values.finish()
}

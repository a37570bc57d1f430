//! A matrix of embeddings, and a list of whose each row is; it knows no model.

use std::fs;
use std::path::Path;

use anyhow::{Context, ensure};

use super::csv::{Csv, Line};
use super::{Face, Refusal, Row, Rows};
use crate::npy::FloatRows;

/// Rows of the matrix, with the lines of the list.
pub(super) struct Npy {
    values: FloatRows,
    names: Names,
    n_read: u64,
}

enum Names {
    /// A name a line, without anything beside it.
    Lines(std::vec::IntoIter<String>),
    /// A list with columns.
    List(Box<Csv>),
}

impl Npy {
    pub(super) fn open(path: &Path, names: Option<&Path>) -> anyhow::Result<Self> {
        let names = names.with_context(|| {
            format!("{} holds embeddings alone: say whose they are with --names", path.display())
        })?;
        let values = FloatRows::open(path)?;
        let is_list = names.extension().is_some_and(|it| it.eq_ignore_ascii_case("csv"));
        let names = if is_list {
            Names::List(Box::new(Csv::open_names(names)?))
        } else {
            let text = fs::read_to_string(names);
            let text = text.with_context(|| format!("cannot read {}", names.display()))?;
            let lines: Vec<String> = text.lines().map(str::to_owned).collect();
            ensure!(
                lines.len() as u64 == values.n_rows(),
                "{} names {} people, but {} has {} embeddings",
                names.display(),
                lines.len(),
                path.display(),
                values.n_rows()
            );
            Names::Lines(lines.into_iter())
        };
        Ok(Self { values, names, n_read: 0 })
    }
}

impl Rows for Npy {
    fn next(&mut self) -> anyhow::Result<Option<Result<Row, Refusal>>> {
        let Some(values) = self.values.next_row()? else { return Ok(None) };
        self.n_read += 1;
        let place = format!("row {}", self.n_read - 1);
        let face = Face::Embedding(values);
        let refused = |reason: &str| Refusal {
            place: place.clone(),
            name: String::new(),
            reason: reason.to_owned(),
        };
        let row = match &mut self.names {
            Names::Lines(lines) => match lines.next().filter(|it| !it.is_empty()) {
                None => Err(refused("its line of the list of names is empty")),
                Some(name) => Ok(Row {
                    place,
                    name,
                    external_id: None,
                    metadata: None,
                    label: None,
                    quality: None,
                    face,
                }),
            },
            Names::List(list) => match list.next_line()? {
                None => Err(refused("the list of names ends before it")),
                Some(Err(refusal)) => Err(refusal),
                Some(Ok(Line { name, external_id, label, quality, .. })) => {
                    Ok(Row { place, name, external_id, metadata: None, label, quality, face })
                }
            },
        };
        Ok(Some(row))
    }

    fn progress(&self) -> (u64, u64) {
        (self.n_read, self.values.n_rows())
    }
}

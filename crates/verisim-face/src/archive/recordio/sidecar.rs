//! The text files beside a `.rec`: positions of records, and names of labels.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use super::Entry;
use crate::archive::ArchiveError;

/// Bytes of a line at most.
const MAX_LINE: u64 = 1 << 16;

/// Reads `number<TAB>position` lines.
pub(super) fn read_index(path: &Path) -> Result<Vec<Entry>, ArchiveError> {
    let mut entries = Vec::new();
    each_line(path, |line| {
        let mut fields = line.split('\t').map(|field| field.trim().parse().ok());
        let (Some(Some(number)), Some(Some(position)), None) =
            (fields.next(), fields.next(), fields.next())
        else {
            return Err("the number of a record and its position are expected, with a tab \
                        between; without the file the records are searched for"
                .to_owned());
        };
        entries.push(Entry { number, position });
        Ok(())
    })?;
    Ok(entries)
}

/// Reads `number<TAB>label<TAB>path` lines; the name of a label is the folder of its pictures.
pub(super) fn read_names(path: &Path) -> Result<BTreeMap<u64, String>, ArchiveError> {
    let mut names = BTreeMap::<u64, String>::new();
    each_line(path, |line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [_, label, .., picture] = fields[..] else {
            return Err(format!(
                "found {} fields, but a number, a label and a path are expected",
                fields.len()
            ));
        };
        let label: f32 = label.trim().parse().map_err(|_| "the label is no number".to_owned())?;
        let folder = picture.rsplit_once(['/', '\\']).map(|(folder, _)| folder);
        let Some(folder) = folder.filter(|folder| !folder.is_empty()) else { return Ok(()) };
        let known = names.entry(label.max(0.0) as u64).or_insert_with(|| folder.to_owned());
        if known != folder {
            return Err(format!("label {label} is called {folder}, but was called {known} before"));
        }
        Ok(())
    })?;
    let mut sorted: Vec<&String> = names.values().collect();
    sorted.sort_unstable();
    let twice = sorted.iter().zip(sorted.iter().skip(1)).find(|(name, next)| name == next);
    if let Some((name, _)) = twice {
        let reason = format!("two labels are called {name}");
        return Err(ArchiveError::at_line(path, 1, reason));
    }
    Ok(names)
}

/// Hands over the lines that are not empty; says which line was refused.
fn each_line(
    path: &Path,
    mut take: impl FnMut(&str) -> Result<(), String>,
) -> Result<(), ArchiveError> {
    let mut reader = BufReader::new(File::open(path).map_err(ArchiveError::unreadable(path))?);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let n = reader.by_ref().take(MAX_LINE).read_line(&mut line);
        let n = n.map_err(ArchiveError::unreadable(path))?;
        let refused = |reason: String| ArchiveError::at_line(path, number, reason);
        if n == 0 {
            break;
        }
        if n as u64 == MAX_LINE {
            return Err(refused(format!("the line has {MAX_LINE} bytes or more")));
        }
        let text = line.trim_end_matches(['\r', '\n']);
        if !text.is_empty() {
            take(text).map_err(refused)?;
        }
    }
    Ok(())
}

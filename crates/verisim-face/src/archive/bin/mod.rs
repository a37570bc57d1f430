//! InsightFace's verification sets, `lfw.bin`: a pickle of picture files, and of answers.
//!
//! ```text
//! (list of 2n pictures, list of n truth values)
//! ```
//!
//! Pictures 2i and 2i + 1 are a pair, which shows one identity if the answer is yes. Whose the pictures
//! are is not said: the two of a mated pair share a name made up for it, `pair 1`, the two of a non-mated
//! one have one each, `pair 2 left` and `pair 2 right`; so they lie in folders by the names. Every Python's and every protocol's pickles are read, and nothing in them is run.

mod bytes;
mod pickle;
mod tape;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::path::{Path, PathBuf};

use self::pickle::{Pickle, Refusal, Span, Value};
use super::positioned::PositionedFile;
use super::{Archive, ArchiveError, CorruptRecord, Format, file_name};

/// A verification set.
#[derive(Debug)]
pub struct Bin {
    file: PositionedFile,
    pictures: Vec<Span>,
    answers: Vec<bool>,
    identities: Vec<String>,
    labels: Vec<u64>,
}

impl Bin {
    /// Opens a set; its pictures stay where they are.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read, or if it is anything but two lists.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = PositionedFile::open(path)?;
        let reader = File::open(path).map_err(ArchiveError::unreadable(path))?;
        let read = Pickle::read(reader, file.len()).and_then(|pickle| lists(&pickle, file.len()));
        let (pictures, answers) = read.map_err(|Refusal { position, reason }| {
            ArchiveError::at_byte(path, position, format!("{reason} (a pickle is expected)"))
        })?;
        let (mut identities, mut labels) = (Vec::new(), Vec::new());
        for (number, &is_mated) in (1..).zip(&answers) {
            let label = identities.len() as u64;
            if is_mated {
                identities.push(format!("pair {number}"));
                labels.extend([label, label]);
            } else {
                identities.extend(["left", "right"].map(|side| format!("pair {number} {side}")));
                labels.extend([label, label + 1]);
            }
        }
        Ok(Self { file, pictures, answers, identities, labels })
    }

    /// Of each pair, whether it is mated; its pictures are the records 2i and 2i + 1.
    pub fn answers(&self) -> &[bool] {
        &self.answers
    }
}

/// The two lists that a set is made of.
fn lists(pickle: &Pickle, len: u64) -> Result<(Vec<Span>, Vec<bool>), Refusal> {
    let refuse = |reason: String| Err(Refusal { position: len, reason });
    let (Value::Tuple(both) | Value::List(both)) = pickle.root() else {
        return refuse("it holds no tuple of two lists".to_owned());
    };
    let [pictures, answers] = both[..] else {
        return refuse(format!("it holds {} values, but two lists are expected", both.len()));
    };
    let (
        Value::List(pictures) | Value::Tuple(pictures),
        Value::List(answers) | Value::Tuple(answers),
    ) = (pickle.get(pictures), pickle.get(answers))
    else {
        return refuse("it holds two values, but not two lists".to_owned());
    };
    if pictures.len() != 2 * answers.len() || answers.is_empty() {
        return refuse(format!(
            "it holds {} pictures and {} answers, but two pictures for each answer are expected",
            pictures.len(),
            answers.len()
        ));
    }
    let picture = |&id| match pickle.get(id) {
        Value::Bytes(span) => Some(*span),
        _ => None,
    };
    let answer = |&id| match pickle.get(id) {
        Value::Bool(answer) => Some(*answer),
        Value::Number(number @ (0 | 1)) => Some(*number == 1),
        _ => None,
    };
    match (pictures.iter().map(picture).collect(), answers.iter().map(answer).collect()) {
        (Some(pictures), Some(answers)) => Ok((pictures, answers)),
        (None, _) => refuse("its first list holds something else than bytes".to_owned()),
        (_, None) => refuse("its second list holds something else than truth values".to_owned()),
    }
}

impl Archive for Bin {
    fn format(&self) -> Format {
        Format::Bin
    }

    fn identities(&self) -> &[String] {
        &self.identities
    }

    fn labels(&self) -> &[u64] {
        &self.labels
    }

    fn place(&self, index: usize) -> PathBuf {
        let label = self.labels[index];
        let number = if index > 0 && self.labels[index - 1] == label { 2 } else { 1 };
        let identity = &self.identities[label as usize];
        file_name(self.file.path()).join(identity).join(number.to_string())
    }

    fn read(&self, index: usize) -> Result<Vec<u8>, CorruptRecord> {
        let span = self.pictures[index];
        let bytes = self.file.read_record(span.position, span.n_bytes);
        let bytes = bytes.and_then(|bytes| bytes::decoded(bytes, span.encoding));
        bytes.map_err(|reason| CorruptRecord { place: self.place(index), reason })
    }

    fn corrupt(&self) -> &[CorruptRecord] {
        &[]
    }
}

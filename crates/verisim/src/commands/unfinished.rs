//! Embeddings of a run that was stopped, so that the next one goes on; it knows pictures by their digests alone.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::hex;

/// Begins the file, before what the embeddings were made with.
const HEAD: &str = "verisim embed, unfinished, of ";

/// Rows of numbers by the SHA-256 of the picture that they are of.
pub(super) type Earlier = HashMap<[u8; 32], Vec<Vec<f32>>>;

/// What is embedded so far, in a file beside the one that is asked for: a line for each picture, with its digest and
/// a word of 32-bit floats for each of its faces.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    file: File,
}

impl Unfinished {
    /// Opens the file that belongs to `out`, with what an earlier run left in it; nothing if that was made `with` other
    /// models or in another way.
    pub(super) fn open(out: &Path, with: &str) -> anyhow::Result<(Self, Earlier)> {
        let mut name = OsString::from(out);
        name.push(".part");
        let path = PathBuf::from(name);
        let open = File::options().create(true).truncate(false).read(true).write(true).open(&path);
        let mut file = open.with_context(|| format!("cannot write {}", path.display()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another run is about to write {}; wait for it", out.display())
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).with_context(|| format!("cannot lock {}", path.display()));
            }
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).with_context(|| format!("cannot read {}", path.display()))?;
        let head = format!("{HEAD}{with}\n");
        let (n_bytes, earlier) = match text.strip_prefix(head.as_bytes()) {
            Some(lines) => {
                let (n_bytes, earlier) = read(lines);
                (head.len() + n_bytes, earlier)
            }
            None => (0, Earlier::new()),
        };
        // A line that was cut off when the run was stopped is written anew.
        let restart = |file: &mut File| {
            file.set_len(n_bytes as u64)?;
            file.seek(SeekFrom::End(0))?;
            if n_bytes == 0 { file.write_all(head.as_bytes()) } else { Ok(()) }
        };
        restart(&mut file).with_context(|| format!("cannot write {}", path.display()))?;
        Ok((Self { path, file }, earlier))
    }

    /// Keeps the rows of a picture; a program that ends loses none that was kept.
    pub(super) fn keep(&mut self, picture: &[u8; 32], rows: &[Vec<f32>]) -> anyhow::Result<()> {
        let mut line = hex(picture);
        for row in rows {
            let bytes: Vec<u8> = row.iter().flat_map(|it| it.to_le_bytes()).collect();
            line.push(' ');
            STANDARD.encode_string(bytes, &mut line);
        }
        line.push('\n');
        let written = self.file.write_all(line.as_bytes());
        written.with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Removes the file, once its rows are where they belong.
    pub(super) fn finish(self) -> anyhow::Result<()> {
        fs::remove_file(&self.path)
            .with_context(|| format!("cannot remove {}", self.path.display()))
    }
}

/// The rows of whole lines, and how many bytes these have.
fn read(lines: &[u8]) -> (usize, Earlier) {
    let (mut n_bytes, mut earlier) = (0, Earlier::new());
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let Some((picture, rows)) = line.strip_suffix(b"\n").and_then(parsed) else { break };
        n_bytes += line.len();
        earlier.insert(picture, rows);
    }
    (n_bytes, earlier)
}

fn parsed(line: &[u8]) -> Option<([u8; 32], Vec<Vec<f32>>)> {
    let mut words = line.split(|byte| *byte == b' ');
    let digits = words.next().filter(|it| it.len() == 64)?;
    let mut picture = [0; 32];
    for (byte, digits) in picture.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?;
    }
    let row = |word: &[u8]| {
        let bytes = STANDARD.decode(word).ok()?;
        let (values, rest) = bytes.as_chunks::<4>();
        let is_row = rest.is_empty() && !values.is_empty();
        is_row.then(|| values.iter().map(|it| f32::from_le_bytes(*it)).collect())
    };
    let rows = words.map(row).collect::<Option<Vec<Vec<f32>>>>()?;
    Some((picture, rows))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(out: &Path) -> (Unfinished, Earlier) {
        Unfinished::open(out, "model").unwrap()
    }

    #[test]
    fn what_was_kept_is_there_to_the_last_bit_and_a_torn_line_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("e.npy");
        let (a, b) = ([1; 32], [0xab; 32]);
        let rows = [vec![0.1, -1e-9, f32::MIN_POSITIVE], vec![1.0, 2.0, 3.0]];
        let (mut unfinished, earlier) = open(&out);
        assert!(earlier.is_empty());
        unfinished.keep(&a, &rows).unwrap();
        unfinished.keep(&b, &rows[..1]).unwrap();
        drop(unfinished);
        let path = folder.path().join("e.npy.part");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 3]).unwrap();
        let (mut unfinished, earlier) = open(&out);
        assert_eq!(earlier, Earlier::from([(a, rows.to_vec())]));
        unfinished.keep(&b, &rows[..1]).unwrap();
        drop(unfinished);
        assert_eq!(fs::read(&path).unwrap(), whole);
        let (unfinished, earlier) = open(&out);
        assert_eq!(earlier.len(), 2);
        unfinished.finish().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn rows_of_another_model_and_strange_lines_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("e.npy");
        let (mut unfinished, _) = open(&out);
        unfinished.keep(&[1; 32], &[vec![1.0]]).unwrap();
        drop(unfinished);
        assert!(Unfinished::open(&out, "model 2").unwrap().1.is_empty());
        assert!(open(&out).1.is_empty(), "the other model's run began anew");
        let digits = "ab".repeat(32);
        for line in ["", "x", &digits[1..], &format!("{digits} AAAA"), &format!("{digits} ?")] {
            assert!(parsed(line.as_bytes()).is_none(), "{line}");
        }
        assert_eq!(parsed(digits.as_bytes()), Some(([0xab; 32], Vec::new())));
    }

    #[test]
    fn two_runs_do_not_write_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("e.npy");
        let (_first, _) = open(&out);
        let said = Unfinished::open(&out, "model").unwrap_err().to_string();
        assert!(said.starts_with("another run is about to write"), "{said}");
    }
}

//! A pickle read from front to back: numbers, lines and spans; it knows no operation.

use std::io::{self, BufRead, BufReader, Read, Seek};

use super::pickle::{Encoding, Span};

/// Bytes of a line or text that is looked into, at most.
pub(super) const MAX_SHORT: u64 = 64;

/// A file with a position that never passes its end.
pub(super) struct Tape<R> {
    reader: BufReader<R>,
    position: u64,
    len: u64,
}

impl<R: Read + Seek> Tape<R> {
    pub(super) fn new(file: R, len: u64) -> Self {
        Self { reader: BufReader::with_capacity(1 << 16, file), position: 0, len }
    }

    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn byte(&mut self) -> Result<u8, String> {
        Ok(self.number::<1>()? as u8)
    }

    /// A number of up to 8 bytes, the lowest first.
    pub(super) fn number<const N: usize>(&mut self) -> Result<u64, String> {
        let mut bytes = [0; 8];
        self.check(N as u64)?;
        self.reader.read_exact(&mut bytes[..N]).map_err(|error| said(&error))?;
        self.position += N as u64;
        Ok(u64::from_le_bytes(bytes))
    }

    /// Passes over bytes whose length stands before them.
    pub(super) fn span<const N: usize>(&mut self, encoding: Encoding) -> Result<Span, String> {
        let n_bytes = self.number::<N>()?;
        let position = self.position;
        self.skip(n_bytes)?;
        Ok(Span { position, n_bytes, encoding })
    }

    /// A text whose length stands before it; its words, if it is short.
    pub(super) fn text<const N: usize>(&mut self) -> Result<(Span, Option<String>), String> {
        let n_bytes = self.number::<N>()?;
        let span = Span { position: self.position, n_bytes, encoding: Encoding::Latin1InUtf8 };
        if n_bytes > MAX_SHORT {
            self.skip(n_bytes)?;
            return Ok((span, None));
        }
        self.check(n_bytes)?;
        let mut bytes = vec![0; n_bytes as usize];
        self.reader.read_exact(&mut bytes).map_err(|error| said(&error))?;
        self.position += n_bytes;
        Ok((span, String::from_utf8(bytes).ok()))
    }

    /// Passes over a line; its words, if it is short.
    pub(super) fn line(&mut self, encoding: Encoding) -> Result<(Span, Option<String>), String> {
        let position = self.position;
        let mut short = Vec::new();
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| said(&error))?;
            if buffer.is_empty() {
                return Err("it ends in the middle of a line: it is cut off".to_owned());
            }
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let line = &buffer[..end.unwrap_or(buffer.len())];
            let room = (MAX_SHORT as usize + 1).saturating_sub(short.len());
            short.extend_from_slice(&line[..line.len().min(room)]);
            let n_read = line.len() + usize::from(end.is_some());
            self.reader.consume(n_read);
            self.position += n_read as u64;
            if end.is_some() {
                break;
            }
        }
        let span = Span { position, n_bytes: self.position - position - 1, encoding };
        let is_short = short.len() as u64 <= MAX_SHORT;
        Ok((span, is_short.then(|| String::from_utf8(short).ok()).flatten()))
    }

    /// A line that must be short.
    pub(super) fn short_line(&mut self) -> Result<String, String> {
        let (_, words) = self.line(Encoding::Raw)?;
        words.ok_or_else(|| format!("a line that is no text of up to {MAX_SHORT} bytes"))
    }

    pub(super) fn skip(&mut self, n_bytes: u64) -> Result<(), String> {
        self.check(n_bytes)?;
        let n = i64::try_from(n_bytes).map_err(|_| "a length beyond any file".to_owned())?;
        self.reader.seek_relative(n).map_err(|error| said(&error))?;
        self.position += n_bytes;
        Ok(())
    }

    fn check(&self, n_bytes: u64) -> Result<(), String> {
        let left = self.len.saturating_sub(self.position);
        if n_bytes > left {
            return Err(format!(
                "{n_bytes} bytes are expected, but {left} are left: it is cut off or damaged"
            ));
        }
        Ok(())
    }
}

fn said(error: &io::Error) -> String {
    error.to_string()
}

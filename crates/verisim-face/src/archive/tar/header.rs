//! Blocks of tar files: which files begin where; it does not know what is in them.
//!
//! POSIX `ustar`, its extended headers (pax: `path` and `size`), and GNU's long names. Files that are cut
//! off end the search; a header that contradicts its checksum is reported, and the next one looked for.

use std::borrow::Cow;

use crate::archive::positioned::PositionedFile;

/// Bytes of a block.
const BLOCK: u64 = 512;
/// Bytes of an extended header or a long name at most.
const MAX_EXTENDED: u64 = 1 << 16;

/// A file in a tar file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) name: String,
    /// Where its bytes begin.
    pub(super) position: u64,
    pub(super) n_bytes: u64,
}

/// What extended headers say about the next file.
#[derive(Default)]
struct Extended {
    name: Option<String>,
    n_bytes: Option<u64>,
}

/// Lists the files, in their order; what cannot be followed is reported with its position.
pub(super) fn members(
    file: &PositionedFile,
    mut on_corrupt: impl FnMut(u64, String),
) -> Result<Vec<Member>, String> {
    let mut members = Vec::new();
    let mut extended = Extended::default();
    let mut position = 0;
    while position < file.len() {
        if file.len() - position < BLOCK {
            on_corrupt(position, "the file is cut off within a header".to_owned());
            break;
        }
        let header = Header::read(file, position)?;
        if header.is_zero() {
            break;
        }
        let mut n_bytes = match header.check() {
            Ok(n_bytes) => n_bytes,
            Err(reason) => {
                on_corrupt(position, reason);
                extended = Extended::default();
                position = next_header(file, position + BLOCK)?;
                continue;
            }
        };
        let data = position + BLOCK;
        let kind = header.kind();
        if is_file(kind) {
            n_bytes = extended.n_bytes.unwrap_or(n_bytes);
        } else if is_without_data(kind) {
            n_bytes = 0;
        }
        let left = file.len() - data;
        if n_bytes > left {
            let name = extended.name.unwrap_or_else(|| header.name());
            on_corrupt(
                position,
                format!("{name} has {n_bytes} bytes, but the file has {left} left: it is cut off"),
            );
            break;
        }
        let told = match kind {
            b'x' => read_pax(file, data, n_bytes, &mut extended),
            b'L' => read_long_name(file, data, n_bytes, &mut extended),
            _ => {
                let Extended { name, .. } = std::mem::take(&mut extended);
                if is_file(kind) {
                    let name = name.unwrap_or_else(|| header.name());
                    members.push(Member { name, position: data, n_bytes });
                }
                Ok(())
            }
        };
        if let Err(reason) = told {
            on_corrupt(position, reason);
        }
        position = data + n_bytes.next_multiple_of(BLOCK);
    }
    Ok(members)
}

fn is_file(kind: u8) -> bool {
    matches!(kind, b'0' | b'7' | 0)
}

/// Links, devices and folders, whatever their size says.
fn is_without_data(kind: u8) -> bool {
    matches!(kind, b'1'..=b'6')
}

/// The next block that is a header, or the end of the file.
fn next_header(file: &PositionedFile, mut position: u64) -> Result<u64, String> {
    while file.len().saturating_sub(position) >= BLOCK {
        let header = Header::read(file, position)?;
        if header.is_ustar() && header.check().is_ok() {
            return Ok(position);
        }
        position += BLOCK;
    }
    Ok(file.len())
}

fn read_pax(
    file: &PositionedFile,
    position: u64,
    n_bytes: u64,
    extended: &mut Extended,
) -> Result<(), String> {
    let bytes = read_short(file, position, n_bytes)?;
    let mut rest = &bytes[..];
    let broken = || "an extended header is broken: `LENGTH KEY=VALUE` is expected".to_owned();
    while !rest.is_empty() {
        let space = rest.iter().position(|it| *it == b' ').ok_or_else(broken)?;
        let len = str::from_utf8(&rest[..space]).ok().and_then(|it| it.parse::<usize>().ok());
        let len = len.filter(|len| (space + 2..=rest.len()).contains(len)).ok_or_else(broken)?;
        let (record, after) = rest.split_at(len);
        let record = String::from_utf8_lossy(&record[space + 1..len - 1]);
        match record.split_once('=').ok_or_else(broken)? {
            ("path", name) => extended.name = Some(name.to_owned()),
            ("size", size) => extended.n_bytes = Some(size.parse().map_err(|_| broken())?),
            _ => {}
        }
        rest = after;
    }
    Ok(())
}

fn read_long_name(
    file: &PositionedFile,
    position: u64,
    n_bytes: u64,
    extended: &mut Extended,
) -> Result<(), String> {
    let bytes = read_short(file, position, n_bytes)?;
    extended.name = Some(until_zero(&bytes).into_owned());
    Ok(())
}

fn read_short(file: &PositionedFile, position: u64, n_bytes: u64) -> Result<Vec<u8>, String> {
    if n_bytes > MAX_EXTENDED {
        return Err(format!(
            "an extended header has {n_bytes} bytes, but at most {MAX_EXTENDED} are read"
        ));
    }
    file.read_record(position, n_bytes)
}

fn until_zero(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes.split(|it| *it == 0).next().unwrap_or_default())
}

/// A block that describes a file.
struct Header([u8; BLOCK as usize]);

impl Header {
    fn read(file: &PositionedFile, position: u64) -> Result<Self, String> {
        let mut block = [0; BLOCK as usize];
        file.read_exact(position, &mut block)?;
        Ok(Self(block))
    }

    fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }

    fn is_ustar(&self) -> bool {
        self.0[257..262] == *b"ustar"
    }

    fn kind(&self) -> u8 {
        self.0[156]
    }

    /// The size of what follows, if the checksum is that of the header.
    fn check(&self) -> Result<u64, String> {
        let [before, after] = [&self.0[..148], &self.0[156..]];
        let sum: u64 = before.iter().chain(after).map(|byte| u64::from(*byte)).sum();
        let (found, expected) = (number(&self.0[148..156]), sum + 8 * u64::from(b' '));
        if found != Some(expected) {
            return Err(format!(
                "the header's checksum is {expected}, but it says {}: no header or a damaged one",
                found.map_or_else(|| "nothing".to_owned(), |it| it.to_string())
            ));
        }
        number(&self.0[124..136]).ok_or_else(|| "the size of a file is no number".to_owned())
    }

    fn name(&self) -> String {
        let name = until_zero(&self.0[..100]);
        let prefix = until_zero(&self.0[345..500]);
        // GNU keeps times where POSIX keeps the beginning of the name.
        let is_posix = self.0[257..263] == *b"ustar\0";
        if is_posix && !prefix.is_empty() { format!("{prefix}/{name}") } else { name.into_owned() }
    }
}

/// Octal digits, or GNU's binary form for what they cannot hold.
fn number(field: &[u8]) -> Option<u64> {
    if let [0x80, rest @ ..] = field {
        let (high, low) = rest.split_at(rest.len().saturating_sub(8));
        let is_small = high.iter().all(|it| *it == 0);
        return is_small.then(|| low.iter().fold(0, |all, it| all << 8 | u64::from(*it)));
    }
    let text = str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

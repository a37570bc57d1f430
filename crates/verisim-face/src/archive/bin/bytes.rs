//! Bytes as pickles write them down, back to bytes.

use super::pickle::Encoding;

/// The bytes that are meant.
pub(super) fn decoded(written: Vec<u8>, encoding: Encoding) -> Result<Vec<u8>, String> {
    match encoding {
        Encoding::Raw => Ok(written),
        Encoding::Quoted => quoted(&written),
        Encoding::Latin1InUtf8 => {
            let text = str::from_utf8(&written).map_err(|error| format!("{error}"))?;
            text.chars().map(|it| u8::try_from(it).map_err(|_| not_a_byte(it.into()))).collect()
        }
        Encoding::Latin1Escaped => escaped(&written),
    }
}

fn not_a_byte(character: u32) -> String {
    format!("found character {character:#x}, but bytes go up to 0xff")
}

/// What Python 2's `repr` made of a string: `'a\x00\n\\'`.
fn quoted(written: &[u8]) -> Result<Vec<u8>, String> {
    let written = written.trim_ascii();
    let inner = match written {
        [quote @ (b'\'' | b'"'), inner @ .., end] if quote == end => inner,
        _ => return Err("a string does not stand between quotes".to_owned()),
    };
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner;
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let [letter, after @ ..] = rest else { return Err("a string ends in `\\`".to_owned()) };
        rest = after;
        bytes.push(match letter {
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'\\' | b'\'' | b'"' => *letter,
            b'x' => {
                let number = hexadecimal(rest, 2)?;
                rest = &rest[2..];
                number as u8
            }
            other => return Err(format!("found the escape `\\{}`", char::from(*other))),
        });
    }
    Ok(bytes)
}

/// Python 3's `raw-unicode-escape`: bytes as they are, but for `\u000a` and the like.
fn escaped(written: &[u8]) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(written.len());
    let mut rest = written;
    while let [first, after @ ..] = rest {
        let n_digits = match rest {
            [b'\\', b'u', ..] => 4,
            [b'\\', b'U', ..] => 8,
            _ => {
                bytes.push(*first);
                rest = after;
                continue;
            }
        };
        let character = hexadecimal(&rest[2..], n_digits)?;
        bytes.push(u8::try_from(character).map_err(|_| not_a_byte(character))?);
        rest = &rest[2 + n_digits..];
    }
    Ok(bytes)
}

fn hexadecimal(written: &[u8], n_digits: usize) -> Result<u32, String> {
    let digits = written.get(..n_digits).filter(|it| it.iter().all(u8::is_ascii_hexdigit));
    let number = digits.and_then(|it| u32::from_str_radix(str::from_utf8(it).ok()?, 16).ok());
    number.ok_or_else(|| format!("an escape is not followed by {n_digits} hexadecimal digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone() {
        let quoted = decoded(br"'a\x00\n\\\'\xff'".to_vec(), Encoding::Quoted);
        assert_eq!(quoted, Ok(b"a\0\n\\'\xff".to_vec()));
        let escaped = decoded(b"a\\u000a\xff\\u005c\\".to_vec(), Encoding::Latin1Escaped);
        assert_eq!(escaped, Ok(b"a\n\xff\\\\".to_vec()));
        let utf8 = decoded("aÿ".as_bytes().to_vec(), Encoding::Latin1InUtf8);
        assert_eq!(utf8, Ok(b"a\xff".to_vec()));
    }

    #[test]
    fn what_is_no_byte_is_refused() {
        for written in [r"'\x0'", r"'\q'", "'", "a", r"'\'"] {
            assert!(decoded(written.as_bytes().to_vec(), Encoding::Quoted).is_err(), "{written}");
        }
        assert!(decoded("\u{100}".into(), Encoding::Latin1InUtf8).is_err());
        assert!(decoded(br"\u0100".to_vec(), Encoding::Latin1Escaped).is_err());
        assert!(decoded(br"\u00".to_vec(), Encoding::Latin1Escaped).is_err());
    }
}

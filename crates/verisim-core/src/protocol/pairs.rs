//! The list of pairs that LFW and others publish as `pairs.txt`; it does not know where images lie.

use std::fmt;

/// The longest piece of a line that an error repeats.
const MAX_SHOWN_CHARS: usize = 40;

/// One image of a set in which the images of each identity are numbered.
///
/// Its `Display` output is the name of LFW's files without their ending, `Abel_Pacheco_0001`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SampleName {
    /// Name of the identity.
    pub identity: String,
    /// Number of the image among those of the identity; LFW counts from 1.
    pub number: u32,
}

/// Two samples to compare.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pair {
    /// The sample that is compared with.
    pub reference: SampleName,
    /// The sample that is compared.
    pub probe: SampleName,
    /// The fold that the pair belongs to, from 0.
    pub fold: usize,
}

/// Why a text is not a list of pairs. Lines are numbered from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPairs {
    /// The first line does not say how many pairs follow.
    #[error(
        "line 1: found `{found}`, expected the number of folds and the number of pairs of a kind, \
         both above 0"
    )]
    Header {
        /// The line, or its beginning.
        found: String,
    },
    /// A line has too few or too many fields.
    #[error(
        "line {line}: found {found} fields, expected {expected} (a mated pair has 3: name, number, \
         number; a non-mated one 4: name, number, name, number)"
    )]
    FieldCount {
        /// Number of the line.
        line: usize,
        /// Number of fields found.
        found: usize,
        /// Number of fields that a line at this place has.
        expected: usize,
    },
    /// The number of an image is not a whole number.
    #[error("line {line}: found `{found}`, expected the number of an image")]
    Number {
        /// Number of the line.
        line: usize,
        /// The field, or its beginning.
        found: String,
    },
    /// The name of an identity is missing.
    #[error("line {line}: found an empty name, expected that of an identity")]
    EmptyName {
        /// Number of the line.
        line: usize,
    },
    /// A non-mated pair names one identity.
    #[error(
        "line {line}: found the same name twice, expected two identities in a line of 4 fields"
    )]
    SameName {
        /// Number of the line.
        line: usize,
    },
    /// There are not as many pairs as the first line says.
    #[error("line {line}: found {found} pairs in all, expected {expected} by the first line")]
    PairCount {
        /// The last line, or the first one too many.
        line: usize,
        /// Number of pairs in the text.
        found: usize,
        /// Number of pairs that the first line demands.
        expected: usize,
    },
}

impl Pair {
    /// Whether both samples show the same identity.
    pub fn is_mated(&self) -> bool {
        self.reference.identity == self.probe.identity
    }
}

impl fmt::Display for SampleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{:04}", self.identity, self.number)
    }
}

/// Reads a list of pairs in the format of LFW's view 2.
///
/// The first line holds the number of folds and the number of pairs of a kind in each fold. Each
/// fold then has that many mated pairs, `name number number`, followed by as many non-mated ones,
/// `name number name number`:
///
/// ```text
/// 10      300
/// Abel_Pacheco    1       4
/// ...
/// Robert_Downey_Jr        1       Tommy_Shane_Steiner     1
/// ```
///
/// Fields are separated by one tab, and names may hold spaces; a line without a tab is split at
/// spaces. Line ends of Windows, a byte order mark, and empty lines at the end do no harm.
///
/// # Errors
///
/// Fails at the first line that is not as described, and if the number of pairs is not that of the
/// first line.
pub fn parse_pairs(text: &str) -> Result<Vec<Pair>, InvalidPairs> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_end();
    let mut lines = text.lines();
    let header = lines.next().unwrap_or_default();
    let (n_folds, n_of_kind) =
        parse_header(header).ok_or_else(|| InvalidPairs::Header { found: shown(header) })?;
    let n_of_fold = n_of_kind.saturating_mul(2);
    let expected = n_folds.saturating_mul(n_of_fold);

    let n_found = lines.clone().count();
    let mut pairs = Vec::with_capacity(n_found.min(expected));
    for (idx, text) in lines.take(expected).enumerate() {
        let (line, fold, place) = (idx + 2, idx / n_of_fold, idx % n_of_fold);
        let expected = if place < n_of_kind { 3 } else { 4 };
        let (reference, probe) = parse_line(text, line, expected)?;
        pairs.push(Pair { reference, probe, fold });
    }
    if n_found != expected {
        let line = 1 + n_found.min(expected.saturating_add(1));
        return Err(InvalidPairs::PairCount { line, found: n_found, expected });
    }
    Ok(pairs)
}

/// The number of folds, and of pairs of each kind in a fold.
fn parse_header(line: &str) -> Option<(usize, usize)> {
    let fields: Option<Vec<usize>> =
        line.split_whitespace().map(|field| field.parse().ok()).collect();
    match fields?[..] {
        [n_folds, n_of_kind] if n_folds > 0 && n_of_kind > 0 => Some((n_folds, n_of_kind)),
        _ => None,
    }
}

fn parse_line(
    text: &str,
    line: usize,
    expected: usize,
) -> Result<(SampleName, SampleName), InvalidPairs> {
    let fields: Vec<&str> = if text.contains('\t') {
        text.split('\t').map(str::trim).collect()
    } else {
        text.split_whitespace().collect()
    };
    let sample = |identity: &str, number: &str| {
        if identity.is_empty() {
            return Err(InvalidPairs::EmptyName { line });
        }
        match number.parse() {
            Ok(number) => Ok(SampleName { identity: identity.to_owned(), number }),
            Err(_) => Err(InvalidPairs::Number { line, found: shown(number) }),
        }
    };
    match fields[..] {
        [name, reference, probe] if expected == 3 => {
            Ok((sample(name, reference)?, sample(name, probe)?))
        }
        [reference, number, probe, other] if expected == 4 => {
            let (reference, probe) = (sample(reference, number)?, sample(probe, other)?);
            if reference.identity == probe.identity {
                return Err(InvalidPairs::SameName { line });
            }
            Ok((reference, probe))
        }
        _ => Err(InvalidPairs::FieldCount { line, found: fields.len(), expected }),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two folds of one mated and one non-mated pair.
    const PAIRS: &str = "2\t1\nAnn\t1\t4\nAnn\t2\tBob Ray\t1\nBob Ray\t3\t5\nCy\t10000\tAnn\t1\n";

    #[track_caller]
    fn check(text: &str) {
        let pairs: Vec<String> = parse_pairs(text)
            .unwrap()
            .iter()
            .map(|it| format!("{} {} {} {}", it.fold, it.reference, it.probe, it.is_mated()))
            .collect();
        let expected = [
            "0 Ann_0001 Ann_0004 true",
            "0 Ann_0002 Bob Ray_0001 false",
            "1 Bob Ray_0003 Bob Ray_0005 true",
            "1 Cy_10000 Ann_0001 false",
        ];
        assert_eq!(pairs, expected);
    }

    #[track_caller]
    fn check_refusal(text: &str, expected: &str) {
        assert_eq!(parse_pairs(text).unwrap_err().to_string(), expected);
    }

    #[test]
    fn pairs_are_read_with_their_folds() {
        check(PAIRS);
    }

    #[test]
    fn line_ends_and_empty_lines_at_the_end_do_no_harm() {
        check(PAIRS.trim_end());
        check(&format!("\u{feff}{}\r\n \r\n", PAIRS.replace('\n', "\r\n")));
    }

    #[test]
    fn without_tabs_fields_are_split_at_spaces() {
        let pairs = parse_pairs("1 1\nAnn  1 4\n Ann 2   Bob 1").unwrap();
        assert_eq!((pairs[0].probe.number, pairs[1].probe.identity.as_str()), (4, "Bob"));
    }

    #[test]
    fn a_header_must_hold_two_positive_numbers() {
        for header in ["", "10", "10\t0", "0\t300", "-1\t2", "1\t2\t3", "Ann\t1\t4"] {
            let expected = format!(
                "line 1: found `{header}`, expected the number of folds and the number of pairs of \
                 a kind, both above 0"
            );
            check_refusal(&format!("{header}\nAnn\t1\t4"), &expected);
        }
    }

    #[test]
    fn a_line_of_the_wrong_kind_is_refused() {
        let hint = "(a mated pair has 3: name, number, number; a non-mated one 4: name, number, \
                    name, number)";
        let at = |line: u32, found: u32, expected: u32| {
            format!("line {line}: found {found} fields, expected {expected} {hint}")
        };
        check_refusal("1\t1\nAnn\t1\tBob\t2\nAnn\t1\t2", &at(2, 4, 3));
        check_refusal("1\t1\nAnn\t1\t2\nAnn\t1\t3", &at(3, 3, 4));
        check_refusal("1\t1\nAnn\t1\t2\n\nAnn\t1\tBob\t2", &at(3, 0, 4));
        check_refusal("1\t1\nAnn\t1\t2\t\nAnn\t1\tBob\t2", &at(2, 4, 3));
    }

    #[test]
    fn a_field_that_is_no_number_or_no_name_is_refused() {
        let number = |line: u32, found: &str| {
            format!("line {line}: found `{found}`, expected the number of an image")
        };
        check_refusal("1\t1\nAnn\t1\tx", &number(2, "x"));
        check_refusal("1\t1\nAnn\t1\t2\nAnn\t1\tBob\t4294967296", &number(3, "4294967296"));
        check_refusal(&format!("1 1\nAnn 1 {}", "é".repeat(99)), &number(2, &"é".repeat(40)));
        check_refusal("1\t1\n\t1\t2", "line 2: found an empty name, expected that of an identity");
        check_refusal(
            "1\t1\nAnn\t1\t2\nAnn\t1\tAnn\t2",
            "line 3: found the same name twice, expected two identities in a line of 4 fields",
        );
    }

    #[test]
    fn the_number_of_pairs_must_be_that_of_the_header() {
        let refusal = |line: u32, found: u32, expected: u64| {
            format!(
                "line {line}: found {found} pairs in all, expected {expected} by the first line"
            )
        };
        check_refusal("2\t1\nAnn\t1\t2\nAnn\t1\tBob\t2\n", &refusal(3, 2, 4));
        check_refusal("1\t1\nAnn\t1\t2\nAnn\t1\tBob\t2\nAnn\t1\t2\n\nx", &refusal(4, 5, 2));
        for huge in [u64::MAX, 1 << 63] {
            check_refusal(&format!("{huge}\t{huge}\nAnn\t1\t2"), &refusal(2, 1, u64::MAX));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = parse_pairs(&text);
        }

        #[test]
        fn any_text_after_a_header_is_read_or_refused(
            n_folds in 0usize..4, n_of_kind in 0usize..4, text in "[ab\t\r\n 0-9]{0,60}",
        ) {
            if let Ok(pairs) = parse_pairs(&format!("{n_folds}\t{n_of_kind}\n{text}")) {
                prop_assert_eq!(pairs.len(), 2 * n_folds * n_of_kind);
                let n_mated = pairs.iter().filter(|pair| pair.is_mated()).count();
                prop_assert_eq!(n_mated, n_folds * n_of_kind);
            }
        }
    }
}

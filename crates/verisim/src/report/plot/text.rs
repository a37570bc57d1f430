//! How wide a text is about to be; it knows no font, for the page chooses one.

/// Put where the middle of a text was.
const ELLIPSIS: char = '…';

/// Width of a text in a font of height 1, on the wide side.
///
/// The classes are those of Helvetica and its relatives, which system fonts resemble.
pub(super) fn width(text: &str) -> f64 {
    text.chars().map(width_of).sum()
}

fn width_of(char: char) -> f64 {
    match char {
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' | 'I' => 0.3,
        '\u{202F}' => 0.2,
        '−' | '–' => 0.58,
        ' ' | 'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' => 0.38,
        'm' | 'w' | 'M' | 'W' | '%' | '@' | '…' | '—' => 0.95,
        char if char.is_ascii_uppercase() => 0.72,
        char if char.is_ascii() || char < '\u{0300}' => 0.58,
        char if ('\u{0300}'..'\u{0370}').contains(&char) => 0.0,
        char if char < '\u{1100}' => 0.65,
        // East Asian scripts and emoji fill a square; so do arrows and signs at most.
        _ => 1.0,
    }
}

/// The text if it fits into `max_width` times its height, else its two ends.
///
/// Names that are cut differ at the end as often as at the beginning: `model-a/run-1`.
pub(super) fn shortened(text: &str, max_width: f64) -> String {
    if width(text) <= max_width {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let (mut n_head, mut n_tail) = (0, 0);
    let mut left = max_width - width_of(ELLIPSIS);
    while n_head + n_tail < chars.len() {
        let is_for_head = n_head <= n_tail;
        let next = if is_for_head { chars[n_head] } else { chars[chars.len() - 1 - n_tail] };
        left -= width_of(next);
        if left < 0.0 {
            break;
        }
        *(if is_for_head { &mut n_head } else { &mut n_tail }) += 1;
    }
    let head: String = chars[..n_head].iter().collect();
    let tail: String = chars[chars.len() - n_tail..].iter().collect();
    format!("{}{ELLIPSIS}{}", head.trim_end(), tail.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_fits_is_left_alone() {
        assert_eq!(shortened("iresnet50", 20.0), "iresnet50");
    }

    #[test]
    fn a_long_text_keeps_its_two_ends() {
        let short = shortened("population/person-000000017/picture-03", 12.0);
        assert!(short.starts_with("popul") && short.ends_with("ure-03"), "{short}");
        assert!(width(&short) <= 12.0, "{short}");
    }

    #[test]
    fn no_width_leaves_the_ellipsis_alone() {
        assert_eq!(shortened("anybody", 0.0), "…");
    }

    #[test]
    fn wide_scripts_take_more_room() {
        assert!(width("王芳王芳") > width("anna"));
    }
}

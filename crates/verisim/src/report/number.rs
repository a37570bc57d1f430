//! Numbers as a report prints them; it does not know what they measure.

/// Keeps a number and its unit on one line.
const NARROW_SPACE: char = '\u{202F}';
const MINUS: char = '\u{2212}';

/// A rate in percent with as many decimals as asked for, so that a column lines up: `98.20 %`.
pub(crate) fn percent(rate: f64, n_decimals: usize) -> String {
    signed(100.0 * rate, n_decimals) + &format!("{NARROW_SPACE}%")
}

/// Two rates in percent as an interval: `97.40–98.90 %`.
pub(crate) fn percent_interval(lower: f64, upper: f64, n_decimals: usize) -> String {
    let lower = signed(100.0 * lower, n_decimals);
    format!("{lower}–{}", percent(upper, n_decimals))
}

/// A demanded rate in percent with no more decimals than it takes: `0.001 %`.
pub(crate) fn short_percent(rate: f64) -> String {
    format!("{}{NARROW_SPACE}%", trimmed(100.0 * rate))
}

/// A score or threshold with four decimals; `−∞` is the threshold that everything matches.
pub(crate) fn score(score: f32) -> String {
    signed(f64::from(score), 4)
}

/// A count with a comma at each thousand.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value with `n_decimals` and a minus sign as wide as a digit.
pub(super) fn signed(value: f64, n_decimals: usize) -> String {
    if value.is_nan() {
        return "–".to_owned();
    }
    let size = if value.is_infinite() {
        "∞".to_owned()
    } else {
        format!("{:.n_decimals$}", value.abs())
    };
    let is_zero = size.chars().all(|char| matches!(char, '0' | '.'));
    if value < 0.0 && !is_zero { format!("{MINUS}{size}") } else { size }
}

/// A value without the zeros that end its decimals.
pub(super) fn trimmed(value: f64) -> String {
    // Nine decimals hold every tick and undo what binary fractions add: 100 * 0.07.
    let text = signed(value, 9);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_printed_in_percent() {
        assert_eq!(percent(0.982, 2), "98.20\u{202F}%");
        assert_eq!(percent_interval(0.0, 0.0051, 1), "0.0–0.5\u{202F}%");
        assert_eq!(short_percent(1e-6), "0.0001\u{202F}%");
        assert_eq!(short_percent(0.07), "7\u{202F}%");
    }

    #[test]
    fn scores_have_a_sign_only_if_it_shows() {
        assert_eq!(score(-0.25), "\u{2212}0.2500");
        assert_eq!(score(-0.000_01), "0.0000");
        assert_eq!(score(f32::NEG_INFINITY), "\u{2212}∞");
        assert_eq!(score(f32::NAN), "–");
    }

    #[test]
    fn thousands_are_set_apart() {
        let counted = [0, 999, 1000, 15_638_932].map(count);
        assert_eq!(counted, ["0", "999", "1,000", "15,638,932"]);
    }

    #[test]
    fn trimming_keeps_the_zeros_of_whole_numbers() {
        assert_eq!([10.0, 0.5, 0.0].map(trimmed), ["10", "0.5", "0"]);
    }
}

//! Text to HTML: what a person typed stays text; it does not know where on the page it goes.

/// The text with everything replaced that could end an element or an attribute.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // HTML has no way to write the other control characters, and XML forbids them.
            char if char.is_control() && !matches!(char, '\n' | '\t') => escaped.push('\u{FFFD}'),
            char => escaped.push(char),
        }
    }
    escaped
}

/// The escaped text, with what stands between two backticks as code.
pub(super) fn escape_prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    // An even number of parts leaves a backtick without its partner: it is one then.
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let code = |(idx, part): (usize, &&str)| {
        let part = escape(part);
        if idx % 2 == 1 { format!("<code>{part}</code>") } else { part }
    };
    parts.iter().enumerate().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_an_element_or_an_attribute() {
        assert_eq!(escape("<a b='c' d=\"e\">&"), "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;");
    }

    #[test]
    fn names_of_all_scripts_stay_as_they_are() {
        assert_eq!(escape("Zoë Łukasz 王芳"), "Zoë Łukasz 王芳");
    }

    #[test]
    fn control_characters_are_shown_as_unknown() {
        assert_eq!(escape("a\0b\u{1b}[31mc\nd"), "a\u{FFFD}b\u{FFFD}[31mc\nd");
    }

    #[test]
    fn backticks_make_code_of_escaped_text() {
        assert_eq!(escape_prose("run `a <b>` now"), "run <code>a &lt;b&gt;</code> now");
    }

    #[test]
    fn a_backtick_without_a_partner_is_one() {
        assert_eq!(escape_prose("it`s <b>"), "it`s &lt;b&gt;");
    }
}

//! Which names an identity may bear; it does not know who is enrolled.

/// The name that stands for nobody in the gallery, hence no identity may bear it.
pub const UNKNOWN_PERSON: &str = "unknown_person";

/// Longest name, in bytes: that of a folder, because galleries are often enrolled from folders.
pub const MAX_NAME_BYTES: usize = 255;

/// Why a text cannot be the name of an identity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidName {
    /// It is empty.
    #[error("the name of an identity is empty, expected 1 to {MAX_NAME_BYTES} bytes")]
    Empty,
    /// It is too long.
    #[error("the name of an identity has {n_bytes} bytes, expected 1 to {MAX_NAME_BYTES}")]
    TooLong {
        /// Its length.
        n_bytes: usize,
    },
    /// It begins or ends with white space, which nobody sees and everybody would have to repeat.
    #[error("the name {name:?} begins or ends with white space: leave it out")]
    Padded {
        /// The name.
        name: String,
    },
    /// It holds a control character, such as a line break.
    #[error("the name {name:?} holds a control character: leave it out")]
    ControlCharacter {
        /// The name.
        name: String,
    },
    /// It is [`UNKNOWN_PERSON`].
    #[error("the name {UNKNOWN_PERSON:?} stands for nobody in the gallery: choose another")]
    Reserved,
}

/// Checks the name of an identity to be enrolled.
pub(crate) fn check(name: &str) -> Result<(), InvalidName> {
    if name.is_empty() {
        Err(InvalidName::Empty)
    } else if name.len() > MAX_NAME_BYTES {
        Err(InvalidName::TooLong { n_bytes: name.len() })
    } else if name.chars().any(char::is_control) {
        Err(InvalidName::ControlCharacter { name: name.to_owned() })
    } else if name.trim() != name {
        Err(InvalidName::Padded { name: name.to_owned() })
    } else if name == UNKNOWN_PERSON {
        Err(InvalidName::Reserved)
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_accepted() {
        for name in
            ["Ann", "o'Brien, J.", "José", "李雷", "Unknown_Person", "a/b", &"é".repeat(127)]
        {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_that_would_confuse_are_refused() {
        assert_eq!(check(""), Err(InvalidName::Empty));
        assert_eq!(check(&"é".repeat(128)), Err(InvalidName::TooLong { n_bytes: 256 }));
        assert_eq!(check("unknown_person"), Err(InvalidName::Reserved));
        for name in ["Ann ", "\u{a0}Ann", " "] {
            assert_eq!(check(name), Err(InvalidName::Padded { name: name.to_owned() }));
        }
        for name in ["a\nb", "a\0", "\u{9b}31m"] {
            assert_eq!(check(name), Err(InvalidName::ControlCharacter { name: name.to_owned() }));
        }
    }

    #[test]
    fn a_refusal_shows_the_name_escaped() {
        let refusal = check("a\nb").unwrap_err().to_string();
        assert_eq!(refusal, r#"the name "a\nb" holds a control character: leave it out"#);
    }
}

//! Models that others publish: their names, addresses, digests and terms. It fetches nothing.

use std::collections::HashSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use verisim_core::ModelDigest;

use super::address::{MAX_ADDRESS, check_address};

/// The longest name of a model.
const MAX_NAME: usize = 64;
/// The longest text in a list, in bytes.
const MAX_TEXT: usize = MAX_ADDRESS;
/// The largest model, in bytes.
const MAX_BYTES: u64 = 4 << 30;

/// What a model is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// Finds faces in photographs.
    Detection,
    /// Turns a face into an embedding.
    Recognition,
}

/// A model that others publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// What it is called here, and what its file is called in the folder of models.
    pub name: String,
    /// What it is for.
    pub task: Task,
    /// Where its file can be fetched; `None` if no lasting address is known.
    pub url: Option<String>,
    /// SHA-256 of the file.
    pub digest: ModelDigest,
    /// Size of the file.
    pub n_bytes: u64,
    /// Its license, in the words of SPDX.
    pub license: String,
    /// Whether the published terms allow commercial use.
    pub commercial_use: bool,
    /// What it is, in a sentence.
    pub description: String,
    /// The page of those who publish it.
    pub source: String,
}

/// A list of models that others publish; each name stands in it once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registry {
    models: Vec<Published>,
}

/// A text that is no registry.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidRegistry {
    /// It is no TOML, or a key is unknown or missing.
    #[error("the list of models cannot be read: {0}")]
    Form(toml::de::Error),
    /// A value is out of range.
    #[error("model {number} of the list has the {key} {found}, but it must be {expected}")]
    Value {
        /// Which model, from 1.
        number: usize,
        /// Which value.
        key: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// A name stands in it twice.
    #[error("two models of the list are called {0}")]
    Twice(String),
    /// Another list has the name for other bytes.
    #[error(
        "both lists name a model {name}, but with SHA-256 {found} and {expected}; call one otherwise"
    )]
    Conflict {
        /// The name.
        name: String,
        /// The digest in the list that was added.
        found: ModelDigest,
        /// The digest in the list that was there.
        expected: ModelDigest,
    },
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RegistryText {
    models: Vec<PublishedText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PublishedText {
    name: String,
    task: Task,
    url: Option<String>,
    sha256: String,
    bytes: u64,
    license: String,
    commercial_use: bool,
    description: String,
    source: String,
}

impl Registry {
    /// Reads and checks a list, in TOML: a table `[[models]]` for each, with `name`, `task` (`detection` or
    /// `recognition`), `url` (optional), `sha256`, `bytes`, `license`, `commercial_use`, `description` and
    /// `source`.
    ///
    /// # Errors
    ///
    /// Fails if the text is no list, if a value is out of range, or if a name stands in it twice.
    pub fn parse(text: &str) -> Result<Self, InvalidRegistry> {
        let text: RegistryText = toml::from_str(text).map_err(InvalidRegistry::Form)?;
        let models = text.models.into_iter().enumerate();
        let models: Vec<Published> =
            models.map(|(index, it)| it.checked(index + 1)).collect::<Result<_, _>>()?;
        let mut names = HashSet::new();
        match models.iter().find(|it| !names.insert(it.name.as_str())) {
            Some(twice) => Err(InvalidRegistry::Twice(twice.name.clone())),
            None => Ok(Self { models }),
        }
    }

    /// The models, in the order of the list.
    pub fn models(&self) -> &[Published] {
        &self.models
    }

    /// The model of this name.
    pub fn get(&self, name: &str) -> Option<&Published> {
        self.models.iter().find(|it| it.name == name)
    }

    /// The model with these bytes.
    pub fn by_digest(&self, digest: &ModelDigest) -> Option<&Published> {
        self.models.iter().find(|it| it.digest == *digest)
    }

    /// Adds another list. Where both have a model of the same name and digest, the other's word counts: it
    /// may know a nearer address.
    ///
    /// # Errors
    ///
    /// Fails if a name would stand for other bytes than it did.
    pub fn extended(mut self, other: Self) -> Result<Self, InvalidRegistry> {
        for model in other.models {
            let Some(known) = self.models.iter_mut().find(|it| it.name == model.name) else {
                self.models.push(model);
                continue;
            };
            if known.digest != model.digest {
                let (found, expected) = (model.digest, known.digest);
                return Err(InvalidRegistry::Conflict { name: model.name, found, expected });
            }
            *known = model;
        }
        Ok(self)
    }
}

impl PublishedText {
    fn checked(self, number: usize) -> Result<Published, InvalidRegistry> {
        let invalid = |key, found: &dyn fmt::Debug, expected| {
            let mut found = format!("{found:?}");
            found.truncate(found.floor_char_boundary(MAX_NAME));
            Err(InvalidRegistry::Value { number, key, found, expected })
        };
        if !is_model_name(&self.name) {
            return invalid("name", &self.name, NAME_RULE);
        }
        let Ok(digest) = self.sha256.parse() else {
            return invalid("sha256", &self.sha256, "64 hexadecimal digits");
        };
        if !(1..=MAX_BYTES).contains(&self.bytes) {
            return invalid("bytes", &self.bytes, "from 1 byte to 4 GiB");
        }
        if let Some(url) = &self.url
            && let Err(expected) = check_address(url)
        {
            return invalid("url", url, expected);
        }
        let texts = [
            ("license", &self.license),
            ("description", &self.description),
            ("source", &self.source),
        ];
        let is_line = |text: &str| {
            let is_short = (1..=MAX_TEXT).contains(&text.len());
            is_short && !text.trim().is_empty() && !text.chars().any(char::is_control)
        };
        if let Some((key, text)) = texts.into_iter().find(|(_, text)| !is_line(text)) {
            return invalid(key, text, "a line of text");
        }
        Ok(Published {
            name: self.name,
            task: self.task,
            url: self.url,
            digest,
            n_bytes: self.bytes,
            license: self.license,
            commercial_use: self.commercial_use,
            description: self.description,
            source: self.source,
        })
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Detection => "detection",
            Self::Recognition => "recognition",
        })
    }
}

/// What a name of a model may look like, in words.
pub const NAME_RULE: &str =
    "up to 64 lower-case letters, digits, `-`, `_` and `.`, with a letter or digit first and last";

/// Whether a text may name a model: it is the name of a file on every system.
pub fn is_model_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().zip(text.bytes().last());
    text.len() <= MAX_NAME
        && ends.is_some_and(|(first, last)| is_plain(first) && is_plain(last))
        && text.bytes().all(|byte| is_plain(byte) || b"-_.".contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIST: &str = r#"
        [[models]]
        name = "example"
        task = "recognition"
        url = "https://example.org/example.onnx"
        sha256 = "00000000000000000000000000000000000000000000000000000000000000ff"
        bytes = 1000
        license = "MIT"
        commercial_use = true
        description = "An example"
        source = "https://example.org"
    "#;

    fn refusal(from: &str, to: &str) -> String {
        Registry::parse(&LIST.replace(from, to)).unwrap_err().to_string()
    }

    #[test]
    fn a_list_is_read() {
        let registry = Registry::parse(LIST).unwrap();
        let model = registry.get("example").unwrap();
        assert_eq!((model.task, model.n_bytes), (Task::Recognition, 1000));
        assert_eq!(registry.by_digest(&model.digest), Some(model));
        assert_eq!(registry.get("other"), None);
    }

    #[test]
    fn nonsense_is_refused_with_what_was_found() {
        let found = refusal("\"example\"", "\"../example\"");
        assert!(
            found.starts_with("model 1 of the list has the name \"../example\", but it"),
            "{found}"
        );
        assert!(refusal("ff\"", "f\"").contains("64 hexadecimal digits"));
        assert!(refusal("1000", "0").contains("has the bytes 0"));
        assert!(refusal("\"MIT\"", "\"\"").contains("the license \"\""));
        assert!(refusal("An example", r"An \u001b[2J").contains("a line of text"));
        assert!(refusal("license", "licence").contains("licence"));
        assert!(refusal("recognition", "telepathy").contains("telepathy"));
        let twice = Registry::parse(&(LIST.to_owned() + LIST)).unwrap_err();
        assert_eq!(twice, InvalidRegistry::Twice("example".to_owned()));
    }

    #[test]
    fn a_name_is_a_file_name_everywhere() {
        for name in ["a", "yunet-2023.mar_1", &"a".repeat(64)] {
            assert!(is_model_name(name), "{name}");
        }
        for name in ["", ".", "..", ".a", "a.", "A", "a/b", "a\\b", "a b", "é", &"a".repeat(65)] {
            assert!(!is_model_name(name), "{name}");
        }
    }

    #[test]
    fn another_list_may_move_a_model_but_not_change_it() {
        let own = Registry::parse(LIST).unwrap();
        let moved = Registry::parse(&LIST.replace("org/example", "org/mirror/example")).unwrap();
        let both = own.clone().extended(moved.clone()).unwrap();
        assert_eq!(both, moved);
        let further = Registry::parse(&LIST.replace("\"example\"", "\"other\"")).unwrap();
        assert_eq!(own.clone().extended(further).unwrap().models().len(), 2);
        let changed = Registry::parse(&LIST.replace("ff\"", "fe\"")).unwrap();
        let error = own.extended(changed).unwrap_err().to_string();
        assert!(error.contains("both lists name a model example"), "{error}");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            let _ = Registry::parse(&text);
            let _ = check_address(&text);
        }

        #[test]
        fn any_damage_is_read_or_refused(
            start in 0..LIST.len(), n_bytes in 0_usize..40, new in "(?s).{0,40}"
        ) {
            let mut bytes = LIST.as_bytes().to_vec();
            bytes.splice(start..(start + n_bytes).min(LIST.len()), new.bytes());
            if let Ok(registry) = Registry::parse(&String::from_utf8_lossy(&bytes)) {
                for model in registry.models() {
                    prop_assert!(is_model_name(&model.name));
                    prop_assert!(model.url.iter().all(|url| check_address(url).is_ok()));
                }
            }
        }
    }
}

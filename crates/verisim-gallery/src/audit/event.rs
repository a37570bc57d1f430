//! What the log says of one event, and its line of JSON; it does not know the chain.
//!
//! A record names an identity by its random id, never by its name, and holds nothing of a picture,
//! a template or a score: a person who was forgotten does not live on in it. A search is recorded
//! with who asked and how many identities were answered, but not with whom: a list of who was
//! recognized when would be a record of everybody's movements.

use serde::{Deserialize, Serialize};

use crate::id::RandomId;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it happened, in seconds since 1970 (UTC), by this computer's clock.
    pub at: i64,
    /// Who asked, as the caller says.
    pub actor: String,
    /// What was done.
    pub action: Action,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The gallery was made.
    Created,
    /// The gallery was brought from this format to the present one.
    Migrated {
        /// The earlier format.
        format: i32,
    },
    /// Templates were added to an identity, which may be new, or its details were changed.
    Enrolled {
        /// The identity.
        person: RandomId,
        /// Number of templates that were added.
        n_templates: usize,
    },
    /// The gallery was searched.
    Searched {
        /// Number of probes.
        n_probes: usize,
        /// Number of identities in the answers.
        n_candidates: usize,
    },
    /// All templates were compared with each other.
    Examined {
        /// Number of templates.
        n_templates: usize,
    },
    /// Embeddings were taken out.
    Exported {
        /// Number of templates.
        n_templates: usize,
    },
    /// An identity was forgotten.
    Forgotten {
        /// The identity.
        person: RandomId,
        /// Number of templates that were overwritten.
        n_templates: usize,
    },
    /// All templates of an identity went to another, and it is no more.
    Merged {
        /// The identity that stayed.
        person: RandomId,
        /// The identity that is no more.
        other: RandomId,
        /// Number of templates that changed hands.
        n_templates: usize,
        /// Whether this undid a split.
        is_undoing: bool,
    },
    /// Templates went to another identity.
    Moved {
        /// The identity that got them.
        person: RandomId,
        /// The identity that gave them.
        other: RandomId,
        /// Number of templates that changed hands.
        n_templates: usize,
        /// Whether this undid such a change.
        is_undoing: bool,
    },
    /// Templates went to an identity that was not there.
    Split {
        /// The identity that got them.
        person: RandomId,
        /// The identity that gave them.
        other: RandomId,
        /// Number of templates that changed hands.
        n_templates: usize,
        /// Whether this undid a merge.
        is_undoing: bool,
    },
    /// Templates of an identity were overwritten.
    Removed {
        /// The identity.
        person: RandomId,
        /// Number of templates.
        n_templates: usize,
    },
    /// A setting was changed.
    Configured {
        /// Its key.
        setting: String,
    },
    /// The file was written anew without its unused space.
    Compacted,
    /// The gallery was copied.
    BackedUp,
    /// The gallery was made from a copy.
    Restored,
}

/// The line of a record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    at: i64,
    actor: String,
    action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    templates: Option<usize>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    undo: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    probes: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    candidates: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    setting: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    format: Option<i32>,
}

impl Event {
    /// The line of JSON that the log keeps.
    pub fn to_json(&self) -> String {
        let mut line = Line {
            at: self.at,
            actor: self.actor.clone(),
            action: self.action.word().to_owned(),
            person: None,
            other: None,
            templates: None,
            undo: false,
            probes: None,
            candidates: None,
            setting: None,
            format: None,
        };
        match &self.action {
            Action::Merged { person, other, n_templates, is_undoing }
            | Action::Moved { person, other, n_templates, is_undoing }
            | Action::Split { person, other, n_templates, is_undoing } => {
                (line.person, line.other) = (Some(person.to_string()), Some(other.to_string()));
                (line.templates, line.undo) = (Some(*n_templates), *is_undoing);
            }
            Action::Enrolled { person, n_templates }
            | Action::Removed { person, n_templates }
            | Action::Forgotten { person, n_templates } => {
                line.person = Some(person.to_string());
                line.templates = Some(*n_templates);
            }
            Action::Searched { n_probes, n_candidates } => {
                (line.probes, line.candidates) = (Some(*n_probes), Some(*n_candidates));
            }
            Action::Examined { n_templates } | Action::Exported { n_templates } => {
                line.templates = Some(*n_templates);
            }
            Action::Configured { setting } => line.setting = Some(setting.clone()),
            Action::Migrated { format } => line.format = Some(*format),
            Action::Created | Action::Compacted | Action::BackedUp | Action::Restored => {}
        }
        serde_json::json!(line).to_string()
    }

    /// The event of a line.
    pub(crate) fn from_json(text: &str) -> Option<Self> {
        let line: Line = serde_json::from_str(text).ok()?;
        let person = || line.person.as_deref()?.parse().ok();
        let other = || line.other.as_deref()?.parse().ok();
        let is_undoing = line.undo;
        let action = match line.action.as_str() {
            "created" => Action::Created,
            "migrated" => Action::Migrated { format: line.format? },
            "enrolled" => Action::Enrolled { person: person()?, n_templates: line.templates? },
            "searched" => {
                Action::Searched { n_probes: line.probes?, n_candidates: line.candidates? }
            }
            "examined" => Action::Examined { n_templates: line.templates? },
            "exported" => Action::Exported { n_templates: line.templates? },
            "forgotten" => Action::Forgotten { person: person()?, n_templates: line.templates? },
            "merged" => {
                let (person, other, n_templates) = (person()?, other()?, line.templates?);
                Action::Merged { person, other, n_templates, is_undoing }
            }
            "moved" => {
                let (person, other, n_templates) = (person()?, other()?, line.templates?);
                Action::Moved { person, other, n_templates, is_undoing }
            }
            "split" => {
                let (person, other, n_templates) = (person()?, other()?, line.templates?);
                Action::Split { person, other, n_templates, is_undoing }
            }
            "removed" => Action::Removed { person: person()?, n_templates: line.templates? },
            "configured" => Action::Configured { setting: line.setting? },
            "compacted" => Action::Compacted,
            "backed up" => Action::BackedUp,
            "restored" => Action::Restored,
            _ => return None,
        };
        Some(Self { at: line.at, actor: line.actor, action })
    }
}

impl Action {
    fn word(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Migrated { .. } => "migrated",
            Self::Enrolled { .. } => "enrolled",
            Self::Searched { .. } => "searched",
            Self::Examined { .. } => "examined",
            Self::Exported { .. } => "exported",
            Self::Forgotten { .. } => "forgotten",
            Self::Merged { .. } => "merged",
            Self::Moved { .. } => "moved",
            Self::Split { .. } => "split",
            Self::Removed { .. } => "removed",
            Self::Configured { .. } => "configured",
            Self::Compacted => "compacted",
            Self::BackedUp => "backed up",
            Self::Restored => "restored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_survives_its_line() {
        let (person, other) = (RandomId::new([0xab; 16]), RandomId::new([0xcd; 16]));
        let actions = [
            Action::Created,
            Action::Migrated { format: 1 },
            Action::Enrolled { person, n_templates: 3 },
            Action::Searched { n_probes: 2, n_candidates: 5 },
            Action::Examined { n_templates: 3 },
            Action::Exported { n_templates: 3 },
            Action::Merged { person, other, n_templates: 3, is_undoing: false },
            Action::Moved { person, other, n_templates: 1, is_undoing: true },
            Action::Split { person, other, n_templates: 2, is_undoing: true },
            Action::Removed { person, n_templates: 1 },
            Action::Forgotten { person, n_templates: 3 },
            Action::Configured { setting: "model".to_owned() },
            Action::Compacted,
            Action::BackedUp,
            Action::Restored,
        ];
        for action in actions {
            let event = Event { at: 1_800_000_000, actor: "door \"3\"".to_owned(), action };
            assert_eq!(Event::from_json(&event.to_json()), Some(event));
        }
    }

    #[test]
    fn a_line_is_plain_json() {
        let person = RandomId::new([0xab; 16]);
        let action = Action::Forgotten { person, n_templates: 3 };
        let event = Event { at: 7, actor: "Eve".to_owned(), action };
        assert_eq!(
            event.to_json(),
            "{\"action\":\"forgotten\",\"actor\":\"Eve\",\"at\":7,\
             \"person\":\"abababababababababababababababab\",\"templates\":3}"
        );
    }

    #[test]
    fn other_lines_are_refused() {
        for line in [
            "",
            "{}",
            r#"{"at":1,"actor":"a","action":"sang"}"#,
            r#"{"at":1,"actor":"a","action":"enrolled","templates":1}"#,
            r#"{"at":1,"actor":"a","action":"enrolled","templates":1,"person":"Ann"}"#,
            r#"{"at":1,"actor":"a","action":"created","name":"Ann"}"#,
        ] {
            assert_eq!(Event::from_json(line), None, "{line}");
        }
    }
}

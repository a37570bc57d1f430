//! In which keys two trees of values differ; it does not know what they mean.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::output::first_named;

/// Differences listed before the rest is only counted.
const MAX_LISTED: usize = 8;

/// The dotted keys in which two values differ, each with what stands there.
pub(crate) fn differences(found: &Value, expected: &Value) -> Vec<String> {
    let [found, expected] = [found, expected].map(|value| {
        let mut leaves = BTreeMap::new();
        walk("", value, &mut leaves);
        leaves
    });
    let mut keys: Vec<&String> = found.keys().chain(expected.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    let shown = |leaf: Option<&String>| leaf.map_or("nothing", String::as_str).to_owned();
    keys.into_iter()
        .map(|key| (key, found.get(key), expected.get(key)))
        .filter(|(_, found, expected)| found != expected)
        .map(|(key, found, expected)| format!("{key} is {}, not {}", shown(found), shown(expected)))
        .collect()
}

/// A line for each of the first differences, and one for the rest.
pub(crate) fn listed(differences: &[String]) -> String {
    first_named(differences, MAX_LISTED)
}

fn walk(key: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    match value {
        Value::Object(children) => {
            children.iter().for_each(|(name, child)| walk(&below(name), child, leaves));
        }
        Value::Array(children) => {
            let numbered = children.iter().enumerate();
            numbered.for_each(|(idx, child)| walk(&below(&idx.to_string()), child, leaves));
        }
        leaf => {
            leaves.insert(key.to_owned(), leaf.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_differs_is_named_with_both_values() {
        let found = json!({"a": {"b": 1, "same": [1, 2]}, "more": "x"});
        let expected = json!({"a": {"b": 2, "same": [1, 2]}, "less": [true]});
        let named =
            ["a.b is 1, not 2", "less.0 is nothing, not true", "more is \"x\", not nothing"];
        assert_eq!(differences(&found, &expected), named);
        assert!(differences(&found, &found).is_empty());
    }

    #[test]
    fn a_long_list_ends_with_a_count() {
        let many: Vec<String> = (0..10).map(|it| format!("d{it}")).collect();
        assert_eq!(listed(&many[..2]), "\n  d0\n  d1");
        assert!(listed(&many).ends_with("\n  d7\n  and 2 more"), "{}", listed(&many));
    }
}

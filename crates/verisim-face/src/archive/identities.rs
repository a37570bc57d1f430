//! Names of identities met one record at a time, and their labels.

use std::collections::HashMap;

use crate::folder::natural_key;

/// Gives each name a number as it is met, and labels in natural order at the end.
#[derive(Debug, Default)]
pub(super) struct Identities {
    numbers: HashMap<String, u64>,
}

impl Identities {
    /// The number of a name, in the order of meeting.
    pub(super) fn number(&mut self, name: &str) -> u64 {
        if let Some(&number) = self.numbers.get(name) {
            return number;
        }
        let number = self.numbers.len() as u64;
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// The names in natural order; numbers become positions in it.
    pub(super) fn sorted(self, numbers: &mut [u64]) -> Vec<String> {
        let mut met: Vec<(String, u64)> = self.numbers.into_iter().collect();
        met.sort_by_cached_key(|(name, _)| natural_key(name));
        let mut label_of = vec![0; met.len()];
        for (label, (_, number)) in (0..).zip(&met) {
            label_of[*number as usize] = label;
        }
        for number in numbers {
            *number = label_of[*number as usize];
        }
        met.into_iter().map(|(name, _)| name).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_follow_the_natural_order_of_names() {
        let mut identities = Identities::default();
        let mut labels: Vec<u64> =
            ["10", "2", "10", "1"].iter().map(|it| identities.number(it)).collect();
        assert_eq!(identities.sorted(&mut labels), ["1", "2", "10"]);
        assert_eq!(labels, [2, 1, 2, 0]);
    }
}

//! Numbers identities from 0, so that they can index an array; it does not know their names.

/// The distinct labels of a set, in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identities {
    labels: Vec<u64>,
}

impl Identities {
    /// Collects the distinct labels.
    pub(crate) fn new(labels: impl IntoIterator<Item = u64>) -> Self {
        let mut labels: Vec<u64> = labels.into_iter().collect();
        labels.sort_unstable();
        labels.dedup();
        Self { labels }
    }

    /// How many identities there are.
    pub(crate) fn len(&self) -> usize {
        self.labels.len()
    }

    /// The distinct labels, by number.
    pub(crate) fn labels(&self) -> &[u64] {
        &self.labels
    }

    /// The number of an identity that is known to be among them.
    pub(crate) fn number(&self, label: u64) -> usize {
        self.labels.partition_point(|&other| other < label)
    }

    /// The number of an identity, if it is among them.
    pub(crate) fn find(&self, label: u64) -> Option<usize> {
        self.labels.binary_search(&label).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_a_float_would_merge_stay_apart() {
        let labels = [u64::MAX, 1 << 63, (1 << 63) + 1, 0, 1 << 63];
        let identities = Identities::new(labels);
        assert_eq!(identities.len(), 4);
        assert_eq!(labels.map(|label| identities.number(label)), [3, 1, 2, 0, 1]);
        assert_eq!(identities.find((1 << 63) + 1), Some(2));
        assert_eq!(identities.find(7), None);
    }
}

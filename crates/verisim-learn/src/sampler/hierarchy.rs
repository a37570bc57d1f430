//! Hierarchy: a number of super-classes in a batch, of identities of each, and of images of those.

use std::collections::BTreeMap;

use rand_pcg::Pcg64Mcg;

use super::deck::Deck;
use super::pool::Pool;

/// The parents of identities whose names are paths: the same one where the text before the last `/`
/// is the same.
///
/// Names without a `/` are all under one parent.
pub fn parents_of<'a, S: AsRef<str> + ?Sized + 'a>(
    names: impl IntoIterator<Item = &'a S>,
) -> Vec<u64> {
    let mut numbers = BTreeMap::new();
    let mut number_of = |parent| {
        let next = numbers.len() as u64;
        *numbers.entry(parent).or_insert(next)
    };
    names
        .into_iter()
        .map(|name| number_of(name.as_ref().rsplit_once('/').map_or("", |(parent, _)| parent)))
        .collect()
}

/// The batches of an epoch: as many chips as there are, or more if a super-class had no turn yet.
///
/// A super-class of fewer identities than asked for gives all it has.
pub(super) fn batches(
    labels: &[u64],
    parent_of: &dyn Fn(u64) -> u64,
    [n_super_classes, n_identities, n_images]: [usize; 3],
    rng: &mut Pcg64Mcg,
) -> Vec<Vec<usize>> {
    let mut pool = Pool::new(labels);
    let mut families = families(&pool, parent_of);
    if families.is_empty() {
        return Vec::new();
    }
    let n_super_classes = n_super_classes.clamp(1, families.len());
    let batch_size = n_super_classes.saturating_mul(n_identities).saturating_mul(n_images).max(1);
    let n_batches = (labels.len() / batch_size).max(families.len().div_ceil(n_super_classes));
    let mut deck = Deck::new(families.len());
    (0..n_batches)
        .map(|_| {
            let mut batch = Vec::new();
            for super_class in deck.deal(n_super_classes, |_| true, rng) {
                let (members, member_deck) = &mut families[super_class];
                let members: Vec<usize> = member_deck
                    .deal(n_identities, |_| true, rng)
                    .into_iter()
                    .map(|position| members[position])
                    .collect();
                pool.draw(&members, n_images, &mut batch, rng);
            }
            batch
        })
        .collect()
}

/// The identities of each super-class, and the deck they are dealt from.
fn families(pool: &Pool, parent_of: &dyn Fn(u64) -> u64) -> Vec<(Vec<usize>, Deck)> {
    let mut members = BTreeMap::<u64, Vec<usize>>::new();
    for (identity, label) in pool.labels().iter().enumerate() {
        members.entry(parent_of(*label)).or_default().push(identity);
    }
    members
        .into_values()
        .map(|members| {
            let deck = Deck::new(members.len());
            (members, deck)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_the_same_folder_have_the_same_parent() {
        let names = ["oslo/anna", "oslo/berit", "bergen/anna", "a/b/carl", "dag", "erik"];
        assert_eq!(parents_of(names), [0, 0, 1, 2, 3, 3]);
    }
}

//! Cards dealt round after round: each has its turn before any comes again.

use rand_pcg::Pcg64Mcg;

use crate::random::shuffle;

/// The positions `0..n` in random order, shuffled anew when all were dealt.
pub(super) struct Deck {
    order: Vec<usize>,
    waiting: Vec<usize>,
}

impl Deck {
    pub(super) fn new(n_cards: usize) -> Self {
        Self { order: (0..n_cards).collect(), waiting: Vec::new() }
    }

    /// Deals `n_cards` different ones among those that may be dealt, or all of them if they are fewer.
    pub(super) fn deal(
        &mut self,
        n_cards: usize,
        may_be_dealt: impl Fn(usize) -> bool,
        rng: &mut Pcg64Mcg,
    ) -> Vec<usize> {
        let mut dealt = Vec::new();
        self.deal_waiting(n_cards, &may_be_dealt, &mut dealt);
        if dealt.len() < n_cards {
            shuffle(&mut self.order, rng);
            self.waiting.clone_from(&self.order);
            self.deal_waiting(n_cards, &may_be_dealt, &mut dealt);
        }
        dealt
    }

    /// Deals from what is left of the round; whoever is passed over stays next in line.
    fn deal_waiting(
        &mut self,
        n_cards: usize,
        may_be_dealt: &impl Fn(usize) -> bool,
        dealt: &mut Vec<usize>,
    ) {
        let n_from_before = dealt.len();
        let mut passed_over = Vec::new();
        while dealt.len() < n_cards
            && let Some(card) = self.waiting.pop()
        {
            if may_be_dealt(card) && !dealt[..n_from_before].contains(&card) {
                dealt.push(card);
            } else {
                passed_over.push(card);
            }
        }
        self.waiting.extend(passed_over.into_iter().rev());
    }
}

#[cfg(test)]
mod tests {
    use rand_pcg::rand_core::SeedableRng;

    use super::*;

    #[test]
    fn every_card_has_its_turn_before_any_comes_again() {
        let (mut deck, mut rng) = (Deck::new(7), Pcg64Mcg::seed_from_u64(1));
        for _ in 0..20 {
            let mut round: Vec<usize> = Vec::new();
            while round.len() < 7 {
                round.extend(deck.deal(1, |_| true, &mut rng));
            }
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2, 3, 4, 5, 6]);
        }
    }

    #[test]
    fn a_hand_has_no_card_twice_across_rounds() {
        let (mut deck, mut rng) = (Deck::new(7), Pcg64Mcg::seed_from_u64(1));
        for _ in 0..50 {
            let mut hand = deck.deal(5, |_| true, &mut rng);
            hand.sort_unstable();
            hand.dedup();
            assert_eq!(hand.len(), 5);
        }
    }

    #[test]
    fn whoever_may_not_be_dealt_comes_next() {
        let (mut deck, mut rng) = (Deck::new(5), Pcg64Mcg::seed_from_u64(3));
        let without = deck.deal(4, |card| card != 2, &mut rng);
        assert_eq!((without.len(), without.contains(&2)), (4, false));
        assert_eq!(deck.deal(1, |_| true, &mut rng), [2]);
    }

    #[test]
    fn dealing_ends_where_too_few_may_be_dealt() {
        let (mut deck, mut rng) = (Deck::new(5), Pcg64Mcg::seed_from_u64(3));
        assert_eq!(deck.deal(9, |_| true, &mut rng).len(), 5);
        for _ in 0..100 {
            assert_eq!(deck.deal(3, |card| card == 1, &mut rng), [1]);
            assert!(deck.waiting.len() <= 5, "what is passed over must not pile up");
        }
        assert!(Deck::new(0).deal(3, |_| true, &mut rng).is_empty());
    }
}

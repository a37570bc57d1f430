//! Answers that are those of comparing every template in full; it does not know who asks.
//!
//! By the best template, one pass over the codes finds the nearest rows, as many as it takes until
//! enough identities lie before the last of them: no other row can belong to the answer. By means,
//! every template of an identity counts. Then bounds of all similarities are added up to bounds of
//! all means, in the order in which the templates themselves would be; the templates of identities
//! whose means may be among the greatest are read, and their means computed in full.

use std::collections::BTreeMap;

use verisim_core::Embedding;
use verisim_core::knn::{Bounds, Found, Neighbor, Search, bounds};

use super::{Matrix, Truth};
use crate::GalleryError;
use crate::decision::{DecisionRule, Scores, Winner};
use crate::policy::{ScoreRule, Tally};

/// How many more rows are looked for when those that were found do not suffice.
const GROWTH: usize = 8;
/// Rows that are looked for at first, for an identity that is wanted.
const ROWS_OF_IDENTITY: usize = 4;
/// Rows that are looked for at least.
const MIN_ROWS: usize = 16;
/// Probes whose bounds are in memory at once: 8 bytes a template each.
const PROBES_AT_ONCE: usize = 8;

/// What an answer takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Query {
    /// Number of the nearest identities; of those that tie at the end, the earlier names.
    pub(crate) n_identities: usize,
    /// Identities of a lower score do not matter.
    pub(crate) least: f32,
    /// Number of the nearest templates that vote, and the least score with which they do.
    pub(crate) votes: Option<(usize, f32)>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered {
    /// The store could not be read.
    Failed(GalleryError),
    /// A row is of no template of the store: the matrix is not of this gallery's moment.
    Contradicted,
}

impl From<GalleryError> for Unanswered {
    fn from(error: GalleryError) -> Self {
        Self::Failed(error)
    }
}

/// A template that was compared in full.
#[derive(Clone, Copy)]
struct Compared {
    row: usize,
    score: f32,
    quality: Option<u8>,
}

impl Query {
    /// What a decision takes: the winner may be elected, and there is a runner-up.
    pub(crate) fn of(rule: &DecisionRule) -> Self {
        let votes = match rule.winner {
            Winner::Best => None,
            Winner::Vote { k } => Some((k.max(1), rule.threshold)),
        };
        Self { n_identities: rule.limit.max(2), least: f32::NEG_INFINITY, votes }
    }
}

impl Matrix {
    /// Answers each probe by the templates that matter for its query, and by no others.
    pub(crate) fn answer<T>(
        &mut self,
        truth: &mut Truth<'_>,
        probes: &[&Embedding],
        (rule, query): (ScoreRule, &Query),
        answer: impl Fn(&Scores<'_>) -> T,
    ) -> Result<Vec<T>, Unanswered> {
        let compared = match rule {
            ScoreRule::Best => self.nearest(truth, probes, query)?,
            ScoreRule::Mean | ScoreRule::Weighted => {
                let mut compared = Vec::with_capacity(probes.len());
                for probes in probes.chunks(PROBES_AT_ONCE) {
                    compared.extend(self.nearest_means(truth, probes, rule, query)?);
                }
                compared
            }
        };
        compared.iter().map(|it| self.summed_up(truth, it, rule, &answer)).collect()
    }

    /// The nearest rows of each probe that decide a query.
    fn nearest(
        &self,
        truth: &mut Truth<'_>,
        probes: &[&Embedding],
        query: &Query,
    ) -> Result<Vec<Vec<Compared>>, Unanswered> {
        let n_live = self.live.count();
        let n_votes = query.votes.map_or(0, |(k, _)| k);
        let mut k = query.n_identities.saturating_mul(ROWS_OF_IDENTITY).saturating_add(n_votes);
        k = k.max(MIN_ROWS);
        let mut compared = vec![Vec::new(); probes.len()];
        let mut open: Vec<usize> = (0..probes.len()).collect();
        let view = self.rows.view(&self.live);
        while !open.is_empty() {
            k = k.min(n_live);
            let of_open: Vec<&Embedding> = open.iter().map(|&it| probes[it]).collect();
            let exact = |row, values: &mut [f32]| {
                let exact = truth.exact(self.rows.templates[row], self.rows.persons[row])?;
                let exact = exact.ok_or(Unanswered::Contradicted)?;
                values.copy_from_slice(exact.embedding.as_slice());
                Ok::<(), Unanswered>(())
            };
            let found = Search::new(k).nearest_in_turn(&view, &of_open, exact)?;
            let of_probe: Vec<(usize, Found)> = open.drain(..).zip(found).collect();
            for (probe, found) in of_probe {
                if k == n_live || self.suffices(&found, query) {
                    // The best one counts whatever its quality.
                    let compare =
                        |&Neighbor { row, score }: &_| Compared { row, score, quality: None };
                    compared[probe] = found.neighbors.iter().map(compare).collect();
                } else {
                    open.push(probe);
                }
            }
            k = k.saturating_mul(GROWTH);
        }
        Ok(compared)
    }

    /// Whether the nearest rows are enough: all others score at most what the last of them does.
    fn suffices(&self, found: &Found, query: &Query) -> bool {
        let Some(last) = found.neighbors.last().map(|it| it.score) else { return false };
        let mut before: Vec<_> = found.neighbors.iter().filter(|it| it.score > last).collect();
        let has_votes = query.votes.is_none_or(|(k, least)| last < least || before.len() >= k);
        before.sort_unstable_by_key(|it| self.rows.persons[it.row]);
        before.dedup_by_key(|it| self.rows.persons[it.row]);
        has_votes && (last < query.least || before.len() >= query.n_identities)
    }

    /// All rows of the identities whose means may be among the greatest, or who may be elected.
    fn nearest_means(
        &mut self,
        truth: &mut Truth<'_>,
        probes: &[&Embedding],
        rule: ScoreRule,
        query: &Query,
    ) -> Result<Vec<Vec<Compared>>, Unanswered> {
        self.know_owners();
        let of_probes = bounds(&self.rows.view(&self.live), probes);
        let mut compared = Vec::with_capacity(probes.len());
        for (probe, bounds) in probes.iter().zip(of_probes) {
            let mut rows = Vec::new();
            for row in self.rows_that_matter(&bounds, rule, query) {
                let exact = truth.exact(self.rows.templates[row], self.rows.persons[row])?;
                let exact = exact.ok_or(Unanswered::Contradicted)?;
                let (score, quality) = (exact.embedding.similarity(probe), exact.quality);
                rows.push(Compared { row, score, quality });
            }
            compared.push(rows);
        }
        Ok(compared)
    }

    /// The rows of [`nearest_means`](Self::nearest_means), in order.
    fn rows_that_matter(&self, bounds: &[Bounds], rule: ScoreRule, query: &Query) -> Vec<usize> {
        let live = || (0..self.rows.len()).filter(|&row| self.live.contains(row));
        let mut tallies = vec![[Tally::default(); 2]; self.owner_of.len()];
        for row in live() {
            let quality = self.rows.quality(row);
            let [lower, upper] = &mut tallies[self.owners[row] as usize];
            lower.add(bounds[row].lower, quality);
            upper.add(bounds[row].upper, quality);
        }
        // Who owns nothing any more is nobody's neighbor.
        let of = |side: usize, tally: &[Tally; 2]| {
            if tally[side].is_empty() { f32::NEG_INFINITY } else { tally[side].score(rule) }
        };
        let lowest = greatest(tallies.iter().map(|it| of(0, it)), query.n_identities);
        let lowest = lowest.max(query.least);
        let mut matters: Vec<bool> = tallies.iter().map(|it| of(1, it) >= lowest).collect();
        if query.n_identities == 0 {
            matters.fill(false);
        }
        if let Some((k, least)) = query.votes {
            let lowest = greatest(live().map(|row| bounds[row].lower), k).max(least);
            for row in live().filter(|&row| bounds[row].upper >= lowest) {
                matters[self.owners[row] as usize] = true;
            }
        }
        live().filter(|&row| matters[self.owners[row] as usize]).collect()
    }

    /// Scores of the identities of rows that were compared, handed on.
    fn summed_up<T>(
        &self,
        truth: &Truth<'_>,
        compared: &[Compared],
        rule: ScoreRule,
        answer: &impl Fn(&Scores<'_>) -> T,
    ) -> Result<T, Unanswered> {
        let mut positions = BTreeMap::new();
        let (mut names, mut tallies): (Vec<String>, Vec<Tally>) = (Vec::new(), Vec::new());
        let (mut templates, mut owners) = (Vec::new(), Vec::new());
        for &Compared { row, score, quality } in compared {
            let person = self.rows.persons[row];
            let position = if let Some(&position) = positions.get(&person) {
                position
            } else {
                names.push(truth.name(person)?.to_owned());
                tallies.push(Tally::default());
                positions.insert(person, names.len() - 1);
                names.len() - 1
            };
            tallies[position].add(score, quality);
            templates.push(score);
            owners.push(position);
        }
        let identities: Vec<f32> = tallies.iter().map(|it| it.score(rule)).collect();
        Ok(answer(&Scores {
            templates: &templates,
            owners: &owners,
            identities: &identities,
            names: &names,
        }))
    }
}

/// The `n`-th greatest of values; less than any if there are fewer.
fn greatest(values: impl Iterator<Item = f32>, n: usize) -> f32 {
    let mut values: Vec<f32> = values.collect();
    if n == 0 || n > values.len() {
        return f32::NEG_INFINITY;
    }
    *values.select_nth_unstable_by(n - 1, |a, b| b.total_cmp(a)).1
}

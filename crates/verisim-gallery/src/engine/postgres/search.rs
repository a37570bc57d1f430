//! Searching: the server finds who may be nearest, exact scores of theirs are computed here.
//!
//! One statement finds the identities, by halves and the index or by comparing with every template,
//! and brings all their templates. From there on it is the arithmetic of the embedded engine.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use deadpool_postgres::GenericClient;
use futures_util::{StreamExt, TryStreamExt, stream};
use pgvector::Vector;
use tokio_postgres::Row;
use verisim_core::knn::PackedEmbeddings;
use verisim_core::{Embedding, Template};

use super::explain::Failure;
use super::rows::{IDENTITY, Identity, TEMPLATE, quality, select};
use super::schema::MAX_INDEXED;
use super::state::State;
use super::{PostgresGallery, SearchOptions};
use crate::GalleryError;
use crate::audit::Action;
use crate::decision::{Candidate, Decision, DecisionRule, Scores, Winner};
use crate::id::RandomId;
use crate::policy::{ScoreRule, Tally};
use crate::vault::SealKey;

/// So many more identities than are asked for come at least: some of them tie.
const SPARE: usize = 8;
/// More identities than this are never looked at closely.
const MOST: usize = 1 << 20;

/// An identity that a search found, with all its templates.
struct Found {
    name: String,
    key: SealKey,
    /// As the server computes it.
    score: f64,
    templates: Vec<(Embedding, Option<u8>)>,
}

/// Identities by their random ids.
type All = HashMap<RandomId, Found>;

impl PostgresGallery {
    pub(super) fn identify_one(
        &self,
        probe: &Template,
        threshold: f32,
        limit: usize,
    ) -> Result<Vec<Candidate>, GalleryError> {
        let rule = DecisionRule { threshold, winner: Winner::Best, limit };
        let mut decisions = self.search(std::slice::from_ref(probe), &rule, |it| {
            it.nearest.truncate(it.nearest.iter().take_while(|it| it.score >= threshold).count());
        })?;
        Ok(decisions.pop().map(|it| it.nearest).unwrap_or_default())
    }

    /// Decides about each probe, has `trim` shorten each answer, and leaves one record.
    pub(super) fn search(
        &self,
        probes: &[Template],
        rule: &DecisionRule,
        trim: impl Fn(&mut Decision),
    ) -> Result<Vec<Decision>, GalleryError> {
        for probe in probes {
            self.binding().expect(probe.model, probe.embedding.dim())?;
        }
        let (mut decisions, is_recorded) = self.link.wait_patiently(async || {
            let client = self.link.reader().await?;
            let policy = State::read(&client, self.link.place()).await?.policy;
            drop(client);
            let decide = |probe: &Template| {
                let probe = probe.embedding.clone();
                async move {
                    let client = self.link.reader().await?;
                    self.decide(&client, &probe, policy.rule, rule).await
                }
            };
            let decisions = stream::iter(probes.iter().map(decide));
            let decisions: Result<Vec<Decision>, Failure> =
                decisions.buffered(self.link.n_connections()).try_collect().await;
            Ok((decisions?, policy.record_searches))
        })?;
        decisions.iter_mut().for_each(trim);
        if is_recorded && !probes.is_empty() {
            let n_candidates = decisions.iter().map(|it| it.nearest.len()).sum();
            let n_probes = probes.len();
            self.change(async |_, _| Ok(((), vec![Action::Searched { n_probes, n_candidates }])))?;
        }
        Ok(decisions)
    }

    async fn decide(
        &self,
        sql: &impl GenericClient,
        probe: &Embedding,
        scoring: ScoreRule,
        rule: &DecisionRule,
    ) -> Result<Decision, Failure> {
        let mut all = self.find(sql, probe, scoring, rule.limit.max(2)).await?;
        if let Winner::Vote { k } = rule.winner {
            // The k nearest templates belong to the k identities of the best single templates.
            all.extend(self.find(sql, probe, ScoreRule::Best, k.max(1)).await?);
        }
        Ok(decide(self.row.dim, &all, probe, scoring, rule))
    }

    /// The `n` identities of the greatest scores, as the server computes them, and all that come so
    /// near to them that rounding may have put them behind.
    async fn find(
        &self,
        sql: &impl GenericClient,
        probe: &Embedding,
        scoring: ScoreRule,
        n: usize,
    ) -> Result<All, Failure> {
        let dim = self.row.dim;
        let vector = Vector::from(probe.as_slice().to_vec());
        // The server adds `dim` products in single precision, we add them in another order.
        let rounding = 2.0 * dim as f64 * f64::from(f32::EPSILON);
        let is_exact = self.options.is_exact || dim > MAX_INDEXED;
        let search = SearchOptions { is_exact, ..self.options };
        let mut asked = if is_exact || scoring == ScoreRule::Best {
            n.saturating_add(SPARE).min(MOST).next_power_of_two()
        } else {
            // Whoever has a template among the nearest may have the greatest mean.
            MOST
        };
        loop {
            let statement = statement(search, dim, scoring, asked);
            let mut all = All::new();
            for row in select(sql, &statement, &[&vector]).await? {
                self.add(&row, &mut all)?;
            }
            let mut scores: Vec<f64> = all.values().map(|it| it.score).collect();
            scores.sort_unstable_by(|a, b| b.total_cmp(a));
            let nth_and_last = scores.get(n.saturating_sub(1)).zip(scores.last());
            let is_clear = nth_and_last.is_some_and(|(nth, last)| *last < nth - rounding);
            if scores.len() < asked || is_clear || asked >= MOST {
                return Ok(all);
            }
            asked *= 2;
        }
    }

    /// Adds the template of a row to its identity.
    fn add(&self, row: &Row, all: &mut All) -> Result<(), Failure> {
        let found = match all.entry(row.try_get(2)?) {
            Entry::Occupied(it) => it.into_mut(),
            Entry::Vacant(it) => {
                let Identity { key, details, .. } = self.open_identity(row, 1)?;
                let (name, score) = (details.name, row.try_get(0)?);
                it.insert(Found { name, key, score, templates: Vec::new() })
            }
        };
        let opened = self.open_template(row, 7, &found.key)?;
        found.templates.push((opened.embedding, quality(row.try_get(12)?)));
        Ok(())
    }
}

/// What finds the `asked` identities of the greatest scores, with all their templates.
fn statement(search: SearchOptions, dim: usize, scoring: ScoreRule, asked: usize) -> String {
    let SearchOptions { ef_search, is_exact } = search;
    let compared = if is_exact {
        "template".to_owned()
    } else {
        format!(
            "(SELECT person, embedding, quality FROM template
                ORDER BY embedding::halfvec({dim}) <#> $1::vector::halfvec({dim})
                LIMIT {ef_search})"
        )
    };
    let score = match scoring {
        // The mean of those templates that happen to be near would mean nothing.
        _ if !is_exact => "max(score)",
        ScoreRule::Best => "max(score)",
        ScoreRule::Mean => "avg(score)",
        ScoreRule::Weighted => {
            "CASE WHEN sum(coalesce(quality, 50)) > 0
                THEN sum(score * coalesce(quality, 50)) / sum(coalesce(quality, 50))
                ELSE avg(score) END"
        }
    };
    format!(
        "WITH compared AS (
            SELECT person, -(embedding <#> $1::vector) AS score, quality FROM {compared} AS near
        ), best AS MATERIALIZED (
            SELECT person, {score} AS score FROM compared GROUP BY person
                ORDER BY score DESC LIMIT {asked}
        )
        SELECT best.score, {IDENTITY}, {TEMPLATE}
            FROM best JOIN identity USING (person) JOIN template USING (person)
            ORDER BY template.position"
    )
}

/// Scores all templates of the identities, and decides.
fn decide(
    dim: usize,
    all: &All,
    probe: &Embedding,
    scoring: ScoreRule,
    rule: &DecisionRule,
) -> Decision {
    let (mut embeddings, mut owners) = (PackedEmbeddings::new(dim), Vec::new());
    let (mut names, mut tallies) = (Vec::new(), Vec::new());
    for found in all.values() {
        for (embedding, _) in &found.templates {
            embeddings.push(embedding);
            owners.push(names.len());
        }
        names.push(found.name.clone());
    }
    let templates: Vec<f32> = embeddings.similarities(probe).collect();
    let mut scores = templates.iter();
    for found in all.values() {
        let mut tally = Tally::default();
        for ((_, quality), &score) in found.templates.iter().zip(scores.by_ref()) {
            tally.add(score, *quality);
        }
        tallies.push(tally);
    }
    let identities: Vec<f32> = tallies.iter().map(|it| it.score(scoring)).collect();
    let scores =
        Scores { templates: &templates, owners: &owners, identities: &identities, names: &names };
    scores.decide(rule)
}

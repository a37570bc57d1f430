//! `verisim gallery stats` and `policy`: how large a gallery is, and under which rules; it opens none.

use serde::Serialize;
use verisim_gallery::{Engine, MatrixState, NearDuplicates, Policy, ScoreRule};

use super::Place;
use crate::output::Printer;

/// What to change of the rules.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    pub(super) place: Place,

    /// How scores of templates become that of a person
    #[arg(long, value_enum)]
    score: Option<Score>,

    /// Most templates of a person
    #[arg(long, value_name = "N")]
    max_templates: Option<u32>,

    /// Whether to add pictures that are nearly ones that are there
    #[arg(long, value_name = "YES", action = clap::ArgAction::Set)]
    near_duplicates: Option<bool>,

    /// Whether every search leaves a record in the log
    #[arg(long, value_name = "YES", action = clap::ArgAction::Set)]
    record_searches: Option<bool>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Score {
    /// The best template
    Best,
    /// The mean of all
    Mean,
    /// The mean, weighted by quality
    Weighted,
}

#[derive(Serialize)]
struct StatsDto {
    model: String,
    embedding_dim: usize,
    identities: usize,
    templates: usize,
    most_templates: usize,
    log_records: usize,
    bytes: u64,
    free_bytes: u64,
    /// Of the file of packed templates; 0 if there is none.
    matrix_bytes: u64,
    /// Nothing if the engine has no such file.
    matrix: Option<&'static str>,
    sealed: bool,
    score: Score,
    max_templates: u32,
    near_duplicates: bool,
    record_searches: bool,
}

/// Shows how large a gallery is, and its rules.
pub(super) fn stats(gallery: &dyn Engine, json: bool, printer: &Printer) -> anyhow::Result<()> {
    let stats = gallery.stats()?;
    let Policy { rule, max_templates, near_duplicates, record_searches } = stats.policy;
    let dto = StatsDto {
        model: gallery.model().to_string(),
        embedding_dim: gallery.dim(),
        identities: stats.n_identities,
        templates: stats.n_templates,
        most_templates: stats.most_templates,
        log_records: stats.n_records,
        bytes: stats.n_bytes,
        free_bytes: stats.n_free_bytes,
        matrix_bytes: stats.n_matrix_bytes,
        matrix: stats.matrix.map(|state| match state {
            MatrixState::Missing => "missing",
            MatrixState::Fresh => "fresh",
            MatrixState::Behind => "behind",
            MatrixState::Worthless => "worthless",
        }),
        sealed: stats.is_sealed,
        score: match rule {
            ScoreRule::Best => Score::Best,
            ScoreRule::Mean => Score::Mean,
            ScoreRule::Weighted => Score::Weighted,
        },
        max_templates,
        near_duplicates: near_duplicates == NearDuplicates::Add,
        record_searches,
    };
    if json {
        return printer.json(&dto);
    }
    let serde_json::Value::Object(lines) = serde_json::to_value(&dto)? else { return Ok(()) };
    for (key, value) in lines.into_iter().filter(|it| !it.1.is_null()) {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        printer.data(format_args!("{}\t{value}", key.replace('_', " ")))?;
    }
    Ok(())
}

impl PolicyArgs {
    /// The rules with these changes.
    pub(super) fn applied_to(&self, mut policy: Policy) -> Policy {
        if let Some(score) = self.score {
            policy.rule = match score {
                Score::Best => ScoreRule::Best,
                Score::Mean => ScoreRule::Mean,
                Score::Weighted => ScoreRule::Weighted,
            };
        }
        if let Some(added) = self.near_duplicates {
            policy.near_duplicates =
                if added { NearDuplicates::Add } else { NearDuplicates::KeepOut };
        }
        policy.max_templates = self.max_templates.unwrap_or(policy.max_templates);
        policy.record_searches = self.record_searches.unwrap_or(policy.record_searches);
        policy
    }
}

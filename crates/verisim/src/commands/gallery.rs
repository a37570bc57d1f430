//! `verisim gallery`: who is enrolled, is everything whole, and where is the copy?

use std::path::PathBuf;

use serde::Serialize;
use verisim_gallery::{Engine, NearDuplicates, Policy, ScoreRule};

use super::Outcome;
use super::gallery_copy::{self, CopyArgs};
use crate::access::{AccessArgs, write_new_key};
use crate::output::Printer;

/// Who is said to act, unless somebody else is named.
const COMMAND: &str = "verisim gallery";

/// List, check, copy or compact a gallery
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  verisim gallery list g/
  verisim gallery backup g/ g-monday.sqlite
  verisim gallery copy --from g/ --to postgres://verisim@db.example/faces
  verisim gallery new-key door.key        then: verisim enroll --key-file door.key ...")]
pub(crate) enum GalleryCommand {
    /// List the people enrolled: name, number of templates
    List {
        #[command(flatten)]
        place: Place,

        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Read everything and check that all is whole
    Check {
        #[command(flatten)]
        place: Place,
    },
    /// Show how large the gallery is, and its rules
    Stats {
        #[command(flatten)]
        place: Place,

        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the rules that are stored with the gallery
    Policy(PolicyArgs),
    /// Copy a gallery from a folder to a server, or the other way, and compare the two
    Copy(CopyArgs),
    /// Copy the gallery into a new file, while others use it
    Backup {
        #[command(flatten)]
        place: Place,

        /// File to be made
        to: PathBuf,
    },
    /// Make a gallery of a copy; people forgotten since then are in it again
    Restore {
        /// The copy
        from: PathBuf,

        #[command(flatten)]
        place: Place,
    },
    /// Write the file anew, without what forgotten people may have left in it
    Compact {
        #[command(flatten)]
        place: Place,
    },
    /// Write a new key for a sealed gallery into a new file
    NewKey {
        /// File to be made, which only you may read
        file: PathBuf,
    },
}

/// Which gallery, and what opens it.
#[derive(Debug, clap::Args)]
pub(crate) struct Place {
    /// Folder of the gallery, or postgres://USER@HOST/DATABASE
    gallery: PathBuf,

    #[command(flatten)]
    access: AccessArgs,
}

/// What to change of the rules.
#[derive(Debug, clap::Args)]
pub(crate) struct PolicyArgs {
    #[command(flatten)]
    place: Place,

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
struct IdentityDto<'a> {
    identity: &'a str,
    /// The random id that the log names the identity by.
    person: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
    templates: usize,
    /// Seconds since 1970 (UTC).
    enrolled_at: i64,
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
    sealed: bool,
    score: Score,
    max_templates: u32,
    near_duplicates: bool,
    record_searches: bool,
}

impl Place {
    fn open(&self) -> anyhow::Result<Box<dyn Engine>> {
        self.access.open(&self.gallery, COMMAND)
    }
}

/// Runs the command.
pub(crate) fn gallery(command: &GalleryCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        GalleryCommand::List { place, json } => list(&*place.open()?, *json, printer)?,
        GalleryCommand::Check { place } => {
            let gallery = place.open()?;
            gallery.check()?;
            let (people, templates) = (gallery.n_identities()?, gallery.n_templates()?);
            let model = gallery.model().short();
            printer.data(format_args!(
                "whole: {people} people with {templates} templates of model {model}"
            ))?;
        }
        GalleryCommand::Stats { place, json } => stats(&*place.open()?, *json, printer)?,
        GalleryCommand::Policy(args) => {
            let mut gallery = args.place.open()?;
            let policy = args.applied_to(gallery.policy()?);
            gallery.set_policy(policy)?;
            stats(&*gallery, false, printer)?;
        }
        GalleryCommand::Copy(args) => gallery_copy::copy(args, printer)?,
        GalleryCommand::Backup { place, to } => {
            place.access.open_folder(&place.gallery, COMMAND)?.backup(to)?;
            printer.data(format_args!("copied to {}", to.display()))?;
        }
        GalleryCommand::Restore { from, place } => {
            let gallery = place.access.restore(from, &place.gallery)?;
            let (people, templates) = (gallery.n_identities()?, gallery.n_templates()?);
            printer.data(format_args!("restored {people} people with {templates} templates"))?;
        }
        GalleryCommand::Compact { place } => {
            place.open()?.compact()?;
            printer.data("compacted")?;
        }
        GalleryCommand::NewKey { file } => {
            write_new_key(file)?;
            printer.note("without this file a gallery that is sealed with it cannot be read");
        }
    }
    Ok(Outcome::Done)
}

fn list(gallery: &dyn Engine, json: bool, printer: &Printer) -> anyhow::Result<()> {
    for identity in gallery.identities()? {
        let (details, templates) = (&identity.details, identity.n_templates);
        if json {
            let metadata = details.metadata.as_ref();
            let metadata = metadata.map(|it| serde_json::from_str(it.as_json())).transpose()?;
            printer.json(&IdentityDto {
                identity: &details.name,
                person: identity.person.to_string(),
                external_id: details.external_id.as_deref(),
                metadata,
                templates,
                enrolled_at: identity.enrolled_at,
            })?;
        } else {
            printer.data(format_args!("{}\t{templates}", details.name))?;
        }
    }
    Ok(())
}

fn stats(gallery: &dyn Engine, json: bool, printer: &Printer) -> anyhow::Result<()> {
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
    for (key, value) in lines {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        printer.data(format_args!("{}\t{value}", key.replace('_', " ")))?;
    }
    Ok(())
}

impl PolicyArgs {
    fn applied_to(&self, mut policy: Policy) -> Policy {
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

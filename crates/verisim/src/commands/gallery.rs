//! `verisim gallery`: who is enrolled, is everything whole, and where is the copy?

mod doctor;
mod doctor_page;
mod doctor_words;
mod export;
mod import;
mod rearrange;
mod rules;

use std::path::PathBuf;

use serde::Serialize;
use verisim_gallery::{Engine, Gallery, MatrixState, TemplateSummary};

use self::doctor::DoctorArgs;
use self::export::ExportArgs;
use self::import::ImportArgs;
use self::rearrange::{MergeArgs, MoveArgs, RemoveArgs, SplitArgs, UndoArgs};
use self::rules::{PolicyArgs, stats};
use super::Outcome;
use super::gallery_copy::{self, CopyArgs};
use crate::access::{AccessArgs, write_new_key};
use crate::output::Printer;

/// Who is said to act, unless somebody else is named.
const COMMAND: &str = "verisim gallery";

/// List, examine, rearrange, check, copy or compact a gallery
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  verisim gallery list g/                 with a name: the templates of that person
  verisim gallery doctor g/               wrong names, people enrolled twice, look-alikes
  verisim gallery backup g/ g-monday.sqlite
  verisim gallery copy --from g/ --to postgres://verisim@db.example/faces
  verisim gallery new-key door.key        then: verisim enroll --key-file door.key ...")]
pub(crate) enum GalleryCommand {
    /// List the people enrolled, or the templates of one
    List {
        #[command(flatten)]
        place: Place,

        /// Name of a person: list the ids of that person's templates
        name: Option<String>,

        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Find wrong names, people enrolled twice, look-alikes; change nothing
    Doctor(DoctorArgs),
    /// Make one person of two
    Merge(MergeArgs),
    /// Give a template to another person
    Move(MoveArgs),
    /// Make a new person of some templates
    Split(SplitArgs),
    /// Take back the latest merge, move or split
    Undo(UndoArgs),
    /// Overwrite templates, for good
    Remove(RemoveArgs),
    /// Enroll from a file of many: CSV, NDJSON, NumPy, Parquet
    Import(ImportArgs),
    /// Write all embeddings into a file: NDJSON, NumPy, Parquet
    Export(ExportArgs),
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
    /// Folder of the gallery, or `postgres://USER@HOST/DATABASE`
    gallery: PathBuf,

    #[command(flatten)]
    access: AccessArgs,
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
struct TemplateDto<'a> {
    /// The random id that commands name it by.
    template: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    quality: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    has_thumbnail: bool,
    /// Seconds since 1970 (UTC).
    enrolled_at: i64,
}

impl Place {
    fn open(&self) -> anyhow::Result<Box<dyn Engine>> {
        self.access.open(&self.gallery, COMMAND)
    }

    /// Opens a gallery in a folder, for what servers do not do.
    fn open_folder(&self) -> anyhow::Result<Gallery> {
        self.access.open_folder(&self.gallery, COMMAND)
    }
}

/// Runs the command.
pub(crate) fn gallery(command: &GalleryCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        GalleryCommand::List { place, name, json } => match name {
            None => list(&*place.open()?, *json, printer)?,
            Some(name) => list_templates(&*place.open()?, name, *json, printer)?,
        },
        GalleryCommand::Doctor(args) => doctor::doctor(args, printer)?,
        GalleryCommand::Merge(args) => rearrange::merge(args, printer)?,
        GalleryCommand::Move(args) => rearrange::move_template(args, printer)?,
        GalleryCommand::Split(args) => rearrange::split(args, printer)?,
        GalleryCommand::Undo(args) => rearrange::undo(args, printer)?,
        GalleryCommand::Remove(args) => rearrange::remove(args, printer)?,
        GalleryCommand::Import(args) => import::import(args, printer)?,
        GalleryCommand::Export(args) => export::export(args, printer)?,
        GalleryCommand::Check { place } => {
            let gallery = place.open()?;
            gallery.check()?;
            let (people, templates) = (gallery.n_identities()?, gallery.n_templates()?);
            let model = gallery.model().short();
            printer.data(format_args!(
                "whole: {people} people with {templates} templates of model {model}"
            ))?;
            if gallery.stats()?.matrix == Some(MatrixState::Worthless) {
                printer.note(
                    "the packed templates are damaged or old: the next search makes them anew",
                );
            }
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
            place.open_folder()?.backup(to)?;
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

fn list_templates(
    gallery: &dyn Engine,
    name: &str,
    json: bool,
    printer: &Printer,
) -> anyhow::Result<()> {
    for template in gallery.templates(name)? {
        let TemplateSummary { id, quality, label, thumbnail, enrolled_at } = &template;
        if json {
            printer.json(&TemplateDto {
                template: id.to_string(),
                quality: *quality,
                label: label.as_deref(),
                has_thumbnail: thumbnail.is_some(),
                enrolled_at: *enrolled_at,
            })?;
        } else {
            let quality = quality.map(|it| it.to_string()).unwrap_or_default();
            let label = label.as_deref().unwrap_or_default();
            printer.data(format_args!("{id}\t{quality}\t{label}"))?;
        }
    }
    Ok(())
}

/// A word of a command line, in quotes where a shell would take it apart.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:@%+,".contains(char);
    if !word.is_empty() && !word.starts_with('-') && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_word_for_one() {
        for (word, expected) in [
            ("g/a_1.x", "g/a_1.x"),
            ("Ann Lee", "'Ann Lee'"),
            ("O'Brien", "'O'\\''Brien'"),
            ("-rf", "'-rf'"),
            ("$(x)", "'$(x)'"),
            ("李雷", "'李雷'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }
}

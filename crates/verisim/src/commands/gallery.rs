//! `verisim gallery`: who is enrolled, and is everything whole?

use std::path::PathBuf;

use serde::Serialize;
use verisim_gallery::Gallery;

use super::Outcome;
use crate::output::Printer;

/// List, check or wipe a gallery
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Example:\n  verisim gallery list g/")]
pub(crate) enum GalleryCommand {
    /// List the people enrolled: name, number of templates
    List {
        /// Folder of the gallery
        gallery: PathBuf,

        /// Print JSON lines
        #[arg(long)]
        json: bool,
    },
    /// Read every template and check that all is whole
    Check {
        /// Folder of the gallery
        gallery: PathBuf,
    },
    /// Overwrite what forgotten people may have left behind
    Wipe {
        /// Folder of the gallery
        gallery: PathBuf,
    },
}

#[derive(Serialize)]
struct IdentityDto<'a> {
    identity: &'a str,
    templates: usize,
    /// Seconds since 1970 (UTC).
    enrolled_at: i64,
}

/// Runs the command.
pub(crate) fn gallery(command: &GalleryCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        GalleryCommand::List { gallery, json } => list(&Gallery::open(gallery)?, *json, printer)?,
        GalleryCommand::Check { gallery } => {
            let gallery = Gallery::open(gallery)?;
            gallery.check()?;
            let (people, templates) = (gallery.n_identities()?, gallery.n_templates()?);
            let model = gallery.model().short();
            printer.data(format_args!(
                "whole: {people} people with {templates} templates of model {model}"
            ))?;
        }
        GalleryCommand::Wipe { gallery } => {
            Gallery::open(gallery)?.wipe()?;
            printer.data("wiped")?;
        }
    }
    Ok(Outcome::Done)
}

fn list(gallery: &Gallery, json: bool, printer: &Printer) -> anyhow::Result<()> {
    for identity in gallery.identities()? {
        let (name, templates) = (identity.name.as_str(), identity.n_templates);
        if json {
            let enrolled_at = identity.enrolled_at;
            printer.json(&IdentityDto { identity: name, templates, enrolled_at })?;
        } else {
            printer.data(format_args!("{name}\t{templates}"))?;
        }
    }
    Ok(())
}

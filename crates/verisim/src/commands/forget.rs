//! `verisim forget`: a person leaves a gallery, and is a stranger from then on.

use std::path::PathBuf;

use anyhow::bail;
use verisim_gallery::Gallery;

use super::Outcome;
use crate::output::Printer;

/// Forget a person: the templates are overwritten, not only marked
///
/// Copies made elsewhere, such as backups, are not reached.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim forget --gallery g/ \"Ada Lovelace\"")]
pub(crate) struct ForgetArgs {
    /// Folder of the gallery
    #[arg(long, value_name = "DIR")]
    gallery: PathBuf,

    /// Name of the person
    name: String,
}

/// Runs the command.
pub(crate) fn forget(args: &ForgetArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut gallery = Gallery::open(&args.gallery)?;
    let forgotten = gallery.forget(&args.name)?;
    let n = forgotten.n_templates;
    printer.data(format_args!("forgot {}: {n} templates were overwritten", args.name))?;
    if !forgotten.is_wiped {
        bail!(
            "{} will not be found again, but bytes of the templates linger in {} until no other \
             process has it open; run `verisim gallery wipe` then",
            args.name,
            args.gallery.display()
        );
    }
    Ok(Outcome::Done)
}

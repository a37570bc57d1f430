//! `verisim forget`: a person leaves a gallery, and is a stranger from then on.

use std::path::PathBuf;

use anyhow::bail;

use super::Outcome;
use crate::access::AccessArgs;
use crate::output::Printer;
use crate::whole_file;

/// Forget a person: everything kept is overwritten, not only marked
///
/// In a sealed gallery the person's key is destroyed, too. Copies made elsewhere, such as backups, are
/// not reached. The receipt says where the log of the gallery tells of it, for `verisim audit verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim forget --gallery g/ \"Ada Lovelace\"
  verisim forget --gallery g/ \"Ada Lovelace\" --receipt ada.json")]
pub(crate) struct ForgetArgs {
    /// Folder of the gallery, or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE")]
    gallery: PathBuf,

    /// Name of the person
    name: String,

    /// Write a receipt of it (JSON)
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,

    #[command(flatten)]
    access: AccessArgs,
}

/// Runs the command.
pub(crate) fn forget(args: &ForgetArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let mut gallery = args.access.open(&args.gallery, "verisim forget")?;
    let forgotten = gallery.forget(&args.name)?;
    let n = forgotten.receipt.n_templates;
    let done = if gallery.can_wipe() { "overwritten" } else { "removed" };
    printer.data(format_args!("forgot {}: {n} templates were {done}", args.name))?;
    if let Some(path) = &args.receipt {
        let receipt = forgotten.receipt.to_json();
        if let Err(error) = whole_file::write(path, format!("{receipt}\n").as_bytes()) {
            // Nobody can be forgotten twice to get another.
            printer.data(&receipt)?;
            return Err(error.context("the receipt is above; it could not be written"));
        }
    }
    if !gallery.can_wipe() {
        printer.note(
            "the server may keep bytes of them in unused space until `verisim gallery compact`, and in its \
             log of writes, its standbys and backups for as long as it is set up to (docs/security.md)",
        );
    } else if !forgotten.is_wiped {
        bail!(
            "{} will not be found again, but bytes of the templates linger in {} until no other \
             process has it open; run `verisim gallery compact` then",
            args.name,
            gallery.place().display()
        );
    }
    Ok(Outcome::Done)
}

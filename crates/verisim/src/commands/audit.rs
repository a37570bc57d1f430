//! `verisim audit`: what was done with a gallery, and is the log of it whole?

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use verisim_gallery::Receipt;

use super::Outcome;
use crate::access::AccessArgs;
use crate::output::Printer;

/// Show or verify the log of a gallery
///
/// The log names people by random ids, never by name, and says of a search who asked, not who was found.
/// Verifying finds any change of it; of a gallery without a key only by those who cannot compute SHA-256.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  verisim audit show g/
  verisim audit verify g/ ada.json        is the log whole, and was she forgotten?")]
pub(crate) enum AuditCommand {
    /// Print the log, as JSON lines
    Show {
        /// Folder of the gallery, or `postgres://USER@HOST/DATABASE`
        gallery: PathBuf,

        #[command(flatten)]
        access: AccessArgs,
    },
    /// Check that the log is whole, and agrees with a receipt of `forget`
    Verify {
        /// Folder of the gallery, or `postgres://USER@HOST/DATABASE`
        gallery: PathBuf,

        /// The receipt
        receipt: Option<PathBuf>,

        #[command(flatten)]
        access: AccessArgs,
    },
}

/// Runs the command.
pub(crate) fn audit(command: &AuditCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        AuditCommand::Show { gallery, access } => {
            for event in access.open(gallery, "verisim audit")?.events()? {
                printer.data(event.to_json())?;
            }
        }
        AuditCommand::Verify { gallery, receipt, access } => {
            let gallery = access.open(gallery, "verisim audit")?;
            let (n_records, head) = gallery.verify_log()?;
            let head: String = head.iter().map(|byte| format!("{byte:02x}")).collect();
            printer.data(format_args!("whole: {n_records} records, the last {head}"))?;
            if let Some(path) = receipt {
                let text = fs::read_to_string(path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                let receipt = Receipt::from_json(&text)
                    .with_context(|| format!("cannot use {}", path.display()))?;
                gallery.verify_receipt(&receipt)?;
                let Receipt { person, position, .. } = receipt;
                printer.data(format_args!("forgotten: {person}, record {position}"))?;
            }
        }
    }
    Ok(Outcome::Done)
}

//! `verisim gallery copy`: the same gallery in another place, proved to be whole.

use std::path::PathBuf;

use serde::Serialize;

use crate::access::AccessArgs;
use crate::output::Printer;

/// What to copy, and to where.
#[derive(Debug, clap::Args)]
pub(crate) struct CopyArgs {
    /// The gallery: a folder, or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE")]
    from: PathBuf,

    /// Where there is no gallery yet: a folder, or `postgres://USER@HOST/DATABASE`
    #[arg(long, value_name = "PLACE")]
    to: PathBuf,

    /// Print JSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    access: AccessArgs,
}

#[derive(Serialize)]
struct CopiedDto {
    identities: usize,
    templates: usize,
    /// Of what was read, and of what is there now.
    digest: String,
}

/// Runs the command.
pub(crate) fn copy(args: &CopyArgs, printer: &Printer) -> anyhow::Result<()> {
    let copied = args.access.copy(&args.from, &args.to, "verisim gallery copy")?;
    let dto = CopiedDto {
        identities: copied.n_identities,
        templates: copied.n_templates,
        digest: copied.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    if args.json {
        return printer.json(&dto);
    }
    printer.data(format_args!(
        "copied {} people with {} templates; read again, both sides have the digest {}",
        dto.identities, dto.templates, dto.digest
    ))?;
    printer
        .note("the two go their own ways from here: who is forgotten in one is still in the other");
    Ok(())
}

//! `verisim gallery export`: embeddings leave a gallery, which the log tells of.

use std::io;
use std::path::PathBuf;

use anyhow::ensure;
use verisim_gallery::ExportedTemplate;

use super::Place;
use crate::bulk::Export;
use crate::output::Printer;

/// What to take out, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    place: Place,

    /// File to be made: .ndjson, .npy (with .names.csv beside it) or .parquet
    to: PathBuf,
}

pub(super) fn export(args: &ExportArgs, printer: &Printer) -> anyhow::Result<()> {
    let file = Export::new(&args.to)?;
    for path in file.files() {
        ensure!(!path.exists(), "{} exists already", path.display());
    }
    let mut gallery = args.place.open_folder()?;
    let dim = gallery.dim();
    let mut export = gallery.export()?;
    let n = export.n_templates()?;
    ensure!(n > 0, "nobody is enrolled in {}", args.place.gallery.display());
    let bar = printer.progress("exporting", n);
    let mut batch: std::vec::IntoIter<ExportedTemplate> = Vec::new().into_iter();
    let mut next = || {
        if batch.as_slice().is_empty() {
            batch = export.next_batch().map_err(io::Error::other)?.into_iter();
        }
        bar.inc(1);
        Ok(batch.next())
    };
    file.write((n, dim), &mut next)?;
    bar.finish_and_clear();
    printer.warning(
        "embeddings are biometric data: likenesses of the faces can be computed from them. What is in \
         the file is not sealed, and is not forgotten with the gallery",
    );
    printer.data(format_args!("exported {n} templates to {}", args.to.display()))
}

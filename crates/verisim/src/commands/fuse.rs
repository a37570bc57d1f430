//! `verisim fuse`: several models as one.

use std::path::PathBuf;

use super::Outcome;
use crate::fusion::{FittedOn, Models, fit};
use crate::output::Printer;
use crate::training::data::TrainingData;

/// Join several models, and learn from faces how to compare what they say
///
/// As in DeepID2, where networks see patches of their own (`crop` in a recipe): embeddings are joined,
/// brought to their principal components, and compared by Joint Bayesian (Chen et al. 2012). Give it faces
/// of identities that no evaluation uses. `verisim evaluate --fuse` measures the result.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim fuse --models eyes.onnx whole.onnx --data faces/ --out fused.json
  verisim evaluate --fuse fused.json --data lfw/ --pairs pairs.txt")]
pub(crate) struct FuseArgs {
    /// ONNX models with their cards, or their names, one or more
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    models: Vec<PathBuf>,

    /// Folder of faces (NAME/1.jpg), or a .rec, .tar, .parquet, .csv or .tsv file, to learn from
    #[arg(long, value_name = "PATH")]
    data: PathBuf,

    /// Keep identities away that these pairs name (LFW's pairs.txt)
    #[arg(long, value_name = "FILE")]
    exclude_pairs: Option<PathBuf>,

    /// Of these pairs, only those of these folds, counted from 1: 1,2
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "exclude_pairs")]
    exclude_folds: Vec<usize>,

    /// Go on without records of an archive that cannot be listed
    #[arg(long)]
    skip_unreadable: bool,

    /// Principal components at most; there are fewer where the faces give fewer
    #[arg(long, value_name = "N", default_value_t = 180)]
    components: usize,

    /// Embed every chip together with its mirror image
    #[arg(long)]
    mirror: bool,

    /// The file to write (JSON)
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the command.
pub(crate) fn fuse(args: &FuseArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let models = Models::load(&args.models, args.mirror)?;
    let data = TrainingData {
        folder: args.data.clone(),
        exclude_pairs: args.exclude_pairs.clone(),
        exclude_folds: args.exclude_folds.clone(),
        skip_unreadable: args.skip_unreadable,
    };
    let set = data.faces(printer)?;
    set.check_listing(args.skip_unreadable, printer)?;
    let samples = models.samples(&set, printer)?;
    for failure in &samples.failures {
        printer.warning(&failure.reason);
    }
    let (fitted_on, n) = fit(&models, &samples, data.name(), args.components, &args.out)?;
    let FittedOn { n_identities, n_images, .. } = fitted_on;
    printer.note(format_args!(
        "{n} components of {}, from {n_images} images of {n_identities} identities: {}",
        models.name(),
        args.out.display()
    ));
    Ok(Outcome::Done)
}

//! `verisim evaluate`: how good is a model, or a set of embeddings?

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};

use verisim_core::protocol::Pair;
use verisim_face::choice::FaceChoice;

use super::Outcome;
use super::load;
use crate::cli::{ModelArgs, SightArgs, WhichFace};
use crate::dataset::FaceSet;
use crate::evaluation::{Basis, Demand, Learned, Samples, evaluate as measure};
use crate::fusion::FusedModels;
use crate::output::Printer;
use crate::training::data::{identities_of, of_folds, pairs_name, read_pairs};
use crate::whole_file;

/// Measure a model on a folder of faces, or embeddings made anywhere
///
/// Verification (AUC, EER, TAR at fixed FMR), identification (closed and open set), retrieval, spread and
/// clusters, with 95 % intervals by bootstrap over identities. With pairs: accuracy over folds as in LFW.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim evaluate model.onnx --data faces/ --report out/
  verisim evaluate model.onnx --data lfw/ --pairs pairs.txt
  verisim evaluate model.onnx --pairs lfw.bin
  verisim evaluate model.onnx --detector yunet.onnx --data photographs/ --pairs pairs.txt
  verisim evaluate --fuse fused.json --data lfw/ --pairs pairs.txt
  verisim evaluate --embeddings e.npy --labels l.npy")]
pub(crate) struct EvaluateArgs {
    /// ONNX model that turns a chip into an embedding, or its name
    #[arg(required_unless_present_any = ["embeddings", "fuse"])]
    model: Option<PathBuf>,

    /// Card of the model, if it carries none: how to feed it (TOML)
    #[arg(long, value_name = "FILE", requires = "model")]
    card: Option<PathBuf>,

    /// Several models as one, from `verisim fuse`
    #[arg(long, value_name = "FILE", conflicts_with_all = ["model", "embeddings"])]
    fuse: Option<PathBuf>,

    /// Folder of faces (NAME/1.jpg), or .rec, .tar, .parquet, .csv, .tsv
    #[arg(long, value_name = "PATH", conflicts_with = "embeddings")]
    data: Option<PathBuf>,

    /// Only the identities that this file names, one a line
    #[arg(long, value_name = "FILE", requires = "data")]
    identities: Option<PathBuf>,

    /// Compare these pairs alone: LFW's pairs.txt, or a .bin without --data
    #[arg(long, value_name = "FILE", conflicts_with = "embeddings")]
    pairs: Option<PathBuf>,

    /// Of these pairs, only those of these folds, counted from 1: 1,2
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "pairs")]
    folds: Vec<usize>,

    /// Go on without records of an archive that cannot be listed
    #[arg(long, requires = "data")]
    skip_unreadable: bool,

    #[command(flatten)]
    ways: Ways,

    /// Embeddings, a matrix in a .npy file
    #[arg(long, value_name = "FILE", conflicts_with = "model", requires = "labels")]
    embeddings: Option<PathBuf>,

    /// Labels of their identities, integers in a .npy file
    #[arg(long, value_name = "FILE", requires = "embeddings")]
    labels: Option<PathBuf>,

    /// Write report.html to this folder
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,

    /// Print JSON
    #[arg(long)]
    json: bool,

    /// Non-mated comparisons at most, of all pairs
    #[arg(long, value_name = "N", default_value_t = 5_000_000)]
    max_non_mated: usize,

    /// Replicates of the bootstrap
    #[arg(long, value_name = "N", default_value_t = 1000)]
    replicates: usize,

    /// Seed of every choice
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How the model is used.
#[derive(Debug, clap::Args)]
struct Ways {
    /// Embed every chip together with its mirror image
    #[arg(long, requires = "model")]
    mirror: bool,

    /// Measure the head that the model carries, too
    #[arg(long, requires = "model")]
    head: bool,

    #[command(flatten)]
    sight: SightArgs,
}

/// Runs the command.
pub(crate) fn evaluate(args: &EvaluateArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (pairs, set) = pairs(args)?;
    let protocol = match &args.pairs {
        Some(path) => pairs_name(path, &args.folds),
        None => "all pairs".to_owned(),
    };
    let (samples, basis, learned) = samples(args, set, pairs.as_deref(), protocol, printer)?;
    for failure in &samples.failures {
        printer.warning(&failure.reason);
    }
    let demand = Demand {
        pairs,
        max_non_mated: args.max_non_mated,
        seed: args.seed,
        n_replicates: args.replicates,
        learned,
    };
    let evaluation = measure(samples, &demand, basis)?;
    if let Some(folder) = &args.report {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot create {}", folder.display()))?;
        let path = folder.join("report.html");
        whole_file::write(&path, evaluation.page().as_bytes())?;
        printer.note(format_args!("report: {}", path.display()));
    }
    if args.json {
        printer.pretty_json(&evaluation.dto())?;
    } else {
        printer.data(evaluation.table())?;
    }
    Ok(Outcome::Done)
}

/// The pairs to compare, and the pictures, if they come with them.
fn pairs(args: &EvaluateArgs) -> anyhow::Result<(Option<Vec<Pair>>, Option<FaceSet>)> {
    let Some(path) = &args.pairs else { return Ok((None, None)) };
    if !is_bin(path) {
        return Ok((Some(read_pairs(path, &args.folds)?), None));
    }
    if let Some(data) = &args.data {
        bail!(
            "{} holds its pictures itself, so --data {} is not needed",
            path.display(),
            data.display()
        );
    }
    let (set, pairs) = FaceSet::of_pairs(path)?;
    Ok((Some(of_folds(pairs, path, &args.folds)?), Some(set)))
}

fn is_bin(path: &Path) -> bool {
    path.extension().is_some_and(|it| it.eq_ignore_ascii_case("bin"))
}

fn samples(
    args: &EvaluateArgs,
    set: Option<FaceSet>,
    pairs: Option<&[Pair]>,
    protocol: String,
    printer: &Printer,
) -> anyhow::Result<(Samples, Basis, Option<Learned>)> {
    if let (Some(embeddings), Some(labels)) = (&args.embeddings, &args.labels) {
        let basis = Basis {
            model: "embeddings from elsewhere".to_owned(),
            model_sha256: None,
            data: embeddings.display().to_string(),
            protocol,
            mirrored: false,
        };
        return Ok((Samples::of_files(embeddings, labels)?, basis, None));
    }
    let data = args.data.as_ref().or(args.pairs.as_ref().filter(|_| set.is_some()));
    let Some(data) = data else {
        bail!("a model and --data are needed, or --pairs FILE.bin, or --embeddings and --labels");
    };
    let mut set = match set {
        Some(set) => set,
        None => FaceSet::open(data)?,
    };
    set.check_listing(args.skip_unreadable, printer)?;
    if let Some(path) = &args.identities {
        set = set.named_in(path)?;
    }
    if let Some(pairs) = pairs {
        // Nobody else is compared, so nobody else need be embedded.
        let named = identities_of(pairs);
        set = set.filtered(|name| named.contains(name));
    }
    let data = data.display().to_string();
    if let Some(path) = &args.fuse {
        let fused = FusedModels::read(path)?;
        let basis = Basis {
            model: fused.models.name(),
            model_sha256: Some(fused.digest),
            data,
            protocol,
            mirrored: fused.models.mirrored(),
        };
        let samples = fused.models.samples(&set, printer)?;
        return Ok((samples, basis, Some(Learned::Fusion(fused.fusion))));
    }
    let model = args.model.clone().context("a model is needed")?;
    let recognizer = load::recognizer(&ModelArgs { model, card: args.card.clone() })?;
    let recognizer = recognizer.with_mirror_images(args.ways.mirror);
    let head = args.ways.head.then(|| load::head(&recognizer)).transpose()?;
    let basis = Basis {
        model: recognizer.card().name.clone(),
        model_sha256: Some(recognizer.digest().to_string()),
        data,
        protocol,
        mirrored: args.ways.mirror,
    };
    let pipeline = load::pipeline_of(recognizer, &args.ways.sight, FaceChoice::Central)?;
    ensure!(
        args.ways.sight.face != Some(WhichFace::All),
        "--face all: a picture of a protocol shows one face"
    );
    Ok((Samples::of_set(set, &pipeline, printer)?, basis, head.map(Learned::Head)))
}

//! `verisim models add`: a model file of one's own into the folder of models.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use verisim_core::ModelDigest;
use verisim_face::model::ModelError;
use verisim_face::model::registry::{NAME_RULE, Published, Registry, is_model_name};

use super::Outcome;
use super::models::{PlaceArgs, digest_of};
use crate::digest::sha256_of;
use crate::models::either::{EitherCard, EitherModel};
use crate::output::Printer;
use crate::whole_file;

/// Install a model file under a name, with its card
///
/// The model must do what its card says: it is loaded and run once on a drawn picture, embedder or detector.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  verisim models add runs/first/model.onnx --name first
  verisim models add w600k_r50.onnx --card w600k_r50.toml")]
pub(crate) struct AddArgs {
    /// The ONNX file
    file: PathBuf,

    /// Card of the model, if it carries none: how to feed it (TOML)
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,

    /// What to call it; by default as a list calls it, or as the file is called
    #[arg(long)]
    name: Option<String>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// Runs the command.
pub(crate) fn add(args: &AddArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (folder, registry) = args.place.open()?;
    let digest = digest_of(&args.file)?;
    let listed = registry.by_digest(&digest);
    let name = name(args, listed)?;
    check_name(&name, &digest, &registry)?;
    let card = checked_card(args, listed, &digest)?;
    let _lock = folder.lock(&name, printer)?;
    let place = folder.model(&name);
    if folder.has(&name) {
        let found = digest_of(&place)?;
        ensure!(
            found == digest,
            "{} holds another model, with SHA-256 {found}, not {digest}; choose another --name, or remove it",
            place.display()
        );
    }
    if let Some(card) = card {
        whole_file::write(&folder.card(&name), card.to_toml()?.as_bytes())?;
    }
    folder.record(&name, &digest)?;
    copy(&args.file, &place, &digest)?;
    printer.data(format_args!("{name}: {}", place.display()))?;
    Ok(Outcome::Done)
}

fn name(args: &AddArgs, listed: Option<&Published>) -> anyhow::Result<String> {
    let name = match (&args.name, listed) {
        (Some(name), _) => name.clone(),
        (None, Some(model)) => model.name.clone(),
        (None, None) => {
            let stem = args.file.file_stem().unwrap_or_default();
            stem.to_string_lossy().to_lowercase()
        }
    };
    ensure!(
        is_model_name(&name),
        "{name:?} cannot be the name of a model, which has {NAME_RULE}; choose one with --name"
    );
    Ok(name)
}

/// A name that a list has for a model stands for its bytes alone.
fn check_name(name: &str, digest: &ModelDigest, registry: &Registry) -> anyhow::Result<()> {
    match registry.get(name) {
        Some(model) if model.digest != *digest => bail!(
            "{name} is the name of a published model with SHA-256 {}, but this file has {digest}; choose \
             another --name",
            model.digest
        ),
        _ => Ok(()),
    }
}

/// Loads the model, runs it once, and gives the card that must lie beside it; `None` if it needs none there.
fn checked_card(
    args: &AddArgs,
    listed: Option<&Published>,
    digest: &ModelDigest,
) -> anyhow::Result<Option<EitherCard>> {
    let model = match EitherModel::load(&args.file, args.card.as_deref()) {
        // Its bytes are known to be what the list says; how to feed it is asked where it is used.
        Err(ModelError::NoCard { .. }) if listed.is_some() => return Ok(None),
        model => model?,
    };
    ensure!(model.digest() == *digest, "{} changed while it was read", args.file.display());
    let lies_beside = args.card.is_some() || args.file.with_extension("toml").is_file();
    let card = model.card().bound_to(digest);
    let run = model.try_once();
    run.with_context(|| format!("{} does not do what its card says", args.file.display()))?;
    Ok(lies_beside.then_some(card))
}

fn copy(from: &Path, to: &Path, digest: &ModelDigest) -> anyhow::Result<()> {
    let source = File::open(from).with_context(|| format!("cannot read {}", from.display()))?;
    whole_file::write_with(to, |target| {
        let found = sha256_of(Copying { source, target })?;
        let is_same = found == *digest;
        if is_same { Ok(()) } else { Err(io::Error::other("its source changed meanwhile")) }
    })
}

/// Writes what is read.
struct Copying<'a> {
    source: File,
    target: &'a mut dyn Write,
}

impl Read for Copying<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.source.read(bytes)?;
        self.target.write_all(&bytes[..n])?;
        Ok(n)
    }
}

//! `verisim train`: from a recipe and faces to a model.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use verisim_learn::data::ChipSource;
use verisim_learn::device::DeviceNames;
use verisim_learn::train::{Recipe, RunFolder, Trainer};

use super::Outcome;
use crate::output::Printer;
use crate::training::data::TrainingData;
use crate::training::observer::RunObserver;
use crate::training::page::{History, Run, page};
use crate::training::run_info::RunInfo;
use crate::training::{model_file, run_info};

/// Train a network by a recipe on a folder of faces
///
/// A run leaves recipe.toml, metrics.jsonl, run.log, checkpoints, report.html and model.onnx in its
/// folder. A run that was killed goes on with --resume, to the same weights.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  verisim train recipes/arcface-small.toml --data faces/ --out runs/first
  verisim train --resume runs/first")]
pub(crate) struct TrainArgs {
    /// Recipe (TOML); `recipes/` has some
    #[arg(required_unless_present = "resume", requires_all = ["data", "out"])]
    recipe: Option<PathBuf>,

    /// Folder of faces (NAME/1.jpg), or a .rec, .tar, .parquet, .csv or .tsv file
    #[arg(long, value_name = "PATH", conflicts_with = "resume")]
    data: Option<PathBuf>,

    /// Folder of the run, to be made
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,

    /// Go on with the run in this folder
    #[arg(long, value_name = "DIR", conflicts_with = "recipe")]
    resume: Option<PathBuf>,

    #[command(flatten)]
    overrides: Overrides,

    /// Weights to begin with (.pt, .pth or .safetensors), instead of the recipe's
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    weights: Option<PathBuf>,

    /// Keep identities away that these pairs name (LFW's pairs.txt)
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    exclude_pairs: Option<PathBuf>,

    /// Of these pairs, only those of these folds, counted from 1: 1,2
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "exclude_pairs")]
    exclude_folds: Vec<usize>,

    /// Train without the pictures that cannot be read
    #[arg(long, conflicts_with = "resume")]
    skip_unreadable: bool,

    /// Where to compute: cpu, cuda, wgpu, or several GPUs: wgpu:0,wgpu:1
    #[arg(long, default_value_t, value_name = "DEVICE")]
    device: DeviceNames,
}

/// What the command line changes in a recipe.
#[derive(Debug, clap::Args)]
struct Overrides {
    /// Seed instead of the recipe's
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,

    /// Passes over the data instead of the recipe's
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    epochs: Option<usize>,

    /// Identities to keep away for an evaluation, instead of the recipe's number
    #[arg(long, value_name = "N", conflicts_with = "resume")]
    test_identities: Option<usize>,
}

impl Overrides {
    fn apply(&self, recipe: &mut Recipe) {
        if let Some(seed) = self.seed {
            recipe.seed = seed;
        }
        if let Some(epochs) = self.epochs {
            recipe.epochs = epochs;
        }
        if let Some(n) = self.test_identities {
            recipe.split.test_identities = n;
        }
    }
}

/// Runs the command.
pub(crate) fn train(args: &TrainArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    if let Some(path) = &args.resume {
        resume(path, &args.device, printer)?;
        return Ok(Outcome::Done);
    }
    let (Some(recipe), Some(data), Some(out)) = (&args.recipe, &args.data, &args.out) else {
        bail!("a recipe, --data and --out are needed, or --resume");
    };
    let mut recipe = read_recipe(recipe)?;
    args.overrides.apply(&mut recipe);
    if let Some(weights) = &args.weights {
        recipe.weights =
            Some(std::path::absolute(weights).context("cannot find the current folder")?);
    }
    let data = TrainingData {
        folder: std::path::absolute(data).context("cannot find the current folder")?,
        exclude_pairs: args.exclude_pairs.clone(),
        exclude_folds: args.exclude_folds.clone(),
        skip_unreadable: args.skip_unreadable,
    };
    start(&recipe, &RunInfo::new(data, &args.device), out, printer)?;
    Ok(Outcome::Done)
}

/// Reads and checks a recipe; a file that it names lies beside it, unless it says otherwise.
pub(crate) fn read_recipe(path: &Path) -> anyhow::Result<Recipe> {
    let text = std::fs::read_to_string(path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let mut recipe =
        Recipe::parse(&text).with_context(|| format!("cannot use {}", path.display()))?;
    if let (Some(weights), Some(folder)) = (&recipe.weights, path.parent()) {
        let weights = std::path::absolute(folder.join(weights));
        recipe.weights = Some(weights.context("cannot find the current folder")?);
    }
    Ok(recipe)
}

/// Trains from the beginning, and returns the path of the model.
pub(crate) fn start(
    recipe: &Recipe,
    info: &RunInfo,
    out: &Path,
    printer: &Printer,
) -> anyhow::Result<PathBuf> {
    let devices = info.devices()?.open()?;
    let source = info.data.load(recipe.input, printer)?;
    let trainer = Trainer::new(recipe.clone(), Arc::clone(&source), &devices[0])?;
    let trainer = trainer.with_devices(&devices);
    // Nothing is written before everything that can be wrong was looked at.
    let folder = RunFolder::create(out, recipe)?;
    info.write(&folder)?;
    run_info::write_identities(&folder, source.identities(), trainer.split())?;
    run(trainer, recipe, info, &source, &folder, printer)
}

fn resume(path: &Path, device: &DeviceNames, printer: &Printer) -> anyhow::Result<()> {
    let (folder, recipe) = RunFolder::open(path)?;
    let info = RunInfo::read(&folder)?.with_device(device);
    let source = info.data.load(recipe.input, printer)?;
    let devices = info.devices()?.open()?;
    let device = &devices[0];
    let trainer = if let Some(checkpoint) = folder.newest()? {
        printer.note(format_args!("resuming at step {}", checkpoint.position.step));
        // The checkpoint has all weights: those that the run began with may be gone.
        let begun = Recipe { weights: None, ..recipe.clone() };
        Trainer::new(begun, Arc::clone(&source), device)?.resume(checkpoint, &folder)?
    } else {
        printer.note("there is no checkpoint yet: starting again");
        Trainer::new(recipe.clone(), Arc::clone(&source), device)?
    };
    let trainer = trainer.with_devices(&devices);
    run(trainer, &recipe, &info, &source, &folder, printer)?;
    Ok(())
}

fn run(
    trainer: Trainer,
    recipe: &Recipe,
    info: &RunInfo,
    source: &Arc<dyn ChipSource>,
    folder: &RunFolder,
    printer: &Printer,
) -> anyhow::Result<PathBuf> {
    let split = trainer.split().clone();
    printer.note(format_args!(
        "{}: {} images of {} identities to train on, {} identities to validate, {} kept away; {} \
         parameters; {} threads",
        recipe.name,
        trainer.n_chips(),
        split.train.len(),
        split.validation.len(),
        split.test.len(),
        trainer.n_parameters(),
        rayon::current_num_threads(),
    ));
    let (chips, n_parameters) = (trainer.chips().to_vec(), trainer.n_parameters());
    let start = Instant::now();
    let mut observer = RunObserver::new(recipe, folder, printer)?;
    let trained = trainer.run(Some(folder), &mut observer)?;
    let warnings = observer.finish()?;
    let facts = model_file::facts(recipe, info, source.as_ref(), split.train.len(), chips.len())?;
    let card = model_file::card(&trained, recipe, facts);
    let model = folder.file("model.onnx");
    model_file::write(&trained, recipe, &card, &model)?;
    let run = Run {
        recipe,
        info,
        card: &card,
        trained: &trained,
        source: source.as_ref(),
        chips: &chips,
        n_parameters,
        duration: start.elapsed(),
        warnings: &warnings,
    };
    let report = page(&run, &History::new(folder.records()?));
    folder.write("report.html", report.as_bytes())?;
    printer.note(format_args!("model: {}", model.display()));
    printer.note(format_args!("report: {}", folder.file("report.html").display()));
    Ok(model)
}

//! `verisim models`: which models are there, what are they, and are they whole?

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::Serialize;
use verisim_core::ModelDigest;
use verisim_face::model::ModelError;
use verisim_face::model::registry::{Published, Registry, Task};

use super::Outcome;
use super::models_add::{self, AddArgs};
use super::models_fetch::{self, FetchArgs};
use crate::digest::sha256_of;
use crate::models::either::{EitherCard, EitherModel};
use crate::models::folder::ModelFolder;
use crate::models::{lists, names};
use crate::output::{Printer, size};

/// List, show, add, check or fetch models
///
/// Models that are installed here can be called by their names wherever a command takes a model.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "\
Examples:
  verisim models list
  verisim models fetch sface
  verisim models show runs/first/model.onnx
  verisim models add runs/first/model.onnx --name first")]
pub(crate) enum ModelsCommand {
    List(ListArgs),
    Show(ShowArgs),
    Add(AddArgs),
    Verify(VerifyArgs),
    Fetch(FetchArgs),
}

/// Where models are installed, and which lists name others.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PlaceArgs {
    /// Folder of installed models; by default that of `VERISIM_MODELS`, or one among your data
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,

    /// Another list of published models beside the program's own (TOML)
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
}

impl PlaceArgs {
    /// The folder, and all that is known to be published.
    pub(crate) fn open(&self) -> anyhow::Result<(ModelFolder, Registry)> {
        Ok((ModelFolder::at(self.models.as_deref())?, lists::with(self.registry.as_deref())?))
    }
}

/// List what is installed and what can be fetched: task, size, license
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim models list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: PlaceArgs,

    /// Print a JSON line a model
    #[arg(long)]
    json: bool,
}

/// Show the card of a model: input, license, training, thresholds, figures
///
/// Of a published model that has no card here, shows what the list says.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  verisim models show sface\n  verisim models show model.onnx")]
pub(crate) struct ShowArgs {
    /// An ONNX file, or the name of a model
    model: PathBuf,

    /// Card of the model, if it carries none (TOML)
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,

    #[command(flatten)]
    place: PlaceArgs,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Check that installed models have the bytes that they should have
///
/// The exit status is 1 if one has not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  verisim models verify")]
pub(crate) struct VerifyArgs {
    /// Names of installed models; by default all
    names: Vec<String>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// A model in a list or a folder, as others read it.
#[derive(Debug, Serialize)]
struct ModelDto<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<Task>,
    /// Where it is, if it is installed.
    installed: Option<String>,
    bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commercial_use: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
}

impl<'a> ModelDto<'a> {
    fn published(model: &'a Published, folder: &ModelFolder) -> Self {
        let is_installed = folder.has(&model.name);
        let path = is_installed.then(|| folder.model(&model.name).to_string_lossy().into_owned());
        Self {
            name: &model.name,
            task: Some(model.task),
            installed: path,
            bytes: model.n_bytes,
            sha256: Some(model.digest.to_string()),
            license: Some(model.license.clone()),
            commercial_use: Some(model.commercial_use),
            description: Some(&model.description),
            url: model.url.as_deref(),
            source: Some(model.source.clone()),
        }
    }

    /// A model that somebody added, of which its card may say more.
    fn added(name: &'a str, folder: &ModelFolder) -> anyhow::Result<Self> {
        let path = folder.model(name);
        let metadata = path.metadata();
        let metadata = metadata.with_context(|| format!("cannot read {}", path.display()))?;
        let card = EitherModel::load(&path, None).ok().map(|it| it.card());
        Ok(Self {
            name,
            task: card.as_ref().map(EitherCard::task),
            installed: Some(path.to_string_lossy().into_owned()),
            bytes: metadata.len(),
            sha256: folder.recorded(name)?.map(|it| it.to_string()),
            license: card.as_ref().map(|it| it.license().to_owned()),
            commercial_use: None,
            description: None,
            url: None,
            source: card.and_then(|it| it.source().map(str::to_owned)),
        })
    }

    fn columns(&self) -> [String; 5] {
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "?".to_owned());
        let state = match (&self.installed, self.url) {
            (Some(_), _) => "installed",
            (None, Some(_)) => "to be fetched",
            (None, None) => "to be added by hand",
        };
        let limits = match self.commercial_use {
            Some(false) => ", not for commercial use",
            _ => "",
        };
        [
            self.name.to_owned(),
            or_unknown(self.task.map(|it| it.to_string())),
            size(self.bytes),
            state.to_owned(),
            or_unknown(self.license.clone()) + limits,
        ]
    }
}

/// Runs the command.
pub(crate) fn models(command: &ModelsCommand, printer: &Printer) -> anyhow::Result<Outcome> {
    match command {
        ModelsCommand::List(args) => list(args, printer),
        ModelsCommand::Show(args) => show(args, printer),
        ModelsCommand::Add(args) => models_add::add(args, printer),
        ModelsCommand::Verify(args) => verify(args, printer),
        ModelsCommand::Fetch(args) => models_fetch::fetch(args, printer),
    }
}

fn list(args: &ListArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (folder, registry) = args.place.open()?;
    let installed = folder.installed()?;
    let published = registry.models().iter().map(|it| Ok(ModelDto::published(it, &folder)));
    let added = installed.iter().filter(|it| registry.get(it).is_none());
    let added = added.map(|it| ModelDto::added(it, &folder));
    let models: Vec<ModelDto> = published.chain(added).collect::<anyhow::Result<_>>()?;
    if args.json {
        return models.iter().try_for_each(|it| printer.json(it)).map(|()| Outcome::Done);
    }
    let rows: Vec<[String; 5]> = models.iter().map(ModelDto::columns).collect();
    let width = |column: usize| rows.iter().map(|it| it[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    for row in &rows {
        let cells = row.iter().zip(widths);
        let line: String = cells.map(|(cell, width)| format!("{cell:<width$}  ")).collect();
        printer.data(line + &row[4])?;
    }
    printer.note(format_args!("folder: {}", folder.root().display()));
    Ok(Outcome::Done)
}

fn show(args: &ShowArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (folder, registry) = args.place.open()?;
    let path = match names::as_name(&args.model) {
        None => args.model.clone(),
        Some(name) if folder.has(name) => folder.model(name),
        Some(name) => {
            let model = registry.get(name);
            let model = model.ok_or_else(|| names::unknown(name, &folder, &registry))?;
            return show_published(model, &folder, args.json, printer);
        }
    };
    let model = match EitherModel::load(&path, args.card.as_deref()) {
        Ok(model) => model,
        // Without a card a list may still say what it is.
        Err(error @ (ModelError::Load { .. } | ModelError::NoCard { .. })) => {
            return match registry.by_digest(&digest_of(&path)?) {
                Some(model) => show_published(model, &folder, args.json, printer),
                None => Err(error.into()),
            };
        }
        Err(error) => return Err(error.into()),
    };
    if args.json {
        printer.data(model.card().to_json()?)?;
        return Ok(Outcome::Done);
    }
    printer.data(format_args!("# {}\n# SHA-256 {}", path.display(), model.digest()))?;
    if let Some(it) = registry.by_digest(&model.digest()) {
        let verb = if it.commercial_use { "allows" } else { "forbids" };
        printer.data(format_args!(
            "# {}\n# the license, {}, {verb} commercial use",
            it.description, it.license
        ))?;
    }
    printer.data(model.card().to_toml()?.trim_end())?;
    Ok(Outcome::Done)
}

fn show_published(
    model: &Published,
    folder: &ModelFolder,
    json: bool,
    printer: &Printer,
) -> anyhow::Result<Outcome> {
    let dto = ModelDto::published(model, folder);
    if json {
        printer.pretty_json(&dto)?;
        return Ok(Outcome::Done);
    }
    let state = dto.installed.as_deref().unwrap_or("not installed");
    let text = toml::to_string(&ModelDto { installed: None, ..dto });
    printer.data(format_args!("# {state}"))?;
    printer.data(text.context("cannot write what the list says")?.trim_end())?;
    Ok(Outcome::Done)
}

fn verify(args: &VerifyArgs, printer: &Printer) -> anyhow::Result<Outcome> {
    let (folder, registry) = args.place.open()?;
    let installed = folder.installed()?;
    for name in &args.names {
        anyhow::ensure!(
            installed.contains(name),
            "{name} is not installed in {}; installed: {}",
            folder.root().display(),
            if installed.is_empty() { "none".to_owned() } else { installed.join(", ") }
        );
    }
    let names = if args.names.is_empty() { &installed } else { &args.names };
    let mut outcome = Outcome::Done;
    for name in names {
        let found = digest_of(&folder.model(name))?;
        match expected(name, &folder, &registry)? {
            None => printer.data(format_args!(
                "{name}: SHA-256 {found}; nobody wrote down what it should be"
            ))?,
            Some(expected) if expected == found => {
                printer.data(format_args!("{name}: whole, SHA-256 {found}"))?;
            }
            Some(expected) => {
                printer.data(format_args!(
                    "{name}: DAMAGED, SHA-256 {found}, but it should be {expected}"
                ))?;
                outcome = Outcome::Damaged;
            }
        }
    }
    Ok(outcome)
}

/// What a model should have: the word of its installation, of the list, or of its card.
fn expected(
    name: &str,
    folder: &ModelFolder,
    registry: &Registry,
) -> anyhow::Result<Option<ModelDigest>> {
    let recorded = folder.recorded(name)?;
    let listed = registry.get(name).map(|it| it.digest);
    if let Some(expected) = recorded.or(listed) {
        return Ok(Some(expected));
    }
    let path = folder.card(name);
    if !path.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&path);
    let text = text.with_context(|| format!("cannot read {}", path.display()))?;
    let card = EitherCard::parse(&text).with_context(|| path.display().to_string())?;
    Ok(card.sha256().and_then(|it| it.parse().ok()))
}

/// The digest of a file.
pub(crate) fn digest_of(path: &Path) -> anyhow::Result<ModelDigest> {
    let unreadable = || format!("cannot read {}", path.display());
    sha256_of(File::open(path).with_context(unreadable)?).with_context(unreadable)
}

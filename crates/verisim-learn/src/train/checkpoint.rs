//! The folder of a run, and checkpoints in it that are whole or not there.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::{ModuleRecord, RecordError};
use burn::tensor::Bytes;
use serde::{Deserialize, Serialize};

use super::average::Average;
use super::learner::Model;
use super::metrics::Record;
use super::precision::LossScale;
use super::recipe::{InvalidRecipe, Recipe};
use super::whole_file::{failed, sha256, sync_folder, write_atomically, write_synced};
use crate::backbone::Backbone;
use crate::loss::LossState;

/// Checkpoints kept: the newest, and one to fall back on.
const N_KEPT: usize = 2;

/// The folder that a run leaves its files in.
///
/// ```text
/// recipe.toml  metrics.jsonl  checkpoints/00000120/{model,optimizer,average}.bpk, loss.bin, state.json
/// ```
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

/// Where a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Epoch that the next step belongs to, from 0.
    pub epoch: usize,
    /// Step within the epoch.
    pub step_in_epoch: usize,
    /// Step of the whole run.
    pub step: usize,
    /// Sum of the losses of the epoch so far.
    pub loss_sum: f64,
}

/// `state.json` of a checkpoint.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct State {
    position: Position,
    data_digest: String,
    model_sha256: String,
    optimizer_sha256: String,
    loss_sha256: String,
    /// None where the recipe asks for no average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    average_sha256: Option<String>,
    /// None where the recipe's precision needs no scale.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    loss_scale: Option<LossScale>,
}

/// What a run is at one moment, for a checkpoint.
pub(super) struct Snapshot<'a> {
    pub(super) position: &'a Position,
    pub(super) data_digest: &'a str,
    pub(super) model: Model,
    pub(super) optimizer: &'a ModuleOptimizer,
    /// The network of averaged weights, where the recipe asks for one.
    pub(super) average: Option<&'a Backbone>,
    pub(super) loss: &'a LossState,
    pub(super) loss_scale: Option<LossScale>,
}

/// What a checkpoint holds.
pub struct Checkpoint {
    /// Where the run was.
    pub position: Position,
    /// Digest of the chips that it was trained on.
    pub data_digest: String,
    model: ModuleRecord,
    optimizer: Bytes,
    average: Option<ModuleRecord>,
    loss: LossState,
    pub(super) loss_scale: Option<LossScale>,
}

/// Why a run's folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// A file could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is a run already.
    #[error("{} holds a run already; resume it, or choose another folder", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// There is no run.
    #[error("{} holds no run: there is no recipe.toml", path.display())]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// The recipe of the run is none.
    #[error("{}: {source}", path.display())]
    Recipe {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: InvalidRecipe,
    },
    /// A checkpoint's bytes are not those that were written.
    #[error("{} is damaged: its SHA-256 is not the one noted when it was written", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A checkpoint does not fit the network of the recipe.
    #[error("{} does not fit the recipe's network: {reason}", path.display())]
    Mismatch {
        /// The checkpoint.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
}

impl RunFolder {
    /// Creates the folder of a new run and writes its recipe.
    ///
    /// # Errors
    ///
    /// Fails if there is a run in it already, or if it cannot be written.
    pub fn create(path: &Path, recipe: &Recipe) -> Result<Self, CheckpointError> {
        let folder = Self { path: path.to_owned() };
        let recipe_path = folder.file("recipe.toml");
        if recipe_path.exists() {
            return Err(CheckpointError::Occupied { path: path.to_owned() });
        }
        let checkpoints = folder.file("checkpoints");
        fs::create_dir_all(&checkpoints).map_err(failed("create", &checkpoints))?;
        let text = recipe.to_toml().map_err(io::Error::other);
        let text = text.map_err(failed("write", &recipe_path))?;
        write_atomically(&recipe_path, text.as_bytes())?;
        Ok(folder)
    }

    /// Opens the folder of a run that was begun before, and reads its recipe.
    ///
    /// # Errors
    ///
    /// Fails if there is no run in it, or if its recipe cannot be read.
    pub fn open(path: &Path) -> Result<(Self, Recipe), CheckpointError> {
        let folder = Self { path: path.to_owned() };
        let recipe_path = folder.file("recipe.toml");
        if !recipe_path.is_file() {
            return Err(CheckpointError::NoRun { path: path.to_owned() });
        }
        let text = fs::read_to_string(&recipe_path).map_err(failed("read", &recipe_path))?;
        let recipe = Recipe::parse(&text)
            .map_err(|source| CheckpointError::Recipe { path: recipe_path, source })?;
        Ok((folder, recipe))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file of the run: afterwards it is there whole, or as it was before.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), CheckpointError> {
        write_atomically(&self.file(name), bytes)
    }

    /// Appends a line to `metrics.jsonl`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be written.
    pub(crate) fn append(&self, record: &Record) -> Result<(), CheckpointError> {
        let path = self.file("metrics.jsonl");
        let line = serde_json::to_string(record).map_err(io::Error::other);
        let append = |line: String| {
            let mut file = File::options().create(true).append(true).open(&path)?;
            writeln!(file, "{line}")
        };
        line.and_then(append).map_err(failed("write", &path))
    }

    /// The lines of `metrics.jsonl`; a last line that was cut off is left out.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be read.
    pub fn records(&self) -> Result<Vec<Record>, CheckpointError> {
        let path = self.file("metrics.jsonl");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let file = File::open(&path).map_err(failed("read", &path))?;
        let mut records = Vec::new();
        for line in BufReader::new(file).lines() {
            let line = line.map_err(failed("read", &path))?;
            records.extend(serde_json::from_str::<Record>(&line).ok());
        }
        Ok(records)
    }

    /// Drops the lines of `metrics.jsonl` that a resumed run will write again.
    pub(crate) fn rewind(&self, position: &Position) -> Result<(), CheckpointError> {
        let mut lines = String::new();
        for record in self.records()? {
            if record.is_before(position.step, position.epoch) {
                let line = serde_json::to_string(&record).map_err(io::Error::other);
                lines += &line.map_err(failed("write", &self.file("metrics.jsonl")))?;
                lines.push('\n');
            }
        }
        self.write("metrics.jsonl", lines.as_bytes())
    }

    /// Writes a checkpoint, and removes the oldest.
    ///
    /// It is written beside its place, flushed to the disk and renamed: a kill at any moment leaves the
    /// one before.
    pub(super) fn save(&self, snapshot: Snapshot<'_>) -> Result<(), CheckpointError> {
        let name = format!("{:08}", snapshot.position.step);
        let place = self.file("checkpoints").join(&name);
        let draft = self.file("checkpoints").join(format!("{name}.tmp"));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(failed("remove", &draft))?;
        }
        fs::create_dir_all(&draft).map_err(failed("create", &draft))?;
        let encoded = |record: Result<Bytes, RecordError>| {
            record.map_err(io::Error::other).map_err(failed("encode", &draft))
        };
        let model = encoded(snapshot.model.into_record().into_bytes())?;
        let optimizer = encoded(snapshot.optimizer.into_bytes())?;
        let average = snapshot.average.map(|it| encoded(it.clone().into_record().into_bytes()));
        let average = average.transpose()?;
        let loss = snapshot.loss.to_bytes();
        let state = State {
            position: snapshot.position.clone(),
            data_digest: snapshot.data_digest.to_owned(),
            model_sha256: sha256(&model),
            optimizer_sha256: sha256(&optimizer),
            loss_sha256: sha256(&loss),
            average_sha256: average.as_ref().map(|bytes| sha256(bytes)),
            loss_scale: snapshot.loss_scale,
        };
        let state = serde_json::to_vec_pretty(&state).map_err(io::Error::other);
        write_synced(&draft.join("model.bpk"), &model)?;
        write_synced(&draft.join("optimizer.bpk"), &optimizer)?;
        if let Some(average) = average {
            write_synced(&draft.join("average.bpk"), &average)?;
        }
        write_synced(&draft.join("loss.bin"), &loss)?;
        write_synced(&draft.join("state.json"), &state.map_err(failed("encode", &draft))?)?;
        if place.exists() {
            fs::remove_dir_all(&place).map_err(failed("remove", &place))?;
        }
        fs::rename(&draft, &place).map_err(failed("rename", &draft))?;
        sync_folder(&self.file("checkpoints"))?;
        for old in self.checkpoints()?.into_iter().rev().skip(N_KEPT) {
            fs::remove_dir_all(&old).map_err(failed("remove", &old))?;
        }
        Ok(())
    }

    /// The newest checkpoint, or nothing if the run has none yet.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read or is damaged.
    pub fn newest(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let Some(place) = self.checkpoints()?.pop() else { return Ok(None) };
        let read = |name: &str| {
            let path = place.join(name);
            fs::read(&path).map_err(failed("read", &path))
        };
        let state_path = place.join("state.json");
        let state: State = serde_json::from_slice(&read("state.json")?)
            .map_err(|_| CheckpointError::Damaged { path: state_path })?;
        let checked = |name: &str, expected: &str| {
            let bytes = read(name)?;
            let is_whole = sha256(&bytes) == expected;
            let damaged = || CheckpointError::Damaged { path: place.join(name) };
            is_whole.then_some(bytes).ok_or_else(damaged)
        };
        let record = |name: &str, expected: &str| {
            let bytes = Bytes::from_bytes_vec(checked(name, expected)?);
            ModuleRecord::from_bytes(bytes).map_err(mismatch(&place))
        };
        let model = record("model.bpk", &state.model_sha256)?;
        let average = state.average_sha256.as_ref();
        let average = average.map(|it| record("average.bpk", it)).transpose()?;
        let loss = LossState::from_bytes(&checked("loss.bin", &state.loss_sha256)?)
            .map_err(mismatch(&place))?;
        Ok(Some(Checkpoint {
            position: state.position,
            data_digest: state.data_digest,
            model,
            optimizer: Bytes::from_bytes_vec(checked("optimizer.bpk", &state.optimizer_sha256)?),
            average,
            loss,
            loss_scale: state.loss_scale,
        }))
    }

    /// Whole checkpoints, oldest first.
    fn checkpoints(&self) -> Result<Vec<PathBuf>, CheckpointError> {
        let folder = self.file("checkpoints");
        let entries = fs::read_dir(&folder).map_err(failed("read", &folder))?;
        let mut places = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("read", &folder))?.path();
            let is_whole = path.extension().is_none() && path.join("state.json").is_file();
            places.extend(is_whole.then_some(path));
        }
        places.sort();
        Ok(places)
    }
}

impl Checkpoint {
    /// Puts the weights, their average and the state of the optimizer back, and returns that of the loss.
    pub(super) fn restore(
        self,
        model: Model,
        optimizer: ModuleOptimizer,
        average: Option<&mut Average>,
        folder: &RunFolder,
    ) -> Result<(Model, ModuleOptimizer, LossState), CheckpointError> {
        let path = folder.path();
        if let Some(average) = average {
            let none = "it has no averaged weights, for which the recipe asks ([ema])";
            let record = self.average.ok_or(none).map_err(mismatch(path))?;
            average.network =
                average.network.clone().try_load_record(record).map_err(mismatch(path))?;
        }
        let model = model.try_load_record(self.model).map_err(mismatch(path))?;
        let optimizer = optimizer.from_bytes(self.optimizer).map_err(mismatch(path))?;
        Ok((model, optimizer, self.loss))
    }
}

fn mismatch<E: std::fmt::Display>(path: &Path) -> impl Fn(E) -> CheckpointError {
    move |error| CheckpointError::Mismatch { path: path.to_owned(), reason: error.to_string() }
}

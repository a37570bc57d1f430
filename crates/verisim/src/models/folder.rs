//! The folder of models: which are installed, under which names. It knows no network.
//!
//! A model `NAME` is `NAME.onnx`, with its card in `NAME.toml` if the file carries none, and its digest in
//! `NAME.sha256`, which `sha256sum -c` understands.

use std::env;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use etcetera::BaseStrategy;
use verisim_core::ModelDigest;
use verisim_face::model::registry::is_model_name;

use crate::output::Printer;
use crate::whole_file;

/// Names another folder than the usual one.
pub(crate) const VARIABLE: &str = "VERISIM_MODELS";

/// The folder; it need not be there.
#[derive(Clone, Debug)]
pub(crate) struct ModelFolder {
    root: PathBuf,
}

impl ModelFolder {
    /// The folder that was typed, or that of the variable `VERISIM_MODELS`, or the usual one among the
    /// user's data.
    pub(crate) fn at(typed: Option<&Path>) -> anyhow::Result<Self> {
        let named = env::var_os(VARIABLE).filter(|it| !it.is_empty()).map(PathBuf::from);
        if let Some(root) = typed.map(Path::to_owned).or(named) {
            return Ok(Self { root });
        }
        let data = etcetera::choose_base_strategy().with_context(|| {
            format!("cannot find the folder of models; give it with --models or {VARIABLE}")
        })?;
        Ok(Self { root: data.data_dir().join("verisim").join("models") })
    }

    /// Where it lies.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a model of this name is, or would be.
    pub(crate) fn model(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.onnx"))
    }

    /// Where its card is, if it has one of its own.
    pub(crate) fn card(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.toml"))
    }

    /// Where a download of it grows.
    pub(crate) fn part(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.onnx.part"))
    }

    /// Whether a model of this name is installed.
    pub(crate) fn has(&self, name: &str) -> bool {
        is_model_name(name) && self.model(name).is_file()
    }

    /// Names of the models that are installed, sorted.
    pub(crate) fn installed(&self) -> anyhow::Result<Vec<String>> {
        let unreadable = || format!("cannot read the folder {}", self.root.display());
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.with_context(unreadable)?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let file = entry.with_context(unreadable)?.file_name();
            let name = file.to_str().and_then(|it| it.strip_suffix(".onnx"));
            names.extend(name.filter(|it| self.has(it)).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    /// Makes the folder, and keeps others from changing a model of it until the file is dropped.
    pub(crate) fn lock(&self, name: &str, printer: &Printer) -> anyhow::Result<File> {
        fs::create_dir_all(&self.root)
            .with_context(|| format!("cannot create {}", self.root.display()))?;
        let path = self.root.join(format!(".{name}.lock"));
        let locked = || format!("cannot lock {}", path.display());
        let file = File::options().create(true).append(true).open(&path).with_context(locked)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                printer.note(format_args!("{name}: another program is at it; waiting"));
                file.lock().with_context(locked)?;
            }
            outcome => outcome.map_err(io::Error::from).with_context(locked)?,
        }
        Ok(file)
    }

    /// The digest that a model had when it was installed, if it was written down.
    pub(crate) fn recorded(&self, name: &str) -> anyhow::Result<Option<ModelDigest>> {
        let path = self.record_path(name);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.with_context(|| format!("cannot read {}", path.display()))?,
        };
        match text.split_whitespace().next().unwrap_or_default().parse() {
            Ok(digest) => Ok(Some(digest)),
            Err(_) => bail!("{} does not begin with 64 hexadecimal digits", path.display()),
        }
    }

    /// Writes down the digest of a model.
    pub(crate) fn record(&self, name: &str, digest: &ModelDigest) -> anyhow::Result<()> {
        whole_file::write(&self.record_path(name), format!("{digest}  {name}.onnx\n").as_bytes())
    }

    fn record_path(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.sha256"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_is_what_has_a_name() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(Some(&scratch.path().join("models"))).unwrap();
        assert_eq!(folder.installed().unwrap(), Vec::<String>::new());
        let _lock = folder.lock("b", &Printer::new(true)).unwrap();
        for file in ["b.onnx", "a.onnx", "c.onnx.part", "a.toml", "Not a name.onnx"] {
            fs::write(folder.root().join(file), "").unwrap();
        }
        fs::create_dir(folder.root().join("d.onnx")).unwrap();
        assert_eq!(folder.installed().unwrap(), ["a", "b"]);
        assert!(!folder.has("../models/a"));
    }

    #[test]
    fn a_digest_is_written_down_and_found_again() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = ModelFolder::at(Some(scratch.path())).unwrap();
        assert_eq!(folder.recorded("a").unwrap(), None);
        let digest = ModelDigest::new([7; 32]);
        folder.record("a", &digest).unwrap();
        assert_eq!(folder.recorded("a").unwrap(), Some(digest));
        fs::write(scratch.path().join("a.sha256"), "07").unwrap();
        let error = folder.recorded("a").unwrap_err().to_string();
        assert!(error.ends_with("does not begin with 64 hexadecimal digits"), "{error}");
    }
}

//! `run.json`: what a run needs to be resumed beside its recipe.

use anyhow::Context;
use serde::{Deserialize, Serialize};
use verisim_learn::data::Split;
use verisim_learn::device::DeviceNames;
use verisim_learn::train::RunFolder;

use super::data::TrainingData;

/// Where a run's data lie and where it is computed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunInfo {
    /// What it is trained on.
    pub(crate) data: TrainingData,
    device: String,
    /// Threads that it was begun with; another number gives other last digits.
    threads: usize,
    version: String,
}

impl RunInfo {
    pub(crate) fn new(data: TrainingData, device: &DeviceNames) -> Self {
        Self {
            data,
            device: device.to_string(),
            threads: rayon::current_num_threads(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The same run on another device.
    pub(crate) fn with_device(mut self, device: &DeviceNames) -> Self {
        self.device = device.to_string();
        self
    }

    /// The devices; the first is where the model lies.
    pub(crate) fn devices(&self) -> anyhow::Result<DeviceNames> {
        Ok(self.device.parse()?)
    }

    /// Device and threads in a few words.
    pub(crate) fn device_name(&self) -> String {
        format!("{}, {} threads", self.device, self.threads)
    }

    pub(crate) fn write(&self, folder: &RunFolder) -> anyhow::Result<()> {
        let json = serde_json::to_vec_pretty(self).context("cannot write run.json")?;
        Ok(folder.write("run.json", &json)?)
    }

    pub(crate) fn read(folder: &RunFolder) -> anyhow::Result<Self> {
        let path = folder.file("run.json");
        let text = std::fs::read_to_string(&path);
        let text = text.with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
    }
}

/// Writes the names of the training, validation and test identities, one a line.
pub(crate) fn write_identities(
    folder: &RunFolder,
    names: &[String],
    split: &Split,
) -> anyhow::Result<()> {
    let parts = [("train", &split.train), ("validation", &split.validation), ("test", &split.test)];
    for (part, labels) in parts {
        let names: String =
            labels.iter().map(|&label| format!("{}\n", names[label as usize])).collect();
        folder.write(&format!("{part}.identities.txt"), names.as_bytes())?;
    }
    Ok(())
}

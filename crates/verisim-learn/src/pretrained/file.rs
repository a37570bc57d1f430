//! Tensors of a file by name; it knows formats, not networks.
//!
//! `.safetensors` is read by Hugging Face's crate, everything else by `pytorch-reader`, which reads all
//! that `torch.save` ever wrote, runs nothing, and holds every length against the file before it
//! allocates.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, TensorData};
use pytorch_reader::{DType as TorchType, PytorchReader};
use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::error::WeightsError;

/// The largest network here has half a gigabyte; a checkpoint holds three times as much, and a classifier.
const MAX_BYTES: u64 = 4 << 30;
/// Bytes in front of the header of a safetensors file: the header's length.
const N_LENGTH: usize = 8;

/// An open file of weights.
pub(super) struct WeightFile {
    path: PathBuf,
    names: Vec<String>,
    format: Format,
}

enum Format {
    PyTorch(HashMap<String, pytorch_reader::Tensor>),
    Safetensors { bytes: Vec<u8>, start: usize, metadata: Metadata },
}

impl WeightFile {
    /// Opens a file and reads what it says of its tensors.
    pub(super) fn open(path: &Path) -> Result<Self, WeightsError> {
        let io = |source| WeightsError::Io { path: path.to_owned(), source };
        let metadata = fs::metadata(path).map_err(io)?;
        if !metadata.is_file() {
            return Err(invalid(path, &"it is a folder"));
        }
        let found = metadata.len();
        if found > MAX_BYTES {
            let path = path.to_owned();
            return Err(WeightsError::TooLarge { path, found, max: MAX_BYTES });
        }
        let is_safetensors = path.extension().is_some_and(|it| it == "safetensors");
        let format = if is_safetensors {
            let bytes = fs::read(path).map_err(io)?;
            let read = SafeTensors::read_metadata(&bytes);
            let (n_header, metadata) = read.map_err(|error| invalid(path, &error))?;
            Format::Safetensors { bytes, start: N_LENGTH + n_header, metadata }
        } else {
            let reader = PytorchReader::new(path).map_err(|error| invalid(path, &error))?;
            Format::PyTorch(reader.into_tensors())
        };
        let mut names: Vec<String> = match &format {
            Format::PyTorch(tensors) => tensors.keys().cloned().collect(),
            Format::Safetensors { metadata, .. } => metadata.offset_keys(),
        };
        names.sort_unstable();
        Ok(Self { path: path.to_owned(), names, format })
    }

    /// Names of all tensors, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// The shape of a tensor, if there is one of the name.
    pub(super) fn shape(&self, name: &str) -> Option<&[usize]> {
        match &self.format {
            Format::PyTorch(tensors) => tensors.get(name).map(pytorch_reader::Tensor::shape),
            Format::Safetensors { metadata, .. } => metadata.info(name).map(|it| &*it.shape),
        }
    }

    /// The numbers of a tensor, row by row.
    pub(super) fn values(&self, name: &str) -> Result<Vec<f32>, WeightsError> {
        let (bytes, kind) = match &self.format {
            Format::PyTorch(tensors) => {
                let tensor = tensors.get(name).ok_or_else(|| self.lacks(name))?;
                let kind = match tensor.dtype() {
                    TorchType::F64 => Some(DType::F64),
                    TorchType::F32 => Some(DType::F32),
                    TorchType::F16 => Some(DType::F16),
                    TorchType::BF16 => Some(DType::BF16),
                    _ => None,
                };
                let bytes = tensor.read().map_err(|error| invalid(&self.path, &error))?;
                (bytes, kind)
            }
            Format::Safetensors { bytes, start, metadata } => {
                let info = metadata.info(name).ok_or_else(|| self.lacks(name))?;
                let kind = match info.dtype {
                    Dtype::F64 => Some(DType::F64),
                    Dtype::F32 => Some(DType::F32),
                    Dtype::F16 => Some(DType::F16),
                    Dtype::BF16 => Some(DType::BF16),
                    _ => None,
                };
                let (from, to) = info.data_offsets;
                let bytes = bytes.get(start + from..start + to);
                (bytes.ok_or_else(|| self.lacks(name))?.to_vec(), kind)
            }
        };
        let Some(kind) = kind else {
            let reason =
                format!("{name} holds numbers of another kind than 16, 32 or 64-bit floats");
            return Err(invalid(&self.path, &reason));
        };
        let n = bytes.len() / kind.size();
        let data = TensorData::from_bytes_vec(bytes, [n], kind);
        let values: Vec<f32> = data.iter::<f32>().collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(invalid(&self.path, &format!("{name} holds numbers that are not finite")));
        }
        Ok(values)
    }

    fn lacks(&self, name: &str) -> WeightsError {
        invalid(&self.path, &format!("it has no numbers of {name}"))
    }
}

fn invalid(path: &Path, reason: &dyn Display) -> WeightsError {
    WeightsError::Format { path: path.to_owned(), reason: reason.to_string() }
}

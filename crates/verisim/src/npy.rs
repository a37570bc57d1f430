//! NumPy's `.npy` files: embeddings and labels from and for elsewhere.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

use anyhow::{Context, bail};
use npyz::{NpyFile, TypeChar, WriterBuilder};
use verisim_core::Embedding;

use crate::whole_file;

/// Reads a matrix of floats, row after row, each as an embedding.
pub(crate) fn read_embeddings(path: &Path) -> anyhow::Result<Vec<Embedding>> {
    let file = open(path)?;
    let (_, dim) = shape_of_rows(&file, path)?;
    let values: Vec<f32> = match element(&file) {
        Some((TypeChar::Float, 4)) => read(file, path)?,
        Some((TypeChar::Float, 8)) => {
            read::<f64>(file, path)?.into_iter().map(|value| value as f32).collect()
        }
        _ => bail!("{} holds no 32-bit or 64-bit floats", path.display()),
    };
    values
        .chunks_exact(dim as usize)
        .enumerate()
        .map(|(row, values)| {
            Embedding::new(values.to_vec())
                .with_context(|| format!("row {row} of {}", path.display()))
        })
        .collect()
}

/// The rows of a matrix of floats, one after the other.
pub(crate) struct FloatRows {
    values: Box<dyn Iterator<Item = io::Result<f32>>>,
    n_rows: u64,
    dim: usize,
}

impl FloatRows {
    /// Opens a matrix `[n, dim]`.
    pub(crate) fn open(path: &Path) -> anyhow::Result<Self> {
        let file = open(path)?;
        let (n_rows, dim) = shape_of_rows(&file, path)?;
        let values: Box<dyn Iterator<Item = io::Result<f32>>> = match element(&file) {
            Some((TypeChar::Float, 4)) => Box::new(file.data::<f32>()?),
            Some((TypeChar::Float, 8)) => {
                Box::new(file.data::<f64>()?.map(|it| it.map(|value| value as f32)))
            }
            _ => bail!("{} holds no 32-bit or 64-bit floats", path.display()),
        };
        Ok(Self { values, n_rows, dim: dim as usize })
    }

    /// Number of rows that the file announces.
    pub(crate) fn n_rows(&self) -> u64 {
        self.n_rows
    }

    /// The next row; none after the last.
    pub(crate) fn next_row(&mut self) -> anyhow::Result<Option<Vec<f32>>> {
        let row: io::Result<Vec<f32>> = self.values.by_ref().take(self.dim).collect();
        let row = row.context("cannot read the embeddings any further: they are cut off")?;
        Ok(Some(row).filter(|it| !it.is_empty()))
    }
}

/// Reads a list of integers as labels.
pub(crate) fn read_labels(path: &Path) -> anyhow::Result<Vec<u64>> {
    let file = open(path)?;
    let shape = file.shape().to_vec();
    if shape.len() != 1 {
        bail!("{} has shape {shape:?}, but labels are a list [n]", path.display());
    }
    let negative = || format!("{} holds a negative label", path.display());
    let signed = |values: Vec<i64>| -> anyhow::Result<Vec<u64>> {
        values.into_iter().map(|value| u64::try_from(value).with_context(negative)).collect()
    };
    match element(&file) {
        Some((TypeChar::Uint, 8)) => read(file, path),
        Some((TypeChar::Uint, 4)) => {
            Ok(read::<u32>(file, path)?.into_iter().map(u64::from).collect())
        }
        Some((TypeChar::Int, 8)) => signed(read(file, path)?),
        Some((TypeChar::Int, 4)) => {
            signed(read::<i32>(file, path)?.into_iter().map(i64::from).collect())
        }
        _ => bail!("{} holds no 32-bit or 64-bit integers", path.display()),
    }
}

/// Writes rows of one length as a matrix of 32-bit floats.
pub(crate) fn write_rows(path: &Path, rows: &[Vec<f32>]) -> anyhow::Result<()> {
    let dim = rows.first().map_or(0, Vec::len);
    whole_file::write_with(path, |file| {
        let shape = [rows.len() as u64, dim as u64];
        let options = npyz::WriteOptions::new().default_dtype().shape(&shape);
        let mut writer = options.writer(file).begin_nd()?;
        for row in rows {
            writer.extend(row.iter().copied())?;
        }
        writer.finish()
    })
}

type Npy = NpyFile<BufReader<File>>;

fn open(path: &Path) -> anyhow::Result<Npy> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    NpyFile::new(BufReader::new(file))
        .with_context(|| format!("{} is no .npy file", path.display()))
}

/// Number and length of the rows of a matrix, of which there is one at least.
fn shape_of_rows(file: &Npy, path: &Path) -> anyhow::Result<(u64, u64)> {
    let shape = file.shape();
    let [n, dim] = shape[..] else {
        bail!("{} has shape {shape:?}, but embeddings are a matrix [n, dim]", path.display());
    };
    if file.order() != npyz::Order::C {
        bail!("{} is in Fortran order; save it with numpy.ascontiguousarray", path.display());
    }
    if n == 0 || dim == 0 {
        bail!("{} has shape {shape:?}: there is no embedding in it", path.display());
    }
    Ok((n, dim))
}

/// Kind and size of the elements of an array.
fn element(file: &Npy) -> Option<(TypeChar, u64)> {
    match file.dtype() {
        npyz::DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
        _ => None,
    }
}

fn read<T: npyz::Deserialize>(file: Npy, path: &Path) -> anyhow::Result<Vec<T>> {
    file.into_vec().with_context(|| format!("{} is damaged or cut off", path.display()))
}

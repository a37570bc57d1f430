//! Weights from elsewhere, by name: PyTorch's and safetensors files of networks that are known here.
//!
//! | network | names are those of |
//! |---|---|
//! | `resnet` with `leading_norm` | `InsightFace`, `backbones/iresnet.py` |
//! | `mobilefacenet` | `InsightFace`, `backbones/mobilefacenet.py` |
//! | `vit` | `InsightFace`, `backbones/vit.py` |
//! | `inception-resnet` | `facenet-pytorch`, `models/inception_resnet_v1.py` |
//!
//! Running means and variances are loaded, too: training goes on from them. Nothing of a file is run, and
//! a network is loaded whole or not at all.

mod error;
mod file;
mod names;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

pub use self::error::{Mismatch, WeightsError};
use self::file::WeightFile;
use self::names::{Names, Source};
use crate::backbone::{Backbone, BackboneConfig};
use crate::ops::kernel::transpose::transposed;

/// Gives a network the weights of a file.
///
/// Parts of a file that lie beside the network (a classifier's centers, an optimizer's state) are passed
/// over where the network lies under a name of its own, as `state_dict_backbone` in checkpoints of
/// `InsightFace`.
///
/// # Errors
///
/// Fails if no names are known for the network, if the file cannot be read, or if it holds other
/// tensors or shapes than the network; the network is as before.
pub fn load(
    backbone: Backbone,
    config: &BackboneConfig,
    path: &Path,
) -> Result<Backbone, WeightsError> {
    let names = Names::of(config).ok_or(WeightsError::NoNames)?;
    let file = WeightFile::open(path)?;
    let prefix = prefix(&names, &file);
    let shapes = shapes(&backbone);
    let mismatch = Mismatch::find(&shapes, &names, &file, &prefix);
    if !mismatch.is_empty() {
        return Err(WeightsError::Mismatch { path: path.to_owned(), mismatch });
    }
    let mut values = BTreeMap::new();
    for ours in shapes.keys() {
        let Some(source) = names.source(ours) else { continue };
        values.insert(ours.clone(), read(source, &file, &prefix)?);
    }
    Ok(backbone.map(&mut Filler { path: Vec::new(), values }))
}

/// The values of a parameter of ours.
fn read(source: &Source, file: &WeightFile, prefix: &str) -> Result<Vec<f32>, WeightsError> {
    let theirs = format!("{prefix}{}", source.theirs);
    let mut values = file.values(&theirs)?;
    if let (true, Some([_, n_inputs])) = (source.is_transposed, file.shape(&theirs)) {
        values = transposed(&values, *n_inputs);
    }
    if let Some(bias) = &source.minus {
        let bias = file.values(&format!("{prefix}{bias}"))?;
        values.iter_mut().zip(bias).for_each(|(mean, bias)| *mean -= bias);
    }
    Ok(values)
}

/// What stands before all names of the network in the file.
fn prefix(names: &Names, file: &WeightFile) -> String {
    let anchor = format!(".{}", names.anchor());
    let found = file.names().filter_map(|name| name.strip_suffix(&anchor));
    let whole = file.shape(names.anchor()).map(|_| String::new());
    let prefixed = found.min_by_key(|prefix| prefix.len()).map(|prefix| format!("{prefix}."));
    whole.or(prefixed).unwrap_or_default()
}

/// Names of a network's parameters and running statistics, from the network on.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
}

fn shapes(backbone: &Backbone) -> BTreeMap<String, Vec<usize>> {
    let mut shapes = Shapes::default();
    backbone.visit(&mut shapes);
    shapes.shapes
}

/// The network itself is one of several: its kind is no part of the name.
fn name(path: &[String]) -> String {
    path.get(1..).unwrap_or_default().join(".")
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.shapes.insert(name(&self.path), param.dims().to_vec());
    }
}

/// Puts values in the place of those that a network has.
struct Filler {
    path: Vec<String>,
    values: BTreeMap<String, Vec<f32>>,
}

impl ModuleMapper for Filler {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let Some(values) = self.values.remove(&name(&self.path)) else { return param };
        let (shape, device, is_learned) = (param.dims(), param.device(), param.is_require_grad());
        let tensor = Tensor::from_data(TensorData::new(values, shape), &device);
        param.map(|_| tensor).set_require_grad(is_learned)
    }
}

impl Mismatch {
    /// What does not fit; nothing if all does.
    fn find(
        shapes: &BTreeMap<String, Vec<usize>>,
        names: &Names,
        file: &WeightFile,
        prefix: &str,
    ) -> Self {
        let mut mismatch = Self::default();
        let mut used = BTreeSet::new();
        for (ours, shape) in shapes {
            let Some(source) = names.source(ours) else {
                mismatch.missing.push(format!("{ours} {shape:?}"));
                continue;
            };
            let mut shape = shape.clone();
            if source.is_transposed {
                shape.reverse();
            }
            let bias = source.minus.iter().map(String::as_str);
            for theirs in [source.theirs.as_str()].into_iter().chain(bias) {
                match file.shape(&format!("{prefix}{theirs}")) {
                    None => mismatch.missing.push(format!("{theirs} {shape:?}")),
                    Some(found) if !is_alike(found, &shape) => mismatch
                        .misshapen
                        .push(format!("{theirs} is {found:?}, but must be {shape:?}")),
                    Some(_) => {}
                }
                used.insert(theirs);
            }
        }
        let under_prefix = file.names().filter_map(|name| name.strip_prefix(prefix));
        let is_unexpected = |name: &&str| !used.contains(name) && !names.is_ignored(name);
        mismatch.unexpected = under_prefix.filter(is_unexpected).map(str::to_owned).collect();
        mismatch
    }
}

/// Whether shapes are the same, but for dimensions of 1 in front.
fn is_alike(found: &[usize], expected: &[usize]) -> bool {
    let n_more = found.len().saturating_sub(expected.len());
    let (more, found) = found.split_at(n_more);
    more.iter().all(|dim| *dim == 1) && found == expected
}

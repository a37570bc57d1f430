//! Running ONNX models; the one file that names the runtime.

use rten::{Dimension, Model, thread_pool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView, Tensor};

/// A network that turns a picture into numbers: one row of them, or several named outputs.
///
/// The runtime behind it can be changed without anyone noticing: nothing but this file knows it.
pub(crate) trait Network: Send + Sync {
    /// The text that the model file keeps under `key` in its metadata.
    fn metadata(&self, key: &str) -> Option<String>;

    /// Sizes of the input, without the batch; `None` where the file leaves one open.
    fn input_size(&self) -> [Option<usize>; 3];

    /// Runs a network of one output on one picture `[channels, height, width]`.
    fn run(&self, image: &[f32], size: [usize; 3]) -> Result<Vec<f32>, RunError>;

    /// Runs the network on one picture `[channels, height, width]`, for all of its outputs.
    fn outputs(&self, image: &[f32], size: [usize; 3]) -> Result<Vec<Output>, RunError>;
}

/// What a network says under one of its names.
pub(crate) struct Output {
    /// What the model file calls it.
    pub(crate) name: String,
    /// Numbers in a row: the size of the last dimension, at least 1.
    pub(crate) width: usize,
    /// All rows, one after the other.
    pub(crate) values: Vec<f32>,
}

/// A network that cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The bytes are no ONNX file, or hold an operator that is not known.
    #[error("the file is no ONNX model that can be run: {reason}")]
    NotRunnable {
        /// What the runtime said.
        reason: String,
    },
    /// The network is not one that turns a picture into an embedding.
    #[error(
        "the model has {n_inputs} inputs and {n_outputs} outputs, but an embedder has one picture \
         of three dimensions in a batch, and one output"
    )]
    NotAnEmbedder {
        /// Number of inputs.
        n_inputs: usize,
        /// Number of outputs.
        n_outputs: usize,
    },
    /// The network is not one that looks for faces in a picture.
    #[error(
        "the model has {n_inputs} inputs and {n_outputs} outputs, but a detector has one picture of \
         three dimensions in a batch, and two outputs or more"
    )]
    NotADetector {
        /// Number of inputs.
        n_inputs: usize,
        /// Number of outputs.
        n_outputs: usize,
    },
}

/// A picture that the network failed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model failed: {reason}")]
pub struct RunError {
    reason: String,
}

/// Loads a network that turns a picture into an embedding from the bytes of an ONNX file.
pub(crate) fn load(bytes: Vec<u8>) -> Result<Box<dyn Network>, LoadError> {
    let network = Rten::load(bytes)?;
    match network.form() {
        (1, 1, Some(4)) => Ok(Box::new(network)),
        (n_inputs, n_outputs, _) => Err(LoadError::NotAnEmbedder { n_inputs, n_outputs }),
    }
}

/// Loads a network that looks for faces from the bytes of an ONNX file.
pub(crate) fn load_detector(bytes: Vec<u8>) -> Result<Box<dyn Network>, LoadError> {
    let network = Rten::load(bytes)?;
    match network.form() {
        (1, 2.., Some(4)) => Ok(Box::new(network)),
        (n_inputs, n_outputs, _) => Err(LoadError::NotADetector { n_inputs, n_outputs }),
    }
}

/// Runs `work` on the threads of the runtime, so that pictures share them instead of competing.
pub(crate) fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread_pool().run(work)
}

/// A network in rten.
struct Rten {
    model: Model,
}

impl Rten {
    fn load(bytes: Vec<u8>) -> Result<Self, LoadError> {
        let model = Model::load(bytes);
        let model = model.map_err(|error| LoadError::NotRunnable { reason: error.to_string() })?;
        Ok(Self { model })
    }

    /// Number of inputs, number of outputs, and dimensions of the first input, if the file says them.
    fn form(&self) -> (usize, usize, Option<usize>) {
        let rank = self.model.input_shape(0).map(|shape| shape.len());
        (self.model.input_ids().len(), self.model.output_ids().len(), rank)
    }
}

impl Network for Rten {
    fn metadata(&self, key: &str) -> Option<String> {
        self.model.metadata().get(key).map(str::to_owned)
    }

    fn input_size(&self) -> [Option<usize>; 3] {
        let shape = self.model.input_shape(0).unwrap_or_default();
        std::array::from_fn(|dim| match shape.get(dim + 1) {
            Some(Dimension::Fixed(size)) => Some(*size),
            _ => None,
        })
    }

    fn run(
        &self,
        image: &[f32],
        [channels, height, width]: [usize; 3],
    ) -> Result<Vec<f32>, RunError> {
        let input = NdTensorView::from_data([1, channels, height, width], image);
        let output = self.model.run_one(input.into(), None);
        let output = output.map_err(|error| RunError { reason: error.to_string() })?;
        let output: Result<NdTensor<f32, 2>, _> = output.try_into();
        match output {
            Ok(rows) if rows.size(0) == 1 => Ok(rows.into_data()),
            _ => Err(RunError { reason: "its output is not one row of numbers".to_owned() }),
        }
    }

    fn outputs(
        &self,
        image: &[f32],
        [channels, height, width]: [usize; 3],
    ) -> Result<Vec<Output>, RunError> {
        let failed = |reason: String| RunError { reason };
        let input = NdTensorView::from_data([1, channels, height, width], image);
        let inputs = self.model.input_ids().iter().map(|id| (*id, input.into())).collect();
        let ids = self.model.output_ids();
        let outputs = self.model.run(inputs, ids, None);
        let outputs = outputs.map_err(|error| failed(error.to_string()))?;
        let named = ids.iter().zip(outputs).map(|(id, output)| {
            let name = self.model.node_info(*id).and_then(|node| node.name().map(str::to_owned));
            let name = name.unwrap_or_default();
            let output: Result<Tensor<f32>, _> = output.try_into();
            let output =
                output.map_err(|_| failed(format!("its output {name} holds no 32-bit floats")))?;
            let width = output.shape().last().copied().unwrap_or(1).max(1);
            Ok(Output { name, width, values: output.into_data() })
        });
        named.collect()
    }
}

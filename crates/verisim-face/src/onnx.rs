//! Running ONNX models; the one file that names the runtime.

use rten::{Dimension, Model, thread_pool};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};

/// A network that turns a picture into a row of numbers.
///
/// The runtime behind it can be changed without anyone noticing: nothing but this file knows it.
pub(crate) trait Network: Send + Sync {
    /// The text that the model file keeps under `key` in its metadata.
    fn metadata(&self, key: &str) -> Option<String>;

    /// Sizes of the input, without the batch; `None` where the file leaves one open.
    fn input_size(&self) -> [Option<usize>; 3];

    /// Runs the network on one picture `[channels, height, width]`.
    fn run(&self, image: &[f32], size: [usize; 3]) -> Result<Vec<f32>, RunError>;
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
}

/// A picture that the network failed on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the model failed: {reason}")]
pub struct RunError {
    reason: String,
}

/// Loads a network from the bytes of an ONNX file.
pub(crate) fn load(bytes: Vec<u8>) -> Result<Box<dyn Network>, LoadError> {
    let model =
        Model::load(bytes).map_err(|error| LoadError::NotRunnable { reason: error.to_string() })?;
    let (n_inputs, n_outputs) = (model.input_ids().len(), model.output_ids().len());
    let rank = model.input_shape(0).map(|shape| shape.len());
    if (n_inputs, n_outputs, rank) != (1, 1, Some(4)) {
        return Err(LoadError::NotAnEmbedder { n_inputs, n_outputs });
    }
    Ok(Box::new(Rten { model }))
}

/// Runs `work` on the threads of the runtime, so that pictures share them instead of competing.
pub(crate) fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    thread_pool().run(work)
}

/// A network in rten.
struct Rten {
    model: Model,
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
}

//! Running ONNX models; the one file that names the runtime.

use std::sync::{Arc, OnceLock};

use rten::{Dimension, Model, RunOptions, ThreadPool, thread_pool};
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
pub struct Output {
    /// What the model file calls it.
    pub name: String,
    /// Numbers in a row: the size of the last dimension, at least 1.
    pub width: usize,
    /// All rows, one after the other.
    pub values: Vec<f32>,
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

/// The threads of the runtime, if it was said how many there are to be.
static THREADS: OnceLock<Arc<ThreadPool>> = OnceLock::new();

/// Runs all networks on `n` threads from now on; only what is said first counts.
pub(crate) fn use_threads(n: usize) {
    THREADS.get_or_init(|| Arc::new(ThreadPool::with_num_threads(n)));
}

/// Runs `work` on the threads of the runtime, so that pictures share them instead of competing.
pub(crate) fn on_threads<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    THREADS.get().map_or_else(thread_pool, Arc::as_ref).run(work)
}

fn options() -> RunOptions {
    RunOptions::default().with_thread_pool(THREADS.get().cloned())
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
        let output = self.model.run_one(input.into(), Some(options()));
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
        let outputs = self.model.run(inputs, ids, Some(options()));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A field of a protocol buffer that holds bytes: a text, or a message.
    fn field(number: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let bytes = bytes.as_ref();
        [&[number << 3 | 2, u8::try_from(bytes.len()).unwrap()], bytes].concat()
    }

    fn varint(number: u8, value: u8) -> Vec<u8> {
        vec![number << 3, value]
    }

    /// A value of the graph: 32-bit floats, `[1, 1, height, width]` with both sides open.
    fn value(name: &str) -> Vec<u8> {
        let fixed = field(1, varint(1, 1));
        let open = |name| field(1, field(2, name));
        let shape = [fixed.clone(), fixed, open("height"), open("width")].concat();
        let tensor = [varint(1, 1), field(2, shape)].concat();
        [field(1, name), field(2, field(1, tensor))].concat()
    }

    /// An ONNX file that applies each of these operators to its input.
    fn network(operators: &[&str]) -> Vec<u8> {
        let node = |operator: &&str| {
            let output = operator.to_lowercase();
            field(1, [field(1, "input"), field(2, output), field(4, operator)].concat())
        };
        let nodes: Vec<u8> = operators.iter().flat_map(node).collect();
        let outputs = operators.iter().flat_map(|it| field(12, value(&it.to_lowercase())));
        let outputs: Vec<u8> = outputs.collect();
        let graph = [nodes, field(2, "graph"), field(11, value("input")), outputs].concat();
        // A graph is longer than one byte can say.
        let length = [graph.len() as u8 | 0x80, (graph.len() >> 7) as u8];
        let opset = field(8, [field(1, ""), varint(2, 17)].concat());
        [varint(1, 8), vec![7 << 3 | 2], length.to_vec(), graph, opset].concat()
    }

    #[test]
    fn outputs_of_a_network_with_an_open_input_come_by_name() {
        let network = load_detector(network(&["Relu", "Neg"])).unwrap();
        assert_eq!(network.input_size(), [Some(1), None, None]);
        for size in [[1, 1, 3], [1, 2, 2]] {
            let image = &[-1.0, 2.0, -3.0, 4.0][..size[1] * size[2]];
            let outputs = network.outputs(image, size).unwrap();
            let names: Vec<&str> = outputs.iter().map(|it| it.name.as_str()).collect();
            assert_eq!(names, ["relu", "neg"]);
            assert!(outputs.iter().all(|it| it.width == size[2]));
            let expected: Vec<f32> = image.iter().map(|it| it.max(0.0)).collect();
            assert_eq!(outputs[0].values, expected);
            assert_eq!(outputs[1].values[..3], [1.0, -2.0, 3.0]);
        }
    }

    #[test]
    fn embedders_and_detectors_are_told_by_their_outputs() {
        let found = load(network(&["Relu", "Neg"])).err();
        assert_eq!(found, Some(LoadError::NotAnEmbedder { n_inputs: 1, n_outputs: 2 }));
        let found = load_detector(network(&["Relu"])).err();
        assert_eq!(found, Some(LoadError::NotADetector { n_inputs: 1, n_outputs: 1 }));
        assert!(load(network(&["Relu"])).is_ok());
        let found = load_detector(b"Dear Sir or Madam".to_vec()).err();
        assert!(matches!(found, Some(LoadError::NotRunnable { .. })), "{found:?}");
    }
}

//! An ONNX graph under construction; it knows operators and weights, not networks.

use super::proto::{
    AttributeKind, AttributeProto, DimensionProto, FLOAT, GraphProto, INT64, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, ValueInfoProto,
};
use crate::backbone::layer::Affine;

/// The set of operators that the graph is written in.
const OPSET: i64 = 17;
/// The file format that goes with it.
const IR_VERSION: i64 = 8;
/// Name of the graph's input: `[batch, channels, height, width]`.
pub(crate) const INPUT: &str = "image";
/// Name of the graph's output: `[batch, embedding_dim]`.
pub(crate) const OUTPUT: &str = "embedding";

/// What a node of the graph computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Value(usize);

/// A convolution with bias.
pub(crate) struct ConvNode {
    /// `[c_out, c_in / groups, k_height, k_width]`.
    pub(crate) weight: Vec<f32>,
    pub(crate) shape: [usize; 4],
    pub(crate) bias: Vec<f32>,
    pub(crate) stride: usize,
    /// Above and below, left and right.
    pub(crate) padding: [usize; 2],
    pub(crate) groups: usize,
}

/// The nodes and weights so far.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<NodeProto>,
    weights: Vec<TensorProto>,
}

impl Graph {
    /// The pictures that the network is given.
    pub(crate) const PICTURES: Value = Value(0);

    pub(crate) fn conv(&mut self, input: Value, conv: ConvNode) -> Value {
        let ConvNode { weight, shape, bias, stride, padding, groups } = conv;
        let attributes = vec![
            ints("dilations", &[1, 1]),
            int("group", groups),
            ints("kernel_shape", &shape[2..]),
            ints("pads", &[padding[0], padding[1], padding[0], padding[1]]),
            ints("strides", &[stride; 2]),
        ];
        let weights = [("weight", weight, shape.to_vec()), ("bias", bias, vec![shape[0]])];
        self.node("Conv", &[input], weights, attributes)
    }

    /// One slope a channel of `[batch, channels, height, width]`.
    pub(crate) fn prelu(&mut self, input: Value, slopes: Vec<f32>) -> Value {
        let shape = vec![slopes.len(), 1, 1];
        self.node("PRelu", &[input], [("slope", slopes, shape)], Vec::new())
    }

    /// `x * scale + shift`, one of each a channel of `[batch, channels, height, width]`.
    pub(crate) fn affine(&mut self, input: Value, Affine { scale, shift }: Affine) -> Value {
        let shape = vec![scale.len()];
        let (mean, variance) = (vec![0.0; scale.len()], vec![1.0; scale.len()]);
        let weights = [
            ("scale", scale, shape.clone()),
            ("bias", shift, shape.clone()),
            ("mean", mean, shape.clone()),
            ("variance", variance, shape),
        ];
        self.node("BatchNormalization", &[input], weights, vec![float("epsilon", 0.0)])
    }

    pub(crate) fn add(&mut self, a: Value, b: Value) -> Value {
        self.node("Add", &[a, b], [], Vec::new())
    }

    pub(crate) fn relu(&mut self, input: Value) -> Value {
        self.node("Relu", &[input], [], Vec::new())
    }

    pub(crate) fn multiply(&mut self, a: Value, b: Value) -> Value {
        self.node("Mul", &[a, b], [], Vec::new())
    }

    pub(crate) fn divide(&mut self, a: Value, b: Value) -> Value {
        self.node("Div", &[a, b], [], Vec::new())
    }

    pub(crate) fn sqrt(&mut self, input: Value) -> Value {
        self.node("Sqrt", &[input], [], Vec::new())
    }

    /// Largest value of windows of 2 x 2 that do not overlap.
    pub(crate) fn max_pool_two(&mut self, input: Value) -> Value {
        let attributes = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        self.node("MaxPool", &[input], [], attributes)
    }

    /// Largest value of windows of 3 x 3, with so many pixels around that are passed over.
    pub(crate) fn max_pool_three(&mut self, input: Value, stride: usize, padding: usize) -> Value {
        let attributes = vec![
            ints("kernel_shape", &[3, 3]),
            ints("pads", &[padding; 4]),
            ints("strides", &[stride; 2]),
        ];
        self.node("MaxPool", &[input], [], attributes)
    }

    /// Largest value of windows of 3 x 3 at stride 2, the last of which may hang over the edge.
    pub(crate) fn max_pool_three_rounded_up(&mut self, input: Value) -> Value {
        let attributes =
            vec![int("ceil_mode", 1), ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2])];
        self.node("MaxPool", &[input], [], attributes)
    }

    /// Puts a matrix of entries of an axis in its place.
    pub(crate) fn gather(
        &mut self,
        input: Value,
        axis: usize,
        entries: &[usize],
        shape: [usize; 2],
    ) -> Value {
        let entries: Vec<i64> = entries.iter().map(|it| it.cast_signed() as i64).collect();
        let value = self.node("Gather", &[input], [], vec![int("axis", axis)]);
        self.also_integers("entries", &entries, &shape);
        value
    }

    /// Mean of every channel: `[batch, channels, 1, 1]`.
    pub(crate) fn global_average(&mut self, input: Value) -> Value {
        self.node("GlobalAveragePool", &[input], [], Vec::new())
    }

    /// One after the other along the channels.
    pub(crate) fn concat(&mut self, inputs: &[Value]) -> Value {
        self.node("Concat", inputs, [], vec![int("axis", 1)])
    }

    /// Repeats the first and last rows and columns `n` times.
    pub(crate) fn repeat_edges(&mut self, input: Value, n: usize) -> Value {
        let n = n.cast_signed() as i64;
        let value = self.node("Pad", &[input], [], vec![text("mode", "edge")]);
        self.also_integers("pads", &[0, 0, n, n, 0, 0, n, n], &[8]);
        value
    }

    /// The same numbers in another shape; one dimension may be left open.
    pub(crate) fn reshape(&mut self, input: Value, shape: &[Option<usize>]) -> Value {
        let numbers: Vec<i64> =
            shape.iter().map(|dim| dim.map_or(-1, |dim| dim.cast_signed() as i64)).collect();
        let value = self.node("Reshape", &[input], [], Vec::new());
        self.also_integers("shape", &numbers, &[numbers.len()]);
        value
    }

    /// The dimensions in another order.
    pub(crate) fn transpose(&mut self, input: Value, order: &[usize]) -> Value {
        self.node("Transpose", &[input], [], vec![ints("perm", order)])
    }

    /// Products of matrices, which lie in the last two dimensions.
    pub(crate) fn matmul(&mut self, a: Value, b: Value) -> Value {
        self.node("MatMul", &[a, b], [], Vec::new())
    }

    /// Products of matrices with what is known on their right: one matrix, or one for each.
    pub(crate) fn matmul_by(&mut self, a: Value, matrix: Vec<f32>, shape: &[usize]) -> Value {
        self.node("MatMul", &[a], [("matrix", matrix, shape.to_vec())], Vec::new())
    }

    /// The columns of `[batch, channels, height, width]` from the last to the first.
    pub(crate) fn mirror(&mut self, input: Value) -> Value {
        let value = self.node("Slice", &[input], [], Vec::new());
        for (kind, number) in [("starts", -1), ("ends", i64::MIN), ("axes", 3), ("steps", -1)] {
            self.also_integers(kind, &[number], &[1]);
        }
        value
    }

    pub(crate) fn softmax(&mut self, input: Value, axis: usize) -> Value {
        self.node("Softmax", &[input], [], vec![int("axis", axis)])
    }

    /// Normalizes the rows of `[n, dim]`, and scales and shifts their components.
    pub(crate) fn layer_norm(
        &mut self,
        input: Value,
        [scale, shift]: [Vec<f32>; 2],
        epsilon: f32,
    ) -> Value {
        let shape = vec![scale.len()];
        let weights = [("scale", scale, shape.clone()), ("bias", shift, shape)];
        let attributes = vec![int("axis", 1), float("epsilon", epsilon)];
        self.node("LayerNormalization", &[input], weights, attributes)
    }

    pub(crate) fn add_constant(
        &mut self,
        input: Value,
        values: Vec<f32>,
        shape: &[usize],
    ) -> Value {
        self.node("Add", &[input], [("constant", values, shape.to_vec())], Vec::new())
    }

    pub(crate) fn multiply_by(&mut self, input: Value, factor: f32) -> Value {
        self.node("Mul", &[input], [("factor", vec![factor], Vec::new())], Vec::new())
    }

    /// Values below and above a range become its ends.
    pub(crate) fn clip(&mut self, input: Value, [low, high]: [f32; 2]) -> Value {
        let ends = [("min", vec![low], Vec::new()), ("max", vec![high], Vec::new())];
        self.node("Clip", &[input], ends, Vec::new())
    }

    /// `[batch, channels, height, width]` to `[batch, channels * height * width]`.
    pub(crate) fn flatten(&mut self, input: Value) -> Value {
        self.node("Flatten", &[input], [], vec![int("axis", 1)])
    }

    /// `x * weight + bias` with a weight of `[inputs, outputs]`.
    pub(crate) fn linear(
        &mut self,
        input: Value,
        weight: Vec<f32>,
        shape: [usize; 2],
        bias: Vec<f32>,
    ) -> Value {
        let weights = [("weight", weight, shape.to_vec()), ("bias", bias, vec![shape[1]])];
        self.node("Gemm", &[input], weights, Vec::new())
    }

    /// Rows of unit length.
    pub(crate) fn l2_normalize(&mut self, input: Value) -> Value {
        self.node("LpNormalization", &[input], [], vec![int("axis", 1), int("p", 2)])
    }

    /// The file: a graph whose input is `[batch, input]` and whose last value is its output.
    pub(crate) fn into_onnx(
        mut self,
        input: [usize; 3],
        embedding_dim: usize,
        metadata: &[(String, String)],
    ) -> Vec<u8> {
        if let Some(last) = self.nodes.last_mut() {
            last.output = vec![OUTPUT.to_owned()];
        }
        let graph = GraphProto {
            node: self.nodes,
            name: "verisim".to_owned(),
            initializer: self.weights,
            input: vec![value_info(INPUT, &input)],
            output: vec![value_info(OUTPUT, &[embedding_dim])],
        };
        let entry = |(key, value): &(String, String)| {
            let (key, value) = (key.clone(), value.clone());
            StringStringEntryProto { key, value }
        };
        let model = ModelProto {
            ir_version: IR_VERSION,
            producer_name: "verisim".to_owned(),
            producer_version: env!("CARGO_PKG_VERSION").to_owned(),
            graph: Some(graph),
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            metadata_props: metadata.iter().map(entry).collect(),
        };
        prost::Message::encode_to_vec(&model)
    }

    /// Gives the last node one more input: whole numbers that are known.
    fn also_integers(&mut self, kind: &str, values: &[i64], shape: &[usize]) {
        let Some(node) = self.nodes.last_mut() else { return };
        let name = format!("{}.{kind}", node.name);
        node.input.push(name.clone());
        self.weights.push(TensorProto {
            dims: shape.iter().map(|dim| dim.cast_signed() as i64).collect(),
            data_type: INT64,
            name,
            raw_data: values.iter().copied().flat_map(i64::to_le_bytes).collect(),
        });
    }

    fn node<const N: usize>(
        &mut self,
        op_type: &str,
        inputs: &[Value],
        weights: [(&str, Vec<f32>, Vec<usize>); N],
        attribute: Vec<AttributeProto>,
    ) -> Value {
        let value = Value(self.nodes.len() + 1);
        let name = format!("{}_{}", op_type.to_lowercase(), value.0);
        let mut input: Vec<String> = inputs.iter().copied().map(value_name).collect();
        for (kind, values, shape) in weights {
            debug_assert_eq!(values.len(), shape.iter().product::<usize>(), "{name}.{kind}");
            let name = format!("{name}.{kind}");
            input.push(name.clone());
            self.weights.push(TensorProto {
                dims: shape.into_iter().map(usize::cast_signed).map(|dim| dim as i64).collect(),
                data_type: FLOAT,
                name,
                raw_data: values.into_iter().flat_map(f32::to_le_bytes).collect(),
            });
        }
        let output = vec![value_name(value)];
        self.nodes.push(NodeProto { input, output, name, op_type: op_type.to_owned(), attribute });
        value
    }
}

fn value_name(Value(index): Value) -> String {
    if index == 0 { INPUT.to_owned() } else { format!("value_{index}") }
}

fn value_info(name: &str, dims: &[usize]) -> ValueInfoProto {
    let batch = DimensionProto { dim_value: None, dim_param: Some("batch".to_owned()) };
    let fixed = dims
        .iter()
        .map(|&dim| DimensionProto { dim_value: Some(dim.cast_signed() as i64), dim_param: None });
    let shape = TensorShapeProto { dim: [batch].into_iter().chain(fixed).collect() };
    let tensor = TensorTypeProto { elem_type: FLOAT, shape: Some(shape) };
    ValueInfoProto { name: name.to_owned(), kind: Some(TypeProto { tensor_type: Some(tensor) }) }
}

fn attribute(name: &str, kind: AttributeKind) -> AttributeProto {
    AttributeProto { name: name.to_owned(), kind: kind as i32, ..AttributeProto::default() }
}

fn int(name: &str, value: usize) -> AttributeProto {
    let i = Some(value.cast_signed() as i64);
    AttributeProto { i, ..attribute(name, AttributeKind::Int) }
}

fn ints(name: &str, values: &[usize]) -> AttributeProto {
    let ints = values.iter().map(|value| value.cast_signed() as i64).collect();
    AttributeProto { ints, ..attribute(name, AttributeKind::Ints) }
}

fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.to_owned()), ..attribute(name, AttributeKind::Text) }
}

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { f: Some(value), ..attribute(name, AttributeKind::Float) }
}

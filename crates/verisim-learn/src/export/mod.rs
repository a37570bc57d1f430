//! From a trained network to an ONNX file; it knows no training and no runtime.

pub(crate) mod graph;
mod proto;

use self::graph::Graph;
use crate::backbone::{Backbone, InputSize};

/// Writes a network as an ONNX model.
///
/// The file is what a deployer wants: opset 17, a dynamic batch, batch normalizations folded into
/// the convolutions before them, one `PRelu` node an activation, and rows of unit length at the end.
/// Its input is `image`, `[batch, channels, height, width]`; its output `embedding`,
/// `[batch, embedding_dim]`. `metadata` becomes the file's metadata.
pub fn to_onnx(
    backbone: &Backbone,
    input: InputSize,
    embedding_dim: usize,
    metadata: &[(String, String)],
) -> Vec<u8> {
    let mut graph = Graph::default();
    let images = Graph::PICTURES;
    backbone.export(&mut graph, images);
    graph.into_onnx([input.channels, input.height, input.width], embedding_dim, metadata)
}

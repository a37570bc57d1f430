//! The edges of a picture by their direction, whatever the light; they know no cells.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;

use super::fixed::Fixed;
use crate::export::graph::{Graph, Value};

/// Strength below which a gradient counts as noise, for pixels in `[-1, 1]`.
const NOISE: f32 = 0.03;

/// Gradients of the shrunk picture, one map a direction, each measured against those around it.
#[derive(Module, Debug)]
pub(super) struct Edges {
    pub(super) channels: usize,
    pub(super) orientations: usize,
    /// How many times the picture is shrunk before.
    pub(super) shrinks: usize,
    /// Side of the window that gradients are measured against, in pixels of the shrunk picture.
    pub(super) contrast_window: usize,
}

impl Edges {
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, orientations, height / shrinks, width / shrinks]`
    pub(super) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let shrunk = self.shrink().forward(images);
        let maps = relu(self.directions().forward(shrunk.pad((1, 1, 1, 1), PadMode::Edge)));
        let energy = self.energy().forward(maps.clone().square());
        let strength = self.window().forward(energy).add_scalar(NOISE * NOISE).sqrt();
        maps / strength
    }

    pub(super) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let shrunk = self.shrink().export(0.0, graph, images);
        let padded = graph.repeat_edges(shrunk, 1);
        let maps = self.directions().export(0.0, graph, padded);
        let maps = graph.relu(maps);
        let squares = graph.multiply(maps, maps);
        let energy = self.energy().export(0.0, graph, squares);
        let energy = self.window().export(NOISE * NOISE, graph, energy);
        let strength = graph.sqrt(energy);
        graph.divide(maps, strength)
    }

    fn shrink(&self) -> Fixed {
        Fixed::shrink(self.channels, self.shrinks)
    }

    /// Differences of the neighbors on either side, along each direction.
    fn directions(&self) -> Fixed {
        let mut weight = Vec::new();
        for index in 0..self.orientations {
            let angle = index as f32 * std::f32::consts::TAU / self.orientations as f32;
            let (sin, cos) = angle.sin_cos();
            let window = [0.0, -sin, 0.0, -cos, 0.0, cos, 0.0, sin, 0.0];
            for _ in 0..self.channels {
                weight.extend(window.map(|value| value / self.channels as f32));
            }
        }
        let shape = [self.orientations, self.channels, 3, 3];
        Fixed { weight, shape, stride: 1, padding: 0, is_depthwise: false }
    }

    /// The squared length of a gradient, from the squares of its parts along all directions.
    fn energy(&self) -> Fixed {
        // Of two opposite directions one part is zero: half of them sum to `orientations / 4`.
        let weight = vec![4.0 / self.orientations as f32; self.orientations];
        let shape = [1, self.orientations, 1, 1];
        Fixed { weight, shape, stride: 1, padding: 0, is_depthwise: false }
    }

    fn window(&self) -> Fixed {
        Fixed::mean(1, self.contrast_window)
    }
}

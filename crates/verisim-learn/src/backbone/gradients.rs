//! Oriented gradients collected in cells, and one fully connected layer; it knows no loss.
//!
//! The maps are those of Dalal and Triggs, *Histograms of Oriented Gradients for Human Detection*,
//! 2005, <https://doi.org/10.1109/CVPR.2005.177>, at several scales. Only the layer after them
//! learns: for data of few identities, on which a network that finds its own maps learns them by heart.

use burn::module::Module;
use burn::tensor::activation::relu;
use burn::tensor::ops::PadMode;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::dropout::Dropout;
use super::layer::{LinearNorm, Norm};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{ConvNode, Graph, Value};
use crate::ops;

/// Strength below which a gradient counts as noise, for pixels in `[-1, 1]`.
const NOISE: f32 = 0.03;
/// Keeps the slope of the square root finite where a cell has no gradient.
const FLOOR: f32 = 1e-4;

/// Configuration of [`Gradients`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GradientsConfig {
    /// Directions that a gradient is told apart by: even, from 4.
    #[serde(default = "eight")]
    pub orientations: usize,
    /// Side of a cell in pixels of the picture.
    pub cell: usize,
    /// How many times the picture is shrunk; each must divide `cell`, so that all scales have the
    /// same cells.
    #[serde(default = "unshrunk")]
    pub scales: Vec<usize>,
    /// Side of the window that gradients are measured against, in pixels of the shrunk picture: odd,
    /// from 3. It takes out how strong the light is.
    #[serde(default = "thirteen")]
    pub contrast_window: usize,
    /// Components of an embedding.
    pub embedding_dim: usize,
    /// Share of the maps that is dropped while training, in `[0, 1)`.
    #[serde(default)]
    pub dropout: f64,
}

fn eight() -> usize {
    8
}

fn thirteen() -> usize {
    13
}

fn unshrunk() -> Vec<usize> {
    vec![1]
}

impl GradientsConfig {
    /// Creates the network for pictures of `input`.
    ///
    /// # Errors
    ///
    /// Fails if a parameter is out of range, or if no cell fits into a picture.
    pub fn init(
        &self,
        input: InputSize,
        weights: &mut WeightSource,
    ) -> Result<Gradients, InvalidBackbone> {
        self.check()?;
        let n_cells = (input.width / self.cell) * (input.height / self.cell);
        let found = format!("{} for pictures of {input}", self.cell);
        InvalidBackbone::unless(n_cells > 0, "cell", found, "at most their width and height")?;
        let scale = |&shrinks: &usize| Scale {
            channels: input.channels,
            orientations: self.orientations,
            shrinks,
            cell: self.cell / shrinks,
            contrast_window: self.contrast_window,
        };
        let n_maps = self.orientations * self.scales.len();
        Ok(Gradients {
            scales: self.scales.iter().map(scale).collect(),
            norm: Norm::new(n_maps, weights),
            head: LinearNorm::new(n_maps * n_cells, self.embedding_dim, weights),
            dropout: self.dropout,
        })
    }

    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let check = InvalidBackbone::unless;
        let is_even = self.orientations >= 4 && self.orientations.is_multiple_of(2);
        check(is_even, "orientations", self.orientations.to_string(), "even, from 4")?;
        check(self.cell > 0, "cell", self.cell.to_string(), "above 0")?;
        let is_divisor = |scale: &usize| *scale > 0 && self.cell.is_multiple_of(*scale);
        let divide = !self.scales.is_empty() && self.scales.iter().all(is_divisor);
        let scales = format!("{:?}", self.scales);
        check(divide, "scales", scales, "one or more numbers that divide the cell")?;
        let window = self.contrast_window;
        let is_odd = window >= 3 && !window.is_multiple_of(2);
        check(is_odd, "contrast_window", window.to_string(), "odd, from 3")?;
        InvalidBackbone::check_embedding_dim(self.embedding_dim)?;
        InvalidBackbone::check_dropout(self.dropout)
    }
}

/// Maps of oriented gradients at each scale, and a fully connected layer.
#[derive(Module, Debug)]
pub struct Gradients {
    scales: Vec<Scale>,
    norm: Norm,
    head: LinearNorm,
    dropout: f64,
}

impl Gradients {
    /// Features of a batch, of any length.
    ///
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, embedding_dim]`
    pub fn forward(&self, images: &Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let maps = self.scales.iter().map(|scale| scale.forward(images.clone())).collect();
        let flat = self.norm.forward(Tensor::cat(maps, 1)).flatten::<2>(1, 3);
        self.head.forward(dropout.apply(flat, self.dropout))
    }

    pub(crate) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let maps: Vec<Value> =
            self.scales.iter().map(|scale| scale.export(graph, images)).collect();
        let maps = graph.concat(&maps);
        let flat = graph.flatten(maps);
        self.head.export(Some(&self.norm), graph, flat)
    }
}

/// Oriented gradients of the picture at one scale: one map a direction, one value a cell.
#[derive(Module, Debug)]
struct Scale {
    channels: usize,
    orientations: usize,
    shrinks: usize,
    cell: usize,
    contrast_window: usize,
}

impl Scale {
    /// # Shapes
    ///
    /// - images: `[batch, channels, height, width]`
    /// - output: `[batch, orientations, height / shrinks / cell, width / shrinks / cell]`
    fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let shrunk = self.shrink().forward(images);
        let maps = relu(self.directions().forward(shrunk.pad((1, 1, 1, 1), PadMode::Edge)));
        let energy = self.energy().forward(maps.clone().square());
        let strength = self.window().forward(energy).add_scalar(NOISE * NOISE).sqrt();
        self.collect().forward(maps / strength).add_scalar(FLOOR).sqrt()
    }

    fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let shrunk = self.shrink().export(0.0, graph, images);
        let padded = graph.repeat_edges(shrunk, 1);
        let maps = self.directions().export(0.0, graph, padded);
        let maps = graph.relu(maps);
        let squares = graph.multiply(maps, maps);
        let energy = self.energy().export(0.0, graph, squares);
        let energy = self.window().export(NOISE * NOISE, graph, energy);
        let strength = graph.sqrt(energy);
        let maps = graph.divide(maps, strength);
        let cells = self.collect().export(FLOOR, graph, maps);
        graph.sqrt(cells)
    }

    /// Means of squares of pixels.
    fn shrink(&self) -> Fixed {
        let side = self.shrinks;
        Fixed::depthwise(self.channels, &vec![1.0 / side as f32; side], side, 0)
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

    /// The mean around each pixel.
    fn window(&self) -> Fixed {
        let side = self.contrast_window;
        Fixed::depthwise(1, &vec![1.0 / side as f32; side], 1, side / 2)
    }

    /// The weighted mean around each cell: a pixel counts for neighboring cells, too, so that small
    /// shifts change little.
    fn collect(&self) -> Fixed {
        let blur = (self.cell * 3 / 2) | 1;
        let mut line = vec![0.0; self.cell + blur - 1];
        for start in 0..self.cell {
            for weight in &mut line[start..start + blur] {
                *weight += 1.0 / (self.cell * blur) as f32;
            }
        }
        Fixed::depthwise(self.orientations, &line, self.cell, blur / 2)
    }
}

/// A convolution that does not learn.
struct Fixed {
    weight: Vec<f32>,
    shape: [usize; 4],
    stride: usize,
    padding: usize,
    is_depthwise: bool,
}

impl Fixed {
    /// The same window for every channel: the product of `line` down and across.
    fn depthwise(channels: usize, line: &[f32], stride: usize, padding: usize) -> Self {
        let window: Vec<f32> =
            line.iter().flat_map(|down| line.iter().map(move |across| down * across)).collect();
        let weight = window.repeat(channels);
        let shape = [channels, 1, line.len(), line.len()];
        Self { weight, shape, stride, padding, is_depthwise: true }
    }

    fn forward(self, input: Tensor<4>) -> Tensor<4> {
        let weight = TensorData::new(self.weight, self.shape);
        let weight = Tensor::from_data(weight, &input.device());
        let conv = if self.is_depthwise { ops::depthwise_conv2d } else { ops::conv2d };
        conv(input, weight, self.stride, [self.padding; 2])
    }

    /// Writes the convolution, with the same bias for every channel.
    fn export(self, bias: f32, graph: &mut Graph, input: Value) -> Value {
        let Self { weight, shape, stride, padding, is_depthwise } = self;
        let groups = if is_depthwise { shape[0] } else { 1 };
        let (bias, padding) = (vec![bias; shape[0]], [padding; 2]);
        graph.conv(input, ConvNode { weight, shape, bias, stride, padding, groups })
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::super::layer::host;
    use super::*;

    const SCALE: Scale =
        Scale { channels: 1, orientations: 8, shrinks: 2, cell: 3, contrast_window: 5 };

    /// Maps of a picture of 24 x 18 pixels whose value is a function of the column and the row.
    fn maps(scale: &Scale, value: impl Fn(f32, f32) -> f32) -> Tensor<4> {
        let pixels: Vec<f32> =
            (0..24 * 18).map(|at| value((at % 24) as f32, (at / 24) as f32)).collect();
        let data = TensorData::new(pixels, [1, 1, 18, 24]);
        scale.forward(Tensor::from_data(data, &Device::flex()))
    }

    #[test]
    fn an_edge_shows_in_its_direction() {
        let found = maps(&SCALE, |x, _| x / 24.0);
        assert_eq!(found.dims(), [1, 8, 3, 4]);
        let of_cell: Vec<f32> = host(found).chunks(12).map(|map| map[5]).collect();
        // Parts along 0, 45 and 90 degrees; the square root of the share that each has.
        let expected = [1.0, 0.5f32.sqrt(), 0.0].map(f32::sqrt);
        for (found, expected) in of_cell.iter().zip(expected) {
            assert!((found / of_cell[0] - expected).abs() < 0.02, "{of_cell:?}");
        }
        assert!(of_cell[4] < 0.02, "{of_cell:?}");
    }

    #[test]
    fn the_strength_of_light_does_not_count() {
        let wave = |x: f32, y: f32| (x * 0.7).sin() * (y * 0.5).cos();
        let (full, half) = (maps(&SCALE, wave), maps(&SCALE, |x, y| 0.5 * wave(x, y) + 0.25));
        for (full, half) in host(full).into_iter().zip(host(half)) {
            assert!((full - half).abs() < 0.01, "{full} {half}");
        }
    }

    #[test]
    fn a_picture_without_edges_is_the_same_in_all_shades() {
        let [dark, light] = [-1.0, 0.7].map(|shade| host(maps(&SCALE, |_, _| shade)));
        for (dark, light) in dark.iter().zip(&light) {
            assert!((dark - FLOOR.sqrt()).abs() < 1e-3 && (dark - light).abs() < 1e-3);
        }
    }
}

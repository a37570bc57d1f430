//! Moves and zooms a picture to where its edges are most like those of the pictures before it; it
//! knows no identity and learns no weights.
//!
//! The places of a face that fixed cells look at should be the same on every picture. Here all
//! movements and zooms of a small set are tried, each is compared with the mean of training's aligned
//! edges, and the pictures that they give are mixed by how well they fit: congealing (Huang, Jain and
//! Learned-Miller, 2007, <https://doi.org/10.1109/ICCV.2007.4408852>) with one template, in one pass.

use burn::module::{Module, RunningState};
use burn::tensor::activation::softmax;
use burn::tensor::ops::PadMode;
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::edges::Edges;
use super::fixed::Fixed;
use super::layer::{follow, host};
use super::weights::WeightSource;
use super::{InputSize, InvalidBackbone};
use crate::export::graph::{ConvNode, Graph, Value};
use crate::ops;

const ORIENTATIONS: usize = 8;
/// Pixels of the picture from one movement to the next; edges are compared at this scale.
const STEP: usize = 2;
/// Side of the window that edges are measured against.
const CONTRAST_WINDOW: usize = 7;
/// Side of the window that edges are averaged over, so that close is nearly as good as right.
const BLUR: usize = 3;
/// What the furthest movement, and the strongest zoom, cost in similarity: without need, nothing moves.
const COST: f32 = 0.02;
/// How much better the best has to be to be the only one: the scale of similarities.
const SHARPNESS: f32 = 400.0;
/// Rows and columns in each other's place.
const SWAPPED: [usize; 4] = [0, 1, 3, 2];
/// Keeps a similarity finite where there is no edge.
const MIN_ENERGY: f32 = 1e-6;

/// How far pictures are moved and zoomed to find their place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlignConfig {
    /// Furthest movement to each side, in pixels of the picture: even.
    pub shift: usize,
    /// Strongest zoom, in and out, as a share of the size, in `[0, 1)`; 0 for none.
    pub zoom: f32,
}

impl AlignConfig {
    pub(super) fn check(&self) -> Result<(), InvalidBackbone> {
        let check = InvalidBackbone::unless;
        let is_even = self.shift.is_multiple_of(STEP);
        check(is_even, "align.shift", self.shift.to_string(), "even")?;
        let is_share = (0.0..1.0).contains(&self.zoom);
        check(is_share, "align.zoom", self.zoom.to_string(), "in [0, 1)")
    }

    /// Fails if nothing of a picture of `input` is left to compare.
    pub(super) fn init(
        &self,
        input: InputSize,
        weights: &WeightSource,
    ) -> Result<Aligner, InvalidBackbone> {
        let n_steps = self.shift / STEP;
        let side = |pixels: usize| (pixels / STEP).saturating_sub(2 * n_steps);
        let [rows, columns] = [side(input.height), side(input.width)];
        let found = format!("{} for pictures of {input}", self.shift);
        let is_left = rows > 0 && columns > 0;
        InvalidBackbone::unless(is_left, "align.shift", found, "below half of their sides")?;
        let shape = [1, ORIENTATIONS, rows, columns];
        Ok(Aligner {
            edges: Edges {
                channels: input.channels,
                orientations: ORIENTATIONS,
                shrinks: STEP,
                contrast_window: CONTRAST_WINDOW,
            },
            height: input.height,
            width: input.width,
            n_steps,
            zoom: self.zoom,
            template: RunningState::new(Tensor::zeros(shape, weights.device())),
        })
    }
}

/// Finds the movement and the zoom that fit the template.
#[derive(Module, Debug)]
pub(super) struct Aligner {
    edges: Edges,
    height: usize,
    width: usize,
    n_steps: usize,
    zoom: f32,
    template: RunningState<Tensor<4>>, // [1, orientations, rows, columns]
}

impl Aligner {
    /// The pictures in their places; while training, the template follows.
    ///
    /// # Shapes
    ///
    /// - images and output: `[batch, channels, height, width]`
    pub(super) fn forward(&self, images: Tensor<4>) -> Tensor<4> {
        let is_training = images.device().is_autodiff();
        let images = images.detach();
        let template = unit(self.template.value_sync().detach());
        let views: Vec<Tensor<4>> =
            self.zooms().into_iter().map(|zoom| self.zoomed(images.clone(), zoom)).collect();
        let fits = views.iter().map(|view| self.fits(view.clone(), template.clone()));
        let fits = Tensor::cat(fits.collect(), 1);
        let costs = TensorData::new(self.costs(), [1, fits.dims()[1]]);
        let costs = Tensor::from_data(costs, &images.device());
        let weights = softmax((fits - costs).mul_scalar(SHARPNESS), 1);
        let [batch, channels, height, width] = images.dims();
        let moved = views.into_iter().flat_map(|view| self.moved(view));
        let plane = channels * height * width;
        let moved = moved.map(|view| view.reshape([batch, 1, plane]));
        let moved = Tensor::cat(moved.collect(), 1);
        let aligned = weights.unsqueeze_dim::<3>(1).matmul(moved);
        let aligned = aligned.reshape([batch, channels, height, width]);
        if is_training {
            self.learn_from(aligned.clone());
        }
        aligned
    }

    /// Writes the alignment by the template as it is after training.
    pub(super) fn export(&self, graph: &mut Graph, images: Value) -> Value {
        let template = unit(self.template.value_sync());
        let (shape, template) = (template.dims(), host(template));
        let (mut fits, mut moved) = (Vec::new(), Vec::new());
        let n_moves = self.side() * self.side();
        let [channels, height, width] = [self.edges.channels, self.height, self.width];
        let plane = channels * height * width;
        for zoom in self.zooms() {
            let view = self.export_zoomed(graph, images, zoom);
            let edges = self.edges.export(graph, view);
            let edges = blur().export(0.0, graph, edges);
            let against = |weight: Vec<f32>, bias| ConvNode {
                weight,
                shape,
                bias: vec![bias],
                stride: 1,
                padding: [0, 0],
                groups: 1,
            };
            let product = graph.conv(edges, against(template.clone(), 0.0));
            let squares = graph.multiply(edges, edges);
            let ones = vec![1.0; template.len()];
            let energy = graph.conv(squares, against(ones, MIN_ENERGY));
            let length = graph.sqrt(energy);
            let fit = graph.divide(product, length);
            fits.push(graph.flatten(fit));
            let padded = graph.repeat_edges(view, STEP * self.n_steps);
            let all = self.movements().export(0.0, graph, padded);
            moved.push(graph.reshape(all, &[None, Some(n_moves), Some(plane)]));
        }
        let fits = graph.concat(&fits);
        let costs = self.costs();
        let n_places = costs.len();
        let costs = costs.into_iter().map(|cost| -cost).collect();
        let fits = graph.add_constant(fits, costs, &[n_places]);
        let fits = graph.multiply_by(fits, SHARPNESS);
        let weights = graph.softmax(fits, 1);
        let weights = graph.reshape(weights, &[None, Some(1), Some(n_places)]);
        let moved = graph.concat(&moved);
        let aligned = graph.matmul(weights, moved);
        graph.reshape(aligned, &[None, Some(channels), Some(height), Some(width)])
    }

    /// How like the template every part of a picture is: cosines, `[batch, movements]`.
    fn fits(&self, view: Tensor<4>, template: Tensor<4>) -> Tensor<2> {
        let edges = self.blurred(view);
        let [_, _, rows, columns] = template.dims();
        let ones = Tensor::ones([1, 1, rows, columns], &edges.device());
        let energy = ops::conv2d(edges.clone().square().sum_dim(1), ones, 1, [0, 0]);
        let product = ops::conv2d(edges, template, 1, [0, 0]);
        (product / energy.add_scalar(MIN_ENERGY).sqrt()).flatten(1, 3)
    }

    /// The picture after every movement, its edges repeated: what [`Aligner::movements`] writes as one
    /// convolution, which in training would multiply by zeros most of the time.
    fn moved(&self, view: Tensor<4>) -> Vec<Tensor<4>> {
        let margin = STEP * self.n_steps;
        let padded = view.pad((margin, margin, margin, margin), PadMode::Edge);
        (0..self.side())
            .flat_map(|down| (0..self.side()).map(move |across| (down, across)))
            .map(|(down, across)| {
                let rows = padded.clone().narrow(2, STEP * down, self.height);
                rows.narrow(3, STEP * across, self.width)
            })
            .collect()
    }

    /// Moves the template toward the middle of aligned pictures.
    fn learn_from(&self, aligned: Tensor<4>) {
        let edges = self.blurred(aligned);
        let [_, _, rows, columns] = self.template.value_sync().dims();
        let middle =
            edges.narrow(2, self.n_steps, rows).narrow(3, self.n_steps, columns).mean_dim(0);
        follow(&self.template, middle);
    }

    /// What pictures are compared by.
    fn blurred(&self, view: Tensor<4>) -> Tensor<4> {
        blur().forward(self.edges.forward(view))
    }

    /// Movements down, and as many across.
    fn side(&self) -> usize {
        2 * self.n_steps + 1
    }

    /// Factors that a picture is enlarged by.
    fn zooms(&self) -> Vec<f32> {
        if self.zoom > 0.0 {
            vec![1.0 / (1.0 + self.zoom), 1.0, 1.0 + self.zoom]
        } else {
            vec![1.0]
        }
    }

    /// What each zoom and movement costs, in the order of the weights.
    fn costs(&self) -> Vec<f32> {
        let n_steps = self.n_steps as f32;
        let steps: Vec<f32> = (0..self.side())
            .map(|step| (step as f32 - n_steps) / n_steps.max(1.0))
            .map(|share| COST * share * share)
            .collect();
        let cost = |&zoom: &f32| if zoom == 1.0 { 0.0 } else { COST };
        let zooms: Vec<f32> = self.zooms().iter().map(cost).collect();
        zooms
            .iter()
            .flat_map(|zoom| steps.iter().map(move |down| zoom + down))
            .flat_map(|cost| steps.iter().map(move |across| cost + across))
            .collect()
    }

    /// One output a movement and channel: the padded picture, moved.
    fn movements(&self) -> Fixed {
        let (side, channels) = (self.side(), self.edges.channels);
        let window = STEP * (side - 1) + 1;
        let mut weight = Vec::new();
        for place in 0..side * side {
            let at = STEP * (place / side * window + place % side);
            for output in 0..channels {
                for input in 0..channels {
                    let mut kernel = vec![0.0; window * window];
                    kernel[at] = if input == output { 1.0 } else { 0.0 };
                    weight.extend(kernel);
                }
            }
        }
        let shape = [side * side * channels, channels, window, window];
        Fixed { weight, shape, stride: 1, padding: 0, is_depthwise: false }
    }

    fn zoomed(&self, images: Tensor<4>, zoom: f32) -> Tensor<4> {
        if zoom == 1.0 {
            return images;
        }
        let matrix = |side: usize| {
            let values = TensorData::new(enlarge(side, zoom), [1, 1, side, side]);
            Tensor::<4>::from_data(values, &images.device())
        };
        let (across, down) = (matrix(self.width), matrix(self.height));
        images.matmul(across).swap_dims(2, 3).matmul(down).swap_dims(2, 3)
    }

    fn export_zoomed(&self, graph: &mut Graph, images: Value, zoom: f32) -> Value {
        if zoom == 1.0 {
            return images;
        }
        let across = graph.matmul_by(images, enlarge(self.width, zoom), &[self.width; 2]);
        let columns = graph.transpose(across, &SWAPPED);
        let down = graph.matmul_by(columns, enlarge(self.height, zoom), &[self.height; 2]);
        graph.transpose(down, &SWAPPED)
    }
}

fn blur() -> Fixed {
    Fixed::mean(ORIENTATIONS, BLUR)
}

/// The template at length 1; one of zeros stays as it is.
fn unit(template: Tensor<4>) -> Tensor<4> {
    let length = template.clone().square().sum().add_scalar(MIN_ENERGY).sqrt();
    template / length.reshape([1, 1, 1, 1])
}

/// `[side, side]`: a line of pixels times this matrix is the line enlarged about its middle, its ends
/// repeated where it shrinks.
fn enlarge(side: usize, zoom: f32) -> Vec<f32> {
    let mut matrix = vec![0.0; side * side];
    let (middle, last) = ((side - 1) as f32 / 2.0, side - 1);
    for output in 0..side {
        let at = ((output as f32 - middle) / zoom + middle).clamp(0.0, last as f32);
        let below = at as usize;
        let share = at - below as f32;
        matrix[below * side + output] += 1.0 - share;
        matrix[(below + 1).min(last) * side + output] += share;
    }
    matrix
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    const SIZE: InputSize = InputSize { width: 40, height: 48, channels: 1 };

    fn aligner(device: &Device) -> Aligner {
        let config = AlignConfig { shift: 4, zoom: 0.1 };
        config.init(SIZE, &WeightSource::new(1, device)).unwrap()
    }

    /// A ring with a bar in it, its middle so far from the picture's, so many times as large.
    fn picture([x, y]: [f32; 2], zoom: f32, device: &Device) -> Tensor<4> {
        let pixels: Vec<f32> = (0..48 * 40)
            .map(|at| ((at % 40) as f32, (at / 40) as f32))
            .map(|(column, row)| ((column - 19.5 - x) / zoom, (row - 23.5 - y) / zoom))
            .map(|(x, y)| {
                let ring = (-(x.hypot(y * 0.8) - 11.0).powi(2) / 6.0).exp();
                let bar = (-(x + 2.0).powi(2) / 30.0 - (y - 3.0).powi(2) / 4.0).exp();
                ring + bar - 0.5
            })
            .collect();
        Tensor::from_data(TensorData::new(pixels, [1, 1, 48, 40]), device)
    }

    fn trained() -> Aligner {
        let device = Device::flex().autodiff();
        let aligner = aligner(&device);
        for _ in 0..5 {
            aligner.forward(picture([0.0, 0.0], 1.0, &device));
        }
        aligner
    }

    fn distance(a: &Tensor<4>, b: &Tensor<4>) -> f32 {
        (a.clone() - b.clone()).square().mean().into_scalar::<f32>().sqrt()
    }

    #[test]
    fn a_moved_picture_comes_back() {
        let (device, aligner) = (Device::flex(), trained());
        let at_home = picture([0.0, 0.0], 1.0, &device);
        for place in [[0.0, 0.0], [4.0, 0.0], [-2.0, 4.0], [0.0, -4.0]] {
            let moved = picture(place, 1.0, &device);
            let aligned = aligner.forward(moved);
            assert!(distance(&aligned, &at_home) < 0.02, "{place:?}");
        }
    }

    #[test]
    fn a_zoomed_picture_comes_back() {
        let (device, aligner) = (Device::flex(), trained());
        let at_home = picture([0.0, 0.0], 1.0, &device);
        for zoom in [1.1, 1.0 / 1.1] {
            let zoomed = picture([0.0, 0.0], zoom, &device);
            let before = distance(&zoomed, &at_home);
            let after = distance(&aligner.forward(zoomed), &at_home);
            assert!(after < 0.2 * before, "{zoom}: {after} of {before}");
        }
    }

    #[test]
    fn what_is_not_trained_moves_nothing() {
        let device = Device::flex();
        let aligner = aligner(&device);
        let moved = picture([3.0, -2.0], 1.0, &device);
        assert!(distance(&aligner.forward(moved.clone()), &moved) < 0.05);
    }

    #[test]
    fn only_training_changes_the_template() {
        let (device, aligner) = (Device::flex(), trained());
        let before = host(aligner.template.value_sync());
        aligner.forward(picture([4.0, 4.0], 1.1, &device));
        assert_eq!(before, host(aligner.template.value_sync()));
    }
}

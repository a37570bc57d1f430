//! A locally connected layer: a convolution whose weights differ from place to place, or from region to region.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::layer::host;
use super::weights::WeightSource;
use crate::export::graph::{Graph, Value};
use crate::ops::{self, Windows};

/// Sizes of a [`Local`].
#[derive(Clone, Copy, Debug)]
pub(super) struct LocalSpec {
    /// Channels of the input and of the output.
    pub(super) channels: [usize; 2],
    /// Height and width of the input.
    pub(super) size: [usize; 2],
    /// Side of the window.
    pub(super) side: usize,
    /// Step between windows.
    pub(super) stride: usize,
    /// Side of the squares of places that share their weights; 1 where none do.
    pub(super) region: usize,
}

impl LocalSpec {
    /// Height and width of the output; the window fits into the input.
    pub(super) fn out_size(&self) -> [usize; 2] {
        out_size(self.size, self.side, self.stride)
    }

    /// Rows and columns of the regions of the output; those at the far edges may be cut.
    fn n_regions(&self) -> [usize; 2] {
        self.out_size().map(|side| side.div_ceil(self.region))
    }
}

/// A window of weights, and a bias, for every region of places and channel; what is negative is cut off.
///
/// On aligned faces a place always shows the same part of a face, and gets a filter of its own for it.
#[derive(Module, Debug)]
pub(super) struct Local {
    weight: Param<Tensor<3>>, // [regions, side * side * c_in, c_out]
    bias: Param<Tensor<3>>,   // [c_out, rows, columns] of regions
    size: [usize; 2],
    side: usize,
    stride: usize,
    region: usize,
}

impl Local {
    /// Weights of He et al. (2015), by the size of the window.
    pub(super) fn new(spec: LocalSpec, weights: &mut WeightSource) -> Self {
        let [c_in, c_out] = spec.channels;
        let [height, width] = spec.n_regions();
        let n_inputs = spec.side * spec.side * c_in;
        let deviation = (2.0 / n_inputs as f32).sqrt();
        Self {
            weight: weights.normal([height * width, n_inputs, c_out], deviation),
            bias: weights.constant([c_out, height, width], 0.0),
            size: spec.size,
            side: spec.side,
            stride: spec.stride,
            region: spec.region,
        }
    }

    /// # Shapes
    ///
    /// - maps: `[batch, c_in, height, width]`
    /// - output: `[batch, c_out, h_out, w_out]`
    pub(super) fn forward(&self, maps: Tensor<4>) -> Tensor<4> {
        let (size, stride, region) = ([self.side; 2], self.stride, self.region);
        let output = ops::local(maps, self.weight.val(), Windows { size, stride, region });
        let bias = ops::as_precise_as(&output, self.bias_of_places());
        relu(output + bias.unsqueeze())
    }

    /// Writes the layer as a product for every region; ONNX has no operator for it.
    pub(super) fn export(&self, graph: &mut Graph, maps: Value) -> Value {
        let [n_regions, n_inputs, c_out] = self.weight.dims();
        let (c_in, n_pixels) = (n_inputs / (self.side * self.side), self.side * self.side);
        let [height, width] = self.size;
        let places = self.places_by_region();
        let pixels: Vec<usize> = places.iter().flat_map(|&place| self.pixels(place)).collect();
        let flat = graph.reshape(maps, &[None, Some(c_in), Some(height * width)]);
        let windows = graph.gather(flat, 2, &pixels, [places.len(), n_pixels]);
        // [batch, c_in, places, pixels of a window]
        let windows = graph.transpose(windows, &[2, 0, 3, 1]);
        let rows = graph.reshape(windows, &[Some(n_regions), None, Some(n_inputs)]);
        let weight = host(self.weight.val());
        let product = graph.matmul_by(rows, weight, &[n_regions, n_inputs, c_out]);
        let product = graph.reshape(product, &[Some(places.len()), None, Some(c_out)]);
        let turned = graph.transpose(product, &[1, 2, 0]);
        let [out_height, out_width] = self.out_size();
        let position = |wanted| places.iter().position(|place| *place == wanted);
        let order: Vec<usize> = (0..out_height * out_width).filter_map(position).collect();
        let output = graph.gather(turned, 2, &order, [out_height, out_width]);
        let bias = host(self.bias_of_places());
        let output = graph.add_constant(output, bias, &[c_out, out_height, out_width]);
        graph.relu(output)
    }

    /// `[c_out, h_out, w_out]`.
    fn bias_of_places(&self) -> Tensor<3> {
        let bias = self.bias.val();
        if self.region == 1 {
            return bias;
        }
        let out_size = self.out_size();
        let regions = |side: usize| {
            let regions: Vec<usize> = (0..side).map(|it| it / self.region).collect();
            ops::indices(&regions, &bias.device())
        };
        let [rows, columns] = out_size.map(regions);
        bias.select(1, rows).select(2, columns)
    }

    fn out_size(&self) -> [usize; 2] {
        out_size(self.size, self.side, self.stride)
    }

    /// The places of one region after the other, as many of each: a region that is cut repeats its last.
    fn places_by_region(&self) -> Vec<usize> {
        let [_, rows, columns] = self.bias.dims();
        let [out_height, out_width] = self.out_size();
        let within =
            |region: usize, it: usize, side: usize| (region * self.region + it).min(side - 1);
        grid(rows, columns)
            .flat_map(|(down, across)| {
                grid(self.region, self.region).map(move |(y, x)| {
                    within(down, y, out_height) * out_width + within(across, x, out_width)
                })
            })
            .collect()
    }

    /// The pixels under the window of a place, as positions in a map.
    fn pixels(&self, place: usize) -> impl Iterator<Item = usize> {
        let ([_, out_width], [_, width]) = (self.out_size(), self.size);
        let [top, left] = [place / out_width, place % out_width].map(|it| it * self.stride);
        grid(self.side, self.side).map(move |(y, x)| (top + y) * width + left + x)
    }
}

/// Height and width that windows of this side leave.
fn out_size(size: [usize; 2], window: usize, stride: usize) -> [usize; 2] {
    size.map(|side| (side - window) / stride + 1)
}

/// Rows and columns, row by row.
fn grid(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |y| (0..width).map(move |x| (y, x)))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// Output, and gradients of input, weight and bias, where every output pulls with another weight.
    fn run(local: &Local, maps: &Tensor<4>) -> [Vec<f32>; 4] {
        let output = local.forward(maps.clone());
        let pull = WeightSource::new(3, &maps.device()).normal(output.dims(), 1.0).val().detach();
        let gradients = (output.clone() * pull).sum().backward();
        let of_parameter = |it: &Param<Tensor<3>>| host(it.val().grad(&gradients).unwrap());
        let of_input = host(maps.grad(&gradients).unwrap());
        [host(output), of_input, of_parameter(&local.weight), of_parameter(&local.bias)]
    }

    #[track_caller]
    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, not {expected}");
        }
    }

    #[test]
    fn a_region_is_places_with_the_same_weights_whose_gradients_add() {
        let device = Device::flex().autodiff();
        // Windows of 3 at 7 x 5 places, in squares of two of which those at the far edges are cut.
        let spec = LocalSpec { channels: [2, 4], size: [9, 7], side: 3, stride: 1, region: 2 };
        let mut weights = WeightSource::new(1, &device);
        let mut shared = Local::new(spec, &mut weights);
        shared.bias = weights.normal([4, 4, 3], 1.0);
        let regions: Vec<usize> = grid(7, 5).map(|(y, x)| y / 2 * 3 + x / 2).collect();
        let spread = |values: Vec<f32>, n: usize| -> Vec<f32> {
            regions.iter().flat_map(|region| values[region * n..][..n].to_vec()).collect()
        };
        let mut apart = Local::new(LocalSpec { region: 1, ..spec }, &mut weights);
        let weight = TensorData::new(spread(host(shared.weight.val()), 18 * 4), [35, 18, 4]);
        apart.weight = Param::from_tensor(Tensor::from_data(weight, &device));
        let bias = host(shared.bias.val());
        let bias = bias.chunks_exact(12).flat_map(|bias| spread(bias.to_vec(), 1)).collect();
        let bias: Tensor<3> =
            Tensor::from_data(TensorData::new::<f32, _>(bias, [4, 7, 5]), &device);
        apart.bias = Param::from_tensor(bias);

        let maps = weights.normal([3, 2, 9, 7], 1.0).val().detach().require_grad();
        let [output, input, weight, bias] = run(&shared, &maps);
        let [expected, expected_input, of_places, of_place_biases] = run(&apart, &maps);
        assert_close(&output, &expected);
        assert_close(&input, &expected_input);
        let mut sums = vec![0.0; weight.len()];
        let mut bias_sums = vec![0.0; bias.len()];
        for (place, region) in regions.iter().enumerate() {
            for index in 0..18 * 4 {
                sums[region * 18 * 4 + index] += of_places[place * 18 * 4 + index];
            }
            for channel in 0..4 {
                bias_sums[channel * 12 + region] += of_place_biases[channel * 35 + place];
            }
        }
        assert_close(&weight, &sums);
        assert_close(&bias, &bias_sums);
    }
}

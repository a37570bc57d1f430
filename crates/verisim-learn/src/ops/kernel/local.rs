//! Locally connected layers: a window of weights for every place of the output, or every region of places.
//!
//! It knows slices and shapes, not tensors. Pictures are turned so that the batch lies innermost,
//! `[height, width, channels, n]`: then each row of a window is a matrix without being copied, and the
//! batch shares the weights, which are read once. Weights are `[regions, k_height * k_width * c_in, c_out]`,
//! regions row by row, and under a region rows of the window, its columns, channels.

use rayon::prelude::*;

use super::conv::ConvShape;
use super::gemm::{Matrix, Output, multiply};

/// Sizes of a layer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LocalShape {
    /// Those of a convolution with the same windows, without padding.
    pub(crate) conv: ConvShape,
    /// Side of the squares of places that share weights; those at the far edges may be cut.
    pub(crate) region: usize,
}

impl LocalShape {
    /// The regions that places lie in, row by row.
    pub(crate) fn regions(&self) -> Vec<usize> {
        let [height, width] = self.conv.out_size();
        let across = width.div_ceil(self.region);
        let region = |y, x| y / self.region * across + x / self.region;
        (0..height).flat_map(|y| (0..width).map(move |x| region(y, x))).collect()
    }

    /// Numbers of the weights of one region.
    fn weights(&self) -> usize {
        self.conv.kernel[0] * Rows::new(&self.conv).weights
    }
}

/// Numbers of one region's weights in one row of the window, and of the input under it for one picture.
#[derive(Clone, Copy)]
struct Rows {
    weights: usize,
    inputs: usize,
}

impl Rows {
    fn new(shape: &ConvShape) -> Self {
        let inputs = shape.kernel[1] * shape.c_in;
        Self { weights: inputs * shape.c_out, inputs }
    }
}

/// Output of a layer: `[n, c_out, h_out, w_out]`.
pub(crate) fn forward(local: &LocalShape, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let shape = &local.conv;
    let (rows, n, [_, width]) = (Rows::new(shape), shape.n, shape.out_size());
    let input = batch_innermost(input, n, shape.c_in);
    let mut output = vec![0.0; n * shape.output_len()];
    let places = output.par_chunks_mut(shape.c_out * n).zip(local.regions());
    places.enumerate().for_each(|(place, (output, region))| {
        let weight = &weight[region * local.weights()..][..local.weights()];
        for (row, weight) in weight.chunks_exact(rows.weights).enumerate() {
            let under = under(shape, place / width, place % width, row);
            let under = Matrix::packed(&input[under..], [rows.inputs, n]);
            let weight = Matrix::packed(weight, [rows.inputs, shape.c_out]).transposed();
            let mode = if row == 0 { Output::Replace } else { Output::Add };
            multiply(output, n, weight, under, mode);
        }
    });
    batch_outermost(&output, n, shape.c_out)
}

/// Gradient of the input from that of the output.
pub(crate) fn input_gradient(local: &LocalShape, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (shape, regions) = (&local.conv, local.regions());
    let (rows, n, [height, width]) = (Rows::new(shape), shape.n, shape.out_size());
    let gradient = batch_innermost(gradient, n, shape.c_out);
    let mut input = vec![0.0; n * shape.input_len()];
    // A row of the input belongs to one thread, whatever windows reach into it.
    input.par_chunks_mut(shape.size[1] * shape.c_in * n).enumerate().for_each(|(y_in, input)| {
        for row in 0..shape.kernel[0] {
            let Some(above) = y_in.checked_sub(row) else { break };
            let y = above / shape.stride;
            if above % shape.stride != 0 || y >= height {
                continue;
            }
            for x in 0..width {
                let place = y * width + x;
                let weight = &weight[regions[place] * local.weights() + row * rows.weights..];
                let weight = Matrix::packed(weight, [rows.inputs, shape.c_out]);
                let gradient = &gradient[place * shape.c_out * n..];
                let gradient = Matrix::packed(gradient, [shape.c_out, n]);
                let under = &mut input[x * shape.stride * shape.c_in * n..];
                multiply(under, n, weight, gradient, Output::Add);
            }
        }
    });
    batch_outermost(&input, n, shape.c_in)
}

/// Gradient of the weights from that of the output.
pub(crate) fn weight_gradient(local: &LocalShape, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (shape, regions) = (&local.conv, local.regions());
    let (rows, n, [_, width]) = (Rows::new(shape), shape.n, shape.out_size());
    let input = batch_innermost(input, n, shape.c_in);
    let gradient = batch_innermost(gradient, n, shape.c_out);
    let n_regions = regions.last().map_or(0, |last| last + 1);
    let mut weight = vec![0.0; n_regions * local.weights()];
    // The weights of a region belong to one thread, whatever places share them.
    weight.par_chunks_mut(local.weights()).enumerate().for_each(|(region, weight)| {
        let places = (0..regions.len()).filter(|place| regions[*place] == region);
        for (number, place) in places.enumerate() {
            let gradient = &gradient[place * shape.c_out * n..];
            let gradient = Matrix::packed(gradient, [shape.c_out, n]).transposed();
            for (row, weight) in weight.chunks_exact_mut(rows.weights).enumerate() {
                let under = under(shape, place / width, place % width, row);
                let under = Matrix::packed(&input[under..], [rows.inputs, n]);
                let mode = if number == 0 { Output::Replace } else { Output::Add };
                multiply(weight, shape.c_out, under, gradient, mode);
            }
        }
    });
    weight
}

/// Where the input under one row of the window at a place begins.
fn under(shape: &ConvShape, y: usize, x: usize, row: usize) -> usize {
    let pixel = (y * shape.stride + row) * shape.size[1] + x * shape.stride;
    pixel * shape.c_in * shape.n
}

/// `[n, channels, pixels]` to `[pixels, channels, n]`.
fn batch_innermost(maps: &[f32], n: usize, channels: usize) -> Vec<f32> {
    let pixels = maps.len() / (n * channels);
    let mut turned = vec![0.0; maps.len()];
    turned.par_chunks_mut(channels * n).enumerate().for_each(|(pixel, turned)| {
        for (channel, values) in turned.chunks_exact_mut(n).enumerate() {
            for (picture, value) in values.iter_mut().enumerate() {
                *value = maps[(picture * channels + channel) * pixels + pixel];
            }
        }
    });
    turned
}

/// `[pixels, channels, n]` to `[n, channels, pixels]`.
fn batch_outermost(turned: &[f32], n: usize, channels: usize) -> Vec<f32> {
    let pixels = turned.len() / (n * channels);
    let mut maps = vec![0.0; turned.len()];
    maps.par_chunks_mut(pixels).enumerate().for_each(|(plane, values)| {
        let (picture, channel) = (plane / channels, plane % channels);
        for (pixel, value) in values.iter_mut().enumerate() {
            *value = turned[(pixel * channels + channel) * n + picture];
        }
    });
    maps
}

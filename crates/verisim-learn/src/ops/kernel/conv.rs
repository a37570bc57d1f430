//! Convolution of whole batches by unfolding windows into columns and multiplying matrices.
//!
//! It knows slices and shapes, not tensors. Layouts are `[n, channels, height, width]` for pictures
//! and `[c_out, c_in, k_height, k_width]` for weights, as in Burn and PyTorch.

use std::ops::Range;

use rayon::prelude::*;

use super::gemm::{Matrix, Output, multiply};
use super::simd::vectorized;

/// Numbers in one block of unfolded columns: 1 MiB, what fits the second cache level.
const BLOCK_LEN: usize = 1 << 18;
/// Columns below which a product is not worth its preparation; small pictures share one.
const MIN_COLUMNS: usize = 192;

/// Sizes of a convolution without dilation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConvShape {
    /// Pictures in the batch.
    pub(crate) n: usize,
    /// Channels of the input.
    pub(crate) c_in: usize,
    /// Channels of the output.
    pub(crate) c_out: usize,
    /// Height and width of the input.
    pub(crate) size: [usize; 2],
    /// Height and width of the kernel.
    pub(crate) kernel: [usize; 2],
    /// Step between windows, in both directions.
    pub(crate) stride: usize,
    /// Zeros around the input: above and below, left and right.
    pub(crate) padding: [usize; 2],
}

impl ConvShape {
    /// Height and width of the output.
    pub(crate) fn out_size(&self) -> [usize; 2] {
        [0, 1].map(|side| {
            (self.size[side] + 2 * self.padding[side] - self.kernel[side]) / self.stride + 1
        })
    }

    /// Numbers of one input picture.
    pub(crate) fn input_len(&self) -> usize {
        self.c_in * self.size[0] * self.size[1]
    }

    /// Numbers of one output picture.
    pub(crate) fn output_len(&self) -> usize {
        self.c_out * self.out_pixels()
    }

    /// Numbers of the weights.
    pub(crate) fn weight_len(&self) -> usize {
        self.c_out * self.window_len()
    }

    fn out_pixels(&self) -> usize {
        let [height, width] = self.out_size();
        height * width
    }

    /// Numbers under one window.
    fn window_len(&self) -> usize {
        self.c_in * self.kernel[0] * self.kernel[1]
    }

    /// Whether the columns are the picture itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == 1 && self.padding == [0, 0]
    }

    /// The pictures that each thread takes.
    pub(crate) fn pictures_per_thread(&self) -> usize {
        self.n.div_ceil(rayon::current_num_threads()).max(1)
    }
}

/// A run of output rows of one picture, or several whole pictures: what one product computes.
#[derive(Clone, Debug)]
struct Block {
    pictures: Range<usize>,
    rows: Range<usize>,
}

impl Block {
    /// Cuts `pictures` into blocks.
    fn cut(shape: &ConvShape, pictures: Range<usize>) -> Vec<Self> {
        let [height, width] = shape.out_size();
        let mut blocks = Vec::new();
        if height * width < MIN_COLUMNS {
            let per_block = MIN_COLUMNS.div_ceil(height * width);
            for start in pictures.clone().step_by(per_block) {
                let end = (start + per_block).min(pictures.end);
                blocks.push(Self { pictures: start..end, rows: 0..height });
            }
            return blocks;
        }
        let fitting = BLOCK_LEN / (shape.window_len() * width);
        let per_block = fitting.max(MIN_COLUMNS.div_ceil(width)).min(height);
        for picture in pictures {
            for start in (0..height).step_by(per_block) {
                let rows = start..(start + per_block).min(height);
                blocks.push(Self { pictures: picture..picture + 1, rows });
            }
        }
        blocks
    }

    /// Columns of one picture, and of all.
    fn n_columns(&self, shape: &ConvShape) -> (usize, usize) {
        let per_picture = self.rows.len() * shape.out_size()[1];
        (per_picture, per_picture * self.pictures.len())
    }
}

/// Output of a convolution: `[n, c_out, h_out, w_out]`.
pub(crate) fn forward(shape: &ConvShape, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let mut output = vec![0.0; shape.n * shape.output_len()];
    let per_thread = shape.pictures_per_thread();
    output
        .par_chunks_mut(per_thread * shape.output_len())
        .zip(input.par_chunks(per_thread * shape.input_len()))
        .for_each(|(output, input)| forward_some(shape, input, weight, output));
    output
}

fn forward_some(shape: &ConvShape, input: &[f32], weight: &[f32], output: &mut [f32]) {
    let weight = Matrix::packed(weight, [shape.c_out, shape.window_len()]);
    let mut columns = Vec::new();
    let mut product = Vec::new();
    for block in Block::cut(shape, 0..input.len() / shape.input_len()) {
        let (per_picture, n_columns) = block.n_columns(shape);
        let first =
            block.pictures.start * shape.output_len() + block.rows.start * shape.out_size()[1];
        let columns = unfold(shape, input, &block, &mut columns);
        if block.pictures.len() == 1 {
            multiply(&mut output[first..], shape.out_pixels(), weight, columns, Output::Replace);
            continue;
        }
        product.resize(shape.c_out * n_columns, 0.0);
        multiply(&mut product, n_columns, weight, columns, Output::Replace);
        for (index, picture) in block.pictures.enumerate() {
            for channel in 0..shape.c_out {
                let to = (picture * shape.c_out + channel) * per_picture;
                let from = channel * n_columns + index * per_picture;
                output[to..to + per_picture].copy_from_slice(&product[from..from + per_picture]);
            }
        }
    }
}

/// Gradient of the input from that of the output.
pub(crate) fn input_gradient(shape: &ConvShape, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut input = vec![0.0; shape.n * shape.input_len()];
    let per_thread = shape.pictures_per_thread();
    input
        .par_chunks_mut(per_thread * shape.input_len())
        .zip(gradient.par_chunks(per_thread * shape.output_len()))
        .for_each(|(input, gradient)| input_gradient_some(shape, weight, gradient, input));
    input
}

fn input_gradient_some(shape: &ConvShape, weight: &[f32], gradient: &[f32], input: &mut [f32]) {
    let weight = Matrix::packed(weight, [shape.c_out, shape.window_len()]).transposed();
    let mut gathered = Vec::new();
    let mut columns = Vec::new();
    for block in Block::cut(shape, 0..gradient.len() / shape.output_len()) {
        let (_, n_columns) = block.n_columns(shape);
        let gradient = gather(shape, gradient, &block, &mut gathered);
        if shape.is_pointwise() && block.pictures.len() == 1 {
            let first = block.pictures.start * shape.input_len() + block.rows.start * shape.size[1];
            let stride = shape.out_pixels();
            multiply(&mut input[first..], stride, weight, gradient, Output::Replace);
            continue;
        }
        columns.resize(shape.window_len() * n_columns, 0.0);
        multiply(&mut columns, n_columns, weight, gradient, Output::Replace);
        fold(shape, &columns, &block, input);
    }
}

/// Gradient of the weights from that of the output.
pub(crate) fn weight_gradient(shape: &ConvShape, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let per_thread = shape.pictures_per_thread();
    let parts: Vec<Vec<f32>> = input
        .par_chunks(per_thread * shape.input_len())
        .zip(gradient.par_chunks(per_thread * shape.output_len()))
        .map(|(input, gradient)| weight_gradient_some(shape, input, gradient))
        .collect();
    sum_parts(parts)
}

/// Adds up what the threads found, always in the same order.
pub(crate) fn sum_parts(parts: Vec<Vec<f32>>) -> Vec<f32> {
    let mut parts = parts.into_iter();
    let mut total = parts.next().unwrap_or_default();
    for part in parts {
        total
            .par_iter_mut()
            .with_min_len(1 << 14)
            .zip(&part)
            .for_each(|(total, part)| *total += part);
    }
    total
}

fn weight_gradient_some(shape: &ConvShape, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut weight = vec![0.0; shape.weight_len()];
    let mut gathered = Vec::new();
    let mut columns = Vec::new();
    for block in Block::cut(shape, 0..gradient.len() / shape.output_len()) {
        let gradient = gather(shape, gradient, &block, &mut gathered);
        let columns = unfold(shape, input, &block, &mut columns).transposed();
        multiply(&mut weight, shape.window_len(), gradient, columns, Output::Add);
    }
    weight
}

/// The output gradient of a block as a matrix `[c_out, columns]`.
fn gather<'a>(
    shape: &ConvShape,
    gradient: &'a [f32],
    block: &Block,
    gathered: &'a mut Vec<f32>,
) -> Matrix<'a> {
    let (per_picture, n_columns) = block.n_columns(shape);
    if block.pictures.len() == 1 {
        let first =
            block.pictures.start * shape.output_len() + block.rows.start * shape.out_size()[1];
        return Matrix::new(&gradient[first..], [shape.c_out, n_columns], shape.out_pixels());
    }
    gathered.resize(shape.c_out * n_columns, 0.0);
    for (index, picture) in block.pictures.clone().enumerate() {
        for channel in 0..shape.c_out {
            let from = (picture * shape.c_out + channel) * per_picture;
            let to = channel * n_columns + index * per_picture;
            gathered[to..to + per_picture].copy_from_slice(&gradient[from..from + per_picture]);
        }
    }
    Matrix::packed(gathered, [shape.c_out, n_columns])
}

/// The windows of a block as a matrix `[c_in * k_height * k_width, columns]`.
fn unfold<'a>(
    shape: &ConvShape,
    input: &'a [f32],
    block: &Block,
    columns: &'a mut Vec<f32>,
) -> Matrix<'a> {
    let (per_picture, n_columns) = block.n_columns(shape);
    if shape.is_pointwise() && block.pictures.len() == 1 {
        let first = block.pictures.start * shape.input_len() + block.rows.start * shape.size[1];
        return Matrix::new(&input[first..], [shape.c_in, n_columns], shape.out_pixels());
    }
    columns.resize(shape.window_len() * n_columns, 0.0);
    let width = shape.out_size()[1];
    vectorized(
        #[inline(always)]
        || {
            for (index, picture) in block.pictures.clone().enumerate() {
                let picture = &input[picture * shape.input_len()..][..shape.input_len()];
                for (tap, line) in columns.chunks_exact_mut(n_columns).enumerate() {
                    let line = &mut line[index * per_picture..][..per_picture];
                    for (y, line) in block.rows.clone().zip(line.chunks_exact_mut(width)) {
                        unfold_row(shape, picture, tap, y, line);
                    }
                }
            }
        },
    );
    Matrix::packed(columns, [shape.window_len(), n_columns])
}

/// Where a tap of the kernel lies: its channel, and its offsets from the top left of the window.
#[inline(always)]
fn tap_position(shape: &ConvShape, tap: usize) -> (usize, usize, usize) {
    let [k_height, k_width] = shape.kernel;
    (tap / (k_height * k_width), tap / k_width % k_height, tap % k_width)
}

/// The part of an output row whose windows' tap at offset `x_tap` is inside the input.
#[inline(always)]
fn inside(shape: &ConvShape, x_tap: usize, width: usize) -> Range<usize> {
    let start = shape.padding[1].saturating_sub(x_tap).div_ceil(shape.stride).min(width);
    let end = (shape.size[1] + shape.padding[1]).saturating_sub(x_tap).div_ceil(shape.stride);
    start..end.clamp(start, width)
}

#[inline(always)]
fn unfold_row(shape: &ConvShape, picture: &[f32], tap: usize, y: usize, line: &mut [f32]) {
    let [height, width] = shape.size;
    let (channel, y_tap, x_tap) = tap_position(shape, tap);
    let y_padded = y * shape.stride + y_tap;
    if y_padded < shape.padding[0] || y_padded >= height + shape.padding[0] {
        line.fill(0.0);
        return;
    }
    let row = &picture[(channel * height + y_padded - shape.padding[0]) * width..][..width];
    let inside = inside(shape, x_tap, line.len());
    if inside.is_empty() {
        line.fill(0.0);
        return;
    }
    line[..inside.start].fill(0.0);
    line[inside.end..].fill(0.0);
    let first = inside.start * shape.stride + x_tap - shape.padding[1];
    if shape.stride == 1 {
        let n = inside.len();
        line[inside].copy_from_slice(&row[first..first + n]);
    } else {
        let line = line[inside].iter_mut();
        line.zip(row[first..].iter().step_by(shape.stride)).for_each(|(to, from)| *to = *from);
    }
}

/// Adds the columns of a block back to the pictures that they were unfolded from.
fn fold(shape: &ConvShape, columns: &[f32], block: &Block, input: &mut [f32]) {
    let (per_picture, n_columns) = block.n_columns(shape);
    let width = shape.out_size()[1];
    vectorized(
        #[inline(always)]
        || {
            for (index, picture) in block.pictures.clone().enumerate() {
                let picture = &mut input[picture * shape.input_len()..][..shape.input_len()];
                for (tap, line) in columns.chunks_exact(n_columns).enumerate() {
                    let line = &line[index * per_picture..][..per_picture];
                    for (y, line) in block.rows.clone().zip(line.chunks_exact(width)) {
                        fold_row(shape, picture, tap, y, line);
                    }
                }
            }
        },
    );
}

#[inline(always)]
fn fold_row(shape: &ConvShape, picture: &mut [f32], tap: usize, y: usize, line: &[f32]) {
    let [height, width] = shape.size;
    let (channel, y_tap, x_tap) = tap_position(shape, tap);
    let y_padded = y * shape.stride + y_tap;
    if y_padded < shape.padding[0] || y_padded >= height + shape.padding[0] {
        return;
    }
    let row = &mut picture[(channel * height + y_padded - shape.padding[0]) * width..][..width];
    let inside = inside(shape, x_tap, line.len());
    if inside.is_empty() {
        return;
    }
    let first = inside.start * shape.stride + x_tap - shape.padding[1];
    let line = line[inside].iter();
    if shape.stride == 1 {
        line.zip(&mut row[first..]).for_each(|(from, to)| *to += from);
    } else {
        line.zip(row[first..].iter_mut().step_by(shape.stride)).for_each(|(from, to)| *to += from);
    }
}

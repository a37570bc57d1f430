//! Convolution with 3 x 3 windows at stride 1 by Winograd's minimal filtering F(4 x 4, 3 x 3).
//!
//! A tile of 6 x 6 inputs yields 4 x 4 outputs with 36 multiplications instead of 144:
//!
//! ```text
//! U = G w Gᵀ      V = Bᵀ x B      M = Σ U ⊙ V      y = Aᵀ M A
//! ```
//!
//! where the sum runs over input channels, so that each of the 36 positions is one matrix product
//! over all tiles. The gradients follow by transposing each step. Lavin and Gray, *Fast Algorithms
//! for Convolutional Neural Networks*, CVPR 2016, <https://arxiv.org/abs/1509.09308>.
//!
//! It knows slices and shapes, not tensors; the tiles and their transforms are in `winograd_tile`.

use rayon::prelude::*;

use super::conv::{ConvShape, sum_parts};
use super::gemm::{Matrix, Output, multiply};
use super::simd::{Lanes, WIDTH, vectorized};
use super::winograd_tile::{POSITIONS, Plane, TILE, Tiles, filter_gradient, filter_transform};

/// Tiles that share one product: enough to keep it busy, few enough for the second cache level.
const TILES_PER_BLOCK: usize = 112;

/// Whether this algorithm computes the convolution.
pub(crate) fn applies(shape: &ConvShape) -> bool {
    shape.kernel == [3, 3]
        && shape.stride == 1
        && shape.padding == [1, 1]
        && shape.c_in.is_multiple_of(WIDTH)
        && shape.c_out.is_multiple_of(WIDTH)
        && shape.size[0] > 2
        && shape.size[1] > 2
}

/// Output of a convolution: `[n, c_out, h, w]`.
pub(crate) fn forward(shape: &ConvShape, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let filters = transform_filters(shape, weight);
    let mut output = vec![0.0; shape.n * shape.output_len()];
    let per_thread = shape.pictures_per_thread();
    output
        .par_chunks_mut(per_thread * shape.output_len())
        .zip(input.par_chunks(per_thread * shape.input_len()))
        .for_each(|(output, input)| forward_some(shape, input, &filters, output));
    output
}

/// Gradients of the input and of the weights from that of the output.
pub(crate) fn backward(
    shape: &ConvShape,
    input: &[f32],
    weight: &[f32],
    gradient: &[f32],
) -> (Vec<f32>, Vec<f32>) {
    let filters = transform_filters(shape, weight);
    let mut input_gradient = vec![0.0; shape.n * shape.input_len()];
    let per_thread = shape.pictures_per_thread();
    let parts: Vec<Vec<f32>> = input_gradient
        .par_chunks_mut(per_thread * shape.input_len())
        .zip(input.par_chunks(per_thread * shape.input_len()))
        .zip(gradient.par_chunks(per_thread * shape.output_len()))
        .map(|((input_gradient, input), gradient)| {
            backward_some(shape, input, &filters, gradient, input_gradient)
        })
        .collect();
    (input_gradient, fold_filters(shape, &sum_parts(parts)))
}

/// `U`: `[36, c_in, c_out]`.
fn transform_filters(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let (c_in, c_out) = (shape.c_in, shape.c_out);
    let mut filters = vec![0.0; POSITIONS * c_in * c_out];
    // Rows of one input channel, for every position: each thread owns whole input channels.
    let mut rows: Vec<Vec<&mut [f32]>> = (0..c_in).map(|_| Vec::with_capacity(POSITIONS)).collect();
    for (index, row) in filters.chunks_exact_mut(c_out).enumerate() {
        rows[index % c_in].push(row);
    }
    rows.into_par_iter().with_min_len(8).enumerate().for_each(|(channel, mut rows)| {
        vectorized(
            #[inline(always)]
            || {
                for start in (0..c_out).step_by(WIDTH) {
                    let taps: [Lanes; 9] = std::array::from_fn(|tap| {
                        Lanes(std::array::from_fn(|lane| {
                            weight[((start + lane) * c_in + channel) * 9 + tap]
                        }))
                    });
                    for (row, value) in rows.iter_mut().zip(filter_transform(&taps)) {
                        value.store(&mut row[start..]);
                    }
                }
            },
        );
    });
    filters
}

/// Gradient of the weights from that of `U`.
fn fold_filters(shape: &ConvShape, filters: &[f32]) -> Vec<f32> {
    let (c_in, c_out) = (shape.c_in, shape.c_out);
    let mut weight = vec![0.0; shape.weight_len()];
    weight.par_chunks_mut(WIDTH * c_in * 9).enumerate().for_each(|(chunk, weight)| {
        vectorized(
            #[inline(always)]
            || {
                for channel in 0..c_in {
                    let values: [Lanes; POSITIONS] = std::array::from_fn(|position| {
                        Lanes::load(&filters[(position * c_in + channel) * c_out + chunk * WIDTH..])
                    });
                    for (tap, value) in filter_gradient(&values).into_iter().enumerate() {
                        for (lane, value) in value.0.into_iter().enumerate() {
                            weight[(lane * c_in + channel) * 9 + tap] = value;
                        }
                    }
                }
            },
        );
    });
    weight
}

/// One row of tiles of one picture.
#[derive(Clone, Copy)]
struct TileRow {
    picture: usize,
    row: usize,
}

/// The rows of tiles of some pictures, in blocks of about [`TILES_PER_BLOCK`] tiles.
fn blocks(shape: &ConvShape, n_pictures: usize) -> Vec<Vec<TileRow>> {
    let [height, width] = shape.size;
    let rows: Vec<TileRow> = (0..n_pictures)
        .flat_map(|picture| (0..height.div_ceil(TILE)).map(move |row| TileRow { picture, row }))
        .collect();
    let per_block = (TILES_PER_BLOCK / width.div_ceil(TILE)).max(1);
    rows.chunks(per_block).map(<[TileRow]>::to_vec).collect()
}

fn forward_some(shape: &ConvShape, input: &[f32], filters: &[f32], output: &mut [f32]) {
    let (c_in, c_out) = (shape.c_in, shape.c_out);
    let mut input_plane = Plane::new(shape.size, c_in);
    let mut output_plane = Plane::new(shape.size, c_out);
    let mut inputs = Tiles::new(c_in);
    let mut products = Tiles::new(c_out);
    let mut loaded = None;
    for block in blocks(shape, input.len() / shape.input_len()) {
        let n_tiles = block.len() * input_plane.tiles_per_row();
        inputs.resize(n_tiles);
        products.resize(n_tiles);
        for (index, TileRow { picture, row }) in block.iter().copied().enumerate() {
            if loaded != Some(picture) {
                input_plane.load(&input[picture * shape.input_len()..][..shape.input_len()]);
                loaded = Some(picture);
            }
            input_plane.input_tiles(row, &mut inputs, index);
        }
        for position in 0..POSITIONS {
            let inputs = Matrix::packed(inputs.at(position), [n_tiles, c_in]);
            let filters = &filters[position * c_in * c_out..][..c_in * c_out];
            let filters = Matrix::packed(filters, [c_in, c_out]);
            multiply(products.at_mut(position), c_out, inputs, filters, Output::Replace);
        }
        for (index, TileRow { picture, row }) in block.into_iter().enumerate() {
            output_plane.set_output_tiles(row, &products, index);
            let output = &mut output[picture * shape.output_len()..][..shape.output_len()];
            output_plane.store_rows(row, output);
        }
    }
}

/// Fills the gradient of the input, and returns that of `U`.
fn backward_some(
    shape: &ConvShape,
    input: &[f32],
    filters: &[f32],
    gradient: &[f32],
    input_gradient: &mut [f32],
) -> Vec<f32> {
    let (c_in, c_out) = (shape.c_in, shape.c_out);
    let mut filter_gradient = vec![0.0; POSITIONS * c_in * c_out];
    let mut input_plane = Plane::new(shape.size, c_in);
    let mut gradient_plane = Plane::new(shape.size, c_out);
    let mut back_plane = Plane::new(shape.size, c_in);
    let mut inputs = Tiles::new(c_in);
    let mut gradients = Tiles::new(c_out);
    let mut loaded = None;
    for block in blocks(shape, input.len() / shape.input_len()) {
        let n_tiles = block.len() * input_plane.tiles_per_row();
        inputs.resize(n_tiles);
        gradients.resize(n_tiles);
        for (index, TileRow { picture, row }) in block.iter().copied().enumerate() {
            if loaded != Some(picture) {
                input_plane.load(&input[picture * shape.input_len()..][..shape.input_len()]);
                gradient_plane
                    .load(&gradient[picture * shape.output_len()..][..shape.output_len()]);
                loaded = Some(picture);
            }
            input_plane.input_tiles(row, &mut inputs, index);
            gradient_plane.gradient_tiles(row, &mut gradients, index);
        }
        for position in 0..POSITIONS {
            let sizes = c_in * c_out;
            let tiles = Matrix::packed(inputs.at(position), [n_tiles, c_in]).transposed();
            let gradients = Matrix::packed(gradients.at(position), [n_tiles, c_out]);
            let sum = &mut filter_gradient[position * sizes..][..sizes];
            multiply(sum, c_out, tiles, gradients, Output::Add);
            // The transformed inputs have done their work: their place takes the gradients.
            let filters = Matrix::packed(&filters[position * sizes..][..sizes], [c_in, c_out]);
            let filters = filters.transposed();
            multiply(inputs.at_mut(position), c_in, gradients, filters, Output::Replace);
        }
        for (index, TileRow { picture, row }) in block.into_iter().enumerate() {
            if row == 0 {
                back_plane.clear();
            }
            back_plane.add_input_tiles(row, &inputs, index);
            if row + 1 == shape.size[0].div_ceil(TILE) {
                back_plane.store_all(
                    &mut input_gradient[picture * shape.input_len()..][..shape.input_len()],
                );
            }
        }
    }
    filter_gradient
}

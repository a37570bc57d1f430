//! Depthwise convolution: every channel has a window of its own.
//!
//! It knows slices and shapes, not tensors. Both channel counts of the [`ConvShape`] are equal;
//! weights are `[channels, 1, k_height, k_width]`.

use rayon::prelude::*;

use super::conv::ConvShape;
use super::simd::vectorized;

/// Output of a convolution: `[n, channels, h_out, w_out]`.
pub(crate) fn forward(shape: &ConvShape, input: &[f32], weight: &[f32]) -> Vec<f32> {
    let plane = Plane::new(shape);
    let mut output = vec![0.0; shape.n * shape.output_len()];
    output.par_chunks_mut(plane.out_len).zip(input.par_chunks(plane.in_len)).enumerate().for_each(
        |(index, (output, input))| {
            let window = plane.window(weight, index % shape.c_in);
            vectorized(
                #[inline(always)]
                || {
                    for (span, &factor) in plane.spans.iter().zip(window) {
                        for row in 0..span.n_rows {
                            let output =
                                &mut output[span.out_start(&plane, row)..][..span.n_columns];
                            let input = &input[span.in_start(&plane, row)..];
                            if plane.stride == 1 {
                                add_scaled(output.iter_mut(), input.iter(), factor);
                            } else {
                                add_scaled(
                                    output.iter_mut(),
                                    input.iter().step_by(plane.stride),
                                    factor,
                                );
                            }
                        }
                    }
                },
            );
        },
    );
    output
}

/// Gradient of the input from that of the output.
pub(crate) fn input_gradient(shape: &ConvShape, weight: &[f32], gradient: &[f32]) -> Vec<f32> {
    let plane = Plane::new(shape);
    let mut input = vec![0.0; shape.n * shape.input_len()];
    input
        .par_chunks_mut(plane.in_len)
        .zip(gradient.par_chunks(plane.out_len))
        .enumerate()
        .for_each(|(index, (input, gradient))| {
            let window = plane.window(weight, index % shape.c_in);
            vectorized(
                #[inline(always)]
                || {
                    for (span, &factor) in plane.spans.iter().zip(window) {
                        for row in 0..span.n_rows {
                            let gradient =
                                &gradient[span.out_start(&plane, row)..][..span.n_columns];
                            let input = &mut input[span.in_start(&plane, row)..];
                            if plane.stride == 1 {
                                add_scaled(input.iter_mut(), gradient.iter(), factor);
                            } else {
                                add_scaled(
                                    input.iter_mut().step_by(plane.stride),
                                    gradient.iter(),
                                    factor,
                                );
                            }
                        }
                    }
                },
            );
        });
    input
}

/// Gradient of the weights from that of the output.
pub(crate) fn weight_gradient(shape: &ConvShape, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let plane = Plane::new(shape);
    let mut weight = vec![0.0; shape.c_in * plane.spans.len()];
    weight.par_chunks_mut(plane.spans.len()).enumerate().for_each(|(channel, weight)| {
        for picture in 0..shape.n {
            let index = picture * shape.c_in + channel;
            let input = &input[index * plane.in_len..][..plane.in_len];
            let gradient = &gradient[index * plane.out_len..][..plane.out_len];
            vectorized(
                #[inline(always)]
                || {
                    for (span, weight) in plane.spans.iter().zip(weight.iter_mut()) {
                        *weight += span.correlation(&plane, input, gradient);
                    }
                },
            );
        }
    });
    weight
}

#[inline(always)]
fn add_scaled<'a>(
    to: impl Iterator<Item = &'a mut f32>,
    from: impl Iterator<Item = &'a f32>,
    factor: f32,
) {
    to.zip(from).for_each(|(to, from)| *to += from * factor);
}

/// What all planes of a batch share.
struct Plane {
    in_len: usize,
    out_len: usize,
    in_width: usize,
    out_width: usize,
    stride: usize,
    spans: Vec<Span>,
}

/// The outputs that one tap of the window contributes to: the others would read outside the input.
struct Span {
    /// First output row and column.
    out_first: [usize; 2],
    /// The input row and column that they read.
    in_first: [usize; 2],
    n_rows: usize,
    n_columns: usize,
}

impl Plane {
    fn new(shape: &ConvShape) -> Self {
        let out_size = shape.out_size();
        let [k_height, k_width] = shape.kernel;
        let spans = (0..k_height * k_width)
            .map(|tap| Span::new(shape, out_size, [tap / k_width, tap % k_width]))
            .collect();
        Self {
            in_len: shape.size[0] * shape.size[1],
            out_len: out_size[0] * out_size[1],
            in_width: shape.size[1],
            out_width: out_size[1],
            stride: shape.stride,
            spans,
        }
    }

    fn window<'a>(&self, weight: &'a [f32], channel: usize) -> &'a [f32] {
        &weight[channel * self.spans.len()..][..self.spans.len()]
    }
}

impl Span {
    fn new(shape: &ConvShape, out_size: [usize; 2], tap: [usize; 2]) -> Self {
        let first = [0, 1].map(|side| {
            shape.padding[side].saturating_sub(tap[side]).div_ceil(shape.stride).min(out_size[side])
        });
        let end = [0, 1].map(|side| {
            let end = (shape.size[side] + shape.padding[side]).saturating_sub(tap[side]);
            end.div_ceil(shape.stride).clamp(first[side], out_size[side])
        });
        let in_first = [0, 1].map(|side| {
            (first[side] * shape.stride + tap[side]).saturating_sub(shape.padding[side])
        });
        let [n_rows, n_columns] = [0, 1].map(|side| end[side] - first[side]);
        // A tap that never meets the input has no rows to visit either.
        let n_rows = if n_columns == 0 { 0 } else { n_rows };
        Self { out_first: first, in_first, n_rows, n_columns }
    }

    #[inline(always)]
    fn out_start(&self, plane: &Plane, row: usize) -> usize {
        (self.out_first[0] + row) * plane.out_width + self.out_first[1]
    }

    #[inline(always)]
    fn in_start(&self, plane: &Plane, row: usize) -> usize {
        (self.in_first[0] + row * plane.stride) * plane.in_width + self.in_first[1]
    }

    /// Sum of products of the outputs' gradient and the inputs under this tap.
    #[inline(always)]
    fn correlation(&self, plane: &Plane, input: &[f32], gradient: &[f32]) -> f32 {
        let mut sum = 0.0;
        for row in 0..self.n_rows {
            let gradient = &gradient[self.out_start(plane, row)..][..self.n_columns];
            let input = &input[self.in_start(plane, row)..];
            sum += if plane.stride == 1 {
                dot(&input[..self.n_columns], gradient)
            } else {
                input.iter().step_by(plane.stride).zip(gradient).map(|(a, b)| a * b).sum()
            };
        }
        sum
    }
}

/// Dot product in eight fixed partial sums, so that it can be vectorized.
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

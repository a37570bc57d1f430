//! PReLU with one slope a channel: `max(x, 0) + slope * min(x, 0)`.
//!
//! It knows slices `[n, channels, plane]`, not tensors.

use rayon::prelude::*;

use super::simd::{Lanes, WIDTH, vectorized};

/// Output of the activation; `plane_len` is the number of pixels of a channel.
pub(crate) fn forward(input: &[f32], slopes: &[f32], plane_len: usize) -> Vec<f32> {
    let mut output = vec![0.0; input.len()];
    output.par_chunks_mut(plane_len).zip(input.par_chunks(plane_len)).enumerate().for_each(
        |(index, (output, input))| {
            let slope = slopes[index % slopes.len()];
            vectorized(
                #[inline(always)]
                || {
                    for (output, &input) in output.iter_mut().zip(input) {
                        *output = if input >= 0.0 { input } else { slope * input };
                    }
                },
            );
        },
    );
    output
}

/// Gradients of the input and of the slopes from that of the output.
pub(crate) fn backward(
    input: &[f32],
    slopes: &[f32],
    gradient: &[f32],
    plane_len: usize,
) -> (Vec<f32>, Vec<f32>) {
    let mut input_gradient = vec![0.0; input.len()];
    let per_plane: Vec<f32> = input_gradient
        .par_chunks_mut(plane_len)
        .zip(input.par_chunks(plane_len))
        .zip(gradient.par_chunks(plane_len))
        .enumerate()
        .map(|(index, ((input_gradient, input), gradient))| {
            let slope = slopes[index % slopes.len()];
            vectorized(
                #[inline(always)]
                || backward_plane(input, slope, gradient, input_gradient),
            )
        })
        .collect();
    let mut slope_gradient = vec![0.0; slopes.len()];
    for planes in per_plane.chunks(slopes.len()) {
        for (total, part) in slope_gradient.iter_mut().zip(planes) {
            *total += part;
        }
    }
    (input_gradient, slope_gradient)
}

/// Fills the gradient of the input, and returns that of the slope.
#[inline(always)]
fn backward_plane(input: &[f32], slope: f32, gradient: &[f32], input_gradient: &mut [f32]) -> f32 {
    let step = |input: f32, gradient: f32| {
        let factor = if input >= 0.0 { 1.0 } else { slope };
        (factor * gradient, input.min(0.0) * gradient)
    };
    let mut sums = [0.0; WIDTH];
    let (inputs, input_rest) = input.as_chunks::<WIDTH>();
    let (gradients, gradient_rest) = gradient.as_chunks::<WIDTH>();
    let (outputs, output_rest) = input_gradient.as_chunks_mut::<WIDTH>();
    for ((output, input), gradient) in outputs.iter_mut().zip(inputs).zip(gradients) {
        for lane in 0..WIDTH {
            let (value, part) = step(input[lane], gradient[lane]);
            output[lane] = value;
            sums[lane] += part;
        }
    }
    let mut rest = 0.0;
    for ((output, &input), &gradient) in output_rest.iter_mut().zip(input_rest).zip(gradient_rest) {
        let (value, part) = step(input, gradient);
        *output = value;
        rest += part;
    }
    Lanes(sums).sum() + rest
}

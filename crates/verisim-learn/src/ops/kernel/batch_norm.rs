//! Batch normalization over a batch: `(x - mean) / sqrt(variance + epsilon) * gamma + beta`.
//!
//! It knows slices `[n, channels, plane]`, not tensors, and nothing of running statistics. Ioffe and
//! Szegedy, *Batch Normalization*, 2015, <https://arxiv.org/abs/1502.03167>.

use rayon::prelude::*;

use super::simd::{Lanes, WIDTH, vectorized};

/// What a batch looks like, channel by channel.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    /// Mean of each channel.
    pub(crate) mean: Vec<f32>,
    /// Variance of each channel, divided by the number of values (not less one).
    pub(crate) variance: Vec<f32>,
}

/// Gradients of a batch normalization.
pub(crate) struct Gradients {
    pub(crate) input: Vec<f32>,
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
}

/// Mean and variance of each of `channels` channels.
///
/// Each plane is looked at while it is in the cache: its mean, then its squared deviations from
/// it. The planes are then put together in `f64` by the parallel rule of Chan et al. (1979), which
/// does not cancel where the mean is large.
pub(crate) fn statistics(input: &[f32], channels: usize, plane_len: usize) -> Statistics {
    let planes: Vec<(f64, f64)> = input
        .par_chunks(plane_len)
        .map(|plane| {
            let mean = sum(plane, |value| value) / plane_len as f32;
            let deviation = sum(plane, |value| (value - mean) * (value - mean));
            (f64::from(mean), f64::from(deviation))
        })
        .collect();
    let mut statistics = Statistics { mean: Vec::new(), variance: Vec::new() };
    for channel in 0..channels {
        let planes = || planes[channel..].iter().step_by(channels);
        let n = planes().count() as f64;
        let mean = planes().map(|(mean, _)| mean).sum::<f64>() / n;
        let within = planes().map(|(_, deviation)| deviation).sum::<f64>() / plane_len as f64;
        let between = planes().map(|(plane, _)| (plane - mean).powi(2)).sum::<f64>();
        statistics.mean.push(mean as f32);
        statistics.variance.push(((within + between) / n) as f32);
    }
    statistics
}

/// Output of the normalization.
pub(crate) fn forward(
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    statistics: &Statistics,
    epsilon: f64,
    plane_len: usize,
) -> Vec<f32> {
    let channels = gamma.len();
    let mut output = vec![0.0; input.len()];
    output.par_chunks_mut(plane_len).zip(input.par_chunks(plane_len)).enumerate().for_each(
        |(index, (output, input))| {
            let channel = index % channels;
            let scale = gamma[channel] * statistics.inverse_deviation(channel, epsilon);
            let (mean, shift) = (statistics.mean[channel], beta[channel]);
            vectorized(
                #[inline(always)]
                || {
                    for (output, input) in output.iter_mut().zip(input) {
                        *output = (input - mean) * scale + shift;
                    }
                },
            );
        },
    );
    output
}

/// Gradients from that of the output, through the statistics as well.
pub(crate) fn backward(
    input: &[f32],
    gamma: &[f32],
    gradient: &[f32],
    statistics: &Statistics,
    epsilon: f64,
    plane_len: usize,
) -> Gradients {
    let channels = gamma.len();
    let planes: Vec<(f64, f64)> = input
        .par_chunks(plane_len)
        .zip(gradient.par_chunks(plane_len))
        .enumerate()
        .map(|(index, (input, gradient))| {
            let mean = statistics.mean[index % channels];
            vectorized(
                #[inline(always)]
                || gradient_sums(input, gradient, mean),
            )
        })
        .collect();
    let total = |channel: usize, part: fn(&(f64, f64)) -> f64| {
        planes[channel..].iter().step_by(channels).map(part).sum::<f64>()
    };
    let beta: Vec<f32> =
        (0..channels).map(|channel| total(channel, |(gradient, _)| *gradient) as f32).collect();
    let gamma_gradient: Vec<f32> = (0..channels)
        .map(|channel| {
            let product = total(channel, |(_, product)| *product);
            (product * f64::from(statistics.inverse_deviation(channel, epsilon))) as f32
        })
        .collect();

    let n_values = (input.len() / channels) as f32;
    let mut input_gradient = vec![0.0; input.len()];
    input_gradient
        .par_chunks_mut(plane_len)
        .zip(input.par_chunks(plane_len))
        .zip(gradient.par_chunks(plane_len))
        .enumerate()
        .for_each(|(index, ((output, input), gradient))| {
            let channel = index % channels;
            let inverse = statistics.inverse_deviation(channel, epsilon);
            let scale = gamma[channel] * inverse;
            let mean = statistics.mean[channel];
            let mean_gradient = beta[channel] / n_values;
            let slope = gamma_gradient[channel] * inverse / n_values;
            vectorized(
                #[inline(always)]
                || {
                    for ((output, input), gradient) in output.iter_mut().zip(input).zip(gradient) {
                        *output = (gradient - mean_gradient - (input - mean) * slope) * scale;
                    }
                },
            );
        });
    Gradients { input: input_gradient, gamma: gamma_gradient, beta }
}

impl Statistics {
    fn inverse_deviation(&self, channel: usize, epsilon: f64) -> f32 {
        (1.0 / (f64::from(self.variance[channel]) + epsilon).sqrt()) as f32
    }
}

/// Sum over a plane, in 16 fixed partial sums.
fn sum(plane: &[f32], term: impl Fn(f32) -> f32) -> f32 {
    vectorized(
        #[inline(always)]
        || {
            let (blocks, rest) = plane.as_chunks::<WIDTH>();
            let mut sums = [0.0; WIDTH];
            for block in blocks {
                for (sum, value) in sums.iter_mut().zip(block) {
                    *sum += term(*value);
                }
            }
            Lanes(sums).sum() + rest.iter().map(|value| term(*value)).sum::<f32>()
        },
    )
}

/// Sums over a plane of the gradient, and of the gradient times the distance from the mean.
#[inline(always)]
fn gradient_sums(input: &[f32], gradient: &[f32], mean: f32) -> (f64, f64) {
    let (inputs, input_rest) = input.as_chunks::<WIDTH>();
    let (gradients, gradient_rest) = gradient.as_chunks::<WIDTH>();
    let (mut sums, mut products) = ([0.0; WIDTH], [0.0; WIDTH]);
    for (input, gradient) in inputs.iter().zip(gradients) {
        for lane in 0..WIDTH {
            sums[lane] += gradient[lane];
            products[lane] += gradient[lane] * (input[lane] - mean);
        }
    }
    let (mut sum, mut product) = (Lanes(sums).sum(), Lanes(products).sum());
    for (input, gradient) in input_rest.iter().zip(gradient_rest) {
        sum += gradient;
        product += gradient * (input - mean);
    }
    (f64::from(sum), f64::from(product))
}

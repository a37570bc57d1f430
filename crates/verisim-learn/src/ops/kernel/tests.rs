//! The kernels against plain loops over the definition, in `f64`.

use proptest::prelude::*;

use super::conv::ConvShape;
use super::local::{self, LocalShape};
use super::{batch_norm, conv, depthwise, prelu, winograd};

/// Pseudo-random numbers in `[-1, 1]`.
fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len).map(|_| next()).collect()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0f64, |max, value| max.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let difference = (f64::from(*found) - expected).abs();
        assert!(difference <= tolerance * scale, "at {index}: {found}, expected {expected}");
    }
}

/// Calls `visit(output, input, weight)` with the positions of every product of the convolution.
fn each_product(shape: &ConvShape, groups: usize, mut visit: impl FnMut(usize, usize, usize)) {
    let [height, width] = shape.size;
    let [k_height, k_width] = shape.kernel;
    let [out_height, out_width] = shape.out_size();
    let per_group = [shape.c_in / groups, shape.c_out / groups];
    for picture in 0..shape.n {
        for c_out in 0..shape.c_out {
            for c in 0..per_group[0] {
                let c_in = c_out / per_group[1] * per_group[0] + c;
                for (y, x) in (0..out_height).flat_map(|y| (0..out_width).map(move |x| (y, x))) {
                    for (ky, kx) in (0..k_height).flat_map(|y| (0..k_width).map(move |x| (y, x))) {
                        let y_in = (y * shape.stride + ky).wrapping_sub(shape.padding[0]);
                        let x_in = (x * shape.stride + kx).wrapping_sub(shape.padding[1]);
                        if y_in < height && x_in < width {
                            visit(
                                ((picture * shape.c_out + c_out) * out_height + y) * out_width + x,
                                ((picture * shape.c_in + c_in) * height + y_in) * width + x_in,
                                ((c_out * per_group[0] + c) * k_height + ky) * k_width + kx,
                            );
                        }
                    }
                }
            }
        }
    }
}

struct Case {
    input: Vec<f32>,
    weight: Vec<f32>,
    gradient: Vec<f32>,
    output: Vec<f64>,
    input_gradient: Vec<f64>,
    weight_gradient: Vec<f64>,
}

impl Case {
    fn new(shape: &ConvShape, groups: usize) -> Self {
        let weight_len = shape.weight_len() / groups;
        let input = noise(shape.n * shape.input_len(), 1);
        let weight = noise(weight_len, 2);
        let gradient = noise(shape.n * shape.output_len(), 3);
        let mut output = vec![0.0; gradient.len()];
        let mut input_gradient = vec![0.0; input.len()];
        let mut weight_gradient = vec![0.0; weight_len];
        each_product(shape, groups, |to, from, tap| {
            output[to] += f64::from(input[from]) * f64::from(weight[tap]);
            input_gradient[from] += f64::from(gradient[to]) * f64::from(weight[tap]);
            weight_gradient[tap] += f64::from(gradient[to]) * f64::from(input[from]);
        });
        Self { input, weight, gradient, output, input_gradient, weight_gradient }
    }
}

#[track_caller]
fn check_conv(shape: &ConvShape) {
    let case = Case::new(shape, 1);
    let tolerance = 1e-5;
    assert_close(&conv::forward(shape, &case.input, &case.weight), &case.output, tolerance);
    let input_gradient = conv::input_gradient(shape, &case.weight, &case.gradient);
    assert_close(&input_gradient, &case.input_gradient, tolerance);
    let weight_gradient = conv::weight_gradient(shape, &case.input, &case.gradient);
    assert_close(&weight_gradient, &case.weight_gradient, tolerance);
}

#[track_caller]
fn check_winograd(shape: &ConvShape) {
    assert!(winograd::applies(shape));
    let case = Case::new(shape, 1);
    // The transforms cost about a digit of precision.
    let tolerance = 1e-4;
    assert_close(&winograd::forward(shape, &case.input, &case.weight), &case.output, tolerance);
    let (input, weight) = winograd::backward(shape, &case.input, &case.weight, &case.gradient);
    assert_close(&input, &case.input_gradient, tolerance);
    assert_close(&weight, &case.weight_gradient, tolerance);
}

#[track_caller]
fn check_depthwise(shape: &ConvShape) {
    let case = Case::new(shape, shape.c_in);
    let tolerance = 1e-5;
    assert_close(&depthwise::forward(shape, &case.input, &case.weight), &case.output, tolerance);
    let input = depthwise::input_gradient(shape, &case.weight, &case.gradient);
    assert_close(&input, &case.input_gradient, tolerance);
    let weight = depthwise::weight_gradient(shape, &case.input, &case.gradient);
    assert_close(&weight, &case.weight_gradient, tolerance);
}

/// Locally connected layers over the products of a convolution, with other weights in every region of places.
#[track_caller]
fn check_local(shape: &ConvShape, region: usize) {
    let [height, width] = shape.out_size();
    let [down, across] = [height, width].map(|side| side.div_ceil(region));
    let (pixels, taps) = (height * width, shape.kernel[0] * shape.kernel[1]);
    let input = noise(shape.n * shape.input_len(), 1);
    let weight = noise(down * across * shape.weight_len(), 2);
    let gradient = noise(shape.n * shape.output_len(), 3);
    let mut output = vec![0.0; gradient.len()];
    let mut input_gradient = vec![0.0; input.len()];
    let mut weight_gradient = vec![0.0; weight.len()];
    each_product(shape, 1, |to, from, tap| {
        let (place, c_out) = (to % pixels, to / pixels % shape.c_out);
        let (c_in, tap) = (tap / taps % shape.c_in, tap % taps);
        let place = place / width / region * across + place % width / region;
        let tap = ((place * taps + tap) * shape.c_in + c_in) * shape.c_out + c_out;
        output[to] += f64::from(input[from]) * f64::from(weight[tap]);
        input_gradient[from] += f64::from(gradient[to]) * f64::from(weight[tap]);
        weight_gradient[tap] += f64::from(gradient[to]) * f64::from(input[from]);
    });
    let tolerance = 1e-5;
    let local = LocalShape { conv: *shape, region };
    assert_close(&local::forward(&local, &input, &weight), &output, tolerance);
    let found = local::input_gradient(&local, &weight, &gradient);
    assert_close(&found, &input_gradient, tolerance);
    let found = local::weight_gradient(&local, &input, &gradient);
    assert_close(&found, &weight_gradient, tolerance);
}

fn conv_shape(
    channels: [usize; 3],
    size: [usize; 2],
    kernel: [usize; 2],
    [stride, padding]: [usize; 2],
) -> ConvShape {
    padded(channels, size, kernel, stride, [padding; 2])
}

fn padded(
    [n, c_in, c_out]: [usize; 3],
    size: [usize; 2],
    kernel: [usize; 2],
    stride: usize,
    padding: [usize; 2],
) -> ConvShape {
    ConvShape { n, c_in, c_out, size, kernel, stride, padding }
}

#[test]
fn a_picture_larger_than_a_block_is_convolved() {
    check_conv(&conv_shape([1, 40, 3], [40, 60], [3, 3], [1, 1]));
}

#[test]
fn pictures_smaller_than_a_block_share_one() {
    check_conv(&conv_shape([7, 5, 4], [6, 7], [3, 3], [2, 1]));
    check_conv(&conv_shape([7, 5, 4], [6, 7], [1, 1], [1, 0]));
}

#[test]
fn pointwise_convolutions_need_no_columns() {
    check_conv(&conv_shape([3, 6, 5], [16, 18], [1, 1], [1, 0]));
}

#[test]
fn tiles_cover_sizes_that_are_no_multiple_of_four() {
    for size in [[4, 4], [5, 7], [14, 14], [7, 9], [3, 21]] {
        check_winograd(&conv_shape([2, 16, 32], size, [3, 3], [1, 1]));
    }
}

#[test]
fn many_pictures_share_a_block_of_tiles() {
    check_winograd(&conv_shape([67, 16, 16], [3, 3], [3, 3], [1, 1]));
    check_winograd(&conv_shape([1, 32, 16], [50, 40], [3, 3], [1, 1]));
}

#[test]
fn a_window_as_large_as_the_picture_reduces_it_to_a_point() {
    check_depthwise(&conv_shape([3, 4, 4], [7, 6], [7, 6], [1, 0]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn convolutions_agree_with_their_definition(
        channels in [1usize..4, 1..6, 1..6],
        size in [1usize..13, 1..13],
        kernel in [1usize..5, 1..5],
        stride in 1usize..4,
        padding in [0usize..3, 0..3],
    ) {
        let fits = (0..2).all(|side| size[side] + 2 * padding[side] >= kernel[side]);
        prop_assume!(fits);
        check_conv(&padded(channels, size, kernel, stride, padding));
        let [n, c, _] = channels;
        check_depthwise(&padded([n, c, c], size, kernel, stride, padding));
    }

    #[test]
    fn locally_connected_layers_agree_with_their_definition(
        channels in [1usize..6, 1..5, 1..5],
        size in [1usize..10, 1..10],
        kernel in [1usize..5, 1..5],
        stride in 1usize..4,
        region in 1usize..4,
    ) {
        prop_assume!((0..2).all(|side| size[side] >= kernel[side]));
        check_local(&padded(channels, size, kernel, stride, [0, 0]), region);
    }
}

#[test]
fn prelu_bends_at_zero_and_collects_the_slope_of_each_channel() {
    // [2, 2, 2]: channel 0 has slope 0.5, channel 1 has slope -1.
    let input = [1.0, -2.0, 3.0, -4.0, -5.0, 6.0, 0.0, -7.0];
    let slopes = [0.5, -1.0];
    let output = prelu::forward(&input, &slopes, 2);
    assert_eq!(output, [1.0, -1.0, 3.0, 4.0, -2.5, 6.0, 0.0, 7.0]);
    let gradient = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 4.0, 40.0];
    let (input_gradient, slope_gradient) = prelu::backward(&input, &slopes, &gradient, 2);
    assert_eq!(input_gradient, [1.0, 5.0, 2.0, -20.0, 1.5, 30.0, 4.0, -40.0]);
    assert_eq!(slope_gradient, [-2.0 * 10.0 - 5.0 * 3.0, -4.0 * 20.0 - 7.0 * 40.0]);
}

#[test]
fn prelu_treats_every_pixel_alike_whatever_the_plane() {
    for plane_len in [1, 15, 16, 17, 40] {
        let input = noise(3 * plane_len, 5);
        let gradient = noise(3 * plane_len, 6);
        let (input_gradient, slope_gradient) =
            prelu::backward(&input, &[0.25], &gradient, plane_len);
        let factor = |value: f32| if value >= 0.0 { 1.0 } else { 0.25 };
        for ((found, value), gradient) in input_gradient.iter().zip(&input).zip(&gradient) {
            assert_eq!(*found, factor(*value) * gradient);
        }
        let pairs = || input.iter().zip(&gradient);
        let expected: f64 =
            pairs().map(|(value, gradient)| f64::from(value.min(0.0)) * f64::from(*gradient)).sum();
        assert_close(&slope_gradient, &[expected], 1e-5);
    }
}

#[test]
fn statistics_survive_a_large_mean() {
    // Mean of squares less square of mean would leave nothing of the variance.
    let input: Vec<f32> = noise(4000, 7).into_iter().map(|value| 1000.0 + value).collect();
    let exact = {
        let mean = input.iter().map(|&value| f64::from(value)).sum::<f64>() / 4000.0;
        input.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum::<f64>() / 4000.0
    };
    let statistics = batch_norm::statistics(&input, 1, 100);
    assert_close(&statistics.variance, &[exact], 1e-4 * exact);
}

/// Output of a batch normalization of `[n, channels, plane]` by the definition.
fn normalized(input: &[f64], gamma: &[f64], beta: &[f64], plane_len: usize) -> Vec<f64> {
    let channels = gamma.len();
    let channel_of = |index: usize| index / plane_len % channels;
    (0..input.len())
        .map(|index| {
            let channel = channel_of(index);
            let values: Vec<f64> = (0..input.len())
                .filter(|&other| channel_of(other) == channel)
                .map(|other| input[other])
                .collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>()
                / values.len() as f64;
            (input[index] - mean) / (variance + 1e-5).sqrt() * gamma[channel] + beta[channel]
        })
        .collect()
}

#[test]
fn batch_norm_agrees_with_finite_differences() {
    for plane_len in [1, 6, 33] {
        let (n, channels) = (4, 3);
        let input = noise(n * channels * plane_len, 8);
        let gamma = noise(channels, 9);
        let beta = noise(channels, 10);
        let gradient = noise(input.len(), 11);
        let statistics = batch_norm::statistics(&input, channels, plane_len);
        let output = batch_norm::forward(&input, &gamma, &beta, &statistics, 1e-5, plane_len);
        let wide =
            |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<_>>();
        let (input64, gamma64, beta64) = (wide(&input), wide(&gamma), wide(&beta));
        assert_close(&output, &normalized(&input64, &gamma64, &beta64, plane_len), 1e-5);

        let loss = |input: &[f64], gamma: &[f64], beta: &[f64]| -> f64 {
            let output = normalized(input, gamma, beta, plane_len);
            output.iter().zip(&gradient).map(|(value, g)| value * f64::from(*g)).sum()
        };
        let slope = |values: &[f64], loss: &dyn Fn(&[f64]) -> f64| -> Vec<f64> {
            let step = 1e-5;
            (0..values.len())
                .map(|index| {
                    let moved = |by: f64| {
                        let mut values = values.to_vec();
                        values[index] += by;
                        loss(&values)
                    };
                    (moved(step) - moved(-step)) / (2.0 * step)
                })
                .collect()
        };
        let found = batch_norm::backward(&input, &gamma, &gradient, &statistics, 1e-5, plane_len);
        let expected = slope(&input64, &|input| loss(input, &gamma64, &beta64));
        assert_close(&found.input, &expected, 1e-4);
        assert_close(&found.gamma, &slope(&gamma64, &|gamma| loss(&input64, gamma, &beta64)), 1e-5);
        assert_close(&found.beta, &slope(&beta64, &|beta| loss(&input64, &gamma64, beta)), 1e-5);
    }
}

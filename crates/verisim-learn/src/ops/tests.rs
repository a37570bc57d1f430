//! The operations as tensors: values and gradients against Burn's own compositions.

use burn::tensor::activation::prelu as burn_prelu;
use burn::tensor::module::{batch_norm_train, conv2d as burn_conv2d};
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

use super::{
    Windows, batch_norm, carry, conv2d, cosine, depthwise_conv2d, grouped_conv2d, local,
    local_by_windows, prelu,
};
use crate::backbone::WeightSource;
use crate::backbone::l2_normalize;
use crate::backbone::layer::host;
use crate::device::is_cpu;

fn device() -> Device {
    Device::flex().autodiff()
}

fn random<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
    WeightSource::new(seed, &device()).normal(shape, 1.0).val().detach().require_grad()
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let scale = expected.iter().fold(1.0f32, |max, value| max.max(value.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let close = (found - expected).abs() <= 1e-4 * scale;
        assert!(close, "{what} at {index}: {found}, not {expected}");
    }
}

/// Output and gradients of both inputs, where every output pulls with another weight.
fn run<const A: usize, const B: usize, const O: usize>(
    a: [usize; A],
    b: [usize; B],
    operation: impl Fn(Tensor<A>, Tensor<B>) -> Tensor<O>,
) -> [Vec<f32>; 3] {
    let (a, b) = (random(a, 1), random(b, 2));
    let output = operation(a.clone(), b.clone());
    let pull = WeightSource::new(3, &device()).normal(output.dims(), 1.0).val().detach();
    let gradients = (output.clone() * pull).sum().backward();
    [host(output), host(a.grad(&gradients).unwrap()), host(b.grad(&gradients).unwrap())]
}

#[track_caller]
fn compare(found: [Vec<f32>; 3], expected: [Vec<f32>; 3]) {
    for ((what, found), expected) in
        ["output", "input gradient", "weight gradient"].into_iter().zip(found).zip(expected)
    {
        assert_close(what, &found, &expected);
    }
}

#[track_caller]
fn check_conv(input: [usize; 4], weight: [usize; 4], stride: usize, padding: usize) {
    let options = || ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    compare(
        run(input, weight, |input, weight| conv2d(input, weight, stride, [padding; 2])),
        run(input, weight, |input, weight| burn_conv2d(input, weight, None, options())),
    );
}

#[test]
fn convolutions_agree_with_burn() {
    check_conv([2, 3, 9, 8], [5, 3, 3, 3], 2, 1);
    check_conv([3, 4, 6, 6], [7, 4, 1, 1], 1, 0);
    check_conv([2, 16, 10, 11], [32, 16, 3, 3], 1, 1); // by Winograd's algorithm
}

#[test]
fn depthwise_convolutions_agree_with_burn() {
    for (stride, padding, kernel) in [(1, 1, 3), (2, 1, 3), (1, 0, 7)] {
        let options = || ConvOptions::new([stride; 2], [padding; 2], [1; 2], 6);
        let (input, weight) = ([2, 6, 9, 7], [6, 1, kernel, kernel]);
        compare(
            run(input, weight, |input, weight| {
                depthwise_conv2d(input, weight, stride, [padding; 2])
            }),
            run(input, weight, |input, weight| burn_conv2d(input, weight, None, options())),
        );
    }
}

#[test]
fn grouped_convolutions_agree_with_burn() {
    for (groups, c_in, c_out, stride) in [(4, 8, 8, 1), (2, 6, 10, 2), (3, 3, 6, 1), (6, 6, 6, 2)] {
        let options = || ConvOptions::new([stride; 2], [1; 2], [1; 2], groups);
        let (input, weight) = ([2, c_in, 9, 7], [c_out, c_in / groups, 3, 3]);
        compare(
            run(input, weight, |input, weight| {
                grouped_conv2d(input, weight, groups, stride, [1; 2])
            }),
            run(input, weight, |input, weight| burn_conv2d(input, weight, None, options())),
        );
    }
}

#[test]
fn locally_connected_layers_agree_with_burn() {
    let cases = [
        ([3, 3], 1, 1, 7 * 5),
        ([4, 2], 2, 1, 3 * 3),
        ([9, 7], 1, 1, 1),
        ([3, 3], 1, 2, 4 * 3),
        ([4, 2], 2, 3, 1),
    ];
    for (size, stride, region, n_regions) in cases {
        let (input, weight) = ([3, 2, 9, 7], [n_regions, size[0] * size[1] * 2, 5]);
        let windows = Windows { size, stride, region };
        compare(
            run(input, weight, |input, weight| local(input, weight, windows)),
            run(input, weight, |input, weight| local_by_windows(input, weight, windows)),
        );
    }
}

#[test]
fn prelu_agrees_with_burn() {
    compare(run([3, 4, 5, 6], [4], prelu), run([3, 4, 5, 6], [4], burn_prelu));
    compare(run([5, 4], [4], prelu), run([5, 4], [4], burn_prelu));
}

#[test]
fn batch_norm_agrees_with_burn() {
    let beta = || Tensor::<1>::from_floats([0.1, -0.2, 0.3, 0.4], &device());
    let ours = |input: Tensor<4>, gamma| batch_norm(input, gamma, beta(), 1e-5).output;
    let burns = |input: Tensor<4>, gamma| batch_norm_train(input, gamma, beta(), 1e-5).output;
    compare(run([3, 4, 5, 6], [4], ours), run([3, 4, 5, 6], [4], burns));
    let ours = |input: Tensor<2>, gamma| batch_norm(input, gamma, beta(), 1e-5).output;
    let burns = |input: Tensor<2>, gamma| batch_norm_train(input, gamma, beta(), 1e-5).output;
    compare(run([8, 4], [4], ours), run([8, 4], [4], burns));
}

#[test]
fn cosines_agree_with_burn() {
    let burns =
        |features, centers| l2_normalize(features).matmul(l2_normalize(centers).transpose());
    compare(run([5, 7], [9, 7], cosine), run([5, 7], [9, 7], burns));
    compare(run([70, 16], [300, 16], cosine), run([70, 16], [300, 16], burns));
    // Several blocks of centers in each part of the sum.
    compare(run([5, 8], [2500, 8], cosine), run([5, 8], [2500, 8], burns));
}

#[test]
fn a_carried_gradient_arrives_times_that_of_its_zero() {
    let (tensor, gradient) = (random([3, 4], 1), random([3, 4], 2).detach());
    let zero = carry(tensor.clone(), gradient.clone());
    assert_eq!(host(zero.clone()), [0.0]);
    let grads = (zero * 3.0 + 5.0).backward();
    assert_close("gradient", &host(tensor.grad(&grads).unwrap()), &host(gradient.clone() * 3.0));
    let grads = carry(tensor.clone(), gradient.clone()).backward();
    assert_eq!(host(tensor.grad(&grads).unwrap()), host(gradient));
}

#[test]
fn batch_statistics_are_those_of_the_batch() {
    let input = Tensor::<2>::from_floats([[1.0, 2.0], [3.0, 6.0]], &device());
    let gamma = Tensor::ones([2], &device());
    let normalized = batch_norm(input, gamma.clone(), gamma, 0.0);
    assert_eq!(host(normalized.mean), [2.0, 4.0]);
    assert_eq!(host(normalized.variance), [1.0, 4.0]);
    assert_eq!(host(normalized.output), [0.0, 0.0, 2.0, 2.0]);
}

#[test]
fn a_frozen_input_or_weight_gets_no_gradient_and_harms_none() {
    let (input, weight) = (random([1, 16, 6, 6], 1), random([16, 16, 3, 3], 2));
    let frozen = |tensor: &Tensor<4>| tensor.clone().detach();
    let full = conv2d(input.clone(), weight.clone(), 1, [1, 1]).sum().backward();
    let only_weight = conv2d(frozen(&input), weight.clone(), 1, [1, 1]).sum().backward();
    assert!(input.grad(&only_weight).is_none());
    let [found, expected] = [&only_weight, &full].map(|it| host(weight.grad(it).unwrap()));
    assert_close("weight gradient", &found, &expected);
    let only_input = conv2d(input.clone(), frozen(&weight), 1, [1, 1]).sum().backward();
    assert!(weight.grad(&only_input).is_none());
    let [found, expected] = [&only_input, &full].map(|it| host(input.grad(it).unwrap()));
    assert_close("input gradient", &found, &expected);
}

#[test]
fn the_kernels_run_on_the_cpu_with_and_without_derivatives() {
    assert!(is_cpu(&Device::flex()) && is_cpu(&device()));
    let (input, weight) = (random([1, 3, 5, 5], 1), random([4, 3, 3, 3], 2));
    let plain = conv2d(input.clone().inner(), weight.clone().inner(), 1, [1, 1]);
    assert_eq!(host(plain), host(conv2d(input, weight, 1, [1, 1])));
}

//! Differentiable operations of face networks, with CPU kernels and backward passes of our own.
//!
//! They compute in the precision of their input, to which weights are brought; the kernels know
//! `f32` alone.
//!
//! On the CPU ([`Flex`]) they are two to three times as fast as Burn's compositions; on every other
//! device they fall back to Burn's operations and give the same values.

mod autodiff;
mod flex;
pub(crate) mod kernel;
#[cfg(test)]
mod tests;

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::activation::prelu as burn_prelu;
use burn::tensor::module::{batch_norm_train, conv2d as burn_conv2d, unfold4d};
use burn::tensor::ops::{ConvOptions, UnfoldOptions};
use burn::tensor::{DType, Device, Int, Tensor, TensorData};

pub(crate) use self::flex::Windows;
use crate::backbone::l2_normalize;
use crate::device::is_cpu;

/// The operations, for Burn to route by device.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait NetOps: Backend {
    fn net_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self>;

    fn net_depthwise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self>;

    fn net_local(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self>;

    fn net_prelu(input: FloatTensor<Self>, slopes: FloatTensor<Self>) -> FloatTensor<Self>;

    /// Output, mean and variance.
    fn net_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    fn net_cosine(features: FloatTensor<Self>, centers: FloatTensor<Self>) -> FloatTensor<Self>;

    fn net_carry(tensor: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// A batch normalization, and the statistics that it was done with.
pub(crate) struct BatchNormOutput<const D: usize> {
    /// The normalized input.
    pub(crate) output: Tensor<D>,
    /// Mean of each channel, detached.
    pub(crate) mean: Tensor<1>,
    /// Variance of each channel, divided by the number of values, detached.
    pub(crate) variance: Tensor<1>,
}

/// Convolution without bias or dilation.
///
/// # Shapes
///
/// - input: `[batch, c_in, height, width]`
/// - weight: `[c_out, c_in, k_height, k_width]`
/// - output: `[batch, c_out, h_out, w_out]`
pub(crate) fn conv2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<4> {
    let weight = as_precise_as(&input, weight);
    if !has_kernels(&input) {
        let options = ConvOptions::new([stride; 2], padding, [1; 2], 1);
        return burn_conv2d(input, weight, None, options);
    }
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::net_conv2d(input, weight, stride, padding))
}

/// Convolution in which every channel has a window of its own, without bias or dilation.
///
/// # Shapes
///
/// - input: `[batch, channels, height, width]`
/// - weight: `[channels, 1, k_height, k_width]`
/// - output: `[batch, channels, h_out, w_out]`
pub(crate) fn depthwise_conv2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<4> {
    let weight = as_precise_as(&input, weight);
    if !has_kernels(&input) {
        let channels = weight.dims()[0];
        let options = ConvOptions::new([stride; 2], padding, [1; 2], channels);
        return burn_conv2d(input, weight, None, options);
    }
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::net_depthwise(input, weight, stride, padding))
}

/// Convolution of every group of channels on its own, without bias or dilation.
///
/// On the CPU it is one depthwise convolution for each channel of a group: that channel, repeated for
/// all that the group makes. Groups are small where networks have them.
///
/// # Shapes
///
/// - input: `[batch, c_in, height, width]`
/// - weight: `[c_out, c_in / groups, k_height, k_width]`
/// - output: `[batch, c_out, h_out, w_out]`
pub(crate) fn grouped_conv2d(
    input: Tensor<4>,
    weight: Tensor<4>,
    groups: usize,
    stride: usize,
    padding: [usize; 2],
) -> Tensor<4> {
    let [c_out, n_members, ..] = weight.dims();
    if n_members == 1 && c_out == groups {
        return depthwise_conv2d(input, weight, stride, padding);
    }
    let weight = as_precise_as(&input, weight);
    if !has_kernels(&input) {
        let options = ConvOptions::new([stride; 2], padding, [1; 2], groups);
        return burn_conv2d(input, weight, None, options);
    }
    let [batch, _, height, width] = input.dims();
    let members = input.reshape([batch, groups, n_members, height * width]);
    let part = |member| {
        let repeated = members.clone().narrow(2, member, 1).repeat_dim(2, c_out / groups);
        let windows = weight.clone().narrow(1, member, 1);
        depthwise_conv2d(repeated.reshape([batch, c_out, height, width]), windows, stride, padding)
    };
    (1..n_members).fold(part(0), |sum, member| sum + part(member))
}

/// A layer whose every region of places has a window of its own for all channels, without bias or padding.
///
/// # Shapes
///
/// - input: `[batch, c_in, height, width]`
/// - weight: `[regions, k_height * k_width * c_in, c_out]`, regions row by row, under a region rows of the
///   window, its columns, channels
/// - output: `[batch, c_out, h_out, w_out]`
pub(crate) fn local(input: Tensor<4>, weight: Tensor<3>, windows: Windows) -> Tensor<4> {
    let weight = as_precise_as(&input, weight);
    if !has_kernels(&input) {
        return local_by_windows(input, weight, windows);
    }
    let (input, weight) = (input.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(Dispatch::net_local(input, weight, windows))
}

/// As [`local`], from Burn's operations.
fn local_by_windows(input: Tensor<4>, weight: Tensor<3>, windows: Windows) -> Tensor<4> {
    let [n, c_in, height, width] = input.dims();
    let [_, n_inputs, c_out] = weight.dims();
    let shape = windows.shape([n, c_in, height, width], c_out);
    let ([out_height, out_width], regions) = (shape.conv.out_size(), shape.regions());
    let n_places = regions.len();
    let options = UnfoldOptions::new([windows.stride; 2], [0; 2], [1; 2]);
    let under = unfold4d(input, windows.size, options) // [n, c_in * k_height * k_width, places]
        .reshape([n, c_in, n_inputs / c_in, n_places])
        .permute([3, 0, 2, 1])
        .reshape([n_places, n, n_inputs]);
    let regions = indices(&regions, &weight.device());
    let output = under.matmul(weight.select(0, regions));
    output.permute([1, 2, 0]).reshape([n, c_out, out_height, out_width])
}

/// `max(x, 0) + slope * min(x, 0)`, with one slope a channel.
///
/// # Shapes
///
/// - input: `[batch, channels, ...]`
/// - slopes: `[channels]`
/// - output: as the input
pub(crate) fn prelu<const D: usize>(input: Tensor<D>, slopes: Tensor<1>) -> Tensor<D> {
    let slopes = as_precise_as(&input, slopes);
    if !has_kernels(&input) {
        return burn_prelu(input, slopes);
    }
    Tensor::from_dispatch(Dispatch::net_prelu(input.into_dispatch(), slopes.into_dispatch()))
}

/// Normalization by the statistics of the batch.
///
/// # Shapes
///
/// - input: `[batch, channels, ...]`
/// - gamma, beta: `[channels]`
/// - output: as the input
pub(crate) fn batch_norm<const D: usize>(
    input: Tensor<D>,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
) -> BatchNormOutput<D> {
    if !has_kernels(&input) {
        let result = batch_norm_train(input, gamma, beta, epsilon);
        let (output, mean, variance) = (result.output, result.mean, result.variance);
        return BatchNormOutput { output, mean, variance };
    }
    let (output, mean, variance) = Dispatch::net_batch_norm(
        input.into_dispatch(),
        gamma.into_dispatch(),
        beta.into_dispatch(),
        epsilon,
    );
    BatchNormOutput {
        output: Tensor::from_dispatch(output),
        mean: Tensor::from_dispatch(mean),
        variance: Tensor::from_dispatch(variance),
    }
}

/// Cosine of each feature and each center; a row of zeros has cosines of 0, and no gradient.
///
/// # Shapes
///
/// - features: `[batch, dim]`, of any length
/// - centers: `[n_centers, dim]`, of any length
/// - output: `[batch, n_centers]`
pub(crate) fn cosine(features: Tensor<2>, centers: Tensor<2>) -> Tensor<2> {
    if !is_cpu(&features.device()) {
        return l2_normalize(features).matmul(l2_normalize(centers).transpose());
    }
    let (features, centers) = (features.into_dispatch(), centers.into_dispatch());
    Tensor::from_dispatch(Dispatch::net_cosine(features, centers))
}

/// A zero whose gradient by `tensor` is `gradient`, which was found elsewhere.
///
/// # Shapes
///
/// - tensor, gradient: alike
/// - output: `[1]`
pub(crate) fn carry<const D: usize>(tensor: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    if !is_cpu(&tensor.device()) {
        let product = (tensor * gradient).sum();
        return product.clone() - product.detach();
    }
    let (tensor, gradient) = (tensor.into_dispatch(), gradient.into_dispatch());
    Tensor::from_dispatch(Dispatch::net_carry(tensor, gradient))
}

/// A weight in the precision of what it meets; its gradient comes back in its own.
pub(crate) fn as_precise_as<const I: usize, const D: usize>(
    input: &Tensor<I>,
    weight: Tensor<D>,
) -> Tensor<D> {
    let precision = input.dtype();
    if weight.dtype() == precision { weight } else { weight.cast(precision) }
}

/// A tensor in single precision, where digits are lost otherwise: in sums, and in what is divided by.
pub(crate) fn in_single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    if tensor.dtype() == DType::F32 { tensor } else { tensor.cast(DType::F32) }
}

/// Positions of rows, for a device to select by.
pub(crate) fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> = rows.iter().map(|row| row.cast_signed() as i64).collect();
    let shape = [rows.len()];
    Tensor::from_data(TensorData::new(rows, shape), device)
}

/// Whether there are kernels for a tensor.
fn has_kernels<const D: usize>(tensor: &Tensor<D>) -> bool {
    is_cpu(&tensor.device()) && tensor.dtype() == DType::F32
}

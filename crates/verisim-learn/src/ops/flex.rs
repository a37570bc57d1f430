//! The operations on the CPU: from Burn's tensors to the kernels and back.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Flex};
use burn::tensor::TensorData;
use burn_flex::FlexTensor;

use super::NetOps;
use super::kernel::batch_norm::{self, Statistics};
use super::kernel::conv::{self, ConvShape};
use super::kernel::local::{self, LocalShape};
use super::kernel::{cosine, depthwise, prelu, winograd};

/// Backward passes of [`NetOps`], for a back end without derivatives.
pub(super) trait NetGradients: Backend {
    /// Gradients of the input and of the weight.
    fn conv2d_gradients(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];

    /// Gradients of the input and of the weight.
    fn depthwise_gradients(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        geometry: Geometry,
    ) -> [FloatTensor<Self>; 2];

    /// Gradients of the input and of the weight.
    fn local_gradients(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        windows: Windows,
        wanted: [bool; 2],
    ) -> [Option<FloatTensor<Self>>; 2];

    /// Gradients of the input and of the slopes.
    fn prelu_gradients(
        input: FloatTensor<Self>,
        slopes: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2];

    /// Gradients of the input, of gamma and of beta.
    fn batch_norm_gradients(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        statistics: [FloatTensor<Self>; 2],
        epsilon: f64,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 3];

    /// Gradients of the features and of the centers.
    fn cosine_gradients(
        features: FloatTensor<Self>,
        centers: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> [FloatTensor<Self>; 2];

    /// The carried gradient, times that of the zero that carries it.
    fn carried_gradient(
        carried: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

/// How the windows of a convolution lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub(super) stride: usize,
    pub(super) padding: [usize; 2],
}

impl Geometry {
    fn shape(self, input: &FlexTensor, weight: &FlexTensor) -> ConvShape {
        let [n, c_in, height, width] = dims(input);
        let [c_out, _, k_height, k_width] = dims(weight);
        ConvShape {
            n,
            c_in,
            c_out,
            size: [height, width],
            kernel: [k_height, k_width],
            stride: self.stride,
            padding: self.padding,
        }
    }
}

/// How the windows of a locally connected layer lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Windows {
    /// Height and width.
    pub(crate) size: [usize; 2],
    /// Step between them.
    pub(crate) stride: usize,
    /// Side of the squares of places that share weights.
    pub(crate) region: usize,
}

impl Windows {
    /// Over input of `[n, c_in, height, width]`.
    pub(super) fn shape(self, [n, c_in, height, width]: [usize; 4], c_out: usize) -> LocalShape {
        let Self { size: kernel, stride, region } = self;
        let (size, padding) = ([height, width], [0; 2]);
        LocalShape { conv: ConvShape { n, c_in, c_out, size, kernel, stride, padding }, region }
    }

    fn shape_of(self, input: &FlexTensor, weight: &FlexTensor) -> LocalShape {
        let [_, _, c_out] = dims(weight);
        self.shape(dims(input), c_out)
    }
}

impl NetOps for Flex {
    fn net_conv2d(
        input: FlexTensor,
        weight: FlexTensor,
        stride: usize,
        padding: [usize; 2],
    ) -> FlexTensor {
        let shape = Geometry { stride, padding }.shape(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let (values, taps) = (floats(&input), floats(&weight));
        let output = if winograd::applies(&shape) {
            winograd::forward(&shape, values, taps)
        } else {
            conv::forward(&shape, values, taps)
        };
        let [height, width] = shape.out_size();
        tensor(output, &[shape.n, shape.c_out, height, width])
    }

    fn net_depthwise(
        input: FlexTensor,
        weight: FlexTensor,
        stride: usize,
        padding: [usize; 2],
    ) -> FlexTensor {
        let shape = Geometry { stride, padding }.shape(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let output = depthwise::forward(&shape, floats(&input), floats(&weight));
        let [height, width] = shape.out_size();
        tensor(output, &[shape.n, shape.c_out, height, width])
    }

    fn net_local(input: FlexTensor, weight: FlexTensor, windows: Windows) -> FlexTensor {
        let shape = windows.shape_of(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let output = local::forward(&shape, floats(&input), floats(&weight));
        let [height, width] = shape.conv.out_size();
        tensor(output, &[shape.conv.n, shape.conv.c_out, height, width])
    }

    fn net_prelu(input: FlexTensor, slopes: FlexTensor) -> FlexTensor {
        let (input, slopes) = (input.to_contiguous(), slopes.to_contiguous());
        let output = prelu::forward(floats(&input), floats(&slopes), plane_len(&input));
        like(output, &input)
    }

    fn net_batch_norm(
        input: FlexTensor,
        gamma: FlexTensor,
        beta: FlexTensor,
        epsilon: f64,
    ) -> (FlexTensor, FlexTensor, FlexTensor) {
        let (input, gamma, beta) =
            (input.to_contiguous(), gamma.to_contiguous(), beta.to_contiguous());
        let (values, plane_len) = (floats(&input), plane_len(&input));
        let channels = floats(&gamma).len();
        let statistics = batch_norm::statistics(values, channels, plane_len);
        let output = batch_norm::forward(
            values,
            floats(&gamma),
            floats(&beta),
            &statistics,
            epsilon,
            plane_len,
        );
        let Statistics { mean, variance } = statistics;
        (like(output, &input), tensor(mean, &[channels]), tensor(variance, &[channels]))
    }

    fn net_cosine(features: FlexTensor, centers: FlexTensor) -> FlexTensor {
        let [n, dim] = dims(&features);
        let [n_centers, _] = dims(&centers);
        let (features, centers) = (features.to_contiguous(), centers.to_contiguous());
        tensor(cosine::forward(floats(&features), floats(&centers), dim), &[n, n_centers])
    }

    fn net_carry(_tensor: FlexTensor, _gradient: FlexTensor) -> FlexTensor {
        tensor(vec![0.0], &[1])
    }
}

impl NetGradients for Flex {
    fn conv2d_gradients(
        input: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        geometry: Geometry,
        [input_wanted, weight_wanted]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let shape = geometry.shape(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let gradient = gradient.to_contiguous();
        let (values, taps, slopes) = (floats(&input), floats(&weight), floats(&gradient));
        if winograd::applies(&shape) && input_wanted && weight_wanted {
            let (input_gradient, weight_gradient) =
                winograd::backward(&shape, values, taps, slopes);
            return [Some(like(input_gradient, &input)), Some(like(weight_gradient, &weight))];
        }
        [
            input_wanted.then(|| like(conv::input_gradient(&shape, taps, slopes), &input)),
            weight_wanted.then(|| like(conv::weight_gradient(&shape, values, slopes), &weight)),
        ]
    }

    fn depthwise_gradients(
        input: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        geometry: Geometry,
    ) -> [FlexTensor; 2] {
        let shape = geometry.shape(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let gradient = gradient.to_contiguous();
        let slopes = floats(&gradient);
        [
            like(depthwise::input_gradient(&shape, floats(&weight), slopes), &input),
            like(depthwise::weight_gradient(&shape, floats(&input), slopes), &weight),
        ]
    }

    fn local_gradients(
        input: FlexTensor,
        weight: FlexTensor,
        gradient: FlexTensor,
        windows: Windows,
        [input_wanted, weight_wanted]: [bool; 2],
    ) -> [Option<FlexTensor>; 2] {
        let shape = windows.shape_of(&input, &weight);
        let (input, weight) = (input.to_contiguous(), weight.to_contiguous());
        let gradient = gradient.to_contiguous();
        let (values, taps, slopes) = (floats(&input), floats(&weight), floats(&gradient));
        [
            input_wanted.then(|| like(local::input_gradient(&shape, taps, slopes), &input)),
            weight_wanted.then(|| like(local::weight_gradient(&shape, values, slopes), &weight)),
        ]
    }

    fn prelu_gradients(
        input: FlexTensor,
        slopes: FlexTensor,
        gradient: FlexTensor,
    ) -> [FlexTensor; 2] {
        let (input, slopes) = (input.to_contiguous(), slopes.to_contiguous());
        let gradient = gradient.to_contiguous();
        let plane_len = plane_len(&input);
        let (input_gradient, slope_gradient) =
            prelu::backward(floats(&input), floats(&slopes), floats(&gradient), plane_len);
        [like(input_gradient, &input), like(slope_gradient, &slopes)]
    }

    fn batch_norm_gradients(
        input: FlexTensor,
        gamma: FlexTensor,
        [mean, variance]: [FlexTensor; 2],
        epsilon: f64,
        gradient: FlexTensor,
    ) -> [FlexTensor; 3] {
        let (input, gamma) = (input.to_contiguous(), gamma.to_contiguous());
        let gradient = gradient.to_contiguous();
        let statistics =
            Statistics { mean: floats(&mean).to_vec(), variance: floats(&variance).to_vec() };
        let gradients = batch_norm::backward(
            floats(&input),
            floats(&gamma),
            floats(&gradient),
            &statistics,
            epsilon,
            plane_len(&input),
        );
        [like(gradients.input, &input), like(gradients.gamma, &gamma), like(gradients.beta, &gamma)]
    }

    fn cosine_gradients(
        features: FlexTensor,
        centers: FlexTensor,
        gradient: FlexTensor,
    ) -> [FlexTensor; 2] {
        let [_, dim] = dims(&features);
        let (features, centers) = (features.to_contiguous(), centers.to_contiguous());
        let gradient = gradient.to_contiguous();
        let [to_features, to_centers] =
            cosine::backward(floats(&features), floats(&centers), dim, floats(&gradient));
        [like(to_features, &features), like(to_centers, &centers)]
    }

    fn carried_gradient(carried: FlexTensor, gradient: FlexTensor) -> FlexTensor {
        let factor = floats(&gradient.to_contiguous()).first().copied().unwrap_or(1.0);
        if factor == 1.0 {
            return carried;
        }
        let carried = carried.to_contiguous();
        like(floats(&carried).iter().map(|value| value * factor).collect(), &carried)
    }
}

fn dims<const D: usize>(tensor: &FlexTensor) -> [usize; D] {
    tensor.layout().shape().dims()
}

/// Numbers of one channel of one sample of `[batch, channels, ...]`.
fn plane_len(tensor: &FlexTensor) -> usize {
    tensor.layout().shape().iter().skip(2).product()
}

fn floats(tensor: &FlexTensor) -> &[f32] {
    let floats = tensor.as_slice::<f32>();
    floats.unwrap_or_else(|| unreachable!("the tensor was made contiguous, and networks are f32"))
}

fn tensor(values: Vec<f32>, shape: &[usize]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape.to_vec()))
}

fn like(values: Vec<f32>, other: &FlexTensor) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, other.layout().shape().clone()))
}

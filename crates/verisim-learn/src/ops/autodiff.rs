//! The operations where gradients are wanted: forward with what backward will need, and backward.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::NetOps;
use super::flex::{Geometry, NetGradients, Windows};

/// A convolution whose every output channel sees every input channel.
#[derive(Debug)]
struct Conv2d;

/// A convolution whose channels do not mix.
#[derive(Debug)]
struct Depthwise;

/// A layer with weights of its own at every place.
#[derive(Debug)]
struct Local;

#[derive(Debug)]
struct PRelu;

#[derive(Debug)]
struct BatchNorm;

#[derive(Debug)]
struct Cosine;

/// A zero with a gradient that was found elsewhere.
#[derive(Debug)]
struct Carry;

impl<B: NetGradients> Backward<B, 2> for Conv2d {
    type State = (FloatTensor<B>, FloatTensor<B>, Geometry);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, geometry) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::conv2d_gradients(input, weight, gradient, geometry, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 2> for Depthwise {
    type State = (FloatTensor<B>, FloatTensor<B>, Geometry);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, geometry) = ops.state;
        let found = B::depthwise_gradients(input, weight, gradient, geometry);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 2> for Local {
    type State = (FloatTensor<B>, FloatTensor<B>, Windows);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, weight, windows) = ops.state;
        let wanted = ops.parents.each_ref().map(Option::is_some);
        let found = B::local_gradients(input, weight, gradient, windows, wanted);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let (Some(parent), Some(gradient)) = (parent, gradient) {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 2> for PRelu {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, slopes) = ops.state;
        let found = B::prelu_gradients(input, slopes, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 3> for BatchNorm {
    type State = (FloatTensor<B>, FloatTensor<B>, [FloatTensor<B>; 2], f64);

    fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let (input, gamma, statistics, epsilon) = ops.state;
        let found = B::batch_norm_gradients(input, gamma, statistics, epsilon, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 2> for Cosine {
    type State = [FloatTensor<B>; 2];

    fn backward(self, ops: Ops<Self::State, 2>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [features, centers] = ops.state;
        let found = B::cosine_gradients(features, centers, gradient);
        for (parent, gradient) in ops.parents.into_iter().zip(found) {
            if let Some(parent) = parent {
                grads.register::<B>(parent.id, gradient);
            }
        }
    }
}

impl<B: NetGradients> Backward<B, 1> for Carry {
    type State = FloatTensor<B>;

    fn backward(self, ops: Ops<Self::State, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        let gradient = grads.consume::<B>(&ops.node);
        let [parent] = ops.parents;
        if let Some(parent) = parent {
            grads.register::<B>(parent.id, B::carried_gradient(ops.state, gradient));
        }
    }
}

impl<B: NetOps + NetGradients, C: CheckpointStrategy> NetOps for Autodiff<B, C> {
    fn net_conv2d(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        match Conv2d.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (input.clone(), weight.clone(), Geometry { stride, padding });
                prep.finish(state, B::net_conv2d(input, weight, stride, padding))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::net_conv2d(input, weight, stride, padding)),
        }
    }

    fn net_depthwise(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
        padding: [usize; 2],
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        match Depthwise.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (input.clone(), weight.clone(), Geometry { stride, padding });
                prep.finish(state, B::net_depthwise(input, weight, stride, padding))
            }
            OpsKind::UnTracked(prep) => {
                prep.finish(B::net_depthwise(input, weight, stride, padding))
            }
        }
    }

    fn net_local(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        windows: Windows,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), weight.node()];
        let (input, weight) = (input.into_primitive(), weight.into_primitive());
        match Local.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                let state = (input.clone(), weight.clone(), windows);
                prep.finish(state, B::net_local(input, weight, windows))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::net_local(input, weight, windows)),
        }
    }

    fn net_prelu(input: FloatTensor<Self>, slopes: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [input.node(), slopes.node()];
        let (input, slopes) = (input.into_primitive(), slopes.into_primitive());
        match PRelu.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                prep.finish((input.clone(), slopes.clone()), B::net_prelu(input, slopes))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::net_prelu(input, slopes)),
        }
    }

    fn net_batch_norm(
        input: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let nodes = [input.node(), gamma.node(), beta.node()];
        let (input, gamma) = (input.into_primitive(), gamma.into_primitive());
        let prep = BatchNorm.prepare::<C>(nodes).compute_bound().stateful();
        let (output, mean, variance) =
            B::net_batch_norm(input.clone(), gamma.clone(), beta.into_primitive(), epsilon);
        let output = match prep {
            OpsKind::Tracked(prep) => {
                let statistics = [mean.clone(), variance.clone()];
                prep.finish((input, gamma, statistics, epsilon), output)
            }
            OpsKind::UnTracked(prep) => prep.finish(output),
        };
        // The statistics feed the running averages alone; no gradient flows through them.
        (output, FloatTensor::<Self>::new(mean), FloatTensor::<Self>::new(variance))
    }

    fn net_cosine(features: FloatTensor<Self>, centers: FloatTensor<Self>) -> FloatTensor<Self> {
        let nodes = [features.node(), centers.node()];
        let (features, centers) = (features.into_primitive(), centers.into_primitive());
        match Cosine.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => {
                prep.finish([features.clone(), centers.clone()], B::net_cosine(features, centers))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::net_cosine(features, centers)),
        }
    }

    fn net_carry(tensor: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = tensor.node();
        let (tensor, gradient) = (tensor.into_primitive(), gradient.into_primitive());
        match Carry.prepare::<C>([node]).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(gradient.clone(), B::net_carry(tensor, gradient)),
            OpsKind::UnTracked(prep) => prep.finish(B::net_carry(tensor, gradient)),
        }
    }
}

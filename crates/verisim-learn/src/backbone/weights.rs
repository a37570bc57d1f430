//! First values of weights, from a seed; it does not know which layer they are for.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand_distr::{Distribution, StandardNormal};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::SeedableRng;

/// Draws the weights of a network, the same from the same seed on every device.
///
/// Burn's own initializers draw from the device, whose state all threads of a process share; two
/// networks made at once would then differ from run to run.
#[derive(Debug)]
pub struct WeightSource {
    rng: Pcg64Mcg,
    device: Device,
}

impl WeightSource {
    /// Starts a stream of weights for parameters on `device`.
    pub fn new(seed: u64, device: &Device) -> Self {
        Self { rng: Pcg64Mcg::seed_from_u64(seed), device: device.clone() }
    }

    /// Normally distributed values of mean 0.
    pub(crate) fn normal<const D: usize>(
        &mut self,
        shape: [usize; D],
        deviation: f32,
    ) -> Param<Tensor<D>> {
        let values = (0..shape.iter().product())
            .map(|_| {
                let value: f32 = StandardNormal.sample(&mut self.rng);
                value * deviation
            })
            .collect::<Vec<_>>();
        Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), &self.device))
    }

    /// The same value everywhere.
    pub(crate) fn constant<const D: usize>(
        &mut self,
        shape: [usize; D],
        value: f32,
    ) -> Param<Tensor<D>> {
        Param::from_tensor(Tensor::full(shape, value, &self.device))
    }

    /// Where the parameters lie.
    pub(crate) fn device(&self) -> &Device {
        &self.device
    }
}

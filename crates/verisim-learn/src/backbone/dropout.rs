//! Dropout whose masks come from a seed; without one it does nothing.

use burn::tensor::{Tensor, TensorData};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// Source of dropout masks for one pass through a network.
#[derive(Debug)]
pub struct Dropout {
    rng: Option<Pcg64Mcg>,
}

impl Dropout {
    /// Drops nothing: for validation and use.
    pub fn none() -> Self {
        Self { rng: None }
    }

    /// Draws masks from a seed: give every training step its own.
    pub fn from_seed(seed: u64) -> Self {
        Self { rng: Some(Pcg64Mcg::seed_from_u64(seed)) }
    }

    /// Sets a share of the values to zero, and scales the others so that the mean stays.
    pub(crate) fn apply(&mut self, values: Tensor<2>, share: f64) -> Tensor<2> {
        let Some(rng) = self.rng.as_mut().filter(|_| share > 0.0) else { return values };
        let [n, dim] = values.dims();
        let kept = (1.0 / (1.0 - share)) as f32;
        let bound = (share * 2f64.powi(32)) as u32;
        let mask: Vec<f32> =
            (0..n * dim).map(|_| if rng.next_u32() < bound { 0.0 } else { kept }).collect();
        let mask = Tensor::from_data(TensorData::new(mask, [n, dim]), &values.device());
        values * mask
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn dropped(mut dropout: Dropout, share: f64) -> Vec<f32> {
        let ones = Tensor::<2>::ones([100, 100], &Device::flex());
        dropout.apply(ones, share).into_data().iter::<f32>().collect()
    }

    #[test]
    fn keeps_the_mean_and_drops_the_share() {
        let values = dropped(Dropout::from_seed(1), 0.25);
        let n_dropped = values.iter().filter(|value| **value == 0.0).count();
        assert!((2300..2700).contains(&n_dropped), "{n_dropped}");
        assert!(values.iter().all(|value| *value == 0.0 || *value == 4.0 / 3.0));
    }

    #[test]
    fn the_same_seed_drops_the_same_values() {
        assert_eq!(dropped(Dropout::from_seed(7), 0.5), dropped(Dropout::from_seed(7), 0.5));
        assert_ne!(dropped(Dropout::from_seed(7), 0.5), dropped(Dropout::from_seed(8), 0.5));
    }

    #[test]
    fn without_a_seed_or_a_share_nothing_is_dropped() {
        assert!(dropped(Dropout::none(), 0.5).iter().all(|value| *value == 1.0));
        assert!(dropped(Dropout::from_seed(1), 0.0).iter().all(|value| *value == 1.0));
    }
}

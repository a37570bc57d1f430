//! What is left out at random while training, from a seed; without one nothing is.

use burn::tensor::{Device, Tensor, TensorData};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};

use crate::ops::as_precise_as;
use crate::random::shuffle;

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
        let mask = mask(rng, values.dims(), share, &values.device());
        let mask = as_precise_as(&values, mask);
        values * mask
    }

    /// Sets a share of parts to zero as a whole, and scales the others so that the mean stays:
    /// stochastic depth, Huang et al. 2016, <https://arxiv.org/abs/1603.09382>.
    ///
    /// # Shapes
    ///
    /// - values and output: `[n_parts * n, dim]`
    pub(crate) fn skip(&mut self, values: Tensor<2>, n_parts: usize, share: f64) -> Tensor<2> {
        let Some(rng) = self.rng.as_mut().filter(|_| share > 0.0) else { return values };
        let [n, dim] = values.dims();
        let mask = mask(rng, [n_parts, 1], share, &values.device());
        let mask = as_precise_as(&values, mask);
        (values.reshape([n_parts, n / n_parts * dim]) * mask).reshape([n, dim])
    }

    /// Rows of parts of `n_rows` that are left when a share of each part is left out: as many of every
    /// part, at least one, in their order. None if all are left.
    pub(crate) fn choose(
        &mut self,
        n_parts: usize,
        n_rows: usize,
        share: f64,
    ) -> Option<Vec<usize>> {
        let rng = self.rng.as_mut().filter(|_| share > 0.0)?;
        let n_left = ((n_rows as f64 * (1.0 - share)) as usize).max(1);
        let mut left = Vec::with_capacity(n_parts * n_left);
        for part in 0..n_parts {
            let mut rows: Vec<usize> = (part * n_rows..(part + 1) * n_rows).collect();
            shuffle(&mut rows, rng);
            rows.truncate(n_left);
            rows.sort_unstable();
            left.extend(rows);
        }
        Some(left)
    }
}

/// Zero for a share, and for the others what keeps the mean.
fn mask(rng: &mut Pcg64Mcg, shape: [usize; 2], share: f64, device: &Device) -> Tensor<2> {
    let kept = (1.0 / (1.0 - share)) as f32;
    let bound = (share * 2f64.powi(32)) as u32;
    let draw = |_| if rng.next_u32() < bound { 0.0 } else { kept };
    let values: Vec<f32> = (0..shape[0] * shape[1]).map(draw).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
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
    fn parts_are_skipped_as_a_whole() {
        let ones = Tensor::<2>::ones([200 * 3, 5], &Device::flex());
        let skipped = Dropout::from_seed(1).skip(ones, 200, 0.25);
        let values: Vec<f32> = skipped.into_data().iter::<f32>().collect();
        let parts: Vec<&[f32]> = values.chunks(15).collect();
        assert!(parts.iter().all(|part| part.iter().all(|value| *value == part[0])));
        let n_skipped = parts.iter().filter(|part| part[0] == 0.0).count();
        assert!((30..70).contains(&n_skipped), "{n_skipped}");
        assert!(parts.iter().all(|part| part[0] == 0.0 || part[0] == 4.0 / 3.0));
    }

    #[test]
    fn as_many_rows_of_every_part_are_left_and_each_part_has_its_own() {
        let left = Dropout::from_seed(1).choose(50, 10, 0.3).unwrap();
        assert_eq!(left.len(), 50 * 7);
        assert!(left.is_sorted());
        let parts: Vec<Vec<usize>> =
            left.chunks(7).map(|part| part.iter().map(|row| row % 10).collect()).collect();
        assert!(left.chunks(7).zip(0..).all(|(part, n)| part.iter().all(|row| row / 10 == n)));
        for row in 0..10 {
            let n = parts.iter().filter(|part| part.contains(&row)).count();
            assert!((20..50).contains(&n), "row {row} is left {n} times of 50");
        }
        assert_eq!(Dropout::from_seed(1).choose(1, 2, 0.9).unwrap().len(), 1);
        assert_eq!(Dropout::from_seed(1).choose(1, 2, 0.0), None);
        assert_eq!(Dropout::none().choose(1, 2, 0.5), None);
    }

    #[test]
    fn without_a_seed_or_a_share_nothing_is_dropped() {
        assert!(dropped(Dropout::none(), 0.5).iter().all(|value| *value == 1.0));
        assert!(dropped(Dropout::from_seed(1), 0.0).iter().all(|value| *value == 1.0));
    }
}

//! What every loss over classes must bear, whatever it computes.

use super::scene::{ClassLoss, ClassScene, ClassSlope};
use crate::metric::reducer::Reducer;

/// A batch, as a loss is given it.
#[derive(Clone)]
struct Batch {
    cosines: Vec<f32>,
    n_centers: usize,
    labels: Vec<usize>,
    norms: Vec<f32>,
    center_norms: Vec<f32>,
    parameters: Vec<f64>,
}

const LABELS: [usize; 7] = [0, 1, 2, 3, 0, 1, 0];
const N_IDENTITIES: usize = 5;

/// A loss and what is asked of it.
pub(super) struct Contract<'a> {
    name: &'a str,
    loss: &'a dyn ClassLoss,
}

impl<'a> Contract<'a> {
    /// Checks a loss against everything that is asked of all.
    #[track_caller]
    pub(super) fn check(name: &'a str, loss: &'a dyn ClassLoss) {
        let contract = Self::check_but_differences(name, loss);
        contract.cosines_agree_with_differences();
        contract.lengths_agree_with_differences();
    }

    /// As [`Contract::check`], for a loss that reads lengths and gives them no gradient, on purpose.
    #[track_caller]
    pub(super) fn check_with_lengths_held(name: &'a str, loss: &'a dyn ClassLoss) {
        let contract = Self::check_but_differences(name, loss);
        contract.cosines_agree_with_differences();
        let found = contract.run(&contract.random(3));
        assert!(found.norms.iter().chain(&found.center_norms).all(|&slope| slope == 0.0), "{name}");
    }

    /// As [`Contract::check`], for a loss whose gradient is not that of its value, on purpose.
    #[track_caller]
    pub(super) fn check_but_differences(name: &'a str, loss: &'a dyn ClassLoss) -> Self {
        loss.check().unwrap();
        let contract = Self { name, loss };
        contract.order_does_not_matter();
        contract.degenerate_batches_are_finite();
        contract
    }

    fn run(&self, batch: &Batch) -> ClassSlope {
        let needed = |lengths: &'_ [f32]| {
            if self.loss.needs_norms() { lengths.to_vec() } else { Vec::new() }
        };
        let found = self.loss.evaluate(&ClassScene {
            cosines: &batch.cosines,
            n_centers: batch.n_centers,
            labels: &batch.labels,
            norms: &needed(&batch.norms),
            center_norms: &needed(&batch.center_norms),
            sample_weights: None,
            reducer: &self.loss.reducer(),
            parameters: &batch.parameters,
            state: &self.loss.state(),
            seed: 5,
        });
        let name = self.name;
        assert_eq!(found.cosines.len(), batch.cosines.len(), "{name}");
        assert_eq!(found.parameters.len(), batch.parameters.len(), "{name}");
        assert_eq!(found.state.len(), self.loss.state().len(), "{name}");
        assert!([0, batch.labels.len()].contains(&found.norms.len()), "{name}");
        assert!([0, batch.n_centers].contains(&found.center_norms.len()), "{name}");
        found
    }

    fn batch(&self, n_identities: usize, labels: &[usize], cosine: impl FnMut() -> f32) -> Batch {
        let n_centers = n_identities * self.loss.centers_per_identity();
        Batch {
            cosines: std::iter::repeat_with(cosine).take(labels.len() * n_centers).collect(),
            n_centers,
            labels: labels.to_vec(),
            norms: vec![1.0; labels.len()],
            center_norms: vec![1.0; n_centers],
            parameters: self.loss.parameters(n_identities),
        }
    }

    /// Cosines, lengths and parameters of no particular kind.
    fn random(&self, seed: u64) -> Batch {
        use rand_pcg::rand_core::SeedableRng;
        let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(seed);
        let mut draw = move || crate::random::symmetric(&mut rng, 0.95);
        let mut batch = self.batch(N_IDENTITIES, &LABELS, &mut draw);
        let lengths = batch.norms.iter_mut().chain(&mut batch.center_norms);
        lengths.for_each(|length| *length = 2.0 + draw());
        batch.parameters.iter_mut().for_each(|value| *value += f64::from(draw()));
        batch
    }

    #[track_caller]
    fn close(&self, what: &str, found: f64, slope: f64) {
        let allowed = 5e-4 + 2e-3 * slope.abs();
        assert!((found - slope).abs() <= allowed, "{}: {what} is {found}, not {slope}", self.name);
    }

    /// Slope from two values, with the steps that were really made.
    fn slope(&self, batch: &Batch, value: impl Fn(&mut Batch) -> &mut f32) -> f64 {
        let moved = |by: f32| {
            let mut batch = batch.clone();
            *value(&mut batch) += by;
            (self.run(&batch).value, f64::from(*value(&mut batch)))
        };
        let (up, down) = (moved(1e-3), moved(-1e-3));
        (up.0 - down.0) / (up.1 - down.1)
    }

    fn cosines_agree_with_differences(&self) {
        // With draws 2 two sub-centers are nearer to each other than the step.
        for seed in [1, 3] {
            let batch = self.random(seed);
            let found = self.run(&batch);
            for index in 0..batch.cosines.len() {
                let slope = self.slope(&batch, |batch| &mut batch.cosines[index]);
                self.close("slope of a cosine", f64::from(found.cosines[index]), slope);
            }
            for (index, &found) in found.parameters.iter().enumerate() {
                let moved = |by: f64| {
                    let mut batch = batch.clone();
                    batch.parameters[index] += by;
                    self.run(&batch).value
                };
                self.close("slope of a parameter", found, (moved(1e-3) - moved(-1e-3)) / 2e-3);
            }
            assert!(found.cosines.iter().any(|slope| slope.abs() > 1e-3), "{}: no pull", self.name);
        }
    }

    fn lengths_agree_with_differences(&self) {
        let batch = self.random(1);
        let found = self.run(&batch);
        let of = |slopes: &[f32], index: usize| slopes.get(index).map_or(0.0, |&it| f64::from(it));
        for index in 0..batch.norms.len() {
            let slope = self.slope(&batch, |batch| &mut batch.norms[index]);
            self.close("slope of a length", of(&found.norms, index), slope);
        }
        for index in 0..batch.center_norms.len() {
            let slope = self.slope(&batch, |batch| &mut batch.center_norms[index]);
            self.close("slope of a center's length", of(&found.center_norms, index), slope);
        }
    }

    fn order_does_not_matter(&self) {
        let batch = self.random(4);
        let order = [5, 2, 0, 6, 1, 3, 4];
        let n = batch.n_centers;
        let shuffled = Batch {
            cosines: order.iter().flat_map(|at| &batch.cosines[at * n..][..n]).copied().collect(),
            labels: order.map(|at| batch.labels[at]).to_vec(),
            norms: order.map(|at| batch.norms[at]).to_vec(),
            ..batch.clone()
        };
        let (one, other) = (self.run(&batch), self.run(&shuffled));
        let name = self.name;
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * a.abs().max(1.0);
        assert!(close(one.value, other.value), "{name}: {} and {}", one.value, other.value);
        for (to, from) in order.into_iter().enumerate() {
            let found = &other.cosines[to * n..][..n];
            for (found, expected) in found.iter().zip(&one.cosines[from * n..][..n]) {
                let (found, expected) = (f64::from(*found), f64::from(*expected));
                assert!(close(expected, found), "{name}: {found}, not {expected}");
            }
        }
    }

    fn degenerate_batches_are_finite(&self) {
        let near = 1.0 - f32::EPSILON;
        let patterns: [&[f32]; 8] = [
            &[0.0],
            &[1.0],
            &[-1.0],
            &[1.0, -1.0],
            &[-1.0, 1.0],
            &[0.0, 1.0, -1.0],
            &[near, -near, 1.0, near],
            // Rounding takes products of unit vectors a little past 1.
            &[1.000_001, -1.000_001],
        ];
        let labels: [&[usize]; 6] = [&[], &[0], &[0, 0, 0], &[0, 1], &[1, 1, 0], &[2, 0, 1, 2]];
        for pattern in patterns {
            for labels in labels {
                let n_identities = labels.iter().max().map_or(0, |max| max + 1);
                for n_identities in [n_identities.max(1), 4] {
                    let mut cosines = pattern.iter().copied().cycle();
                    let mut batch =
                        self.batch(n_identities, labels, || cosines.next().unwrap_or_default());
                    for [length, center_length] in
                        [[1.0, 1.0], [0.0, 0.0], [1e15, 1e15], [1e-30, 1.0]]
                    {
                        batch.norms.fill(length);
                        batch.center_norms.fill(center_length);
                        self.is_finite(&batch);
                    }
                }
            }
        }
    }

    fn is_finite(&self, batch: &Batch) {
        let found = self.run(batch);
        let slopes = found.cosines.iter().chain(&found.norms).chain(&found.center_norms);
        let is_finite = found.value.is_finite()
            && slopes.copied().all(f32::is_finite)
            && found.parameters.iter().chain(&found.state).all(|value| value.is_finite());
        assert!(
            is_finite,
            "{} on {:?} of {:?} with lengths {:?}: {found:?}",
            self.name, batch.labels, batch.cosines, batch.norms
        );
    }

    /// Value and slope on a batch of no particular kind.
    pub(super) fn sample(loss: &'a dyn ClassLoss, reducer: &Reducer, seed: u64) -> ClassSlope {
        let contract = Self { name: "sample", loss };
        let batch = contract.random(1);
        loss.evaluate(&ClassScene {
            cosines: &batch.cosines,
            n_centers: batch.n_centers,
            labels: &batch.labels,
            norms: &batch.norms,
            center_norms: &batch.center_norms,
            sample_weights: None,
            reducer,
            parameters: &batch.parameters,
            state: &loss.state(),
            seed,
        })
    }
}

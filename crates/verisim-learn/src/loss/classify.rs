//! How a loss over identities looks at a batch: cosines from the device, slopes back; it does not know
//! which loss.

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use super::centers::Touched;
use super::sampling::draw;
use super::{Loss, LossState, LossValue, carry_values, constant, floats, matrix, on_host, widened};
use crate::metric::class::scene::{ClassLoss, ClassScene};
use crate::ops::cosine;
use crate::random::derive_seed;

/// Stream of the draw of identities, apart from the random choices of a loss.
const DRAW: u64 = u64::MAX;
/// Squared length below which a row has none that can be divided by.
const MIN_SQUARED_NORM: f32 = 1e-24;

/// The centers that a batch is compared with.
struct Seen {
    /// `[n, dim]` each, one after the other.
    parts: Vec<Tensor<2>>,
    /// The identity of each feature among those that are seen.
    labels: Vec<usize>,
    /// The same centers, where they are touched in part.
    touched: Option<Vec<Touched>>,
}

impl Loss {
    pub(super) fn classify(
        &self,
        loss: &dyn ClassLoss,
        features: &Tensor<2>,
        labels: &[u64],
        state: &mut LossState,
        seed: u64,
    ) -> LossValue {
        let seen = self.see(loss.centers_per_identity(), features, labels, seed);
        let cosines: Vec<Tensor<2>> = seen
            .parts
            .iter()
            .map(|centers| cosine(features.clone().to_device(&centers.device()), centers.clone()))
            .collect();
        let widths: Vec<usize> = cosines.iter().map(|it| it.dims()[1]).collect();
        let lengths = loss.needs_norms().then(|| {
            (norms(features.clone()), seen.parts.iter().cloned().map(norms).collect::<Vec<_>>())
        });
        let (of_features, of_centers) = match &lengths {
            None => (Vec::new(), Vec::new()),
            Some((features, centers)) => {
                let of_centers = centers.iter().flat_map(|it| narrow(it.clone())).collect();
                (narrow(features.clone()), of_centers)
            }
        };
        let parameters = self.parameters.as_ref().map(|it| widened(it.val())).unwrap_or_default();
        let miner = self.config.miner.as_ref();
        let sample_weights =
            miner.map(|miner| self.sample_weights(miner, &matrix(features), labels, seed));
        let reducer = self.config.reducer.clone().unwrap_or_else(|| loss.reducer());
        let values: Vec<TensorData> = cosines.iter().cloned().map(on_host).collect();
        let together;
        let slope = loss.evaluate(&ClassScene {
            cosines: match &values[..] {
                [one] => floats(one),
                several => {
                    together = side_by_side(several, &widths, labels.len());
                    &together
                }
            },
            n_centers: widths.iter().sum(),
            labels: &seen.labels,
            norms: &of_features,
            center_norms: &of_centers,
            sample_weights: sample_weights.as_deref(),
            reducer: &reducer,
            parameters: &parameters,
            state: state.numbers(|| loss.state()),
            seed,
        });
        state.numbers = Some(slope.state);
        let mut value = constant(features, slope.value);
        for (cosines, slopes) in cosines.into_iter().zip(columns(slope.cosines, &widths)) {
            value = value + carry_values(cosines, slopes).to_device(&features.device());
        }
        if let Some((of_features, of_centers)) = lengths {
            if !slope.norms.is_empty() {
                value = value + carry_values(of_features, slope.norms);
            }
            if !slope.center_norms.is_empty() {
                let mut slopes = slope.center_norms.as_slice();
                for (lengths, n) in of_centers.into_iter().zip(&widths) {
                    let (of_part, rest) = slopes.split_at(*n);
                    let carried = carry_values(lengths, of_part.to_vec());
                    value = value + carried.to_device(&features.device());
                    slopes = rest;
                }
            }
        }
        if let Some(parameters) = &self.parameters {
            value = super::with_gradient(value, parameters.val(), &slope.parameters);
        }
        LossValue { loss: value, n_active: None, touched: seen.touched.into_iter().collect() }
    }

    /// The centers for a batch, and its labels among them.
    fn see(&self, per_identity: usize, features: &Tensor<2>, labels: &[u64], seed: u64) -> Seen {
        let centers = self.centers.as_ref().map(Param::val);
        let n_centers = match (&centers, &self.table) {
            (Some(centers), _) => centers.dims()[0],
            (None, Some(table)) => table.len(),
            (None, None) => unreachable!("it was made with centers"),
        };
        let n_identities = n_centers / per_identity;
        let classes: Vec<usize> = labels
            .iter()
            .map(|&label| {
                assert!(label < n_identities as u64, "label {label} of {n_identities} identities");
                label as usize
            })
            .collect();
        let Some(table) = &self.table else {
            return Seen { parts: centers.into_iter().collect(), labels: classes, touched: None };
        };
        let with_gradient = features.is_autodiff();
        let (touched, labels) = if self.config.sample_rate < 1.0 {
            let rate = self.config.sample_rate;
            let drawn = draw(n_identities, &classes, rate, derive_seed(seed, DRAW));
            let place = |class: &usize| drawn.partition_point(|it| it < class);
            let labels = classes.iter().map(place).collect();
            let of_identity = |it: &usize| it * per_identity..(it + 1) * per_identity;
            let rows: Vec<usize> = drawn.iter().flat_map(of_identity).collect();
            (table.touch(Some(&rows), with_gradient), labels)
        } else {
            (table.touch(None, with_gradient), classes)
        };
        let parts = touched.iter().filter_map(|it| it.centers.clone()).collect();
        Seen { parts, labels, touched: Some(touched) }
    }
}

/// Length of each row: `[n, 1]`.
fn norms(rows: Tensor<2>) -> Tensor<2> {
    rows.square().sum_dim(1).clamp_min(MIN_SQUARED_NORM).sqrt()
}

fn narrow(tensor: Tensor<2>) -> Vec<f32> {
    floats(&on_host(tensor)).to_vec()
}

/// Matrices of `n_rows` rows as one.
fn side_by_side(parts: &[TensorData], widths: &[usize], n_rows: usize) -> Vec<f32> {
    let parts: Vec<&[f32]> = parts.iter().map(floats).collect();
    let mut rows = Vec::with_capacity(n_rows * widths.iter().sum::<usize>());
    for row in 0..n_rows {
        for (part, width) in parts.iter().zip(widths) {
            rows.extend_from_slice(&part[row * width..(row + 1) * width]);
        }
    }
    rows
}

/// A matrix cut into columns of these widths.
fn columns(matrix: Vec<f32>, widths: &[usize]) -> Vec<Vec<f32>> {
    if widths.len() == 1 {
        return vec![matrix];
    }
    let mut parts = vec![Vec::new(); widths.len()];
    let mut rest = matrix.as_slice();
    while !rest.is_empty() {
        for (part, width) in parts.iter_mut().zip(widths) {
            let (of_part, after) = rest.split_at(*width);
            part.extend_from_slice(of_part);
            rest = after;
        }
    }
    parts
}

//! Every loss: its golden values, its gradient by finite differences, and what all losses must bear.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use serde::Deserialize;

use super::{
    ArcFaceConfig, ContrastiveConfig, Loss, LossConfig, Mining, SoftmaxConfig, TripletConfig,
};
use crate::backbone::WeightSource;
use crate::backbone::layer::host;

/// Written by `reference/losses.py` with pytorch-metric-learning.
#[derive(Deserialize)]
struct Golden {
    embeddings: Vec<Vec<f32>>,
    labels: Vec<u64>,
    weights: Weights,
    loss: f32,
    grad: Vec<Vec<f32>>,
    weight_grads: Weights,
}

#[derive(Deserialize)]
struct Weights {
    #[serde(rename = "W")]
    centers: Option<Vec<Vec<f32>>>,
    weight: Option<Vec<Vec<f32>>>,
    bias: Option<Vec<f32>>,
}

fn matrix(rows: &[Vec<f32>], device: &Device) -> Tensor<2> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), device)
}

#[track_caller]
fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let allowed = 1e-5f32.max(1e-4 * expected.abs());
        assert!((found - expected).abs() <= allowed, "{what} at {index}: {found}, not {expected}");
    }
}

/// Checks value, gradient and weight gradient against a golden file.
#[track_caller]
fn check_golden(name: &str, config: &LossConfig) {
    let path = format!("{}/testdata/losses/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let golden: Golden = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let device = Device::flex().autodiff();
    let n_identities = golden.labels.iter().max().map_or(0, |&max| max as usize + 1);
    let dim = golden.embeddings[0].len();
    let mut loss = config.init(n_identities, dim, &mut WeightSource::new(0, &device)).unwrap();
    // The golden centers are columns, ours are rows.
    match &mut loss {
        Loss::ArcFace(loss) => {
            let centers = golden.weights.centers.as_ref().unwrap();
            loss.centers = Param::from_tensor(matrix(centers, &device).transpose());
        }
        Loss::Softmax(loss) => {
            let weight = golden.weights.weight.as_ref().unwrap();
            let bias = golden.weights.bias.as_ref().unwrap();
            loss.weight = Param::from_tensor(matrix(weight, &device).transpose());
            loss.bias = Param::from_tensor(Tensor::from_floats(bias.as_slice(), &device));
        }
        Loss::Contrastive(_) | Loss::Triplet(_) => {}
    }
    let embeddings = matrix(&golden.embeddings, &device).require_grad();
    let value = loss.forward(embeddings.clone(), &golden.labels).loss;
    let grads = value.backward();

    assert_close("loss", &host(value.inner()), &[golden.loss]);
    assert_close("gradient", &host(embeddings.grad(&grads).unwrap()), &golden.grad.concat());
    let (found, expected) = match &loss {
        Loss::ArcFace(loss) => (&loss.centers, golden.weight_grads.centers),
        Loss::Softmax(loss) => {
            let bias = host(loss.bias.val().grad(&grads).unwrap());
            assert_close("bias gradient", &bias, &golden.weight_grads.bias.unwrap());
            (&loss.weight, golden.weight_grads.weight)
        }
        Loss::Contrastive(_) | Loss::Triplet(_) => return,
    };
    let found = host(found.val().grad(&grads).unwrap().transpose());
    assert_close("weight gradient", &found, &expected.unwrap().concat());
}

fn arcface(margin: f64, scale: f64) -> LossConfig {
    LossConfig::ArcFace(ArcFaceConfig { margin, scale })
}

fn contrastive(mated_margin: f64, margin: f64) -> LossConfig {
    LossConfig::Contrastive(ContrastiveConfig { mated_margin, margin })
}

fn triplet(margin: f64, mining: Mining, squared: bool) -> LossConfig {
    LossConfig::Triplet(TripletConfig { margin, mining, squared })
}

#[test]
fn arcface_agrees_with_the_reference() {
    check_golden("arcface_default", &arcface(28.6f64.to_radians(), 64.0));
    check_golden("arcface_scale8", &arcface(28.6f64.to_radians(), 8.0));
}

#[test]
fn softmax_agrees_with_the_reference() {
    check_golden("softmax", &LossConfig::Softmax(SoftmaxConfig {}));
}

#[test]
fn contrastive_agrees_with_the_reference() {
    check_golden("contrastive_default", &contrastive(0.0, 1.0));
    check_golden("contrastive_pos0.2_neg0.8", &contrastive(0.2, 0.8));
}

#[test]
fn triplet_agrees_with_the_reference() {
    check_golden("triplet_default", &triplet(0.05, Mining::All, false));
    check_golden("triplet_semihard", &triplet(0.2, Mining::SemiHard, false));
    check_golden("triplet_facenet", &triplet(0.2, Mining::SemiHard, true));
}

/// All losses, with parameters under which a small random batch has something to pull at.
fn all() -> Vec<LossConfig> {
    vec![
        arcface(0.5, 8.0),
        LossConfig::Softmax(SoftmaxConfig {}),
        contrastive(0.1, 1.2),
        triplet(0.5, Mining::SemiHard, true),
        triplet(0.5, Mining::All, false),
    ]
}

/// Value and gradient of a loss.
fn run(config: &LossConfig, rows: &[Vec<f32>], labels: &[u64]) -> (f32, Vec<f32>) {
    let device = Device::flex().autodiff();
    let n_identities = labels.iter().max().map_or(0, |&max| max as usize + 1);
    let mut weights = WeightSource::new(3, &device);
    let loss = config.init(n_identities, rows[0].len(), &mut weights).unwrap();
    let features = matrix(rows, &device).require_grad();
    let value = loss.forward(features.clone(), labels).loss;
    let grads = value.backward();
    (value.inner().into_scalar::<f32>(), host(features.grad(&grads).unwrap()))
}

fn batch() -> (Vec<Vec<f32>>, Vec<u64>) {
    let mut weights = WeightSource::new(9, &Device::flex());
    let values = host(weights.normal([8, 5], 1.0).val());
    (values.chunks(5).map(<[f32]>::to_vec).collect(), vec![0, 1, 2, 0, 1, 2, 0, 1])
}

#[test]
fn gradients_agree_with_finite_differences() {
    let (rows, labels) = batch();
    let step = 1e-3;
    for config in all() {
        let (_, gradient) = run(&config, &rows, &labels);
        for (index, gradient) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut rows = rows.clone();
                rows[index / 5][index % 5] += by;
                run(&config, &rows, &labels).0
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * step);
            let difference = (gradient - slope).abs();
            assert!(
                difference <= 2e-3 * slope.abs().max(1.0),
                "{config:?}: {gradient}, not {slope}"
            );
        }
    }
}

#[test]
fn the_order_of_a_batch_does_not_matter() {
    let (rows, labels) = batch();
    let order = [5, 2, 7, 0, 1, 6, 3, 4];
    let shuffled: Vec<Vec<f32>> = order.iter().map(|&index| rows[index].clone()).collect();
    let shuffled_labels: Vec<u64> = order.iter().map(|&index| labels[index]).collect();
    for config in all() {
        let (value, gradient) = run(&config, &rows, &labels);
        let (other, other_gradient) = run(&config, &shuffled, &shuffled_labels);
        assert!((value - other).abs() < 1e-5, "{config:?}");
        for (row, &index) in other_gradient.chunks(5).zip(&order) {
            assert_close("gradient", row, &gradient[5 * index..5 * index + 5]);
        }
    }
}

#[test]
fn degenerate_batches_give_finite_values_and_gradients() {
    let equal = vec![vec![1.0, 2.0, -1.0]; 4];
    let with_zero = vec![vec![0.0; 3], vec![1.0, 0.0, 0.0], vec![0.0, 1.0, 0.0], vec![1.0; 3]];
    let opposite = vec![vec![1.0, 0.0], vec![-1.0, 0.0], vec![1.0, 0.0], vec![-1.0, 0.0]];
    let cases: [(&[Vec<f32>], &[u64]); 7] = [
        (&equal, &[0, 0, 1, 1]),
        (&with_zero, &[0, 0, 1, 1]),
        (&opposite, &[0, 0, 1, 1]),
        (&equal, &[0, 0, 0, 0]),
        (&with_zero, &[0, 1, 2, 3]),
        (&equal[..1], &[0]),
        (&with_zero[..2], &[1, 1]),
    ];
    for config in all() {
        for (rows, labels) in cases {
            let (value, gradient) = run(&config, rows, labels);
            assert!(value.is_finite(), "{config:?} on {labels:?}: {value}");
            let finite = gradient.iter().all(|value| value.is_finite());
            assert!(finite, "{config:?} on {labels:?}: {gradient:?}");
        }
    }
}

#[test]
fn a_feature_on_its_center_and_one_opposite_have_finite_gradients() {
    let device = Device::flex().autodiff();
    let config = ArcFaceConfig { margin: 0.5, scale: 64.0 };
    let mut loss = config.init([2, 2], &mut WeightSource::new(0, &device)).unwrap();
    loss.centers = Param::from_tensor(Tensor::from_floats([[1.0, 0.0], [0.0, 1.0]], &device));
    let features = Tensor::<2>::from_floats([[1.0, 0.0], [0.0, -1.0]], &device).require_grad();
    let value = loss.forward(features.clone(), &[0, 1]);
    let gradient = host(features.grad(&value.backward()).unwrap());
    assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
}

#[test]
fn without_derivatives_the_value_is_the_same() {
    let (rows, labels) = batch();
    for config in all() {
        let device = Device::flex();
        let loss = config.init(3, 5, &mut WeightSource::new(3, &device)).unwrap();
        let value = loss.forward(matrix(&rows, &device), &labels).loss.into_scalar::<f32>();
        assert_eq!(value, run(&config, &rows, &labels).0, "{config:?}");
    }
}

#[test]
fn satisfied_triplets_are_not_active() {
    let device = Device::flex();
    let loss = triplet(0.2, Mining::All, true);
    let loss = loss.init(2, 2, &mut WeightSource::new(0, &device)).unwrap();
    let rows = vec![vec![1.0, 0.0], vec![1.0, 0.01], vec![-1.0, 0.0], vec![-1.0, 0.01]];
    let value = loss.forward(matrix(&rows, &device), &[0, 0, 1, 1]);
    assert_eq!(value.n_active, Some(0));
    assert_eq!(value.loss.into_scalar::<f32>(), 0.0);
}

#[test]
fn parameters_out_of_range_are_refused() {
    let refusal = |config: LossConfig| {
        config.init(2, 2, &mut WeightSource::new(0, &Device::flex())).unwrap_err().to_string()
    };
    let found = refusal(arcface(1.6, 64.0));
    assert_eq!(found, "margin is 1.6, but must be in [0, pi/2), in radians");
    assert_eq!(refusal(arcface(0.5, f64::NAN)), "scale is NaN, but must be above 0");
    assert_eq!(refusal(contrastive(0.0, 3.0)), "margin is 3, but must be above 0 and at most 2");
    assert_eq!(refusal(triplet(0.0, Mining::All, true)), "margin is 0, but must be above 0");
}

//! The way of losses into networks: what the host computed arrives as value and gradient, on every device.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};

use super::*;
use crate::metric::golden::classify::classify;

/// A recipe's loss.
fn loss(text: &str) -> LossConfig {
    toml::from_str(text).unwrap()
}

fn random(shape: [usize; 2], seed: u64) -> Matrix {
    let values = WeightSource::new(seed, &Device::flex()).normal(shape, 1.0).val();
    Matrix::new(widened(values), shape)
}

fn tensor(rows: &Matrix, device: &Device) -> Tensor<2> {
    let values: Vec<f32> = rows.data().iter().map(|&value| value as f32).collect();
    Tensor::from_data(TensorData::new(values, rows.shape()), device)
}

const LABELS: [u64; 8] = [0, 1, 2, 0, 1, 2, 0, 1];

fn made(config: &LossConfig, device: &Device) -> Loss {
    config.init(3, 5, &mut WeightSource::new(3, device)).unwrap()
}

/// Value and gradient of a loss, at its first step.
fn run(config: &LossConfig, rows: &Matrix, labels: &[u64]) -> (f32, Vec<f64>) {
    let device = Device::flex().autodiff();
    let features = tensor(rows, &device).require_grad();
    let found =
        made(config, &device).forward(features.clone(), labels, &mut LossState::default(), 7);
    let grads = found.loss.backward();
    (found.loss.inner().into_scalar::<f32>(), widened(features.grad(&grads).unwrap()))
}

#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let is_close = (found - expected).abs() <= 1e-5 * expected.abs().max(1.0);
        assert!(is_close, "{what} at {index}: {found}, not {expected}");
    }
}

/// Every kind, with the parameters that it has by itself.
fn all() -> Vec<LossConfig> {
    let kinds = LossKind::NAMES.iter().filter(|name| **name != "sum");
    kinds.map(|name| loss(&format!("kind = {name:?}"))).collect()
}

#[test]
fn every_kind_is_known_by_its_name_and_survives_being_written() {
    for config in all() {
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(loss(&text), config, "{text}");
    }
    assert!(all().len() >= 40);
}

#[test]
fn without_derivatives_the_value_is_the_same() {
    let rows = random([8, 5], 9);
    for config in all() {
        let device = Device::flex();
        let mut state = LossState::default();
        let value = made(&config, &device).forward(tensor(&rows, &device), &LABELS, &mut state, 7);
        let (found, gradient) = run(&config, &rows, &LABELS);
        assert_eq!(value.loss.into_scalar::<f32>(), found, "{config:?}");
        assert!(gradient.iter().all(|value| value.is_finite()), "{config:?}");
    }
}

#[test]
fn a_loss_over_tuples_arrives_as_the_host_computed_it() {
    let rows = random([8, 5], 9);
    let config = loss("kind = \"triplet\"\nmining = \"all\"\nmargin = 0.5");
    let relations = Relations::within(&LABELS);
    let batch =
        Batch { embeddings: &rows, references: None, relations: &relations, labels: Some(&LABELS) };
    let Form::Tuples(kernel) = config.kind.form() else { panic!("a triplet loss is over tuples") };
    let expected = evaluate(kernel, batch, &Options::default());
    let (value, gradient) = run(&config, &rows, &LABELS);
    assert_close("loss", &[f64::from(value)], &[expected.value]);
    assert_close("gradient", &gradient, expected.embeddings.data());
}

#[test]
fn a_loss_over_classes_arrives_as_the_host_computed_it() {
    let rows = random([8, 5], 9);
    let labels = LABELS.map(|label| label as usize);
    for kind in ["arcface", "magface", "softmax", "large-margin-softmax"] {
        let config = loss(&format!("kind = {kind:?}"));
        let device = Device::flex().autodiff();
        let made = made(&config, &device);
        let centers = made.centers().unwrap();
        let parameters = made.parameters.as_ref().map(|it| widened(it.val())).unwrap_or_default();
        let Form::Classes(kernel) = config.kind.form() else { panic!("{kind} is over classes") };
        let expected = classify(kernel, &rows, &matrix(&centers), &labels, &parameters);
        let features = tensor(&rows, &device).require_grad();
        let found = made.forward(features.clone(), &LABELS, &mut LossState::default(), 0);
        let grads = found.loss.backward();
        assert_close(kind, &widened(found.loss.inner()), &[expected.value]);
        assert_close(kind, &widened(features.grad(&grads).unwrap()), expected.features.data());
        assert_close(kind, &widened(centers.grad(&grads).unwrap()), expected.centers.data());
    }
}

#[test]
fn a_sum_adds_values_and_gradients_by_weight() {
    let rows = random([8, 5], 9);
    let sum = loss(
        "kind = \"sum\"
         terms = [{ loss = { kind = \"contrastive\" } },
                  { weight = 0.5, loss = { kind = \"supcon\", reducer = { kind = \"mean\" } } }]",
    );
    let (value, gradient) = run(&sum, &rows, &LABELS);
    let one = run(&loss("kind = \"contrastive\""), &rows, &LABELS);
    let other = run(&loss("kind = \"supcon\"\nreducer = { kind = \"mean\" }"), &rows, &LABELS);
    assert_close("loss", &[f64::from(value)], &[f64::from(one.0 + 0.5 * other.0)]);
    let expected: Vec<f64> = one.1.iter().zip(&other.1).map(|(a, b)| a + 0.5 * b).collect();
    assert_close("gradient", &gradient, &expected);
    assert!(sum.needs_mated_pairs());
}

#[test]
fn a_loss_of_a_sum_sees_its_components_alone() {
    let rows = random([8, 5], 9);
    let sum = loss(
        "kind = \"sum\"
         terms = [{ components = [0, 2], loss = { kind = \"contrastive\" } },
                  { components = [2, 5], weight = 0.5, loss = { kind = \"triplet\" } }]",
    );
    let part = |columns: Range<usize>| {
        let values: Vec<f64> = rows.rows().flat_map(|row| row[columns.clone()].to_vec()).collect();
        Matrix::new(values, [8, columns.len()])
    };
    let (value, gradient) = run(&sum, &rows, &LABELS);
    let one = run(&loss("kind = \"contrastive\""), &part(0..2), &LABELS);
    let other = run(&loss("kind = \"triplet\""), &part(2..5), &LABELS);
    assert_close("loss", &[f64::from(value)], &[f64::from(one.0 + 0.5 * other.0)]);
    let of_row = |row: usize| {
        let halved = other.1[3 * row..3 * row + 3].iter().map(|it| 0.5 * it);
        one.1[2 * row..2 * row + 2].iter().copied().chain(halved).collect::<Vec<f64>>()
    };
    assert_close("gradient", &gradient, &(0..8).flat_map(of_row).collect::<Vec<_>>());
    assert!(gradient.iter().any(|it| it.abs() > 0.01));
}

#[test]
fn centers_have_the_components_that_their_loss_sees() {
    let of = |components: &str| {
        let text = format!(
            "kind = \"sum\"\nterms = [{{ {components}, loss = {{ kind = \"arcface\" }} }}]"
        );
        loss(&text).init(3, 5, &mut WeightSource::new(0, &Device::flex()))
    };
    let made = of("components = [1, 4]").unwrap();
    assert_eq!(made.terms[0].centers().unwrap().dims(), [3, 3]);
    let refusal = |components: &str| of(components).unwrap_err().to_string();
    let expected = "components is 6, but must be up to the number of an embedding's";
    assert_eq!(refusal("components = [1, 6]"), expected);
    let expected = "components is 4, but must be two numbers, the first below the second";
    assert_eq!(refusal("components = [4, 4]"), expected);
}

#[test]
fn the_memory_lets_a_batch_see_the_ones_before_and_survives_as_bytes() {
    let device = Device::flex();
    let config = loss("kind = \"contrastive\"\nmemory = 16");
    let made = made(&config, &device);
    let mut state = LossState::default();
    let first = random([8, 5], 1);
    made.forward(tensor(&first, &device), &LABELS, &mut state, 0);
    let mut restored = LossState::from_bytes(&state.to_bytes()).unwrap();
    let second = tensor(&random([8, 5], 2), &device);
    let after = made.forward(second.clone(), &LABELS, &mut state, 0).loss.into_scalar::<f32>();
    let again = made.forward(second.clone(), &LABELS, &mut restored, 0).loss.into_scalar::<f32>();
    assert_eq!(after, again);
    let alone = made.forward(second, &LABELS, &mut LossState::default(), 0);
    assert_ne!(after, alone.loss.into_scalar::<f32>());
    assert_eq!(state.to_bytes(), restored.to_bytes());
    assert!(LossState::from_bytes(&state.to_bytes()[..40]).is_err());
}

#[test]
fn a_regularizer_adds_its_value_and_gradient() {
    let rows = random([8, 5], 9);
    let plain = run(&loss("kind = \"contrastive\""), &rows, &LABELS);
    let config = loss(
        "kind = \"contrastive\"
         regularizers = [{ weight = 0.1, regularizer = { kind = \"lp\" } }]",
    );
    let (value, gradient) = run(&config, &rows, &LABELS);
    let lengths: Vec<f64> =
        rows.rows().map(|row| row.iter().map(|it| it * it).sum::<f64>().sqrt()).collect();
    let mean = lengths.iter().sum::<f64>() / 8.0;
    assert_close("loss", &[f64::from(value)], &[f64::from(plain.0) + 0.1 * mean]);
    let slope = 0.1 / 8.0 * rows[(0, 0)] / lengths[0];
    assert_close("gradient", &gradient[..1], &[plain.1[0] + slope]);
}

#[test]
fn satisfied_triplets_are_not_active() {
    let device = Device::flex();
    let config = loss("kind = \"triplet\"\nmining = \"all\"\nmargin = 0.2");
    let loss = config.init(2, 2, &mut WeightSource::new(0, &device)).unwrap();
    let rows = Matrix::new(vec![1.0, 0.0, 1.0, 0.01, -1.0, 0.0, -1.0, 0.01], [4, 2]);
    let value = loss.forward(tensor(&rows, &device), &[0, 0, 1, 1], &mut LossState::default(), 0);
    assert_eq!(value.n_active, Some(0));
    assert_eq!(value.loss.into_scalar::<f32>(), 0.0);
}

#[test]
fn parameters_out_of_range_are_refused() {
    let refusal = |text: &str| loss(text).check().unwrap_err().to_string();
    let found = refusal("kind = \"arcface\"\nmargin = 1.6");
    assert_eq!(found, "margin is 1.6, but must be in [0, pi/2), in radians");
    assert_eq!(refusal("kind = \"arcface\"\nscale = nan"), "scale is NaN, but must be above 0");
    assert_eq!(
        refusal("kind = \"arcface\"\nmemory = 9"),
        "memory is 9, but must be 0 for a loss over classes"
    );
    assert_eq!(refusal("kind = \"sum\"\nterms = []"), "terms is 0, but must be one loss or more");
}

#[test]
fn a_key_or_kind_that_is_unknown_is_named() {
    let refusal = |text: &str| toml::from_str::<LossConfig>(text).unwrap_err().to_string();
    assert!(refusal("kind = \"arcfase\"").contains("unknown variant `arcfase`, expected one of"));
    assert!(refusal("kind = \"arcface\"\nmargn = 1").contains("unknown field `margn`, expected"));
}

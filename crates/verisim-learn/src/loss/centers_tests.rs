//! Centers in part and in parts: the loss is that of the centers it looks at, however they lie.

use burn::tensor::{Device, Tensor, TensorData};

use super::sampling::draw;
use super::*;
use crate::metric::golden::classify::classify;

const N_IDENTITIES: usize = 9;
const DIM: usize = 5;
const LABELS: [u64; 8] = [0, 8, 2, 0, 1, 2, 4, 1];
/// With lengths, several centers an identity, running averages, a memory of none.
const KINDS: [&str; 6] =
    ["arcface", "magface", "subcenter-arcface", "curricularface", "softmax", "proxy-anchor"];

fn config(kind: &str, more: &str) -> LossConfig {
    toml::from_str(&format!("kind = {kind:?}\n{more}")).unwrap()
}

fn features() -> Tensor<2> {
    let device = Device::flex().autodiff();
    WeightSource::new(9, &device).normal([LABELS.len(), DIM], 1.0).val().detach().require_grad()
}

/// Value, gradient of the features, and of all centers.
fn run(config: &LossConfig) -> (f64, Vec<f64>, Vec<f64>) {
    let device = Device::flex().autodiff();
    let made = config.init(N_IDENTITIES, DIM, &mut WeightSource::new(3, &device)).unwrap();
    let features = features();
    let found = made.forward(features.clone(), &LABELS, &mut LossState::default(), 7);
    let mut gradients = found.loss.backward();
    let of_features = widened(features.grad(&gradients).unwrap());
    let of_centers = if let Some(centers) = made.centers.as_ref() {
        widened(centers.val().grad(&gradients).unwrap())
    } else {
        // By steps of length 1 against the gradient.
        let mut moved = made.clone();
        let before = widened(moved.centers().unwrap());
        for (table, touched) in moved.tables().into_iter().zip(found.touched) {
            let rows = touched.into_iter().map(|it| it.gradient(&mut gradients)).collect();
            table.follow(rows, |tables, gradient| vec![tables[0].clone().zeros_like() - gradient]);
        }
        let after = widened(moved.centers().unwrap());
        let of_touched = |(before, after): (f64, f64)| if before == after { 0.0 } else { -after };
        before.into_iter().zip(after).map(of_touched).collect()
    };
    (widened(found.loss.inner())[0], of_features, of_centers)
}

#[track_caller]
fn assert_close(what: &str, found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let is_close = (found - expected).abs() <= tolerance * expected.abs().max(1.0);
        assert!(is_close, "{what} at {index}: {found}, not {expected}");
    }
}

#[test]
fn centers_in_parts_give_the_loss_of_the_whole() {
    for kind in KINDS {
        let (value, of_features, of_centers) = run(&config(kind, ""));
        for shards in [1, 2, 3, 7, 40] {
            let found = run(&config(kind, &format!("shards = {shards}")));
            let what = format!("{kind} in {shards} parts");
            assert_close(&what, &[found.0], &[value], 1e-6);
            assert_close(&what, &found.1, &of_features, 1e-6);
            assert_close(&what, &found.2, &of_centers, 1e-6);
        }
    }
}

#[test]
fn a_share_of_the_centers_gives_the_loss_of_those() {
    for shards in [0, 3, 9] {
        let config = config("magface", &format!("sample_rate = 0.75\nshards = {shards}"));
        let (value, of_features, of_centers) = run(&config);
        let own: Vec<usize> = LABELS.iter().map(|&label| label as usize).collect();
        let drawn = draw(N_IDENTITIES, &own, 0.75, derive_seed(7, u64::MAX));
        assert_eq!(drawn.len(), 7);
        let device = Device::flex();
        let made = config.init(N_IDENTITIES, DIM, &mut WeightSource::new(3, &device)).unwrap();
        let centers = matrix(&made.centers().unwrap());
        let rows: Vec<f64> = drawn.iter().flat_map(|&row| centers.row(row).to_vec()).collect();
        let seen = Matrix::new(rows, [drawn.len(), DIM]);
        let labels: Vec<usize> =
            own.iter().map(|own| drawn.iter().position(|it| it == own).unwrap()).collect();
        let Form::Classes(kernel) = config.kind.form() else { panic!("magface is over classes") };
        let expected = classify(kernel, &matrix(&features().inner()), &seen, &labels, &[]);
        assert_close("value", &[value], &[expected.value], 1e-5);
        assert_close("features", &of_features, expected.features.data(), 1e-5);
        for identity in 0..N_IDENTITIES {
            let found = &of_centers[identity * DIM..(identity + 1) * DIM];
            match drawn.iter().position(|it| *it == identity) {
                Some(row) => assert_close("center", found, expected.centers.row(row), 1e-5),
                None => assert_eq!(found, [0.0; DIM], "{identity} was not drawn"),
            }
        }
    }
}

#[test]
fn gradients_of_other_rows_add_up() {
    let device = Device::flex();
    let rows = |values: &[f32]| -> Tensor<2> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), &device)
    };
    let centers = || Centers::new(rows(&[0.0; 5]));
    let gradient = |touched: &[usize], values: &[f32]| {
        let touched = centers().touch(Some(touched), false).remove(0);
        touched.with_gradient(rows(values))
    };
    let sum = gradient(&[0, 3], &[1.0, 2.0]).plus(gradient(&[1, 3, 4], &[4.0, 8.0, 16.0]));
    assert_eq!(sum.squared_norm(), 1.0 + 16.0 + 100.0 + 256.0);
    let sum = sum.scaled(0.5).plus(gradient(&[0, 1, 3, 4], &[0.5; 4]));
    let mut moved = centers();
    moved.follow(vec![sum], |tables, gradient| vec![tables[0].clone() + gradient]);
    assert_eq!(widened(moved.rows()), [1.0, 2.5, 0.0, 5.5, 8.5]);
}

#[test]
fn shares_that_mean_nothing_are_refused() {
    let refusal = |kind: &str, more: &str| config(kind, more).check().unwrap_err().to_string();
    let found = refusal("arcface", "sample_rate = 0.0");
    assert_eq!(found, "sample_rate is 0, but must be above 0 and up to 1");
    let found = refusal("softmax", "sample_rate = 0.5");
    let expected = "1 for a loss that learns a number for each identity";
    assert_eq!(found, format!("sample_rate is 0.5, but must be {expected}"));
    let found = refusal("triplet", "sample_rate = 0.5");
    assert_eq!(found, "sample_rate is 0.5, but must be 1 for a loss that is not over identities");
    let found = refusal("triplet", "shards = 2");
    assert_eq!(found, "shards is 2, but must be 0 for a loss that is not over identities");
    let found = refusal(
        "arcface",
        "shards = 2\ncenter_regularizers = [{ regularizer = { kind = \"lp\" } }]",
    );
    assert_eq!(found, "shards is 2, but must be 0 where centers are regularized, all of them");
}
